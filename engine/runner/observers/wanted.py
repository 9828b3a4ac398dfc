"""Say which events an observer wants to be told of, and what it is told. Pure but for reading the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import approvals
from engine.errors import CertrenewError
from engine.model import Actor, Event, Json, Renewal, fold
from engine.runner import judging
from engine.store.migrations import renewal as renewal_of

if TYPE_CHECKING:
    from engine.estate import Estate, ObserverEntry
    from engine.store import Store

NOBODY = Actor(person=None, uid=-1, account="", host="")


def topic(event: Event) -> str:
    """Return what an event is about: what is waited for or stopped it, else its kind."""
    if event.kind != "stopped":
        return event.kind
    wait = event.values.get("wait")
    return str(wait.get("on", "")) if isinstance(wait, dict) else ""


def wants(entry: "ObserverEntry | None", event: Event) -> bool:
    """Tell whether an observer wants to be told; one without an entry in the site (None) is told everything."""
    if entry is None or "all" in entry.events:
        return True
    if topic(event) not in entry.events:
        return False
    return event.kind != "state" or not entry.states or event.values.get("state") in entry.states


def told_of(store: "Store", estate: "Estate", journal: Sequence[Event]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return what an observer is told of the last of these events: the renewal as it was then, and the event."""
    renewal = renewal_of(fold(journal))
    return {**renewal.plain(), "who": _could_approve(store, estate, renewal)}, journal[-1].plain()


def _could_approve(store: "Store", estate: "Estate", renewal: Renewal) -> list[Json]:
    """Name the people who could give the approval that a renewal waits for, as decisions stand now."""
    if renewal.wait is None or renewal.wait.on != "approval" or not renewal.wait.plan:
        return []
    try:
        case = approvals.Case(
            plan=store.plan(renewal.id, renewal.wait.plan),
            terms=judging.terms(estate, renewal),
            requester=renewal.requester,
            operator=NOBODY,  # who will carry it out is known only then, and judged again then
            decisions=store.decisions(renewal.id),
            plans={},
            ours=(),
            overriders=[one.by.person for one in renewal.overrides],
        )
    except CertrenewError:  # a damaged plan or decision: the wait is told all the same
        return []
    could = [person for one in approvals.standings(case) if one.missing for person in one.could]
    return [estate.people[person].name for person in dict.fromkeys(could) if person in estate.people]
