"""The conformance classes pass what keeps the rules and fail what breaks one: a test that can't fail proves nothing."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from engine.contracts import Authority, Device, Observer, Solver, TrustStore
from engine.errors import CertrenewError
from engine.testing import (
    AuthorityConformance,
    DeviceConformance,
    NotApplicable,
    NotProvided,
    ObserverConformance,
    Relay,
    SolverConformance,
    TrustStoreConformance,
)
from tests.engine.testing.boxes import BROKEN_BOXES, Box
from tests.engine.testing.offices import (
    BROKEN_AUTHORITIES,
    BROKEN_SITUATIONS,
    AtOnce,
    Desk,
    Office,
    Refuser,
    Web,
    WebCA,
)
from tests.engine.testing.peers import BROKEN_PEERS, Peer
from tests.engine.testing.solvers import BROKEN_SOLVERS, Ledger, Zone
from tests.engine.testing.tellers import BROKEN_TELLERS, SECRET, Teller


class TestDevice(DeviceConformance):
    """A box in memory that keeps every rule passes."""

    def make(self, password: Callable[[], str] | None = None) -> Device:
        return Box(password)

    def wait(self, seconds: float) -> None:
        """The box in memory is there at once."""


class TestTrustStore(TrustStoreConformance):
    """The same box passes as a mere trust store."""

    def make(self, password: Callable[[], str] | None = None) -> Device:
        return Box(password)


class TestPeer(TrustStoreConformance):
    """A peer with several stores and services that keeps every rule passes."""

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return Peer(password)

    def wait(self, seconds: float) -> None:
        """The peer in memory restarts its services at once."""


class TestAuthority(AuthorityConformance):
    """Authorities in memory, in a folder and behind HTTPS that keep every rule pass."""

    web, desk, once, refuser = Web, Desk, AtOnce, Refuser
    ca: ClassVar[WebCA]
    folder: ClassVar[Path]

    def make(self) -> Authority:
        return Office()

    def issuing(self) -> Authority:
        return self.once()

    def chainless(self) -> Authority:
        return self.once()

    def rejecting(self) -> Authority:
        return self.refuser()

    def pending(self) -> Authority:
        return self.desk(str(self.folder))

    def withdrawing(self) -> Authority:
        return self.pending()

    def approve(self) -> None:
        (self.folder / "approved").touch()

    def forget(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()

    def elsewhere(self) -> Callable[[], Authority]:
        return partial(self.desk, str(self.folder))

    def through(self, relay: Relay) -> Authority:
        relay.lead_to(self.ca.address, self.ca.ca)
        return self.web(relay.address, relay.ca)


@pytest.fixture(scope="module")
def web_ca() -> Iterator[WebCA]:
    """Run an authority behind HTTPS."""
    with WebCA() as ca:
        yield ca


@pytest.fixture(autouse=True)
def _surroundings(web_ca: WebCA, tmp_path: Path) -> None:
    """Give the authorities their server and their folder."""
    TestAuthority.ca, TestAuthority.folder = web_ca, tmp_path


class TestSolver(SolverConformance):
    """A solver in memory that keeps every rule passes."""

    kind: ClassVar[type[Ledger]] = Ledger
    zone: ClassVar[Zone] = {}
    patience = 2

    def make(self) -> Solver:
        return self.kind(self.zone)

    def wait(self, seconds: float) -> None:
        """The servers in memory show a change at once."""


class TestObserver(ObserverConformance):
    """An observer in memory that keeps every rule passes."""

    secret = SECRET

    def make(self, reachable: bool = True) -> Observer:
        return Teller(reachable)


@pytest.mark.parametrize(("broken", "rule"), BROKEN_BOXES.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_box_fails(broken: type[Box], rule: str) -> None:
    """A box that breaks one rule fails the method that states it."""

    class Bench(TestDevice):
        def make(self, password: Callable[[], str] | None = None) -> Device:
            return broken(password)

    with pytest.raises(AssertionError):
        getattr(Bench(), rule)()


@pytest.mark.parametrize(("broken", "rule"), BROKEN_PEERS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_peer_fails(broken: type[Peer], rule: str) -> None:
    """A peer that breaks one rule fails the method that states it."""

    class Bench(TestPeer):
        def make(self, password: Callable[[], str] | None = None) -> TrustStore:
            return broken(password)

    with pytest.raises(AssertionError):
        getattr(Bench(), rule)()


@pytest.mark.parametrize(
    ("broken", "rule"), BROKEN_AUTHORITIES.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_broken_authority_fails(broken: type[Office], rule: str) -> None:
    """An authority that breaks one rule fails the method that states it."""

    class Bench(TestAuthority):
        def make(self) -> Authority:
            return broken()

    with pytest.raises((AssertionError, CertrenewError, KeyError)):
        getattr(Bench(), rule)()


@pytest.mark.parametrize(
    ("broken", "rule"), BROKEN_TELLERS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_broken_observer_fails(broken: type[Teller], rule: str) -> None:
    """An observer that breaks one rule fails the method that states it."""

    class Bench(TestObserver):
        def make(self, reachable: bool = True) -> Observer:
            return broken(reachable)

    with pytest.raises((AssertionError, KeyError)):
        getattr(Bench(), rule)()


@pytest.mark.parametrize(
    ("broken", "rule"), BROKEN_SITUATIONS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_an_authority_that_is_broken_in_a_situation_fails(broken: type[Office], rule: str) -> None:
    """An authority that breaks one rule in one situation fails the method that states it."""
    kinds: dict[str, type[Office]] = {"web": Web, "desk": Desk, "once": AtOnce, "refuser": Refuser}
    bench = type("Bench", (TestAuthority,), {name: broken for name, kind in kinds.items() if issubclass(broken, kind)})
    with pytest.raises((AssertionError, CertrenewError)):
        getattr(bench(), rule)()


def test_a_situation_that_is_not_provided_shows() -> None:
    """A test that only has `make` passes what can be judged by it; each other rule is a skip that says what to do."""

    class Bare(AuthorityConformance):
        def make(self) -> Authority:
            return Office()

    class Declared(Bare):
        def pending(self) -> Authority:
            raise NotApplicable("nothing is ever open")

    with pytest.raises(NotProvided, match="override pending, or raise NotApplicable"):
        Bare().test_pending_lasts_over_many_polls()
    for rule in ("test_pending_lasts_over_many_polls", "test_what_was_withdrawn_is_over", "test_a_lost_ticket_is_told"):
        with pytest.raises(NotApplicable, match="not applicable: nothing is ever open"):
            getattr(Declared(), rule)()
    with pytest.raises(NotProvided, match="override through"):
        Declared().test_garbage_is_no_answer()


@pytest.mark.parametrize(
    ("broken", "rule"), BROKEN_SOLVERS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_broken_solver_fails(broken: type[Ledger], rule: str) -> None:
    """A solver that breaks one rule fails the method that states it."""

    class Bench(TestSolver):
        kind, zone = broken, {}

    with pytest.raises((AssertionError, CertrenewError)):
        getattr(Bench(), rule)()


BROKEN: dict[type, set[str]] = {
    DeviceConformance: {*BROKEN_BOXES.values(), *BROKEN_PEERS.values()},
    AuthorityConformance: {*BROKEN_AUTHORITIES.values(), *BROKEN_SITUATIONS.values()},
    SolverConformance: {*BROKEN_SOLVERS.values()},
    ObserverConformance: {*BROKEN_TELLERS.values()},
}


@pytest.mark.parametrize("conformance", BROKEN)
def test_every_rule_has_a_way_to_break_it(conformance: type) -> None:
    """No method of a conformance class is without a broken fake that it must find."""
    rules = {name for name, _ in inspect.getmembers(conformance, inspect.isfunction) if name.startswith("test_")}
    assert rules == BROKEN[conformance]


def test_a_server_that_lags_is_given_time() -> None:
    """A value that comes late passes within `patience` and fails after it; waiting is asked of `wait`."""

    class Late(Ledger):
        def missing_on(self, name: str, value: str) -> Sequence[str]:
            return super().missing_on(name, value) if looks else ["ns2.example"]

    class Bench(TestSolver):
        kind, zone = Late, {}

        def wait(self, seconds: float) -> None:
            looks.append(seconds)

    looks: list[float] = []
    Bench().test_two_values_stand_side_by_side()
    assert looks == [1]
    looks.clear()
    Bench.patience = 0
    with pytest.raises(AssertionError, match="a value that was presented is not missing"):
        Bench().test_two_values_stand_side_by_side()


def test_a_driver_without_a_login_has_no_login_rules() -> None:
    """A driver that has no login says so, and then no password is asked for; a driver that has one must not say so."""

    class Bench(TestDevice):
        logs_in = False

        def make(self, password: Callable[[], str] | None = None) -> Device:
            assert password is None
            return Box(None)

    Bench().test_a_refused_login_is_never_sent_again()
    Bench().test_the_password_stays_out_of_errors_and_attributes()
    Bench.logs_in = True
    with pytest.raises(AssertionError):
        Bench().test_a_refused_login_is_never_sent_again()
