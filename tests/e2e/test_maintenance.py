"""Maintenance mode ahead of a restart, where the site wants it: asked of a person, seen or told."""

import re
from collections.abc import Callable

import pytest

from engine.errors import UsageError, Waiting
from engine.runner.confirming import confirm
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.hands import ByHand
from tests.e2e.story import CERTIFICATE, Hours, Story

Labs = Callable[..., Lab]
PUT = r"A person has to put {} into maintenance mode"


def told(labs: Labs, *certificates: str, **options: object) -> Story:
    """Return a story in Installed, its restart approved, whose site wants maintenance mode of every Expressway-C."""
    lab = labs(**options)
    story = Story(lab, *(certificates or (CERTIFICATE,)), clock=Hours(lab))
    story.edit_site('kind = "expressway-c"', 'kind = "expressway-c"\nmaintenance_mode = true')
    story.edit_site("restart_timeout = 60", "restart_timeout = 900")  # the clock runs ahead of a busy lab
    story.begin()
    story.until("Installed")
    story.approve_next()
    return story


def waits(story: Story, what: str) -> Waiting:
    """Assert that the renewal waits for a person, and for what, with no box restarted for it."""
    before = story.effects("restarting")
    with pytest.raises(Waiting, match=what) as waiting:
        story.runner.run(story.id)
    assert (waiting.value.exit_code, waiting.value.on) == (3, "person")
    assert story.effects("restarting") == before
    return waiting.value


def test_the_box_is_put_into_maintenance_mode_and_its_calls_end_before_it_restarts(labs: Labs) -> None:
    """It is seen by the box's alarm; calls are waited for, registrations only shown; the restart ends the mode."""
    story = told(labs)
    lab = story.lab
    lab.use("expc", 3, 20)
    waiting = waits(story, PUT.format("expc") + "; 3 calls and 20 registrations left")
    assert "Maintenance > Maintenance mode: set Maintenance mode to On" in waiting.steps[0]
    lab.page("expc", "maintenance-on")
    with pytest.raises(UsageError, match="In maintenance mode no new calls"):
        lab.use("expc", 4, 20)
    waits(story, "expc is in maintenance mode; 3 calls and 20 registrations left")
    lab.use("expc", 1, 12)
    waits(story, "expc is in maintenance mode; 1 call and 12 registrations left")
    lab.use("expc", 0, 12)
    assert story.runner.run(story.id).renewal.state == "Restarted"
    assert "expc is in maintenance mode, as its alarm says; 0 calls and 12 registrations left" in story.events("done")
    order = [entry["kind"] for entry in lab.effects.all() if entry["node"] == "expc"]
    assert order.index("maintenance-on") < order.index("restarting")
    assert not lab.boxes["expc"].maintenance
    lab.use("expc", 5, 20)  # the control: it takes calls again
    story.once()


def test_without_the_setting_nobody_is_asked_and_the_plan_says_how_to_have_it(labs: Labs) -> None:
    """It is offered, never forced: the plan's notes name the setting, the calls that are up, and goes on."""
    story = Story(labs())
    story.begin()
    story.until("Installed")
    story.lab.use("expc", 2, 7)
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert [change.action for change in plan.changes] == ["restart"]
    assert "`maintenance_mode = true`" in plan.changes[0].notes[0]
    assert "2 calls, 7 registrations" in plan.changes[0].activity
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("maintenance-on") == []


def test_both_changes_are_approved_in_one_plan(labs: Labs) -> None:
    """The person who approves sees both, with the calls that are up now; the mode does not end other approvals."""
    story = told(labs)
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert [(change.action, change.effect.value) for change in plan.changes] == [
        ("maintenance", "serve"),
        ("restart", "serve"),
    ]
    assert plan.changes[1].notes == []


def test_calls_that_are_left_end_only_by_a_persons_word(labs: Labs) -> None:
    """Whoever can't wait says so; the word stands in the journal as one, and the box restarts."""
    story = told(labs)
    story.lab.use("expc", 2, 0)
    story.lab.page("expc", "maintenance-on")
    waits(story, "expc is in maintenance mode; 2 calls")
    confirm(story.runner, story.id)
    assert story.runner.run(story.id).renewal.state == "Restarted"
    assert "by the word of engineer alone: calls that are left on expc may end with its restart" in story.events(
        "confirmed"
    )
    proof = r"expc is in maintenance mode, as its alarm says; 2 calls .* left, which may end, by the word of engineer"
    assert [text for text in story.events("done") if re.match(proof, text)]


def test_an_alarm_in_other_words_is_made_up_for_by_a_word(labs: Labs) -> None:
    """Where the mode can't be seen a person says it; its calls are still counted, and it is marked as a word."""
    story = told(labs, switches={"*": {"maintenance_alarm": "other"}})
    story.lab.use("expc", 1, 0)
    story.lab.page("expc", "maintenance-on")
    waits(story, PUT.format("expc"))
    confirm(story.runner, story.id)
    waits(story, "expc is in maintenance mode; 1 call")
    story.lab.use("expc", 0, 0)
    assert story.runner.run(story.id).renewal.state == "Restarted"
    assert [text for text in story.events("done") if "in maintenance mode, by the word of engineer" in text]


def test_a_word_for_what_can_be_seen_is_looked_at_again_before_the_restart(labs: Labs) -> None:
    """Somebody took the box out of it before the calls had ended: it is asked for again, the box is not restarted."""
    story = told(labs)
    story.lab.use("expc", 1, 0)
    story.lab.page("expc", "maintenance-on")
    waits(story, "expc is in maintenance mode; 1 call")
    story.lab.page("expc", "maintenance-off")
    story.lab.use("expc", 0, 0)
    waits(story, PUT.format("expc"))
    story.lab.page("expc", "maintenance-on")
    assert story.runner.run(story.id).renewal.state == "Restarted"


def test_a_box_that_is_still_in_it_after_the_restart_is_told(labs: Labs) -> None:
    """Where a restart does not end the mode, the renewal is not over before a person has ended it."""
    story = told(labs, switches={"*": {"maintenance_after_restart": "on"}})
    story.lab.page("expc", "maintenance-on")
    for _ in range(2):
        with pytest.raises(Waiting, match="expc was restarted and is still in maintenance mode") as waiting:
            story.runner.run(story.id)
    assert "set it to Off" in waiting.value.todo
    story.lab.page("expc", "maintenance-off")
    assert story.runner.run(story.id).renewal.state == "Restarted"
    story.once()


def test_a_cluster_has_one_peer_in_it_at_a_time(labs: Labs) -> None:
    """Peer by peer: the second is asked for only when the first is back, out of the mode and its cluster whole."""
    story = told(labs, "expc-server", "expc2-server", cluster=True)
    waits(story, PUT.format("expc"))
    story.lab.page("expc", "maintenance-on")
    with pytest.raises(Waiting, match=PUT.format("expc2")) as waiting:
        story.runner.run(story.id)
    assert "one peer of a cluster at a time" in waiting.value.steps[0]
    assert story.effects("restarted") == ["expc"]
    assert [name for name, box in story.lab.boxes.items() if box.maintenance] == []
    story.lab.page("expc2", "maintenance-on")
    assert story.runner.run(story.id).renewal.state == "Restarted"
    assert story.effects("restarted") == ["expc", "expc2"]
    assert story.effects("maintenance-on") == ["expc", "expc2"]
    assert story.whole()


def test_the_next_peer_waits_for_the_first_to_be_out_of_it(labs: Labs) -> None:
    """The control: a peer that stays in the mode takes no calls, so the next one is not restarted meanwhile."""
    story = told(
        labs, "expc-server", "expc2-server", cluster=True, switches={"expc": {"maintenance_after_restart": "on"}}
    )
    story.lab.page("expc", "maintenance-on")
    story.lab.page("expc2", "maintenance-on")
    for _ in range(2):
        with pytest.raises(Waiting, match="expc was restarted and is still in maintenance mode"):
            story.runner.run(story.id)
    assert story.effects("restarting") == ["expc"]
    story.lab.page("expc", "maintenance-off")
    assert story.runner.run(story.id).renewal.state == "Restarted"


def test_a_peer_that_restarts_for_its_trust_is_put_into_it_too(labs: Labs) -> None:
    """Where added CA certificates count only after a restart, so it is with the restart of a peer."""
    lab = labs(switches={"*": {"trust_effective": "after-restart"}})
    story = Story(lab, clock=Hours(lab))
    story.edit_site('kind = "expressway-e"', 'kind = "expressway-e"\nmaintenance_mode = true')
    story.edit_site("restart_timeout = 60", "trust_needs_restart = true\nrestart_timeout = 60")
    story.begin()
    story.until("Validated")
    with pytest.raises(Waiting) as approval:
        story.runner.run(story.id)
    assert approval.value.on == "approval"
    story.approve()
    waits(story, PUT.format("expe") + "; 2 calls")
    lab.page("expe", "maintenance-on")
    lab.use("expe", 0, 9)
    with pytest.raises(Waiting) as approval:
        story.runner.run(story.id)
    assert approval.value.on == "approval", approval.value.what
    assert story.effects("restarted") == ["expe"]


def test_a_box_worked_by_hand_is_put_into_it_as_well(labs: Labs) -> None:
    """Neither mode nor calls can be seen there: both rest on a person's word, which is marked as one."""
    story = ByHand(labs(), "expc")
    story.edit_site('kind = "expressway-c"', 'kind = "expressway-c"\nmaintenance_mode = true')
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    kinds = [kind for kind in story.lab.effects.kinds("expc") if kind in ("maintenance-on", "restarting")]
    assert kinds == ["maintenance-on", "restarting"]
    proof = "expc is in maintenance mode, by the word of engineer at "
    assert [text for text in story.events("done") if text.startswith(proof) and "is not told" in text]
    assert "by the word of engineer alone: expc is in maintenance mode, and its calls have ended" in story.events(
        "confirmed"
    )


def test_a_box_that_people_restarted_without_it_is_not_asked_for_it_any_more(labs: Labs) -> None:
    """Nobody is sent back to put a box into maintenance mode whose restart is done; how it went is in the journal."""
    story = ByHand(labs(), "expc")
    story.edit_site('kind = "expressway-c"', 'kind = "expressway-c"\nmaintenance_mode = true')
    story.begin()
    story.until_asked("set Maintenance mode to On")
    story.lab.page("expc", "restart")
    story.lab.effects.wait("restarted", "expc")
    assert story.until("Restarted").state == "Restarted"
    assert "expc was restarted already" in story.events("done")
    assert story.effects("maintenance-on") == []


def test_only_an_expressway_has_it(story: Story) -> None:
    """The setting is refused for any other kind of node, with its place in the site file."""
    with pytest.raises(UsageError, match=r"\[nodes\.outside\].*`maintenance_mode`"):
        story.edit_site(
            "[[connections]]",
            '[nodes.outside]\nkind = "external"\ndriver = "guided"\naddress = "a.example"\nhostname = "a.example"\n'
            "maintenance_mode = true\n"
            "[[connections]]",
        )


def test_it_is_told_on_the_command_line(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """`run` ends with 3, names page and setting, and `why` tells the same; nothing is done meanwhile."""
    desk = Desk(told(labs), capsys)
    desk.fails("run", CERTIFICATE, code=3, what=PUT.format("expc"), left="kept", todo="Do the steps in their order")
    assert "Maintenance > Maintenance mode" in " ".join(desk.type("why", CERTIFICATE).out.split())
    assert desk.type("confirm", CERTIFICATE).code == 0
    assert desk.type("run", CERTIFICATE).code == 0
    assert desk.story.renewal.state == "Restarted"
