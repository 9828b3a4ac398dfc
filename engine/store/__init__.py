"""Keep renewals, decisions, plans and artefacts on disk: nothing acknowledged is ever lost.

`Store` is the way in; `Store.hold` gives the `Handle` that appends events. TinyDB is loaded by writers only.
"""

from typing import TYPE_CHECKING

from engine.store.documents import Document, Summary
from engine.store.home import Store

if TYPE_CHECKING:
    from engine.store.atomic import AtomicStorage
    from engine.store.handle import Handle

__all__ = ["AtomicStorage", "Document", "Handle", "Store", "Summary"]


def __getattr__(name: str) -> object:
    """Load what needs TinyDB when it is asked for: importing it takes as long as reading all of a small home."""
    if name == "Handle":
        from engine.store.handle import Handle

        return Handle
    if name == "AtomicStorage":
        from engine.store.atomic import AtomicStorage

        return AtomicStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
