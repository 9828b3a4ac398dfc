"""The driver against simulated nodes: the contract, each unknown in each of its settings, and ordered faults."""

import threading
from collections.abc import Callable
from typing import Any, Literal

import pytest

from engine.certificates import fingerprint
from engine.contracts import TrustStore
from engine.errors import ApiDisabled, CertrenewError, Failed, LoginRefused, Refused, Unreachable, Waiting
from engine.testing import TrustStoreConformance
from engine.testing.pki import new_issuer
from plugins.cucm import soap, wire
from tests.plugins.cucm.labs import MakeLab, driver, held

pytestmark = pytest.mark.lab

TOMCAT, CALLMANAGER = wire.STORES
ROOT = new_issuer("Any Root").certificate


class TestNode(TrustStoreConformance):
    """The driver keeps the contract of trust stores, and of services, on a publisher."""

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return driver(self._make_lab(), password=password)

    def wait(self, seconds: float) -> None:
        """A quick lab restarts in a fraction of a second."""
        threading.Event().wait(seconds / 50)


@pytest.mark.parametrize("names", ["trust", "plain"])
@pytest.mark.parametrize("service", ["CallManager", "CallManager-trust"])
def test_a_chain_goes_into_both_stores(
    make_lab: MakeLab, names: str, service: Literal["CallManager", "CallManager-trust"]
) -> None:
    """Each spelling in the snapshot is read; the setting names what an upload takes, and another name is refused."""
    lab = make_lab(snapshot_names=names, callmanager_service=service)
    node, (issuing, root) = driver(lab, callmanager_service=service), lab.authority.new.chain
    for store in wire.STORES:
        assert held(node, store, root, issuing) == [False, False]
        for one in (root, issuing):
            node.add_trusted(one, store)
        assert held(node, store, root, issuing) == [True, True]
    wrong: Any = ({"CallManager", "CallManager-trust"} - {service}).pop()
    with pytest.raises(Failed, match="Invalid service") as caught:
        driver(lab, callmanager_service=wrong).add_trusted(root, CALLMANAGER)
    assert "`callmanager_service`" in caught.value.todo


def test_auto_finds_the_name_that_follows_from_tomcat(make_lab: MakeLab) -> None:
    """By analogy it is CallManager; on a node that wants the other name the setting is asked for."""
    driver(make_lab()).add_trusted(ROOT, CALLMANAGER)
    with pytest.raises(Failed, match="Invalid service"):
        driver(make_lab(callmanager_service="CallManager-trust")).add_trusted(ROOT, CALLMANAGER)


@pytest.mark.parametrize("shape", ["message", "messages"])
def test_a_refusal_has_the_words_of_the_node(make_lab: MakeLab, shape: str) -> None:
    """An intermediate before its root is refused, in either shape of errors; after the root it is taken."""
    lab = make_lab(error_shape=shape)
    node, (issuing, root) = driver(lab), lab.authority.new.chain
    with pytest.raises(Failed, match="'Install the root certificate first'") as caught:
        node.add_trusted(issuing, TOMCAT)
    assert caught.value.untouched == "By its answer it changed nothing."
    node.add_trusted(root, TOMCAT)
    node.add_trusted(issuing, TOMCAT)


@pytest.mark.parametrize("answer", ["accepted", "refused"])
def test_a_duplicate_is_what_the_node_says(make_lab: MakeLab, answer: str) -> None:
    """No refusal is taken for "is there already", even where that is what it says."""
    lab = make_lab(duplicate_upload=answer)
    node, root = driver(lab), lab.authority.new.chain[-1]
    node.add_trusted(root, TOMCAT)
    if answer == "refused":
        with pytest.raises(Failed, match="already exists"):
            node.add_trusted(root, TOMCAT)
    else:
        node.add_trusted(root, TOMCAT)
    assert held(node, TOMCAT, root) == [True]


@pytest.mark.parametrize(("status", "kind"), [("403", Refused), ("401", LoginRefused)])
def test_an_account_that_may_only_read_is_found_before_a_write(
    make_lab: MakeLab, status: str, kind: type[CertrenewError]
) -> None:
    """The empty upload shows the privilege and stores nothing; an account of privilege 1 passes."""
    lab = make_lab(privilege="0", read_only_status=status)
    node = driver(lab)
    before = [fingerprint(one) for one in node.trusted(TOMCAT)]
    with pytest.raises(kind) as caught:
        node.check_writable()
    assert "privilege 1" in caught.value.todo
    assert [fingerprint(one) for one in driver(lab).trusted(TOMCAT)] == before
    other = make_lab(upload_status="201")
    driver(other).check_writable()
    driver(other).add_trusted(other.authority.new.chain[-1], TOMCAT)
    assert len(other.effects.of("trust-appended", "cucm-pub")) == 1


def test_a_release_before_14_is_named(make_lab: MakeLab) -> None:
    """The API is not there, and that is said; release 14 has it."""
    with pytest.raises(ApiDisabled, match="before 14"):
        driver(make_lab(releases={"cucm-pub": "12.5"})).trusted(TOMCAT)
    assert driver(make_lab(releases={"cucm-pub": "14"})).trusted(TOMCAT)


def test_what_the_publisher_got_arrives_at_the_subscriber(make_lab: MakeLab) -> None:
    """A subscriber shows what replication brought; one that never replicates takes an upload of its own."""
    lab = make_lab(replication="0")
    root = lab.authority.new.chain[-1]
    driver(lab).add_trusted(root, TOMCAT)
    lab.effects.wait("trust-replicated", "cucm-sub")
    assert held(driver(lab, "cucm-sub"), TOMCAT, root) == [True]
    lab = make_lab(replication="never")
    root = lab.authority.new.chain[-1]
    driver(lab).add_trusted(root, TOMCAT)
    node = driver(lab, "cucm-sub")
    assert held(node, TOMCAT, root) == [False]
    node.add_trusted(root, TOMCAT)
    assert held(node, TOMCAT, root) == [True]


def test_of_two_namesakes_the_newer_stays(make_lab: MakeLab) -> None:
    """The node evicts and drops without a word, so only a look tells what is there."""
    node = driver(make_lab())
    old, new = (new_issuer("Namesake", age=age).certificate for age in (2, 1))
    for one in (old, new, old):
        node.add_trusted(one, TOMCAT)
    assert held(node, TOMCAT, old, new) == [False, True]


def test_only_what_runs_is_named(make_lab: MakeLab) -> None:
    """A node without TFTP, of a release without HAProxy, names the rest in the vendor's order."""
    names = [one.name for one in driver(make_lab()).services()]
    assert names == ["Cisco CallManager", "Cisco Tftp", "Cisco Tomcat", "Cisco HAProxy"]
    assert [one.name for one in driver(make_lab(tftp="off", haproxy="absent")).services()] == [names[0], names[2]]


@pytest.mark.parametrize("refusal", ["item", "outer"])
def test_a_refused_restart_is_an_error_in_either_shape(make_lab: MakeLab, refusal: str) -> None:
    """A service that is not activated can't be restarted; one that is can."""
    node = driver(make_lab(tftp="off", soap_refusal=refusal))
    with pytest.raises(Failed, match="did not restart Cisco Tftp"):
        node.restart_service("Cisco Tftp")
    node.restart_service("Cisco CallManager")


@pytest.mark.parametrize("start", ["utc", "ahead", "empty"])
@pytest.mark.parametrize("late", ["late", "at-once"])
def test_a_restart_is_told_from_the_old_process(make_lab: MakeLab, start: str, late: str) -> None:
    """Whatever the node writes as start time, and however late the restart shows, `since` moves only with it."""
    lab = make_lab(start_time=start, restart_status=late)
    node = driver(lab)
    before = node.service("Cisco Tftp")
    assert before.running
    node.restart_service("Cisco Tftp")
    lab.effects.wait("service-restarted", "cucm-pub")
    after = node.service("Cisco Tftp")
    assert after.running
    assert after.since > before.since
    assert node.service("Cisco CallManager").since < after.since


def test_the_rate_limit_is_waited_for(make_lab: MakeLab) -> None:
    """The node wants a pause, and that is no failure."""
    node = driver(make_lab(soap_rate="2", soap_rate_seconds="3600"))
    node.services(), node.services()
    with pytest.raises(Waiting, match="asked too often"):
        node.services()


def test_another_account_for_the_control_center_is_asked_for(make_lab: MakeLab) -> None:
    """Where the OS account is refused, it is said which account is wanted; the stores were reached with it."""
    node = driver(make_lab(soap_account="separate"))
    assert node.trusted(TOMCAT)
    with pytest.raises(LoginRefused) as caught:
        node.services()
    assert "`soap_username`" in caught.value.todo


FAULTS = {
    "drop-before": Unreachable,
    "drop-after": Unreachable,
    "truncated": Unreachable,
    "error-5xx": Failed,
    "denied": LoginRefused,
}
WRITES: dict[str, tuple[Callable[[TrustStore], object], Callable[[TrustStore], object]]] = {
    wire.UPLOAD: (
        lambda node: node.add_trusted(ROOT, TOMCAT),
        lambda node: node.add_trusted(ROOT, CALLMANAGER),
    ),
    soap.PATH: (
        lambda node: node.restart_service("Cisco CallManager"),
        lambda node: node.restart_service("Cisco Tftp"),
    ),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(("fault", "kind"), FAULTS.items())
def test_a_fault_on_a_write_is_an_error_and_nothing_is_sent_twice(
    make_lab: MakeLab, path: str, fault: str, kind: type[CertrenewError]
) -> None:
    """Whatever goes wrong on a write, it raises and the node saw it once; without the fault nothing is raised."""
    lab, (good, bad) = make_lab(), WRITES[path]
    good(driver(lab))
    lab.order("cucm-pub", fault, path=path)
    with pytest.raises(kind) as caught:
        bad(driver(lab, callmanager_service="CallManager"))
    assert type(caught.value) is kind
    assert len(lab.effects.of("fault-struck", "cucm-pub")) == 1


def test_a_wrong_password_is_sent_once(make_lab: MakeLab) -> None:
    """The node counts one refused login, however often the driver is asked."""
    lab = make_lab()
    node = driver(lab, password=lambda: "wrong")
    for call in (lambda: node.trusted(TOMCAT), node.services, lambda: node.trusted(CALLMANAGER)):
        with pytest.raises(LoginRefused):
            call()
    assert len(lab.effects.of("login-refused", "cucm-pub")) == 1
