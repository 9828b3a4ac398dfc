"""Certificate management answers and refuses as the sources say: who may, what is taken, what is not stored."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from plugins.lab.authority import Signer, certify, fingerprint, pem
from plugins.lab.lab import Lab
from plugins.lab.requests import make_key

from .conftest import MakeLab
from .node_client import NodeClient, cluster, held, node

pytestmark = pytest.mark.lab
STORES = ("tomcat-trust", "CallManager-trust")


@pytest.fixture
def pub(cucm: Lab) -> NodeClient:
    """Be an OS administrator of the publisher."""
    return NodeClient(cucm, "cucm-pub")


def twin(lab: Lab, *, starts: int, ends: int = 900, bits: int = 0) -> x509.Certificate:
    """Make a self-signed CA certificate with the subject of the new root, that begins `starts` days ago."""
    like = lab.authority.new.root.certificate
    key = make_key("ec-256")
    public = rsa.RSAPublicNumbers(65537, 2**bits - 1).public_key() if bits else key.public_key()
    start, end = lab.now() - timedelta(days=starts), lab.now() + timedelta(days=ends)
    return certify(Signer(like, key), like.subject, public, [], start=start, end=end, ca=True)


def test_the_snapshot_has_every_store_and_names_files_by_common_name_and_serial(cucm: Lab, pub: NodeClient) -> None:
    """C2, seen in a reporting tool: identities, and trusts with files."""
    told = json.loads(pub.get().body)
    old = cucm.authority.old.chain
    assert told["server"] == "cucm-pub.corp.example"
    assert {entry["service"] for entry in told["identities"]} == {"tomcat", "CallManager"}
    assert {name: len(found) for name, found in pub.stores().items()} == {**dict.fromkeys(STORES, 2), "CAPF-trust": 1}
    first = told["trusts"][0]["certificate_data"][0]
    assert first["filename"] == f"Corp_Issuing_CA_G1_{old[0].serial_number:032x}.pem"
    assert first["certificate"].encode() == pem(old[:1])


def test_an_upload_goes_to_the_named_stores_of_both_nodes_and_nowhere_else(cucm: Lab, pub: NodeClient) -> None:
    """One request, two stores, root first; CAPF-trust is left alone."""
    new = {fingerprint(certificate) for certificate in cucm.authority.new.chain}
    pub.trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    for name in ("cucm-pub", "cucm-sub"):
        assert all(new <= set(held(cucm, name, store)) for store in STORES)
        assert new.isdisjoint(held(cucm, name, "CAPF-trust"))
    told = json.loads(pub.get("/trust/certificate?service=tomcat").body)["certificates"]
    assert len(told) == len(pub.stores()["tomcat-trust"]) == 4


def test_capf_trust_does_not_replicate(cucm: Lab, pub: NodeClient) -> None:
    """Security Guide 14; what came after it in another store did arrive."""
    root = cucm.authority.new.root.certificate
    assert pub.upload([root], ["CAPF"]).status == 200
    assert pub.upload([root], ["tomcat"]).status == 200
    cucm.effects.wait("trust-replicated", "cucm-sub")
    assert len(held(cucm, "cucm-pub", "CAPF-trust")) == 2
    assert len(held(cucm, "cucm-sub", "CAPF-trust")) == 1


def test_an_intermediate_is_refused_until_its_root_is_there(cucm: Lab, pub: NodeClient) -> None:
    """Root first, also within one request."""
    issuing, root = cucm.authority.new.chain
    refused = pub.upload([issuing, root])
    assert (refused.status, json.loads(refused.body)["message"]) == (400, "Install the root certificate first")
    assert len(held(cucm, "cucm-pub", "tomcat-trust")) == 2
    assert pub.upload([root, issuing]).status == 200


def test_the_root_of_the_other_store_does_not_help(cucm: Lab, pub: NodeClient) -> None:
    """Each store is a list of its own."""
    issuing, root = cucm.authority.new.chain
    assert pub.upload([root], ["tomcat"]).status == 200
    assert pub.upload([issuing], ["CallManager"]).status == 400
    assert pub.upload([issuing], ["tomcat"]).status == 200


def test_a_newer_certificate_of_the_same_subject_takes_the_place_of_the_older(cucm: Lab, pub: NodeClient) -> None:
    """Security Guide 14: the beginning of their validity decides, on every node."""
    pub.trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    old, newer = fingerprint(cucm.authority.new.root.certificate), twin(cucm, starts=1)
    assert pub.upload([newer], ["tomcat"]).status == 200
    cucm.effects.wait("trust-replaced", count=2)
    for name in ("cucm-pub", "cucm-sub"):
        assert fingerprint(newer) in held(cucm, name, "tomcat-trust")
        assert old not in held(cucm, name, "tomcat-trust")
        assert old in held(cucm, name, "CallManager-trust")
    assert {entry["evicted"] for entry in cucm.effects.of("trust-replaced")} == {old}


def test_an_older_certificate_of_the_same_subject_is_answered_well_and_not_stored(cucm: Lab, pub: NodeClient) -> None:
    """Only looking again shows it; nothing is replicated either."""
    pub.trust_new(["tomcat"])
    cucm.effects.wait("trust-replicated", "cucm-sub", count=2)
    before = held(cucm, "cucm-pub", "tomcat-trust")
    assert pub.upload([twin(cucm, starts=1000)], ["tomcat"]).status == 200
    assert held(cucm, "cucm-pub", "tomcat-trust") == before
    assert [entry["reason"] for entry in cucm.effects.of("trust-ignored")] == ["older"]


def test_the_new_ca_with_the_names_of_the_old_evicts_it(make_lab: MakeLab) -> None:
    """A re-keyed CA: what still relies on the old key loses it."""
    lab = make_lab(cucm=True, ca_names="same")
    NodeClient(lab, "cucm-pub").trust_new()
    new = {fingerprint(certificate) for certificate in lab.authority.new.chain}
    assert {*held(lab, "cucm-pub", "tomcat-trust")} == new


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda lab: twin(lab, starts=9, ends=-1), "expired"),
        (lambda lab: twin(lab, starts=-9), "not yet valid"),
        (lambda lab: twin(lab, starts=1, bits=4224), "Key size 4224"),
    ],
)
def test_what_a_store_does_not_take(
    cucm: Lab, pub: NodeClient, wrong: Callable[[Lab], x509.Certificate], reason: str
) -> None:
    """Validity and key size are looked at on import."""
    refused = pub.upload([wrong(cucm)], ["tomcat"])
    assert refused.status == 400
    assert reason in json.loads(refused.body)["message"]
    assert len(held(cucm, "cucm-pub", "tomcat-trust")) == 2
    assert len(cucm.effects.of("trust-refused", "cucm-pub")) == 1
    assert pub.upload([twin(cucm, starts=1)], ["tomcat"]).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"service": ["tomcat"]},
        {"service": [], "certificates": []},
        {"service": "tomcat", "certificates": ["x"]},
        {"service": ["tomcat"], "certificates": ["hello"]},
        {"service": ["tomcat-trust"], "certificates": ["x"]},
        {"service": ["phones"], "certificates": ["x"]},
    ],
)
def test_a_request_that_cannot_be_read_is_refused(pub: NodeClient, wrong: object) -> None:
    """400, and nothing is stored."""
    before = pub.stores()
    assert pub.post(wrong).status == 400
    assert pub.stores() == before


def test_each_node_has_an_account_of_its_own_that_locks(cucm: Lab, pub: NodeClient) -> None:
    """C3, C4: the publisher's password is none of the subscriber's; three refusals lock."""
    sub = NodeClient(cucm, "cucm-sub", password=pub.login[1])
    assert [sub.get().status for _ in range(3)] == [401, 401, 401]
    assert cucm.effects.of("account-locked", "cucm-sub")
    assert NodeClient(cucm, "cucm-sub").get().status == 401
    assert pub.get().status == 200


def test_a_reader_may_read_and_not_write(make_lab: MakeLab) -> None:
    """C3: privilege 0, on one node only."""
    lab = make_lab(cucm=True, switches={"cucm-sub": {"privilege": "0"}})
    reader, root = NodeClient(lab, "cucm-sub"), lab.authority.new.root.certificate
    assert reader.get().status == 200
    assert reader.upload([root]).status == 403
    assert len(lab.effects.of("write-refused", "cucm-sub")) == 1
    assert len(held(lab, "cucm-sub", "tomcat-trust")) == 2
    assert NodeClient(lab, "cucm-pub").upload([root]).status == 200


def test_before_release_14_there_is_no_such_api(make_lab: MakeLab) -> None:
    """C1: 404, while Control Center answers."""
    lab = make_lab(cucm=True, releases={"cucm-pub": "12.5"})
    pub = NodeClient(lab, "cucm-pub")
    assert pub.get().status == 404
    assert pub.status("Cisco Tftp")["Cisco Tftp"]["ServiceStatus"] == "Started"
    assert NodeClient(lab, "cucm-sub").get().status == 200


def test_paths_and_methods_that_do_not_exist(pub: NodeClient) -> None:
    """404 and 405."""
    assert pub.get("/trust/certificates/all").status == 404
    assert pub.get("/trust/certificates").status == 405
    assert pub.get("/trust/certificate?service=phones").status == 400


def test_an_upload_to_a_subscriber_replicates_to_the_publisher(cucm: Lab) -> None:
    """The database entry is the cluster's."""
    NodeClient(cucm, "cucm-sub").trust_new(["tomcat"])
    cucm.effects.wait("trust-replicated", "cucm-pub", count=2)
    assert held(cucm, "cucm-pub", "tomcat-trust") == held(cucm, "cucm-sub", "tomcat-trust")


def test_while_the_publisher_is_down_nothing_is_taken_and_nothing_replicates(cucm: Lab, pub: NodeClient) -> None:
    """210541: the entry goes to the publisher; what was under way arrives when it is back."""
    issuing, root = cucm.authority.new.chain
    sub = NodeClient(cucm, "cucm-sub")
    cucm.order("cucm-sub", "replication-stops")
    assert pub.upload([root], ["tomcat"]).status == 200
    cucm.order("cucm-pub", "power-off")
    cucm.order("cucm-sub", "replication-resumes")
    with pytest.raises(ConnectionRefusedError):
        pub.get()
    assert sub.get().status == 200
    assert sub.upload([root]).status == 500
    assert fingerprint(root) not in held(cucm, "cucm-sub", "tomcat-trust")
    cucm.order("cucm-pub", "power-on")
    cucm.effects.wait("trust-replicated", "cucm-sub")
    assert sub.upload([issuing], ["tomcat"]).status == 200


def test_replication_may_never_come_and_the_node_is_fed_directly(make_lab: MakeLab) -> None:
    """The upload to the laggard itself works; the other store of it stays as it was."""
    lab = make_lab(cucm=True, switches={"cucm-sub": {"replication": "never"}})
    NodeClient(lab, "cucm-pub").trust_new()
    assert len(held(lab, "cucm-sub", "tomcat-trust")) == 2
    assert lab.state()["cucm-sub"]["replicates"] is False
    NodeClient(lab, "cucm-sub").trust_new(["tomcat"])
    assert [len(held(lab, "cucm-sub", store)) for store in STORES] == [4, 2]
    lab.order("cucm-sub", "replication-resumes")
    lab.effects.wait("trust-replicated", "cucm-sub", count=2)
    assert [len(held(lab, "cucm-sub", store)) for store in STORES] == [4, 4]


def test_replication_comes_late(make_lab: MakeLab) -> None:
    """After its time, not before; what is due later waits for its own moment."""
    lab = make_lab(cucm=True, switches={"cucm-sub": {"replication": "1"}})
    NodeClient(lab, "cucm-pub").trust_new(["tomcat"])
    assert lab.effects.of("trust-replicated") == []
    lab.effects.wait("trust-replicated", "cucm-sub", count=2)
    assert len(held(lab, "cucm-sub", "tomcat-trust")) == 4


def test_a_node_that_was_off_gets_what_it_missed(cucm: Lab, pub: NodeClient) -> None:
    """And comes up on its old ports."""
    cucm.order("cucm-sub", "power-off")
    pub.trust_new(["tomcat"])
    assert cucm.state()["cucm-sub"]["up"] is False
    cucm.order("cucm-sub", "power-on")
    cucm.effects.wait("trust-replicated", "cucm-sub", count=2)
    assert NodeClient(cucm, "cucm-sub").get().status == 200
    assert cluster(cucm).publisher is node(cucm, "cucm-pub")
