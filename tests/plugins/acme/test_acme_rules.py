"""The authority acme in every situation that ACME knows: Pebble issues and says no, acme2certifier takes its time."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path

import pytest

from engine.contracts import Authority
from engine.testing import AuthorityConformance, NotApplicable, Relay, Sent
from tests.plugins.acme.desk import Desk, at_pebble, made
from tests.plugins.acme.servers import A2c, Pebble, a2c, pebble


class TestAcme(AuthorityConformance):
    """It keeps the contract of authorities."""

    @pytest.fixture(autouse=True)
    def _servers(self, shared: Pebble, desk: Desk, tmp_path: Path) -> Iterator[None]:
        self.shared, self.desk, self.folder = shared, desk, tmp_path
        with ExitStack() as self.running:
            yield

    def make(self) -> Authority:
        return self.desk.authority()

    def issuing(self) -> Authority:
        raise NotApplicable("a submission only orders; the CA gets the CSR later, and is asked for what it issued")

    def chainless(self) -> Authority:
        return self.issuing()

    def rejecting(self) -> Authority:
        server = self.running.enter_context(pebble(self.folder / "pebble", blocked=["conformance.example"]))
        return at_pebble(server).authority()

    @cached_property
    def officer(self) -> A2c:
        """Run a CA whose officer takes her time."""
        return self.running.enter_context(a2c(self.folder / "a2c", waits=True))

    def elsewhere(self) -> Callable[[], Authority]:
        place = {"directory": self.officer.directory, "ca": self.officer.trust}
        proof = {"challenge": "http-01", "webroot": self.folder, "contact": ["pki@example.org"]}
        return partial(made, {**place, **proof}, self.desk.secrets)

    def pending(self) -> Authority:
        return self.elsewhere()()

    def approve(self) -> None:
        self.officer.approve()

    def forget(self) -> None:
        with sqlite3.connect(self.officer.folder / "acme.db") as kept:
            assert kept.execute("DELETE FROM orders").rowcount == 1
        kept.close()

    def withdrawing(self) -> Authority:
        raise NotApplicable("ACME has no message that withdraws an order; one that is not proven ends by itself")

    def through(self, relay: Relay) -> Authority:
        relay.lead_to(self.shared.directory.removeprefix("https://").removesuffix("/dir"), self.shared.trust)
        return self.desk.authority(directory=f"https://{relay.address}/dir", ca=relay.ca)

    def submits(self, sent: Sent) -> bool:
        return sent.path == "/order-plz"  # Pebble's newOrder; all else is a POST too
