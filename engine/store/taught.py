"""Know which certificates renewals taught: those that a box may show because one of them installed it.

The pins live in the renewals. Every connection asks for them, and a watch makes thousands, so only what can have
changed is looked at: the renewals of that box, and which there are when one may have begun.
"""

from threading import Lock
from typing import TYPE_CHECKING

from engine.errors import CertrenewError

if TYPE_CHECKING:
    from engine.model import Renewal
    from engine.store.home import Store


class Taught:
    """Be what one process knows of a home's pins; many threads may ask."""

    def __init__(self, store: "Store") -> None:
        self._store, self._lock = store, Lock()
        self._population = ""
        self._read: dict[str, tuple[str, Renewal]] = {}
        self._of: dict[str, set[str]] = {}

    def pins(self, node: str) -> frozenset[str]:
        """Return what the newest renewal with pins for this node taught. Read-only; as fresh as reading them all."""
        with self._lock:
            self._meet()
            known = [self._look(id) for id in sorted(self._of.get(node, ()))]
        taught = [one for one in known if one is not None and node in one.pins]
        newest = max(taught, key=lambda renewal: renewal.created, default=None)
        return frozenset(newest.pins[node]) if newest else frozenset()

    def _meet(self) -> None:
        """Read renewals that were not known; as long as one can't be read, each time anew."""
        population = self._store.population()
        if population and population == self._population:
            return
        met = [self._look(id) is not None for id in self._store.ids() if id not in self._read]
        self._population = population if all(met) else ""

    def _look(self, id: str) -> "Renewal | None":
        """Return a renewal as it is now, read again where it changed; None where it can't be read."""
        mark, known = (
            self._store.mark(id),
            self._read.get(id),
        )  # the mark first: what changes after it is seen next time
        if known is not None and known[0] == mark:
            return known[1]
        try:
            renewal = self._store.summary(id).renewal
        except CertrenewError:
            return None
        self._read[id] = (mark, renewal)
        for box in renewal.boxes:
            self._of.setdefault(box, set()).add(id)
        return renewal
