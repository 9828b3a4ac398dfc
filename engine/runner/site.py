"""Be what a command works with: the site and its plugins, the store, who runs it, the time, how to show progress."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from engine.model import Actor
from engine.runner.transcript import Transcript
from engine.secrets import fetch
from engine.text import stamp

if TYPE_CHECKING:
    from engine.estate import Estate
    from engine.registry import Registry
    from engine.store import Store


class Clock:
    """Tell the time and let it pass; tests give another one."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let this many seconds pass."""
        time.sleep(seconds)


Tell = Callable[[str, str], None]
"""Show progress: a kind (step, act, proved, note, wait, state) and a text that may come from outside."""


@dataclass
class Site:
    """Be everything a command works with: estate, plugins, store, who runs it, clock and how to show progress.

    `since` and `heard` belong to `engine.runner.observers`: since when, and after how many appended events, a delivery
    has news.
    """

    estate: "Estate"
    registry: "Registry"
    store: "Store"
    actor: Actor
    clock: Clock = field(default_factory=Clock)
    tell: Tell = lambda _kind, _text: None
    heard: int | None = None
    since: datetime = field(init=False)
    _secrets: dict[str, str] = field(default_factory=dict, repr=False)
    _fetching: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.since = self.clock.now()

    def secret(self, reference: str | list[str], where: str) -> str:
        """Fetch a secret by its reference, once a command however often it is asked. Raises UsageError."""
        key = repr(reference)
        with self._fetching:  # two programs that ask a person at once would mix their questions
            if key not in self._secrets:
                self._secrets[key] = fetch(reference, self.estate.file.parent, where)
            return self._secrets[key]

    def transcript(self, renewal: str) -> Transcript:
        """Return what writes a renewal's transcript, without any secret that this command has fetched."""
        return Transcript(lambda entry: self.store.note(renewal, entry), lambda: self._secrets.values(), self.at)

    def at(self) -> str:
        """Return the present as it is stored."""
        return stamp(self.clock.now())

    def learned_pins(self, node: str) -> frozenset[str]:
        """Return the fingerprints that the newest renewal with pins for this node taught; they live in its document."""
        return self.store.taught.pins(node)
