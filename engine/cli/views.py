"""Turn stored values into what commands show: plain JSON first, from which the text for people is made. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from engine.model import Json, Renewal
from engine.text import moment, numbers, spell

if TYPE_CHECKING:
    from engine.approvals import Case
    from engine.model import Plan


def not_after(renewal: Renewal) -> str:
    """Return the earliest end of the certificates that are being replaced, "" before they were read."""
    return min((item.found.not_after for item in renewal.items if item.found), default="")


def days_left(renewal: Renewal, now: datetime) -> int | None:
    """Return the whole days until the first old certificate ends; negative once it has; None when unknown."""
    end = not_after(renewal)
    return (moment(end) - now).days if end else None


def next_command(renewal: Renewal) -> str:
    """Return what to type or do next, "" when nothing is left to do."""
    if renewal.ended:
        return ""
    if renewal.wait is not None and renewal.wait.todo:
        return renewal.wait.todo
    return f"certrenew run {renewal.id}"


def waits_for(renewal: Renewal) -> str:
    """Say in a word what a renewal waits for."""
    if renewal.ended:
        return "nothing: it is over"
    if renewal.wait is None:
        return "you: nothing is in the way"
    return {
        "approval": "an approval",
        "window": "its window",
        "person": "a person",
        "authority": "the authority",
        "box": "a box",
        "check": "a failed check",
        "fault": "a fault to be mended",
        "holder": "another process",
    }.get(renewal.wait.on, renewal.wait.on)


def view(renewal: Renewal, now: datetime) -> dict[str, Json]:
    """Return a renewal as ``show --json`` prints it."""
    return {
        **renewal.plain(),
        "waits_for": waits_for(renewal),
        "waiting_since": renewal.wait.since if renewal.wait else renewal.since,
        "next": next_command(renewal),
        "old_certificate_ends": not_after(renewal),
        "days_left": days_left(renewal, now),
    }


def plan_view(plan: "Plan", case: "Case") -> dict[str, Json]:
    """Return a plan as ``plan --json`` prints it, with how its approvals stand."""
    return {"digest": plan.digest, "effect": plan.effect.value, **plan.plain(), "approvals": standing_view(case)}


def summary(plan: "Plan") -> list[tuple[str, str]]:
    """Say of a whole plan how long it takes, who is affected, what can't be undone, the ways back and the proof."""
    lines = [(number, change) for number, change in enumerate(plan.changes, 1) if change.effect.weight]
    affected = _with_lines((change.impact, number) for number, change in lines if not change.impact.startswith("none"))
    final = [number for number, change in lines if not change.reversible]
    return [
        ("Takes", f"up to {spell(sum(change.duration for change in plan.changes))} in all"),
        ("Affects", affected or "nobody"),
        ("For good", f"{numbers(final)} can't be undone" if final else "nothing; all of it can be undone"),
        ("Way back", _with_lines((change.way_back, number) for number, change in lines) or "none needed"),
        ("Proof", _with_lines((change.proof, number) for number, change in lines if change.proof) or "none needed"),
    ]


def _with_lines(told: Iterable[tuple[str, int]]) -> str:
    """Return each text once, with the numbers of the plan's lines that it is of."""
    lines: dict[str, list[int]] = {}
    for text, number in told:
        lines.setdefault(text, []).append(number)
    return "; ".join(f"{text} ({numbers(found)})" for text, found in lines.items())


def standing_view(case: "Case") -> list[dict[str, Json]]:
    """Return per rule who approved, how many are missing, who could approve and why the others can't."""
    from engine import approvals

    return [
        {
            "needed": one.rule.people,
            "roles": list(one.rule.roles),
            "approved_by": list(one.counted),
            "missing": one.missing,
            "could": list(one.could),
            "cannot": {
                person: why
                for person in one.terms.people
                if (why := approvals.objection(case, one.terms, one.rule, person))
            },
            "unsigned_allowed": case.unsigned_allowed,
        }
        for one in approvals.standings(case)
    ]
