"""Take events from the journals to the observers: in order, once, with back-off that survives the process.

A position is written after each event that was told and after each failure. So a crash in between repeats one event,
under the same hash.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from engine.errors import CertrenewError, HeldElsewhere
from engine.model import Actor, Event, Json
from engine.runner.observers.backoff import failed, is_due
from engine.runner.observers.child import Answer
from engine.runner.observers.wanted import told_of, wants
from engine.store.outbox import Outbox, Position, Retry
from engine.text import escape, moment, stamp

if TYPE_CHECKING:
    from engine.estate import Estate, ObserverEntry
    from engine.runner.site import Clock
    from engine.store import Store

EXPIRES = timedelta(days=7)
"""An event that is older is given up: it is news no more."""

LIFETIME = 120.0
"""After so many seconds nothing new is begun; what is left is told by the next command."""

Tell = Callable[[str, dict[str, Json], dict[str, Json]], Answer]
"""Have one observer, by name, told of one event of a renewal."""


@dataclass
class Delivery:
    """Tell each of `observers` what it was not told yet; an entry is None for a plugin that wants everything."""

    store: "Store"
    estate: "Estate"
    observers: "Mapping[str, ObserverEntry | None]"
    clock: "Clock"
    tell: Tell
    by: Actor
    lifetime: float = LIFETIME
    _began: float = field(default_factory=time.monotonic, init=False)

    def deliver(self, since: str) -> bool:
        """Go through all observers at once; one that is new to the home begins with events of `since`.

        Returns True when nothing is left that is due, False when `lifetime` was over before. Safe to call at any time,
        by any number of processes: each observer is told by one of them, and none waits for another.
        """
        if self.observers:
            Outbox(self.store.home, "").ring()
            with ThreadPoolExecutor(len(self.observers)) as pool:
                list(pool.map(lambda name: self._observer(name, since), self.observers))
        return not self._late()

    def _observer(self, name: str, since: str) -> None:
        outbox = Outbox(self.store.home, name)
        while not self._late():
            rung = outbox.rung()
            try:
                with outbox.hold(self.by, self._at()):
                    self._all(outbox, outbox.open(since, self._at()))
            except HeldElsewhere:  # who holds it hears the bell and looks once more
                return
            if outbox.rung() == rung:
                return

    def _all(self, outbox: Outbox, position: Position) -> None:
        """Tell the news of every renewal, those without trouble first."""
        here = set(self.store.ids())
        position.retry = {renewal: retry for renewal, retry in position.retry.items() if renewal in here}
        outbox.write(position)  # nothing is told where it can't be noted
        summaries = self.store.summaries()[0]
        for one in sorted(summaries, key=lambda one: _attempts(position, one.renewal.id)):
            renewal, told = one.renewal.id, position.told.get(one.renewal.id, 0)
            if told > one.last.seq:  # the home was restored from a backup: what comes now is news
                _pass_over(position, renewal, one.last.seq)
            elif told < one.last.seq and self._is_due(position.retry.get(renewal)):
                self._renewal(outbox, position, renewal)
        outbox.write(position)

    def _is_due(self, retry: Retry | None) -> bool:
        return retry is None or is_due(retry, self.clock.now(), self.estate.file)

    def _renewal(self, outbox: Outbox, position: Position, renewal: str) -> None:
        """Tell the events of one renewal in order, up to the first that fails."""
        try:
            journal = self.store.load(renewal).journal
        except CertrenewError:  # damaged; every command that shows renewals says so
            return
        entry = self.observers[outbox.observer]
        for number in range(position.told.get(renewal, 0), len(journal)):
            event = journal[number]
            if event.at < position.begun or not wants(entry, event):
                _pass_over(position, renewal, event.seq)
            elif self._late() or not self._event(outbox, position, renewal, journal[: number + 1]):
                return

    def _event(self, outbox: Outbox, position: Position, renewal: str, journal: tuple[Event, ...]) -> bool:
        """Tell the last of these events, or give it up when it is too old; False when it must be tried again."""
        event, retry = journal[-1], position.retry.get(renewal)
        if self.clock.now() - moment(event.at) > EXPIRES:
            answer = Answer("never", f"not within {EXPIRES.days} days{f': {retry.why}' if retry else ''}")
        else:
            answer = self.tell(outbox.observer, *told_of(self.store, self.estate, journal))
        if answer.outcome in ("later", "much-later"):
            much = answer.outcome == "much-later"
            position.retry[renewal] = failed(retry, event.seq, answer.why, self.clock.now(), much_later=much)
        else:
            _pass_over(position, renewal, event.seq)
        if answer.outcome == "never":
            position.lose(self._at(), f"event {event.seq} of renewal {escape(renewal)} was given up: {answer.why}")
        outbox.write(position)
        return renewal not in position.retry

    def _late(self) -> bool:
        return time.monotonic() - self._began > self.lifetime

    def _at(self) -> str:
        return stamp(self.clock.now())


def _pass_over(position: Position, renewal: str, seq: int) -> None:
    position.told[renewal] = seq
    position.retry.pop(renewal, None)


def _attempts(position: Position, renewal: str) -> int:
    retry = position.retry.get(renewal)
    return retry.attempts if retry else 0
