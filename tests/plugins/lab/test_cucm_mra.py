"""MRA works exactly while the running services of every node trust what the Expressway-C presents, and are trusted."""

from collections.abc import Sequence

import pytest
from cryptography import x509

from plugins.lab.authority import BOTH, fingerprint, pem
from plugins.lab.lab import Lab

from .client import Client, leaf_of
from .conftest import MakeLab
from .node_client import NodeClient
from .test_lab_zone import present

pytestmark = pytest.mark.lab
NODES = ("cucm-pub", "cucm-sub")
ALL = ("Cisco CallManager", "Cisco Tftp", "Cisco Tomcat", "Cisco HAProxy")
UNKNOWN_CA = "TLS negotiation failed: tlsv1 alert unknown ca"
NO_ISSUER = "TLS negotiation failed: certificate verify failed: unable to get local issuer certificate"


def renewed(lab: Lab) -> None:
    """Have the Expressway-C present a certificate of the new CA; its neighbours trust it already."""
    for name in ("expc", "expe"):
        lab.boxes[name].append_trust(pem(lab.authority.new.chain))
    present(lab, "expc", signer="new")


def restart_all(lab: Lab, nodes: Sequence[str] = NODES, services: Sequence[str] = ALL) -> None:
    """Restart services one after the other, as a person would."""
    for name in nodes:
        for service in services:
            lab.restart_service(name, service)


def failed(lab: Lab) -> set[str]:
    """Return which consumers of which node are down, by new handshakes."""
    assert lab.mra is not None
    return {f"{now.node} {now.consumer}" for now in lab.mra.look() if now.status == "Failed"}


def test_mra_is_up_at_the_start_and_goes_down_with_a_certificate_that_nobody_knows(cucm: Lab) -> None:
    """The Expressway-C sees an alert, each service says what is missing; the effects tell both."""
    assert cucm.await_mra("Active").cause == ""
    renewed(cucm)
    down = cucm.await_mra("Failed")
    assert (down.cause, down.verdict) == (UNKNOWN_CA, NO_ISSUER)
    assert len(failed(cucm)) == 6
    assert {entry["cause"] for entry in cucm.effects.of("mra-down")} == {UNKNOWN_CA}
    present(cucm, "expc")
    cucm.await_mra("Active")


def test_trust_first_then_restarts_then_the_new_certificate(cucm: Lab) -> None:
    """The vendor's order keeps MRA up all the way, but for the restarts themselves."""
    NodeClient(cucm, "cucm-pub").trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    assert failed(cucm) == set()
    restart_all(cucm)
    cucm.await_mra("Active")
    renewed(cucm)
    cucm.await_mra("Active")


def test_a_service_that_was_not_restarted_still_refuses(cucm: Lab) -> None:
    """Trust is in both stores of both nodes; only what restarted knows of it."""
    NodeClient(cucm, "cucm-pub").trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    renewed(cucm)
    assert len(failed(cucm)) == 6
    restart_all(cucm, ["cucm-pub"])
    assert failed(cucm) == {f"cucm-sub {consumer}" for consumer in ("tftp", "callmanager", "tomcat")}
    restart_all(cucm, ["cucm-sub"], ["Cisco Tftp"])
    assert failed(cucm) == {"cucm-sub callmanager", "cucm-sub tomcat"}
    restart_all(cucm, ["cucm-sub"])
    cucm.await_mra("Active")


@pytest.mark.parametrize(("service", "down"), [("tomcat", ("tftp", "callmanager")), ("CallManager", ("tomcat",))])
def test_trust_in_one_store_only_leaves_the_services_of_the_other_down(
    cucm: Lab, service: str, down: tuple[str, ...]
) -> None:
    """Restarting everything does not help."""
    NodeClient(cucm, "cucm-pub").trust_new([service])
    cucm.effects.wait("trust-replicated", "cucm-sub", count=2)
    renewed(cucm)
    restart_all(cucm)
    assert failed(cucm) == {f"{name} {consumer}" for name in NODES for consumer in down}
    NodeClient(cucm, "cucm-pub").trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    restart_all(cucm)
    cucm.await_mra("Active")


def test_a_forgotten_intermediate_takes_mra_down(cucm: Lab) -> None:
    """The Expressway-C sends its leaf alone."""
    issuing, root = cucm.authority.new.chain
    pub = NodeClient(cucm, "cucm-pub")
    assert pub.upload([root]).status == 200
    cucm.effects.wait("trust-replicated", "cucm-sub", count=2)
    renewed(cucm)
    restart_all(cucm)
    assert len(failed(cucm)) == 6
    assert pub.upload([issuing]).status == 200
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    restart_all(cucm)
    cucm.await_mra("Active")


def test_a_box_that_sends_its_intermediates_needs_the_root_alone(make_lab: MakeLab) -> None:
    """The control of the one before."""
    lab = make_lab(cucm=True, switches={"*": {"send_chain": "intermediates", "replication": "0"}})
    assert NodeClient(lab, "cucm-pub").upload([lab.authority.new.root.certificate]).status == 200
    lab.effects.wait("trust-replicated", "cucm-sub", count=2)
    renewed(lab)
    restart_all(lab)
    lab.await_mra("Active")


def test_a_subscriber_that_replication_never_reaches_stays_down(make_lab: MakeLab) -> None:
    """The publisher alone is not the cluster."""
    lab = make_lab(cucm=True, switches={"cucm-sub": {"replication": "never"}})
    NodeClient(lab, "cucm-pub").trust_new()
    renewed(lab)
    restart_all(lab)
    lab.await_mra("Active", node="cucm-pub")
    assert lab.await_mra("Failed", node="cucm-sub").verdict == NO_ISSUER
    NodeClient(lab, "cucm-sub").trust_new()
    restart_all(lab, ["cucm-sub"])
    lab.await_mra("Active")


def test_what_was_deleted_counts_until_the_restart(cucm: Lab) -> None:
    """The other way round: services keep what they have loaded."""
    cucm.order("cucm-sub", "forget-ca", ca="old", store="CallManager-trust")
    cucm.await_mra("Active")
    restart_all(cucm, ["cucm-sub"], ["Cisco CallManager"])
    assert failed(cucm) == {"cucm-sub callmanager"}


def test_an_evicted_ca_takes_mra_down(make_lab: MakeLab) -> None:
    """A CA with new keys and the old names drives the old one out, while the old certificate is still presented."""
    lab = make_lab(cucm=True, ca_names="same", switches={"*": {"replication": "0"}})
    NodeClient(lab, "cucm-pub").trust_new()
    lab.effects.wait("trust-replaced", "cucm-sub", count=4)
    lab.await_mra("Active")
    restart_all(lab)
    assert len(failed(lab)) == 6


def test_tomcat_needs_haproxy_too(cucm: Lab) -> None:
    """What one of the two has not loaded is not trusted."""
    NodeClient(cucm, "cucm-pub").trust_new()
    cucm.effects.wait("trust-replicated", "cucm-sub", count=4)
    renewed(cucm)
    restart_all(cucm, services=ALL[:3])
    assert failed(cucm) == {"cucm-pub tomcat", "cucm-sub tomcat"}
    restart_all(cucm, services=ALL[3:])
    cucm.await_mra("Active")


def test_the_expressway_judges_too(cucm: Lab) -> None:
    """Without the CA of the nodes' own certificates it is the one that refuses."""
    cucm.order("expc", "forget-ca", ca="old")
    down = cucm.await_mra("Failed")
    assert (down.cause, down.verdict) == (NO_ISSUER, UNKNOWN_CA)


def test_a_client_certificate_needs_the_usage(cucm: Lab) -> None:
    """OpenSSL looks at the extended key usage of a client."""
    present(cucm, "expc", eku=BOTH[:1])
    assert cucm.await_mra("Failed").verdict.endswith("unsuitable certificate purpose")


def test_from_x15_5_the_client_slot_is_what_counts(make_lab: MakeLab) -> None:
    """225693: a renewed server slot alone changes nothing for CUCM."""
    lab = make_lab(cucm=True, releases={"expc": "X15.5"}, switches={"expc": {"api_access": "on"}})
    box, client = lab.boxes["expc"], Client(lab, "expc")
    client.trust_new()
    leaf = leaf_of(lab.sign(client.request_csr()))
    assert client.post_file("/api/provisioning/certs/server", leaf).status == 200
    client.restart()
    lab.effects.wait("restarted", "expc")
    assert box.serves.fingerprint == fingerprint(x509.load_pem_x509_certificate(leaf))
    lab.await_mra("Active")
    box.slots["client"] = box.slots["server"]
    lab.machines["expc"].restart()
    lab.effects.wait("restarted", "expc", count=2)
    assert lab.await_mra("Failed").verdict == NO_ISSUER


def test_a_restarting_expressway_takes_mra_down_for_as_long(cucm: Lab) -> None:
    """And it comes back by itself."""
    cucm.order("expc", "restart-never-ends")
    cucm.machines["expc"].restart()
    assert cucm.await_mra("Failed").cause == "System unreachable"
    cucm.clear("expc")
    cucm.await_mra("Active")


def test_a_node_that_is_off_is_down(cucm: Lab) -> None:
    """Only that one."""
    cucm.order("cucm-sub", "power-off")
    assert cucm.await_mra("Failed", node="cucm-sub").cause == "Connect failed"
    cucm.await_mra("Active", node="cucm-pub")
    cucm.order("cucm-sub", "power-on")
    cucm.await_mra("Active")


def test_the_state_shows_mra(cucm: Lab) -> None:
    """Per node and consumer, with both sides' words."""
    renewed(cucm)
    cucm.await_mra("Failed")
    shown = cucm.state()["cucm-sub"]["mra"]
    assert shown["tftp"] == {"status": "Failed", "cause": UNKNOWN_CA, "verdict": NO_ISSUER}
    assert set(shown) == {"tftp", "callmanager", "tomcat"}


def test_waiting_in_vain_says_how_mra_stands(cucm: Lab) -> None:
    """And what does not exist is refused."""
    cucm.await_mra("Active")
    with pytest.raises(TimeoutError, match="MRA is Active after"):
        cucm.await_mra("Failed", timeout=0.05)
    with pytest.raises(ValueError, match="has no fax"):
        cucm.await_mra("Active", node="cucm-pub", consumer="fax")
