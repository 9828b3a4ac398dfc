"""Let a plan through, or say why not: the only gate before a change is made. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.approvals.case import EMERGENCY, REJECT, Case, objection
from engine.approvals.counting import Standing, drifted, of_this_phase, of_this_plan, open_now, standings
from engine.errors import Drift, Refused, Waiting
from engine.model import Decision
from engine.text import escape, named


class Carried(NamedTuple):
    """Say whose decisions carry a plan, and which.

    `emergency` holds who used the emergency path and why, where enough people did, which opens windows and freezes,
    too; `ruled` tells whether the rules are met without it.
    """

    by: tuple[str, ...] = ()
    emergency: tuple[str, ...] = ()
    ruled: bool = True
    decisions: tuple[Decision, ...] = ()


def require(case: Case) -> Carried:
    """Return the persons whose approvals carry the plan; the only gate before a change is made.

    Raises Waiting (approval is missing), Drift (approved was something else) or Refused (somebody rejected it, or
    nobody could approve).
    """
    rejected = of_this_plan(case, REJECT)
    if rejected and case.plan.changes:
        raise _rejected(case, rejected[-1])
    standing = standings(case)
    short = [one for one in standing if one.missing]
    emergency = _emergency(case)
    if not short:
        reasons = emergency.emergency if emergency else ()
        people = tuple(dict.fromkeys(person for one in standing for person in one.counted))
        return Carried(people, reasons, decisions=tuple(one for one in open_now(case) if one.person in people))
    if emergency is not None:
        return emergency
    covering = of_this_plan(case)
    if (other := of_this_phase(case)) and not covering:
        raise _drift(case, other[-1])
    ahead = [decision for decision in covering if case.now < decision.not_before]
    if ahead:
        raise _early(case, ahead)
    hopeless = next((one for one in short if len(one.could) < one.missing), None)
    if hopeless is not None:
        raise _nobody(case, hopeless)
    raise Waiting(
        f"{describe(short)} for {named(case.plan.step, case.plan.phase)}, plan {case.plan.digest[:12]}.",
        on="approval",
        plan=case.plan.digest,
        todo=f"Look: certrenew plan {case.plan.renewal}. "
        f"Then: certrenew approve {case.plan.renewal} --plan {case.plan.digest[:12]}",
        untouched="Nothing was changed.",
    )


def objected(case: Case) -> Waiting | Refused | None:
    """Return what `require` would raise now, for who only wants to know; None where it would let the plan through."""
    try:
        require(case)
    except (Waiting, Refused) as error:
        return error
    return None


def _emergency(case: Case) -> Carried | None:
    """Return who carries the plan by the emergency path: enough known people, each with a reason; else None."""
    needed = [terms.policy.emergency_people for terms in case.terms]
    given = [one for one in open_now(case, EMERGENCY) if one.reason]
    said = {one.person: one.reason for one in given}
    known = [person for person in said if all(person in terms.people for terms in case.terms)]
    if not all(needed) or len(known) < max(needed):
        return None
    reasons = tuple(f"{person}: {said[person]}" for person in known)
    chosen = tuple(one for one in given if one.person in known)
    return Carried(tuple(known), reasons, ruled=False, decisions=chosen)


def describe(short: Sequence[Standing]) -> str:
    """Say in one clause whose approval is missing."""
    return " and ".join(
        f"{one.missing} approval{'s' if one.missing > 1 else ''} needed, from {_who(one.could)}" for one in short
    )


def _who(people: Sequence[str]) -> str:
    return " or ".join(map(escape, people)) or "nobody the site knows"


def _rejected(case: Case, decision: Decision) -> Refused:
    return Refused(
        f"{escape(decision.person)} rejected {named(case.plan.step, case.plan.phase)}, plan {case.plan.digest[:12]}: "
        f"{escape(decision.reason, 200) or 'no reason given'}.",
        untouched="Nothing was changed.",
        todo=f"Settle it with {escape(decision.person)}, who can take it back: "
        f"certrenew withdraw {case.plan.renewal} --decision {escape(decision.id)}. "
        "A plan that has become another one is judged anew.",
    )


def _drift(case: Case, decision: Decision) -> Drift:
    told = drifted(case, decision)
    return Drift(
        f"What {escape(decision.person)} approved (plan {decision.plan[:12]}) is not what would be done now "
        f"(plan {case.plan.digest[:12]}): {'; '.join(told)}.",
        told,
        plan=case.plan.digest,
        untouched="Nothing was changed.",
        todo=f"Look: certrenew plan {case.plan.renewal}. Then have it approved again.",
    )


def _early(case: Case, ahead: Sequence[Decision]) -> Waiting:
    when = "; ".join(f"{escape(one.person)} from {one.not_before} to {one.not_after or 'no end'}" for one in ahead)
    return Waiting(
        f"The window for {named(case.plan.step, case.plan.phase)} is not open yet: approved by {when}.",
        on="window",
        poll_after=60,
        plan=case.plan.digest,
        todo=f"certrenew run {case.plan.renewal} in the window; or: certrenew run {case.plan.renewal} --wait",
        untouched="Nothing was changed.",
    )


def _nobody(case: Case, standing: Standing) -> Refused:
    reasons = [objection(case, standing.terms, standing.rule, person) for person in case.people]
    return Refused(
        f"{describe([standing])}, so {case.plan.step} can never be approved: {'; '.join(filter(None, reasons))}.",
        untouched="Nothing was changed.",
        todo="Add people to the site file, or let somebody else carry it out.",
    )
