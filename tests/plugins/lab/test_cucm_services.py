"""Control Center shows and restarts services, slowly, and refuses what it must."""

import threading

import pytest

from engine.errors import UsageError
from plugins.lab.authority import fingerprint
from plugins.lab.cucm.services import AGE, KINDS
from plugins.lab.cucm.soap import Rate
from plugins.lab.cucm.stores import XMPP
from plugins.lab.lab import Lab

from .conftest import MakeLab
from .node_client import NodeClient, cluster, fault, items, node

pytestmark = pytest.mark.lab


@pytest.fixture
def pub(cucm: Lab) -> NodeClient:
    """Be an administrator of the publisher."""
    return NodeClient(cucm, "cucm-pub")


def test_all_services_or_the_named_ones_are_shown(pub: NodeClient) -> None:
    """C6: an empty name means all; names may be repeated, in any case of letters."""
    assert set(pub.status()) == {name for name, kind in KINDS.items() if kind.store != XMPP}
    two = pub.status("cisco tftp", "Cisco CallManager")
    assert set(two) == {"Cisco Tftp", "Cisco CallManager"}
    tftp = two["Cisco Tftp"]
    assert (tftp["ServiceStatus"], tftp["ReasonCode"]) == ("Started", "-1")
    assert int(tftp["UpTime"]) >= AGE
    assert list(tftp) == ["ServiceName", "ServiceStatus", "ReasonCode", "ReasonCodeString", "StartTime", "UpTime"]
    gone = pub.status("Cisco Teapot")["Cisco Teapot"]
    assert (gone["ServiceStatus"], gone["ReasonCode"], gone["UpTime"]) == ("Unknown", "-1010", "-1")


def test_a_restart_goes_on_after_the_answer(cucm: Lab, pub: NodeClient) -> None:
    """Still the old process at first, then away, then a new one with another uptime."""
    cucm.order("cucm-pub", "restart-never-ends")
    assert pub.restart("Cisco Tftp") == -1
    cucm.effects.wait("service-restarting", "cucm-pub")
    cucm.await_mra("Failed", node="cucm-pub", consumer="tftp")
    assert pub.status("Cisco Tftp")["Cisco Tftp"]["UpTime"] == "-1"
    assert pub.restart("Cisco Tftp") == -1042
    assert cucm.clear("cucm-pub") == 1
    (done,) = cucm.effects.wait("service-restarted", "cucm-pub")
    assert done["service"] == "Cisco Tftp"
    assert int(pub.status("Cisco Tftp")["Cisco Tftp"]["UpTime"]) < AGE
    assert int(pub.status("Cisco CallManager")["Cisco CallManager"]["UpTime"]) >= AGE


def test_a_service_loads_its_store_when_it_starts_and_not_before(cucm: Lab, pub: NodeClient) -> None:
    """Each its own store; the other services keep what they had."""
    pub.trust_new()
    new = {fingerprint(certificate) for certificate in cucm.authority.new.chain}
    assert pub.restart("Cisco CallManager") == -1
    cucm.effects.wait("service-restarted", "cucm-pub")
    services = cucm.state()["cucm-pub"]["services"]
    assert {name: new <= set(now["loaded"]) for name, now in services.items()} == {
        "Cisco CallManager": True,
        "Cisco Tftp": False,
        "Cisco Tomcat": False,
        "Cisco HAProxy": False,
    }


@pytest.mark.parametrize("service", ["Cisco Tomcat", "Cisco HAProxy"])
def test_tomcat_and_haproxy_are_restarted_by_a_person_only(cucm: Lab, pub: NodeClient, service: str) -> None:
    """Refused by SOAP as reserved; the command line does it, and returns when it is back."""
    assert pub.restart(service) == -1011
    assert cucm.effects.of("service-restarting") == []
    assert [entry["code"] for entry in cucm.effects.of("service-refused")] == [-1011]
    cucm.restart_service("cucm-pub", service.upper())
    assert int(pub.status(service)[service]["UpTime"]) < AGE


def test_while_tomcat_restarts_the_web_is_away(make_lab: MakeLab) -> None:
    """REST and SOAP both; other nodes answer."""
    lab = make_lab(cucm=True)
    lab.order("cucm-pub", "restart-never-ends")
    person = threading.Thread(target=lab.restart_service, args=("cucm-pub", "Cisco Tomcat"))
    person.start()
    lab.await_mra("Failed", node="cucm-pub", consumer="tomcat")
    with pytest.raises(ConnectionRefusedError):
        NodeClient(lab, "cucm-pub").get()
    assert NodeClient(lab, "cucm-sub").get().status == 200
    lab.clear("cucm-pub")
    person.join()
    assert NodeClient(lab, "cucm-pub").get().status == 200


def test_a_stopped_service_can_be_started(cucm: Lab, pub: NodeClient) -> None:
    """And what is in that state already is said so."""
    assert items(pub.control("Start", "Cisco Tftp"))["Cisco Tftp"]["ReasonCode"] == "-1039"
    assert items(pub.control("Stop", "Cisco Tftp"))["Cisco Tftp"]["ReasonCode"] == "-1"
    cucm.effects.wait("service-stopped", "cucm-pub")
    assert cluster(cucm).nodes["cucm-pub"].services.await_restarts(5)
    assert items(pub.control("Stop", "Cisco Tftp"))["Cisco Tftp"]["ReasonCode"] == "-1040"
    assert items(pub.control("Start", "Cisco Tftp"))["Cisco Tftp"]["ReasonCode"] == "-1"
    cucm.effects.wait("service-restarted", "cucm-pub")
    cucm.await_mra("Active")


def test_a_node_controls_itself_only(cucm: Lab, pub: NodeClient) -> None:
    """C5: its own name, short or long; for another node's the whole request is a fault."""
    assert "not this one" in fault(pub.control("Restart", "Cisco Tftp", to="cucm-sub"))
    assert cucm.effects.of("service-restarting") == []
    assert items(pub.control("Restart", "Cisco Tftp", to="CUCM-PUB"))["Cisco Tftp"]["ReasonCode"] == "-1"


@pytest.mark.parametrize("order", ["Reboot", "restart", ""])
def test_an_order_that_does_not_exist_is_a_fault(pub: NodeClient, order: str) -> None:
    """Names are exact."""
    assert "ControlType" in fault(pub.control(order, "Cisco Tftp"))


@pytest.mark.parametrize("text", ["hello", "<a/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_no_envelope_is_a_fault(pub: NodeClient, text: str) -> None:
    """Entities are not even read."""
    from plugins.lab.cucm.soap import PATH

    assert "no SOAP envelope" in fault(pub.send("POST", PATH, text, pub.soap_login))
    assert "no operation" in fault(pub.call("soapDoNothing", ""))
    assert "missing" in fault(pub.call("soapGetServiceStatus", ""))
    assert pub.send("GET", PATH, None, pub.soap_login).status == 405


def test_too_many_requests_get_a_fault_and_do_nothing(make_lab: MakeLab) -> None:
    """T5: after a pause it answers again; each node counts for itself."""
    lab = make_lab(cucm=True, switches={"cucm-pub": {"soap_rate": "3", "soap_rate_seconds": "3600"}})
    pub = NodeClient(lab, "cucm-pub")
    for _ in range(3):
        pub.status("Cisco Tftp")
    refused = pub.control("Restart", "Cisco Tftp")
    assert (refused.status, fault(refused)[:21]) == (500, "Exceeded allowed rate")
    assert lab.effects.of("service-restarting") == []
    assert len(lab.effects.of("rate-limited", "cucm-pub")) == 1
    assert NodeClient(lab, "cucm-sub").restart("Cisco Tftp") == -1
    assert pub.get().status == 200


def test_the_rate_counts_what_was_answered_within_its_seconds() -> None:
    """No limit is none; a window of no length never fills."""
    strict, free, short = Rate(2, 3600), Rate(0, 3600), Rate(1, 0)
    assert [strict.exceeded() for _ in range(4)] == [False, False, True, True]
    assert not any(free.exceeded() or short.exceeded() for _ in range(9))


def test_power_off_ends_a_restart_and_power_on_starts_all(cucm: Lab, pub: NodeClient) -> None:
    """A restart that was under way is lost; every service has what its store holds."""
    cucm.order("cucm-pub", "restart-never-ends")
    assert pub.restart("Cisco Tftp") == -1
    pub.trust_new()
    cucm.order("cucm-pub", "power-off")
    assert cucm.effects.of("service-restarted") == []
    assert {now["status"] for now in cucm.state()["cucm-pub"]["services"].values()} == {"Stopped"}
    cucm.order("cucm-pub", "power-on")
    cucm.await_mra("Active")
    assert {len(now["loaded"]) for now in cucm.state()["cucm-pub"]["services"].values()} == {4}
    assert [cucm.effects.of(kind)[0]["node"] for kind in ("powered-off", "powered-on")] == ["cucm-pub"] * 2


@pytest.mark.parametrize(("name", "service"), [("cucm-pub", "Cisco Teapot"), ("expc", "Cisco Tftp")])
def test_a_service_that_is_not_there_is_refused(cucm: Lab, name: str, service: str) -> None:
    """With what there is."""
    with pytest.raises(UsageError, match="no service") as refused:
        cucm.restart_service(name, service)
    assert "Cisco Tomcat" in refused.value.todo


def test_a_lab_without_cucm_says_so(lab: Lab) -> None:
    """Neither MRA nor services, nor nodes to order faults on."""
    for order in (lambda: lab.await_mra("Active"), lambda: lab.restart_service("cucm-pub", "Cisco Tftp")):
        with pytest.raises(UsageError, match="no CUCM"):
            order()
    with pytest.raises(UsageError, match="no node"):
        lab.order("cucm-pub", "slow")


def test_unknown_services_of_a_node_raise(cucm: Lab) -> None:
    """No silent None."""
    with pytest.raises(KeyError):
        node(cucm, "cucm-pub").service("Cisco Teapot")


def test_stopping_the_lab_ends_endless_restarts_slow_answers_and_every_thread(make_lab: MakeLab) -> None:
    """Nothing that was ordered, is under way or waits for replication can keep the lab from ending."""
    lab = make_lab(cucm=True, switches={"cucm-sub": {"replication": "3600"}})
    pub = NodeClient(lab, "cucm-pub")
    pub.trust_new()
    lab.order("cucm-pub", "restart-never-ends")
    assert pub.restart("Cisco Tftp") == -1
    lab.await_mra("Failed", node="cucm-pub", consumer="tftp")
    lab.order("cucm-pub", "slow", seconds=3600)
    with pytest.raises(TimeoutError):
        NodeClient(lab, "cucm-pub", timeout=0.1).get()
    lab.stop()
    assert lab.effects.of("service-restarted") == []
    assert [thread for thread in threading.enumerate() if thread.name.startswith("lab-")] == []
    lab.stop()
