"""Measure what the engine itself costs: a whole renewal with a box and an authority in memory, which answer at once."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from tinydb import TinyDB

from engine.contracts import (
    Answer,
    Authority,
    AuthorityPlugin,
    BoxStatus,
    CsrSpec,
    DeviceDriver,
    Issued,
    SigningRequest,
)
from engine.estate import AuthorityEntry, CertificateEntry, Estate, Node, Policy
from engine.hookspecs import hookimpl
from engine.model import Actor, Event, Value
from engine.registry import Registry
from engine.runner import Runner, begin, connections
from engine.runner.site import Clock, Site
from engine.store import Store
from tests.bench.figures import Figure, duration, folder, in_turn
from tests.engine.testing.boxes import ISSUER, Box
from workflows.renewal import RENEWAL

BY = Actor(person="ann", uid=1000, account="ann", host="ops1")
KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
STEPS = 7
TIMES = 9


class Quick(Box):
    """Be a box that keeps its keys ready, and presents what is in its slot once it was restarted."""

    def __init__(self) -> None:
        super().__init__(None)
        self.presented, self._keys, self._up = self._slot, iter(KEYS), 1000

    def generate_csr(self, spec: CsrSpec) -> None:
        """Make the CSR with a key that is there already."""
        self._pending = self._made(spec, next(self._keys))

    def restart(self) -> None:
        """Be up again at once."""
        self.presented, self._up = self._slot, 0

    def status(self) -> BoxStatus:
        """Run a release that the rules know."""
        self._up += 1
        return BoxStatus(release="X14.3", uptime=self._up)


class Desk(Authority):
    """Sign at once."""

    repeatable: ClassVar[bool] = True

    def submit(self, request: SigningRequest) -> Answer:
        """Sign what is asked for."""
        leaf = ISSUER.sign(x509.load_pem_x509_csr(request.csr.encode()))
        return Issued(content=leaf.public_bytes(Encoding.PEM))

    def collect(self, ticket: Any) -> Answer:
        """Never be asked."""
        raise AssertionError(ticket)

    def cancel(self, ticket: Any) -> None:
        """Never be asked."""
        raise AssertionError(ticket)


class Options(Value, frozen=True, kw_only=True):
    """Be no settings."""


class Plugin:
    """Register both."""

    __name__ = "quick"

    def __init__(self, box: Quick) -> None:
        self._box = box

    @hookimpl
    def register_devices(self) -> list[DeviceDriver]:
        """Offer the box."""
        return [DeviceDriver("quick", Options, lambda _access, _options: self._box)]

    @hookimpl
    def register_authorities(self) -> list[AuthorityPlugin]:
        """Offer the authority."""
        return [AuthorityPlugin("quick", Options, lambda _office, _options: Desk())]


def figures() -> list[Figure]:
    """Renew, and write the same record by other means. Takes a few seconds."""
    with folder() as place:
        events: list[tuple[Event, ...]] = []

        def renew() -> None:
            events.append(_renewed(place / f"home-{len(events)}", place))

        renew()
        record = [msgspec.json.encode(event) for event in events[0]]
        works: dict[str, Callable[[], object]] = {
            "transitions alone: seven arrows": _arrows,
            "the same events, TinyDB's stock storage": lambda: _tinydb(place / "tiny.json", record),
            "the same events, SQLite, synchronous=FULL": lambda: _sqlite(place / "lite.db", record),
        }
        ours, *floors = in_turn(TIMES, renew, *works.values())
    name = f"a step of a renewal, {len(record)} events in {STEPS} steps"
    return [
        duration(name, ours / STEPS, floor / STEPS, f"{what}, a step")
        for what, floor in zip(works, floors, strict=True)
    ]


def _renewed(home: Path, place: Path) -> tuple[Event, ...]:
    """Renew from New to Restarted on a home of its own."""
    box = Quick()
    (place / "roots.pem").write_bytes(ISSUER.certificate.public_bytes(Encoding.PEM))
    estate = Estate(
        file=place / "certrenew.toml",
        distributions=["certrenew"],
        nodes={
            "expc": Node(
                name="expc", kind="expressway-c", driver="quick", address="127.0.0.1:1", hostname="box.example"
            )
        },
        connections=[],
        authorities={"corp": AuthorityEntry(name="corp", plugin="quick", roots=[place / "roots.pem"])},
        certificates={"expc": CertificateEntry(name="expc", node="expc", authority="corp")},
        people={},
        policy=Policy(rules=[]),
    )
    site = Site(estate=estate, registry=Registry(extra=(Plugin(box),)), store=Store(home), actor=BY, clock=Instant())
    runner = Runner(site, lambda: "r1")
    with mock.patch.object(connections, "served", side_effect=lambda _address: box.presented):
        begin.start(runner, ["expc"])
        return runner.run("r1").journal


class Instant(Clock):
    """Wait for nothing."""

    def wait(self, seconds: float) -> None:
        """Go on."""


def _arrows() -> None:
    """Go along the seven arrows with the bare machine."""
    machine: Any = RENEWAL.machine(RENEWAL.initial)
    state = RENEWAL.initial
    while (arrow := RENEWAL.forward(state)) is not None:
        machine.trigger(arrow.step)
        state = machine.state


def _tinydb(path: Path, record: Sequence[bytes]) -> None:
    """Append each event to a document, with TinyDB as it comes: written in place, and synced."""
    with closing(TinyDB(path)) as database:
        database.truncate()
        document: dict[str, Any] = {"journal": []}
        database.insert(document)
        for event in record:
            document["journal"].append(msgspec.json.decode(event))
            database.update(document, doc_ids=[1])


def _sqlite(path: Path, record: Sequence[bytes]) -> None:
    """Insert each event in a transaction of its own."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, event BLOB)")
        for event in record:
            with database:
                database.execute("INSERT INTO journal (event) VALUES (?)", (event,))
