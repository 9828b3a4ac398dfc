"""The conformance classes pass what keeps the rules and fail what breaks one: a test that can't fail proves nothing."""

import inspect
from collections.abc import Callable

import pytest

from engine.contracts import Authority, Device, Observer, TrustStore
from engine.errors import CertrenewError
from engine.testing import AuthorityConformance, DeviceConformance, ObserverConformance, TrustStoreConformance
from tests.engine.testing.boxes import BROKEN_BOXES, Box
from tests.engine.testing.offices import BROKEN_AUTHORITIES, Office
from tests.engine.testing.peers import BROKEN_PEERS, Peer
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
    """An authority in memory that keeps every rule passes."""

    def make(self) -> Authority:
        return Office()


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


@pytest.mark.parametrize("conformance", [DeviceConformance, AuthorityConformance, ObserverConformance])
def test_every_rule_has_a_way_to_break_it(conformance: type) -> None:
    """No method of a conformance class is without a broken fake that it must find."""
    rules = {name for name, _ in inspect.getmembers(conformance, inspect.isfunction) if name.startswith("test_")}
    broken: dict[type, set[str]] = {
        DeviceConformance: {*BROKEN_BOXES.values(), *BROKEN_PEERS.values()},
        AuthorityConformance: {*BROKEN_AUTHORITIES.values()},
        ObserverConformance: {*BROKEN_TELLERS.values()},
    }
    assert rules == broken[conformance]


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
