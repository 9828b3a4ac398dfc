"""Make small records to report on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.model import Actor, Decision, Item, Plan, Renewal
from engine.report import Evidence, gather
from engine.store import Store

AT, LATER = "2026-11-23T16:00:00Z", "2026-11-23T17:00:00Z"
BY = Actor(person="engineer", uid=1000, account="erin", host="jump")
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def stored(home: Path, **values: Any) -> Store:
    """Return a store with one open renewal, `r1`."""
    store = Store(home)
    given: dict[str, Any] = {
        "id": "r1",
        "workflow": "renewal",
        "state": "New",
        "created": AT,
        "requester": BY,
        "items": [Item(certificate="expc-server", node="expc", slots=["server"], authority="corporate")],
    }
    store.create(Renewal(**{**given, **values}), BY, AT, "renewal begun")
    return store


def event(store: Store, kind: str, text: str, **more: Any) -> None:
    """Append an event."""
    with store.hold("r1", BY, LATER, "test") as handle:
        handle.append(kind, text, at=LATER, by=BY, **more)


def planned(store: Store, step: str = "install") -> Plan:
    """Keep a plan."""
    plan = Plan(renewal="r1", step=step, phase=step, round=0, basis={}, changes=[], made_at=AT)
    store.put_plan("r1", plan)
    return plan


def decided(store: Store, plan: Plan, **more: Any) -> Decision:
    """Keep an unsigned decision."""
    given: dict[str, Any] = {"id": "d1", "verb": "approve", "person": "anna", "at": AT, "by": BY, "renewal": "r1"}
    given |= {"step": plan.step, "phase": plan.phase, "plan": plan.digest}
    decision = Decision(**{**given, **more})
    store.add_decision(decision)
    return decision


def found(store: Store) -> Evidence:
    """Collect what is stored."""
    return gather(store, "r1", NOW)
