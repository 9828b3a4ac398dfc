"""See what boxes present, and whether they were restarted onto what was uploaded to them. Read-only."""

from collections.abc import Iterable, Sequence

from engine.contracts import BoxStatus
from engine.errors import Unreachable
from engine.model import Item, places
from engine.text import moment
from engine.workflow import Work
from workflows.common import served_at
from workflows.links import is_up

SLACK = 5
"""How far a box's uptime may be from ours before it counts as restarted, in seconds."""


def boxes(work: Work) -> dict[str, list[Item]]:
    """Return the boxes in the order of the renewal's items, each with its own: they share one restart."""
    return by_node(places(work.items))


def by_node(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Return items by the node that they are on, in their order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.node, []).append(item)
    return found


def on_the_wire(work: Work, items: Sequence[Item]) -> dict[str, str]:
    """Return per endpoint that presents one of these items the fingerprint seen there, "" where nothing answers."""
    from engine.certificates import fingerprint

    shown = {}
    for name, address in (at for item in items for at in served_at(work, item).items()):
        try:
            shown[name] = fingerprint(work.served(address))
        except Unreachable:
            shown[name] = ""
    return shown


def is_loaded(work: Work, node: str, items: Sequence[Item]) -> bool:
    """Tell whether a box presents what was uploaded to it: by its ports, which show the slot that is uploaded last.

    No port shows the client slot; a box of which nothing else is renewed has to be restarted by us. Read-only.
    """
    wanted = {item.leaf for item in items if served_at(work, item)}
    if wanted:
        return set(on_the_wire(work, items).values()) == wanted
    status = is_up(work.device(node))
    return status is not None and restarted_since(work, node, status)


def restarted_since(work: Work, node: str, status: BoxStatus) -> bool:
    """Tell whether a box restarted since we recorded what was up: we saw it come back, or its uptime says so."""
    before = work.renewal.before.get(node)
    if not before:
        return False
    if before.get("returned"):
        return True
    if status.uptime is None or before["uptime"] is None:
        return False
    elapsed = int((work.now() - moment(before["at"])).total_seconds())
    return status.uptime + SLACK < int(before["uptime"]) + elapsed
