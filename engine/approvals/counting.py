"""Say which decisions count for a plan now, and how each rule stands. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from engine.approvals.case import APPROVE, WITHDRAW, Case, Terms, objection, rules_for
from engine.approvals.coverage import differences, line
from engine.estate import Rule
from engine.model import Decision, Plan
from engine.text import escape, moment, stamp


@dataclass(frozen=True)
class Standing:
    """Say how one rule stands: who counted, how many are missing and who could still approve."""

    terms: Terms
    rule: Rule
    counted: tuple[str, ...]
    missing: int
    could: tuple[str, ...]


def standings(case: Case) -> list[Standing]:
    """Say how each rule stands for the plan as it would be carried out now; one that two terms share, once for each."""
    distinct: dict[tuple[str, ...], Standing] = {}
    for terms in case.terms:
        approved = {one.person for one in open_now(case) if not _too_old(terms, one, case.now)}
        for rule in rules_for(terms.policy, case.plan):
            found = _standing(case, terms, rule, approved)
            distinct.setdefault((repr(rule), *found.counted, "|", *found.could), found)
    return list(distinct.values())


def _standing(case: Case, terms: Terms, rule: Rule, approved: Collection[str]) -> Standing:
    able = [person for person in terms.people if not objection(case, terms, rule, person)]
    counted = tuple(person for person in able if person in approved)
    return Standing(
        terms=terms,
        rule=rule,
        counted=counted,
        missing=max(rule.people - len(counted), 0),
        could=tuple(person for person in able if person not in approved),
    )


def _too_old(terms: Terms, decision: Decision, now: str) -> bool:
    hours = terms.policy.max_age_hours
    return bool(hours) and decision.at < stamp(moment(now) - timedelta(hours=hours))


def why_void(case: Case, decision: Decision) -> str:
    """Say why a decision can't count, whatever its plan: its signature, its time, or that it was taken back."""
    if decision.id in case.void:
        return case.void[decision.id]
    if not decision.signed and not case.unsigned_allowed:
        return "it is not signed"
    if not decision.signed and decision.by.person != decision.person and not case.others_allowed:
        return (
            f"it is not signed, and the account {escape(decision.by.account)} is not that of {escape(decision.person)}"
        )
    if case.now and decision.at > case.now:
        return f"it is dated {decision.at}, which is still to come: the clock was moved"
    if decision.verb != WITHDRAW and any(_takes_back(case, one, decision) for one in case.decisions):
        return f"{escape(decision.person)} has withdrawn it"
    return ""


def _takes_back(case: Case, later: Decision, decision: Decision) -> bool:
    return (
        later.verb == WITHDRAW
        and (later.withdraws, later.person) == (decision.id, decision.person)
        and not why_void(case, later)
    )


def of_this_phase(case: Case, verb: str = APPROVE) -> list[Decision]:
    """Return the decisions of one verb for this phase and round that are not void, whatever their plan."""
    plan = case.plan
    return [
        decision
        for decision in case.decisions
        if decision.verb == verb
        and decision.renewal == plan.renewal
        and not why_void(case, decision)
        and (shown := case.plans.get(decision.plan)) is not None
        and (shown.step, shown.phase, shown.round) == (plan.step, plan.phase, plan.round)
    ]


def of_this_plan(case: Case, verb: str = APPROVE) -> list[Decision]:
    """Return those of them whose plan covers what would be done now."""
    return [decision for decision in of_this_phase(case, verb) if not drifted(case, decision)]


def drifted(case: Case, decision: Decision) -> list[str]:
    """Say how what would be done now differs from what a decision was about; empty when it is the same."""
    shown = case.plans[decision.plan]
    told = differences(shown, case.plan, case.ours)
    return [*told, *_used_up(case, decision), *_out_of_turn(case, shown)]


def _out_of_turn(case: Case, shown: Plan) -> Iterator[str]:
    """Tell what of the plan before one that was made ahead was not carried out as it was shown."""
    if not shown.after or case.plan.digest == shown.digest:
        return
    before = case.plans.get(shown.after)
    if before is None:
        yield f"the plan before it ({shown.after[:12]}) is not known"
        return
    for change in before.changes:
        if change.key not in case.done:
            yield f"the plan before it ({shown.after[:12]}) was not carried out as shown: {line(change)}"


def _used_up(case: Case, decision: Decision) -> Iterator[str]:
    """Tell of changes that were made under this decision and undone since by somebody: it is used up for them."""
    for change in case.plan.changes:
        if case.done.get(change.key, "") >= decision.at:
            yield f"done under it at {case.done[change.key]}, and undone since, not by us: {line(change)}"


def open_now(case: Case, verb: str = APPROVE) -> list[Decision]:
    """Return those that count now: they cover the plan, and their window is open."""
    return [decision for decision in of_this_plan(case, verb) if is_open(decision, case.now)]


def is_open(decision: Decision, now: str) -> bool:
    """Tell whether a decision counts at a moment; both are RFC 3339 in UTC, which sort as text."""
    return decision.not_before <= now and (not decision.not_after or now <= decision.not_after)
