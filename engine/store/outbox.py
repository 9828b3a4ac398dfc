"""Keep how far an observer was told, so that no event is lost and none is told twice.

    HOME/observers/<name>.json            per renewal the last event told; what is being tried again, and when
    HOME/observers/<name>.lock, .holder   who tells it now
    HOME/observers/bell                   rung by whoever has news, so that who tells looks once more
    HOME/observers/trouble                what the last process that told ended with; empty when it was well

The events themselves stay in the journals. A file that can't be read is replaced by one that begins now: what was told
before is not known any more, and telling everything again would be worse.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from engine.errors import Refused
from engine.model import Actor
from engine.store import files
from engine.store.documents import newer
from engine.store.locks import held
from engine.text import moment, stamp

SCHEMA = 1
"""Version of the file."""

LOSSES = 20
"""How many of the newest losses are kept."""


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Be an event that could not be told: why, how often it was tried, when last, and when next (RFC 3339, UTC)."""

    seq: int
    attempts: int
    at: str
    next: str
    why: str


class Loss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Be something that will not be told any more, since when, in words for a person."""

    at: str
    what: str


class Position(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Be how far one observer was told. `begun` is when it began: older events are history.

    `told` and `retry` are keyed by renewal; the former has the number of the last event that was told, given up or not
    wanted.
    """

    begun: str
    told: dict[str, int] = {}
    retry: dict[str, Retry] = {}
    lost: list[Loss] = []
    schema: int = SCHEMA

    def lose(self, at: str, what: str) -> None:
        """Note something that will not be told any more."""
        self.lost = [*self.lost, Loss(at=at, what=what)][-LOSSES:]


def _checked(position: Position) -> Position:
    """Return it when all its times are times in UTC. Raises ValueError."""
    tries = [time for one in position.retry.values() for time in (one.at, one.next)]
    for time in (position.begun, *tries, *(one.at for one in position.lost)):
        if stamp(moment(time)) != time:
            raise ValueError(time)
    return position


class _Schema(msgspec.Struct):
    schema: int = SCHEMA


class Outbox:
    """Be one observer's place in a home. Making one touches nothing."""

    def __init__(self, home: Path, observer: str) -> None:
        self._home, self.observer = home, observer
        self._path = home / "observers" / f"{quote(observer, safe=' ')}.json"
        self._bell = home / "observers" / "bell"

    def position(self) -> Position | None:
        """Return how far it was told, None when it never was. Read-only.

        Raises Refused when the file is damaged, UsageError when it is of a newer certrenew.
        """
        try:
            content = files.read(self._path)
        except FileNotFoundError:
            return None
        try:
            if (schema := msgspec.json.decode(content, type=_Schema).schema) > SCHEMA:
                raise newer(self._path, schema)
            return _checked(msgspec.json.decode(content, type=Position))
        except (ValueError, RecursionError):
            raise Refused(
                f"{self._path} is damaged.",
                untouched="It was left as it is.",
                todo="Begin it anew: certrenew doctor --repair",
            ) from None

    def open(self, since: str, at: str) -> Position:
        """Return how far it was told; one that is new, or whose file is damaged, begins with `since`.

        The lock must be held.
        """
        try:
            position = self.position()
        except Refused:
            position = Position(begun=since)
            position.lose(at, f"its file was damaged and is begun anew: events before {since} are not told any more")
            self.write(position)
        return position or Position(begun=since)

    def write(self, position: Position) -> None:
        """Keep how far it was told, durably. The lock must be held."""
        files.replace(self._path, msgspec.json.encode(position))

    @contextmanager
    def hold(self, by: Actor, at: str) -> Iterator[None]:
        """Hold the right to tell this observer, without waiting. Raises HeldElsewhere when another has it."""
        self._make()
        lock, holder = self._path.with_suffix(".lock"), self._path.with_suffix(".holder")
        with held(lock, holder, f"Observer {self.observer}", by, at, "tell it"):
            files.sweep(self._path.parent)
            yield

    def ring(self) -> None:
        """Let whoever tells any observer of this home look once more."""
        self._make()
        files.replace(self._bell, os.urandom(8), durable=False)

    def rung(self) -> bytes:
        """Tell one ring of the bell from any other. Read-only."""
        try:
            return files.read(self._bell)
        except FileNotFoundError:
            return b""

    def _make(self) -> None:
        files.check_owner(self._home)
        files.make_folder(self._path.parent)
