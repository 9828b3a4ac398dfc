"""Make the values that the store's tests keep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.model import Actor, Change, Decision, Effect, Item, Plan, Renewal
from engine.store import Store

AT = "2026-11-23T16:00:00Z"
BY = Actor(person="ann", uid=1000, account="ann", host="ops1")


def renewal(id: str = "r1") -> Renewal:
    """Make a renewal as `start` does."""
    item = Item(certificate="expc", node="expc", slots=["server"], authority="corp")
    return Renewal(id=id, workflow="renewal", state="New", created=AT, requester=BY, items=[item])


def plan(made_at: str = AT, target: str = "expc", renewal: str = "r1", what: str = "") -> Plan:
    """Make a plan with one change."""
    change = Change(action="restart", target=target, effect=Effect.SERVE, what=what)
    return Plan(renewal=renewal, step="restart", phase="", round=0, basis={}, changes=[change], made_at=made_at)


def decision(id: str = "d1", at: str = AT, verb: str = "approve") -> Decision:
    """Make a decision on a plan."""
    return Decision(id=id, verb=verb, renewal="r1", step="restart", phase="", plan="0" * 64, person="ann", at=at, by=BY)


Record = dict[str, Any]
"""The one document of a renewal's file, as plain JSON."""


def document_of(store: Store) -> Path:
    """Return the file of the renewal `r1`."""
    return store.home / "renewals" / "r1" / "renewal.json"


def edit(store: Store, change: Callable[[Record], Any]) -> bytes:
    """Change the file of `r1` as somebody with an editor would, and return its bytes then."""
    tables = msgspec.json.decode(document_of(store).read_bytes())
    change(tables["renewal"]["1"])
    document_of(store).write_bytes(msgspec.json.encode(tables))
    return document_of(store).read_bytes()
