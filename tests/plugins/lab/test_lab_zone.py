"""The traversal zone is up exactly when a real mutual TLS handshake between the two boxes succeeds."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509

from plugins.lab.authority import BOTH, certify, fingerprint, pem
from plugins.lab.box import Identity
from plugins.lab.estate import ZONE
from plugins.lab.lab import Lab
from plugins.lab.requests import make_key
from plugins.lab.uploads import dns_names

from .client import Client, connect, leaf_of
from .conftest import MakeLab

Oid = x509.ObjectIdentifier

pytestmark = pytest.mark.lab


def present(
    lab: Lab, node: str, *, signer: str = "old", names: Sequence[str] = (), eku: Sequence[x509.ObjectIdentifier] = BOTH
) -> None:
    """Put a certificate into a box's slots and boot it, past every rule of the upload."""
    box, by, key = lab.boxes[node], lab.authority.generation(signer).issuing, make_key("ec-256")
    san = [x509.DNSName(name) for name in names or [box.hostname]]
    subject, now = box.serves.certificate.subject, lab.now()
    leaf = certify(by, subject, key.public_key(), san, start=now - timedelta(1), end=now + timedelta(9), eku=eku)
    box.slots = dict.fromkeys(box.slots, Identity(leaf, key))
    box.boot()
    box.notify()


def test_the_zone_comes_up_by_mutual_tls_and_goes_down_with_the_reason_when_the_ca_is_forgotten(lab: Lab) -> None:
    """The peer that lost the CA names it as missing; the other side is told by an alert."""
    assert lab.await_zone("Active").cause == ""

    lab.order("expe", "forget-ca", ca="old")

    assert lab.await_zone("Failed").cause == "TLS negotiation failed: tlsv1 alert unknown ca"
    refusing = lab.zone.status("expe")
    assert refusing.cause == "TLS negotiation failed: certificate verify failed: unable to get local issuer certificate"
    assert [entry["cause"] for entry in lab.effects.of("zone-down", "expe")] == [refusing.cause]

    lab.boxes["expe"].append_trust(pem(lab.authority.old.chain))
    assert lab.await_zone("Active").status == "Active"


def test_the_client_names_the_reason_when_it_is_the_one_that_does_not_trust(lab: Lab) -> None:
    """Roles swap: the C's own store decides about the E's certificate."""
    lab.order("expc", "forget-ca", ca="old")
    assert "unable to get local issuer certificate" in lab.await_zone("Failed").cause
    assert lab.zone.status("expe").cause == "TLS negotiation failed: tlsv1 alert unknown ca"


@pytest.mark.parametrize("forgotten", ["issuing", "root"])
def test_one_missing_ca_certificate_of_a_chain_takes_the_zone_down(lab: Lab, forgotten: str) -> None:
    """Only the leaf is sent, so root and intermediate are both needed in the peer's store."""
    ca = getattr(lab.authority.old, forgotten).certificate
    lab.order("expe", "forget-ca", ca=fingerprint(ca))
    lab.await_zone("Failed")
    assert "issuer certificate" in lab.zone.status("expe").cause
    lab.boxes["expe"].append_trust(pem([ca]))
    lab.await_zone("Active")


@pytest.mark.parametrize(("node", "judge", "wrong"), [("expc", "expe", BOTH[:1]), ("expe", "expc", BOTH[1:])])
def test_a_certificate_without_the_usage_of_its_role_fails(lab: Lab, node: str, judge: str, wrong: list[Oid]) -> None:
    """The TLS client needs clientAuth and the server serverAuth; a certificate without the extension may do both."""
    present(lab, node, eku=wrong)
    lab.await_zone("Failed")
    assert lab.zone.status(judge).cause.endswith("unsuitable certificate purpose")
    present(lab, node, eku=[])
    lab.await_zone("Active")


def test_an_expired_certificate_takes_the_zone_down(make_lab: MakeLab) -> None:
    """A lab can begin late; the reason is the one that OpenSSL gives."""
    late = make_lab(days_left={"expc": -2})
    late.await_zone("Failed")
    assert late.zone.status("expe").cause.endswith("certificate has expired")


def test_the_peer_address_must_be_a_name_in_the_servers_certificate(lab: Lab) -> None:
    """221624: C looks for the address under which it calls E."""
    present(lab, "expe", names=["corp.example"])
    assert lab.await_zone("Failed").cause.endswith("does not name expe.corp.example")
    present(lab, "expe", names=["corp.example", "expe.corp.example"])
    lab.await_zone("Active")


def test_the_tls_verify_subject_name_must_be_a_name_in_the_clients_certificate(lab: Lab) -> None:
    """221624: E looks for the name that its zone is configured with, and C learns that it was refused."""
    present(lab, "expc", names=["expc-cluster.corp.example"])
    assert "TLS verify subject name" in lab.await_zone("Failed").cause
    assert lab.zone.status("expe").cause.endswith("does not name expc.corp.example")
    present(lab, "expc")
    lab.await_zone("Active")


def test_both_sides_need_the_new_ca_before_a_new_certificate_works(lab: Lab) -> None:
    """The negative control of every renewal: trust at one end alone does not do."""
    lab.boxes["expc"].append_trust(pem(lab.authority.new.chain))
    present(lab, "expc", signer="new")
    lab.await_zone("Failed")
    lab.boxes["expe"].append_trust(pem(lab.authority.new.chain))
    lab.await_zone("Active")


def test_a_restarting_box_takes_the_zone_down_for_as_long(lab: Lab) -> None:
    """Both sides show it, and the zone comes back by itself."""
    lab.machines["expe"].restart()
    lab.effects.wait("restarted", "expe")
    lab.await_zone("Active")
    assert "zone-down" in lab.effects.kinds("expc")
    assert lab.effects.of("zone-down", "expe")[0]["cause"] == "System unreachable"


def test_a_box_that_is_back_at_once_took_its_links_down_all_the_same(make_lab: MakeLab) -> None:
    """However short a restart is, each link of the box was down and is up again; those of others stay as they were."""
    lab = make_lab(restart_seconds=0, cluster=True)
    for link in lab.links:
        link.wait("Active", 10)
    begun = len(lab.effects.kinds())
    lab.machines["expc2"].restart()
    lab.effects.wait("restarted", "expc2")
    for link in lab.links:
        link.wait("Active", 10)
    for kind, links in {"zone": {f"{ZONE} from expc2"}, "peer": {"expc", "expc2"}}.items():
        for way in ("down", "up"):
            went = [entry[kind] for entry in lab.effects.of(f"{kind}-{way}") if int(entry["seq"]) > begun]
            assert (set(went), len(went)) == (links, 2)


def test_a_probe_of_the_traversal_port_leaves_the_zone_alone(lab: Lab) -> None:
    """Looking at what the port serves shows the server certificate, and is no failure of the zone."""
    with connect(lab, "expe", port="traversal") as tls:
        assert tls.getpeercert() != {}
    lab.await_zone("Active")
    assert lab.effects.of("zone-down") == []


def test_from_x15_5_the_c_shows_its_client_slot(make_lab: MakeLab) -> None:
    """225693: a renewed server slot alone leaves the zone on the old client certificate."""
    new = make_lab(releases={"expc": "X15.5", "expe": "X15.5"}, switches={"*": {"api_access": "on"}})
    box, client = new.boxes["expc"], Client(new, "expc")
    old = box.slots["client"].fingerprint
    client.trust_new()
    assert client.post_file("/api/provisioning/certs/server", leaf_of(new.sign(client.request_csr()))).status == 200
    client.restart()
    new.effects.wait("restarted", "expc")
    assert (box.presents.fingerprint, box.serves.fingerprint) == (old, box.slots["server"].fingerprint)
    new.await_zone("Active")  # E knows nothing of the new CA, and need not
    present(new, "expc", signer="new")
    new.await_zone("Failed")


@pytest.mark.parametrize(("setting", "status"), [("on", "Failed"), ("off", "Active")])
def test_x15_5_can_stop_looking_at_the_clients_extended_key_usage(make_lab: MakeLab, setting: str, status: str) -> None:
    """225693: with the check on, a client certificate without clientAuth fails the zone; off, it passes."""
    new = make_lab(releases={"expc": "X15.5", "expe": "X15.5"}, switches={"expe": {"eku_checking": setting}})
    present(new, "expc", eku=BOTH[:1])
    new.await_zone(status)


def test_before_x15_5_the_extended_key_usage_is_always_looked_at(make_lab: MakeLab) -> None:
    """The setting is one of X15.5; an older box does not have it."""
    old = make_lab(switches={"expe": {"eku_checking": "off"}})
    present(old, "expc", eku=BOTH[:1])
    old.await_zone("Failed")


def test_waiting_in_vain_says_how_the_zone_stands(lab: Lab) -> None:
    """A test that waits for the wrong thing learns why."""
    lab.await_zone("Active")
    with pytest.raises(TimeoutError, match="is Active after"):
        lab.await_zone("Failed", timeout=0.05)


def test_names_of_the_zone_are_the_configured_ones(lab: Lab) -> None:
    """Both ends are reported with the address that a person would have typed."""
    zone = lab.zone
    assert zone.status("expc").address in dns_names(lab.boxes["expe"].serves.certificate)
    assert zone.status("expe").verify_name in dns_names(lab.boxes["expc"].serves.certificate)
