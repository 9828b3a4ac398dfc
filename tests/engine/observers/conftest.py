"""Make homes with renewals, observers that are plain functions, and a clock that tests move."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.estate import Estate
from engine.model import Event, Item, Json, Renewal
from engine.runner.observers.child import Answer
from engine.runner.observers.deliver import LIFETIME, Delivery
from engine.runner.site import Clock
from engine.site import load
from engine.store import Store
from engine.text import moment, stamp
from tests.engine.samples import AT, actor

SITE = """
schema = 1

[observers.ops]
plugin = "mail"
events = ["all"]

[observers.ops.options]
server = "127.0.0.1:1"
sender = "a@b.example"
to = ["c@d.example"]
"""


class Moved(Clock):
    """Be a clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.at = moment(AT)

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return self.at

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


@dataclass
class Home:
    """Be a home with one observer `ops`, and all that it was told: `heard` has (observer, renewal, event)."""

    store: Store
    estate: Estate
    clock: Moved = field(default_factory=Moved)
    heard: list[tuple[str, dict[str, Json], dict[str, Json]]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def begin(self, id: str = "r1") -> None:
        """Begin a renewal, which is its first event."""
        item = Item(certificate=f"cert-{id}", node="expc", slots=["server"], authority="corp")
        told: dict[str, Any] = {"state": "New", "items": [item], "since": self.now}
        renewal = Renewal(id=id, workflow="renewal", created=self.now, requester=actor("ann"), **told)
        self.store.create(renewal, actor("ann"), self.now, "begun")

    def happen(self, kind: str = "done", id: str = "r1", **values: Json) -> Event:
        """Append an event."""
        with self.store.hold(id, actor("ann"), self.now, "test") as handle:
            return handle.append(kind, f"{kind} it", at=self.now, by=actor("ann"), values=values)

    @property
    def now(self) -> str:
        """Return the present as it is stored."""
        return stamp(self.clock.now())

    def tell(self, observer: str, renewal: dict[str, Json], event: dict[str, Json]) -> Answer:
        """Be told: keep it, and answer what was laid ready, else that it was told."""
        self.heard.append((observer, renewal, event))
        return self.answers.pop(0) if self.answers else Answer("told")

    def deliver(self, since: str = AT, tell: Callable[..., Answer] | None = None, lifetime: float = LIFETIME) -> bool:
        """Deliver once, as a process of its own would."""
        return Delivery(
            store=self.store,
            estate=self.estate,
            observers=self.estate.observers,
            clock=self.clock,
            tell=tell or self.tell,
            by=actor("ann"),
            lifetime=lifetime,
        ).deliver(since)

    @property
    def told(self) -> list[tuple[str, int]]:
        """Return (renewal, number of the event) for all that was told or tried, in order."""
        return [(renewal["id"], event["seq"]) for _, renewal, event in self.heard]


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """Write the site file."""
    path = tmp_path / "certrenew.toml"
    path.write_text(SITE)
    path.chmod(0o600)
    long_ago(path)
    return path


def long_ago(path: Path) -> None:
    """Have a file changed last before anything that tests do on their own clock."""
    os.utime(path, (0, 0))


@pytest.fixture
def home(tmp_path: Path, site_file: Path) -> Home:
    """Make a home without renewals."""
    return Home(Store(tmp_path / "home"), load(site_file))
