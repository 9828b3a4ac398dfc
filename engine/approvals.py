"""Judge whether a plan may be carried out: which rules apply, who has approved it, and whether it is still that plan.

Pure: plans, decisions, policy and people go in; the answer comes out, and `require` raises. The runner calls `require`
at the moment of execution, on every path; nothing else lets a plan through.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.canonical import canonical
from engine.errors import Drift, Refused, Waiting
from engine.estate import Person, Policy, Rule
from engine.model import Actor, Change, Decision, Json, Plan
from engine.text import escape

APPROVE = "approve"


@dataclass(frozen=True)
class Case:
    """Be everything that decides about one plan.

    `plans` are the plans that were shown, by digest; `ours` the keys of changes that this renewal made and journalled;
    `overriders` who set an override, which excludes them as it does the requester; `now` is the
    present as it is stored, for windows.
    """

    plan: Plan
    policy: Policy
    people: Mapping[str, Person]
    requester: Actor
    operator: Actor
    decisions: Sequence[Decision]
    plans: Mapping[str, Plan]
    ours: Collection[str]
    overriders: Collection[str | None] = ()
    now: str = ""


@dataclass(frozen=True)
class Standing:
    """Say how one rule stands: who counted, how many are missing and who could still approve."""

    rule: Rule
    counted: tuple[str, ...]
    missing: int
    could: tuple[str, ...]


def rules_for(policy: Policy, plan: Plan) -> list[Rule]:
    """Return the rules that apply to a plan, all of which must be met; none for a plan without changes."""
    return [
        rule
        for rule in policy.rules
        if plan.changes
        and (not rule.effects or any(change.effect.value in rule.effects for change in plan.changes))
        and (not rule.steps or plan.step in rule.steps)
        and rule.people > 0
    ]


def differences(approved: Plan, now: Plan, ours: Collection[str]) -> list[str]:
    """Say, a line each, how what would be done now differs from an approved plan; empty when it is still covered.

    Covered means: every change that remains was approved, and every approved change that is gone was made by us
    (invariant 4 of the design).
    """
    told = [
        f"{name} was {_short(before)}, is {_short(after)}"
        for name, before, after in _pairs(_frame(approved), _frame(now))
        if before != after
    ]
    if not told and canonical(_frame(approved)) != canonical(_frame(now)):
        told.append("what the plan rests on is another")  # such as 1 for true, which Python calls equal
    approved_keys = {change.key for change in approved.changes}
    remaining = {change.key for change in now.changes}
    told += [f"not approved: {_line(change)}" for change in now.changes if change.key not in approved_keys]
    told += [
        f"no longer so, and not by us: {_line(change)}"
        for change in approved.changes
        if change.key not in remaining and change.key not in ours
    ]
    return told


def _frame(plan: Plan) -> dict[str, Json]:
    return {key: value for key, value in plan.digested().items() if key != "changes"}


def _pairs(before: Json, after: Json, path: str = "") -> Iterable[tuple[str, Json, Json]]:
    """Walk two JSON values side by side and yield (path, before, after) for every leaf."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _pairs(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _pairs(one, other, f"{path}.{number}")
    else:
        yield path, before, after


def _short(value: Json) -> str:
    return escape(value, 40) if value not in (None, "", []) else "nothing"


def _line(change: Change) -> str:
    return escape(f"{change.target}: {change.what or change.action}", 120)


def standings(case: Case) -> list[Standing]:
    """Say how each rule stands for the plan as it would be carried out now."""
    return [_standing(case, rule) for rule in rules_for(case.policy, case.plan)]


def _standing(case: Case, rule: Rule) -> Standing:
    able = [person.id for person in case.people.values() if not objection(case, rule, person.id)]
    approved = {decision.person for decision in _covering(case)}
    counted = tuple(person for person in able if person in approved)
    return Standing(
        rule=rule,
        counted=counted,
        missing=max(rule.people - len(counted), 0),
        could=tuple(person for person in able if person not in approved),
    )


def objection(case: Case, rule: Rule, person: str) -> str:
    """Say why this person's approval can't count for a rule; empty when it can."""
    known = case.people.get(person)
    if known is None:
        return f"{escape(person)} is not among the site's people"
    if rule.roles and not set(rule.roles) & set(known.roles):
        return f"{escape(person)} has none of the roles {', '.join(map(escape, rule.roles))}"
    if "requester" in rule.exclude and person == case.requester.person:
        return f"{escape(person)} started this renewal"
    if "requester" in rule.exclude and person in case.overriders:
        return f"{escape(person)} set an override"
    if "operator" in rule.exclude and person == case.operator.person:
        return f"{escape(person)} is carrying it out"
    return ""


def _fitting(case: Case) -> list[Decision]:
    """Return approvals for this phase and round, whatever their plan; unsigned ones only where the site allows them."""
    plan = case.plan
    return [
        decision
        for decision in case.decisions
        if decision.verb == APPROVE
        and decision.renewal == plan.renewal
        and (decision.signed or case.policy.unsigned_approvals)
        and (shown := case.plans.get(decision.plan)) is not None
        and (shown.step, shown.phase, shown.round) == (plan.step, plan.phase, plan.round)
    ]


def is_open(decision: Decision, now: str) -> bool:
    """Tell whether a decision counts at a moment; both are RFC 3339 in UTC, which sort as text."""
    return decision.not_before <= now and (not decision.not_after or now <= decision.not_after)


def _covering(case: Case) -> list[Decision]:
    """Return the approvals that count now: they cover the plan, and their window is open."""
    return [decision for decision in _of_this_plan(case) if is_open(decision, case.now)]


def _of_this_plan(case: Case) -> list[Decision]:
    return [decision for decision in _fitting(case) if not differences(case.plans[decision.plan], case.plan, case.ours)]


def require(case: Case) -> tuple[str, ...]:
    """Return the persons whose approvals carry the plan; the only gate before a change is made.

    Raises Waiting (approval is missing), Drift (approved was something else) or Refused (nobody could approve).
    """
    standing = standings(case)
    short = [one for one in standing if one.missing]
    if not short:
        return tuple(dict.fromkeys(person for one in standing for person in one.counted))
    fitting, covering = _fitting(case), _of_this_plan(case)
    if fitting and not covering:
        raise _drift(case, fitting[-1])
    ahead = [decision for decision in covering if case.now < decision.not_before]
    if ahead:
        raise _early(case, ahead)
    hopeless = next((one for one in short if len(one.could) < one.missing), None)
    if hopeless is not None:
        raise _nobody(case, hopeless)
    raise Waiting(
        f"{describe(short)} for {case.plan.step} ({case.plan.phase}), plan {case.plan.digest[:12]}.",
        on="approval",
        plan=case.plan.digest,
        todo=f"Look: certrenew plan {case.plan.renewal}. "
        f"Then: certrenew approve {case.plan.renewal} --plan {case.plan.digest[:12]}",
        untouched="Nothing was changed.",
    )


def describe(short: Sequence[Standing]) -> str:
    """Say in one clause whose approval is missing."""
    return " and ".join(
        f"{one.missing} approval{'s' if one.missing > 1 else ''} needed, from {_who(one.could)}" for one in short
    )


def _who(people: Sequence[str]) -> str:
    return " or ".join(map(escape, people)) or "nobody the site knows"


def _drift(case: Case, decision: Decision) -> Drift:
    told = differences(case.plans[decision.plan], case.plan, case.ours)
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
        f"The window for {case.plan.step} ({case.plan.phase}) is not open yet: approved by {when}.",
        on="window",
        poll_after=60,
        plan=case.plan.digest,
        todo=f"certrenew run {case.plan.renewal} in the window; or: certrenew run {case.plan.renewal} --wait",
        untouched="Nothing was changed.",
    )


def _nobody(case: Case, standing: Standing) -> Refused:
    reasons = [objection(case, standing.rule, person) for person in case.people]
    return Refused(
        f"{describe([standing])}, so {case.plan.step} can never be approved: {'; '.join(filter(None, reasons))}.",
        untouched="Nothing was changed.",
        todo="Add people to the site file, or let somebody else carry it out.",
    )
