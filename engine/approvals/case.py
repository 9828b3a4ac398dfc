"""Hold what decides about one plan, and say who may approve it by which rule. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engine.estate import Person, Policy, Rule
from engine.model import Actor, Decision, Plan
from engine.text import escape

APPROVE, EMERGENCY, REJECT, WITHDRAW = "approve", "emergency", "reject", "withdraw"
"""What a person may say of a plan; `withdraw` takes back an earlier decision of the same person."""


@dataclass(frozen=True)
class Terms:
    """Be a policy with the people it speaks of. All terms of a case must be met: those of the start, and today's."""

    policy: Policy
    people: Mapping[str, Person]


@dataclass(frozen=True)
class Case:
    """Be everything that decides about one plan.

    `plans` are the plans that were shown, by digest; `ours` the keys of changes that this renewal made or began and
    journalled, `done` those that it proved, with when; `overriders` who set an override, which excludes them as it does
    the requester; `earlier` maps steps to those whose approvals carried them; `void` maps decisions whose signature
    does not count to why; `now` is the present as it is stored, for windows.
    """

    plan: Plan
    terms: Sequence[Terms]
    requester: Actor
    operator: Actor
    decisions: Sequence[Decision]
    plans: Mapping[str, Plan]
    ours: Collection[str]
    done: Mapping[str, str] = field(default_factory=dict)
    overriders: Collection[str | None] = ()
    earlier: Mapping[str, Collection[str]] = field(default_factory=dict)
    void: Mapping[str, str] = field(default_factory=dict)
    now: str = ""

    @property
    def people(self) -> list[str]:
        """Return every person that any of the terms knows."""
        return list(dict.fromkeys(name for terms in self.terms for name in terms.people))

    @property
    def unsigned_allowed(self) -> bool:
        """Tell whether a decision counts that rests on a local account alone."""
        return all(terms.policy.unsigned_approvals for terms in self.terms)

    @property
    def others_allowed(self) -> bool:
        """Tell whether an unsigned decision counts for somebody else than the person whose account typed it."""
        return all(terms.policy.approve_for_others for terms in self.terms)


def rules_for(policy: Policy, plan: Plan) -> list[Rule]:
    """Return the rules that apply to a plan, all of which must be met; none for a plan without changes."""
    return [rule for rule in policy.rules if plan.changes and rule.people > 0 and _applies(rule, plan)]


def _applies(rule: Rule, plan: Plan) -> bool:
    return (
        (not rule.effects or any(change.effect.value in rule.effects for change in plan.changes))
        and (not rule.impacts or any(change.severity in rule.impacts for change in plan.changes))
        and (not rule.steps or plan.step in rule.steps)
    )


def objection(case: Case, terms: Terms, rule: Rule, person: str) -> str:
    """Say why this person's approval can't count for a rule; empty when it can."""
    known = terms.people.get(person)
    if known is None:
        return f"{escape(person)} is not among the site's people"
    if rule.roles and not set(rule.roles) & set(known.roles):
        return f"{escape(person)} does not have the role {' or '.join(map(escape, rule.roles))}"
    if "requester" in rule.exclude and person == case.requester.person:
        return f"{escape(person)} started this renewal"
    if "requester" in rule.exclude and person in case.overriders:
        return f"{escape(person)} set an override"
    if "operator" in rule.exclude and person == case.operator.person:
        return f"{escape(person)} is carrying it out"
    if terms.policy.separate_persons:
        return _approved_earlier(case, person)
    return ""


def _approved_earlier(case: Case, person: str) -> str:
    steps = [step for step, persons in case.earlier.items() if step != case.plan.step and person in persons]
    return f"{escape(person)} approved {', '.join(steps)}, and each step wants its own person" if steps else ""
