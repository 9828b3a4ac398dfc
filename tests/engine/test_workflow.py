"""Hold the table: it decides, everything else is made from it, and a refused arrow changes nothing."""

from pathlib import Path

import pytest
from msgspec.structs import replace

import workflows
from engine.errors import Refused
from engine.model import Actor, Item, Renewal
from engine.workflow import Action, Arrow, Workflow
from workflows.renewal import RENEWAL

STATES = ("New", "Inspected", "CSRPending", "Signed", "Validated", "TrustPropagated", "Installed", "Restarted")
ASIDE = {
    "resubmit": ({"CSRPending", "Signed", "Validated", "TrustPropagated"}, "CSRPending"),
    "restage": ({"CSRPending", "Signed", "Validated", "TrustPropagated"}, "Inspected"),
    "cancel": (set(STATES) - {"Restarted"}, "Cancelled"),
}
PAGE = Path(workflows.__file__).parents[1] / "docs" / "reference" / "states.md"


def test_the_way_forward_goes_through_all_states() -> None:
    """A renewal goes from New to Restarted through every state of the design, one step each."""
    state, way = RENEWAL.initial, [RENEWAL.initial]
    while (arrow := RENEWAL.forward(state)) is not None:
        state = arrow.to
        way.append(state)
    assert tuple(way) == STATES
    assert {*RENEWAL.states} == {*STATES, "Cancelled"}


def test_items_of_one_box_go_in_turn() -> None:
    """While items wait for their turn an install leads back to Inspected, and only the last one to Installed."""
    items = [Item(certificate=name, node="c", slots=[name], authority="ca", turn=n) for n, name in enumerate("abc")]
    who = Actor(person=None, uid=0, account="a", host="h")
    one = Renewal(id="r", workflow="renewal", state="New", created="", requester=who, items=items)
    way = [(renewal.turn, arrow.to) for renewal, arrow in RENEWAL.way(one)]
    turn = ["CSRPending", "Signed", "Validated", "TrustPropagated", "Inspected"]
    last = [*turn[:-1], "Installed", "Restarted"]
    assert [to for _, to in way] == ["Inspected", *turn, *turn, *last]
    assert [at for at, _ in way] == [0] * 6 + [1] * 5 + [2] * 6
    alone = replace(one, items=items[:1])
    assert [arrow.to for _, arrow in RENEWAL.way(alone)] == list(STATES[1:])


def test_the_arrows_that_a_person_takes_are_those_of_the_design() -> None:
    """Resubmit, restage and cancel leave from just the states that the design names, and from no other."""
    aside = {arrow.step: ({*arrow.sources}, arrow.to) for arrow in RENEWAL.arrows if arrow.aside}
    assert aside == ASIDE


def test_final_states_have_no_way_out() -> None:
    """Nothing leaves Restarted and Cancelled; something leaves every other state."""
    for state in RENEWAL.states:
        triggers = RENEWAL.machine(state).get_triggers(state)
        assert (triggers == []) == (state in RENEWAL.final)
    assert RENEWAL.forward("Restarted") is None


@pytest.mark.parametrize("state", RENEWAL.states)
def test_the_machine_allows_what_the_table_says(state: str) -> None:
    """In every state exactly the steps of the table are possible; any other is refused with what would be possible."""
    for step in {arrow.step for arrow in RENEWAL.arrows}:
        legal = [arrow for arrow in RENEWAL.arrows if arrow.step == step and state in arrow.sources]
        if legal:
            assert RENEWAL.arrow(step, state) in legal
        else:
            with pytest.raises(Refused) as caught:
                RENEWAL.arrow(step, state)
            assert state in caught.value.what
            assert caught.value.todo


def test_nothing_jumps() -> None:
    """The machine has no ways besides the table's: the automatic ones of `transitions` are off."""
    machine = RENEWAL.machine("New")
    assert {name for name in machine.events if name.startswith("to_")} == set()
    assert set(machine.events) == {arrow.step for arrow in RENEWAL.arrows}


def test_a_refused_arrow_changes_nothing() -> None:
    """After a refused step the machine stands where it stood; after a legal one it stands where the table says."""
    from transitions import MachineError

    machine = RENEWAL.machine("Signed")
    with pytest.raises(MachineError):
        machine.trigger("install")
    assert machine.state == "Signed"
    machine.trigger("validate")
    assert machine.state == "Validated"


def test_an_unknown_step_is_refused() -> None:
    """A step that is on no arrow is refused like one that is not possible here."""
    with pytest.raises(Refused):
        RENEWAL.arrow("to_Restarted", "New")


def test_every_step_has_phases_and_a_proof() -> None:
    """Each arrow forward has a step with a purpose, phases, actions for its changes, and a proof."""
    forward = [arrow.step for arrow in RENEWAL.arrows if not arrow.aside]
    assert list(dict.fromkeys(forward)) == list(RENEWAL.steps)
    for name, step in RENEWAL.steps.items():
        assert step.name == name
        assert step.purpose
        assert step.phases
        assert callable(step.prove)
        names = [phase.name for phase in step.phases]
        assert len(names) == len(set(names))
        for phase in step.phases:
            assert callable(phase.plan)
            assert phase.actions
            assert all(isinstance(action, Action) for action in phase.actions.values())


def test_only_known_fields_are_cleared_and_rested_on() -> None:
    """What an arrow clears, and a step rests on, are fields that an item has."""
    fields = set(Item.__struct_fields__)
    named = [name for arrow in RENEWAL.arrows for name in arrow.clears]
    named += [name for step in RENEWAL.steps.values() for name in step.rests_on]
    assert named
    assert set(named) <= fields


def test_trust_comes_before_install() -> None:
    """No way from New reaches Installed without passing TrustPropagated."""
    reached: set[str] = set()
    open_ = {RENEWAL.initial}
    while open_ - reached:
        state = (open_ - reached).pop()
        reached.add(state)
        open_ |= {arrow.to for arrow in RENEWAL.arrows if state in arrow.sources and state != "TrustPropagated"}
    assert "TrustPropagated" in reached
    assert "Installed" not in reached


def test_the_diagram_in_the_docs_is_the_tables() -> None:
    """The picture that people look at is drawn from the table, and shows another table differently."""
    drawn = RENEWAL.diagram()
    assert drawn in PAGE.read_text()
    other = Workflow("renewal", "New", ("Restarted",), (Arrow("jump", ("New",), "Restarted"),), {})
    assert other.diagram() not in PAGE.read_text()
    for state in RENEWAL.states:
        assert state in drawn
