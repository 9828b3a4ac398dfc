"""Hold the journal, and lead from it to the values of a renewal."""

from collections.abc import Iterable
from copy import deepcopy

import msgspec

from engine.canonical import Json, digest
from engine.model.values import Actor, Value


class Event(Value, frozen=True, kw_only=True):
    """Be one line of a renewal's journal.

    `values` maps paths such as ``items/0/csr`` to new values of the renewal. `previous` is the hash of the event before
    it (64 zeros for the first) and `hash` covers all other members in canonical JSON, so that any change or loss shows.
    """

    seq: int
    at: str
    kind: str
    text: str
    by: Actor
    step: str = ""
    data: dict[str, Json] = {}
    values: dict[str, Json] = {}
    previous: str = "0" * 64
    hash: str = ""

    def sealed(self) -> "Event":
        """Return this event with its hash filled in."""
        return msgspec.structs.replace(self, hash=self.computed())

    def computed(self) -> str:
        """Return the hash that belongs to this event's members."""
        return digest({key: value for key, value in self.plain().items() if key != "hash"})


def fold(events: Iterable[Event]) -> dict[str, Json]:
    """Return the values that a journal leads to: each event's paths set in order."""
    values: dict[str, Json] = {}
    for event in events:
        for path, value in event.values.items():
            set_path(values, path, value)
    return values


def set_path(values: dict[str, Json], path: str, value: Json) -> None:
    """Set ``items/0/csr`` or ``state`` inside nested dicts and lists, in place. The empty path replaces everything.

    The value is copied, so that a later path into it does not change the event that it came from.
    """
    value = deepcopy(value)
    if not path:
        values.clear()
        values.update(value)
        return
    *parents, last = path.split("/")
    place: Json = values
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[int(last) if isinstance(place, list) else last] = value
