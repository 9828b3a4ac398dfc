"""Make the plans, people and decisions that the engine's tests judge."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engine.approvals import Case, Terms
from engine.estate import Person, Policy, Rule
from engine.model import Actor, Change, Decision, Effect, Json, Plan

AT = "2026-11-23T16:00:00Z"


def actor(person: str | None, uid: int = 1000) -> Actor:
    """Make who runs a command."""
    return Actor(person=person, uid=uid, account=person or "nobody", host="ops1")


def change(action: str = "restart", target: str = "expc", effect: Effect = Effect.SERVE, **more: Any) -> Change:
    """Make one line of a plan."""
    return Change(action=action, target=target, effect=effect, **more)


def plan(*changes: Change, basis: Mapping[str, Json] | None = None, **more: Any) -> Plan:
    """Make a plan of the restart step, unless told otherwise; without changes it has one restart."""
    told = {"renewal": "r1", "step": "restart", "phase": "restart", "round": 0, **more}
    return Plan(basis={"policy": "p1", **(basis or {})}, changes=list(changes), **told)


PEOPLE = {
    "ann": Person(id="ann", name="Ann", uid=1000, roles=["uc"]),
    "bob": Person(id="bob", name="Bob", roles=["change"]),
    "eve": Person(id="eve", name="Eve", roles=["change", "security"]),
}


def approval(of: Plan, person: str, *, signed: bool = True, verb: str = "approve") -> Decision:
    """Make what one person says of a plan."""
    return Decision(
        id=f"d-{person}-{of.digest[:6]}",
        verb=verb,
        renewal=of.renewal,
        step=of.step,
        phase=of.phase,
        plan=of.digest,
        person=person,
        at=AT,
        by=actor(person),
        signature="-----BEGIN SSH SIGNATURE-----" if signed else "",
    )


def terms(*rules: Rule, unsigned: bool = False, **more: Any) -> Terms:
    """Make a policy with the people it speaks of."""
    policy = Policy(unsigned_approvals=unsigned, rules=list(rules or (Rule(effects=["serve"]),)), **more)
    return Terms(policy, PEOPLE)


def case(
    now: Plan,
    *rules: Rule,
    decisions: Sequence[Decision] = (),
    shown: Sequence[Plan] = (),
    requester: str | None = "ann",
    operator: str | None = "ann",
    ours: Collection[str] = (),
    unsigned: bool = False,
) -> Case:
    """Make what decides about a plan; `shown` are plans besides `now` that people saw."""
    return Case(
        plan=now,
        terms=[terms(*rules, unsigned=unsigned)],
        requester=actor(requester),
        operator=actor(operator),
        decisions=decisions,
        plans={one.digest: one for one in (now, *shown)},
        ours=ours,
    )
