"""Each fault that can be ordered on a CUCM node does there what its line says."""

import http.client
import json
import ssl
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from engine.errors import UsageError
from plugins.lab.authority import fingerprint
from plugins.lab.estate import Options
from plugins.lab.faults import FAULTS
from plugins.lab.lab import Lab

from .client import Reply
from .conftest import MakeLab
from .node_client import NodeClient, cluster, fault, held

pytestmark = pytest.mark.lab
BROKEN = (http.client.HTTPException, ConnectionError, ssl.SSLError)


def root(pub: NodeClient) -> Reply:
    """Upload the new root into tomcat-trust."""
    return pub.upload([pub.lab.authority.new.root.certificate], ["tomcat"])


def stored(pub: NodeClient) -> bool:
    """Tell whether the new root is in tomcat-trust."""
    return fingerprint(pub.lab.authority.new.root.certificate) in held(pub.lab, "cucm-pub", "tomcat-trust")


def slow(lab: Lab, _pub: NodeClient) -> None:
    """The client's patience ends first."""
    lab.order("cucm-pub", "slow", count=1, seconds=60)
    with pytest.raises(TimeoutError):
        NodeClient(lab, "cucm-pub", timeout=0.2).get()


def drop_before(lab: Lab, pub: NodeClient) -> None:
    """Nothing was done."""
    lab.order("cucm-pub", "drop-before", count=1)
    with pytest.raises(BROKEN):
        root(pub)
    assert not stored(pub)


def drop_after(lab: Lab, pub: NodeClient) -> None:
    """It was done, and nobody heard."""
    lab.order("cucm-pub", "drop-after", count=1)
    with pytest.raises(BROKEN):
        root(pub)
    assert stored(pub)


def error_5xx(lab: Lab, pub: NodeClient) -> None:
    """Nothing was done, in the node's own shape of errors."""
    lab.order("cucm-pub", "error-5xx", count=1, method="POST")
    assert pub.get().status == 200
    refused = root(pub)
    assert (refused.status, json.loads(refused.body)) == (503, {"message": "Service Unavailable"})
    assert not stored(pub)


def error_5xx_after(lab: Lab, pub: NodeClient) -> None:
    """It was done all the same."""
    lab.order("cucm-pub", "error-5xx-after", count=1)
    assert (root(pub).status, stored(pub)) == (503, True)


def denied(lab: Lab, pub: NodeClient) -> None:
    """As to a wrong password; the account is not nearer to its lock."""
    lab.order("cucm-pub", "denied", count=9)
    assert {pub.get().status for _ in range(9)} == {401}
    assert pub.get().status == 200


def api_disabled(lab: Lab, pub: NodeClient) -> None:
    """403, nothing was done."""
    lab.order("cucm-pub", "api-disabled", count=1)
    assert (root(pub).status, stored(pub)) == (403, False)


def truncated(lab: Lab, pub: NodeClient) -> None:
    """Half of the body comes."""
    lab.order("cucm-pub", "truncated", count=1)
    with pytest.raises(http.client.IncompleteRead):
        pub.get()


def garbage(lab: Lab, pub: NodeClient) -> None:
    """200 and a web page; it was done."""
    lab.order("cucm-pub", "garbage", count=1)
    answer = root(pub)
    assert (answer.status, answer.type, stored(pub)) == (200, "text/html", True)


def refused(lab: Lab, pub: NodeClient) -> None:
    """400 with the node's own words; nothing was stored."""
    lab.order("cucm-pub", "refused", count=1)
    assert (root(pub).status, stored(pub)) == (400, False)


def hostile(lab: Lab, pub: NodeClient) -> None:
    """400 with words that try to fool a terminal; nothing was stored."""
    lab.order("cucm-pub", "hostile", count=1)
    answer = root(pub)
    assert (answer.status, stored(pub)) == (400, False)
    assert {"\x1b", "\u202e"} <= set(json.loads(answer.body)["message"])


def refused_200(lab: Lab, pub: NodeClient) -> None:
    """200, and nothing was done."""
    lab.order("cucm-pub", "refused-200", count=1)
    assert (root(pub).status, stored(pub)) == (200, False)


def restart_never_ends(lab: Lab, pub: NodeClient) -> None:
    """The next restart of a service; the others run."""
    lab.order("cucm-pub", "restart-never-ends")
    assert pub.restart("Cisco Tftp") == -1
    lab.await_mra("Failed", node="cucm-pub", consumer="tftp")
    lab.await_mra("Active", node="cucm-pub", consumer="callmanager")
    assert lab.state()["cucm-pub"]["faults"] == ["restart-never-ends"]
    lab.clear("cucm-pub")
    lab.await_mra("Active")


def forget_ca(lab: Lab, _pub: NodeClient) -> None:
    """From one store of one node, or from all; by generation or fingerprint."""
    old = fingerprint(lab.authority.old.root.certificate)
    lab.order("cucm-pub", "forget-ca", ca=old.upper(), store="CAPF-trust")
    assert held(lab, "cucm-pub", "CAPF-trust") == []
    lab.order("cucm-pub", "forget-ca", ca="old", store="tomcat-trust")
    assert [len(held(lab, "cucm-pub", store)) for store in ("tomcat-trust", "CallManager-trust")] == [0, 2]
    lab.order("cucm-pub", "forget-ca", ca="old")
    assert len(held(lab, "cucm-pub", "CallManager-trust")) == 0
    assert len(held(lab, "cucm-sub", "tomcat-trust")) == 2
    for ca, store in (("middle", ""), ("old", "trust")):
        with pytest.raises(UsageError):
            lab.order("cucm-pub", "forget-ca", ca=ca, store=store)


def rate_limited(lab: Lab, pub: NodeClient) -> None:
    """Control Center only; nothing restarts."""
    lab.order("cucm-pub", "rate-limited", count=1)
    assert pub.get().status == 200
    assert "Exceeded allowed rate" in fault(pub.control("Restart", "Cisco Tftp"))
    assert lab.effects.of("service-restarting") == []
    assert pub.restart("Cisco Tftp") == -1


def power_off(lab: Lab, pub: NodeClient) -> None:
    """Twice is once."""
    for _ in range(2):
        lab.order("cucm-pub", "power-off")
    assert len(lab.effects.of("powered-off")) == 1
    with pytest.raises(ConnectionRefusedError):
        pub.get()


def power_on(lab: Lab, pub: NodeClient) -> None:
    """On what runs it does nothing."""
    lab.order("cucm-pub", "power-on")
    assert lab.effects.of("powered-on") == []
    lab.order("cucm-pub", "power-off")
    lab.order("cucm-pub", "power-on")
    assert pub.get().status == 200


def replication_stops(lab: Lab, pub: NodeClient) -> None:
    """At this node; the other still gets its share."""
    lab.order("cucm-pub", "replication-stops")
    NodeClient(lab, "cucm-sub").trust_new(["tomcat"])
    assert not stored(pub)
    assert cluster(lab).held("cucm-pub")
    assert not cluster(lab).held("cucm-sub")


def replication_resumes(lab: Lab, pub: NodeClient) -> None:
    """What was held arrives."""
    replication_stops(lab, pub)
    lab.order("cucm-pub", "replication-resumes")
    lab.effects.wait("trust-replicated", "cucm-pub", count=2)
    assert stored(pub)


CASES: dict[str, Callable[[Lab, NodeClient], None]] = {
    name: globals()[name.replace("-", "_")] for name, kind in FAULTS.items() if "cucm" in kind.boxes
}


@pytest.mark.parametrize("name", CASES)
def test_each_fault_does_what_it_says(cucm: Lab, name: str) -> None:
    """A fault without a case here fails at import; the order is in the effects log."""
    CASES[name](cucm, NodeClient(cucm, "cucm-pub"))
    assert name in [entry["fault"] for entry in cucm.effects.of("fault-ordered", "cucm-pub")]


@pytest.mark.parametrize(
    ("name", "wrong"), [("cucm-pub", kind) for kind in ("discard-csr", "restart-now")] + [("expc", "power-off")]
)
def test_a_fault_of_another_kind_of_node_is_refused(cucm: Lab, name: str, wrong: str) -> None:
    """Nothing is noted of it."""
    with pytest.raises(UsageError, match="no fault"):
        cucm.order(name, wrong)
    assert cucm.effects.of("fault-ordered") == []


# ---- the files that the lab writes ---------------------------------------------------------------------------------


def test_the_site_file_has_the_cluster_and_the_mra_connection(cucm: Lab) -> None:
    """Every reference leads to a file; passwords differ per node and are not written down."""
    text = cucm.site_file.read_text()
    told: dict[str, Any] = tomllib.loads(text)
    pub, sub = told["nodes"]["cucm-pub"], told["nodes"]["cucm-sub"]
    assert (pub["kind"], pub["driver"], pub.get("publisher"), sub["publisher"]) == ("cucm", "cucm", None, "cucm-pub")
    assert {"kind": "mra", "client": "expc", "server": "cucm-pub"} in told["connections"]
    assert set(told["certificates"]) == {"expc-server", "expe-server"}
    for name in ("cucm-pub", "cucm-sub"):
        entry, inside = told["nodes"][name], cluster(cucm).nodes[name]
        assert entry["address"] == cluster(cucm).machines[name].ports["https"].address
        assert (cucm.home / entry["password"].removeprefix("file:")).read_text() == inside.account.password
        assert entry["username"] == inside.account.username
        assert inside.account.password not in text
        assert x509.load_pem_x509_certificates((cucm.home / entry["ca"]).read_bytes()) == cucm.authority.old.chain
    assert pub["password"] != sub["password"]


def test_lab_json_describes_the_nodes(cucm: Lab) -> None:
    """With the members that Expressways have, too."""
    told = json.loads((cucm.home / "lab.json").read_text())["nodes"]
    assert told["cucm-sub"]["publisher"] == "cucm-pub"
    assert (told["cucm-pub"]["kind"], told["cucm-pub"]["release"]) == ("cucm", "14")
    assert set(told["cucm-pub"]["tls"]) == {"https", "tftp", "callmanager", "tomcat"}
    assert told["cucm-pub"]["api"] == f"https://{told['cucm-pub']['tls']['https']}"


def test_without_cucm_the_lab_is_the_two_boxes(lab: Lab) -> None:
    """Site file, description and state know nothing of it."""
    assert "cucm" not in lab.site_file.read_text()
    assert set(json.loads((lab.home / "lab.json").read_text())["nodes"]) == set(lab.state()) == {"expc", "expe"}
    assert Options().cucm


@pytest.mark.parametrize(
    "wrong",
    [
        {"releases": {"cucm-pub": "X14.3"}},
        {"switches": {"cucm-pub": {"send_chain": "leaf"}}},
        {"switches": {"*": {"colour": "red"}}},
        {"switches": {"cucm-pub": {"privilege": "1"}}, "cucm": False},
        {"days_left": {"cucm-pub": 3}},
    ],
)
def test_wrong_options_are_refused(make_lab: MakeLab, wrong: dict[str, Any]) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError):
        make_lab(**{"cucm": True, **wrong})
