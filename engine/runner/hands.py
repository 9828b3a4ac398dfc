"""Keep account of changes that people make by hand: what they were asked, under what, and that it was done."""

from collections.abc import Iterator, Mapping

from engine.errors import CertrenewError, Waiting
from engine.model import Change, Effect, Json, Plan
from engine.runner.live import LiveWork, open_intents
from engine.workflow import Phase, Proof


def write_steps(work: LiveWork, error: CertrenewError) -> None:
    """Write what people have to do, if anything, into a file that can be sent, and say in the error where it is."""
    if error.steps:
        text = "".join(f"{number}. {step}\n\n" for number, step in enumerate(error.steps, 1))
        error.todo += f" They are in {work.paper('steps.txt', text.encode())}, too, each in one line."


def note_asked(work: LiveWork, change: Change, waiting: Waiting) -> None:
    """Record, once a round, that people were asked to make a change."""
    if change.effect is not Effect.READ and work.by_hand(change) and not work.asked(change):
        work.record("asked", waiting.what, values={f"asked/{change.key}": work.renewal.round})


def asked_under(work: LiveWork, change: Change, intent: Mapping[str, Json]) -> bool:
    """Tell whether people were asked already to make a change, carried by just what carries it now."""
    begun = open_intents(work.document).get(change.key)
    return begun is not None and begun.data == intent and work.asked(change)


def done_meanwhile(work: LiveWork, phase: Phase, plan: Plan) -> Iterator[tuple[Change, Proof]]:
    """Yield the changes of a phase that people were asked for and have made: they are gone from its plan."""
    remaining = {change.key for change in plan.changes}
    for key, event in open_intents(work.document).items():
        asked = work.renewal.asked.get(key) == work.renewal.round
        if event.step == plan.step and asked and key not in remaining:
            shown = work.shown(str(event.data["plan"]))
            change = next(change for change in shown.changes if change.key == key)
            proof = phase.actions[change.action].holds(work, change) if shown.phase == phase.name else None
            if proof is not None:
                yield change, proof


def carried_over(work: LiveWork) -> dict[str, Json]:
    """Return what makes that which people brought in this round count in the next, which the next turn begins.

    In a turn of its own something else is renewed: what is known of the boxes stays true, as it does not at a restage.
    """
    round_ = work.renewal.round
    return {f"brought/{key}/round": round_ + 1 for key, one in work.renewal.brought.items() if one.round == round_}
