"""Old CAs go from the trust stores of Unified CM: at its command line, or by a person's hands."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509

from engine.errors import Waiting
from engine.model import Renewal
from plugins.lab.authority import certify, fingerprint, make_generation, pem
from plugins.lab.box import Identity
from plugins.lab.lab import Lab
from plugins.lab.tls import web_context
from tests.e2e.followed import After, finished, soaked
from tests.e2e.story import Story

STORES = ("tomcat-trust", "CallManager-trust")
NODES = ("cucm-pub", "cucm-sub")


def estate(labs: Callable[..., Lab], *, ssh: bool) -> Lab:
    """Return a lab whose Unified CM nodes present certificates of a CA of their own, as in many a real estate."""
    lab = labs(cucm=True, ssh=ssh, switches={"*": {"soap_rate": "0", "replication": "0"}})
    assert lab.cucm
    now = datetime.now(UTC)
    own = make_generation("Voice", now)
    for machine in lab.cucm.machines.values():
        old = machine.node.identity
        names = list(old.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        key, end = old.certificate.public_key(), now + timedelta(days=90)
        leaf = certify(own.issuing, old.certificate.subject, key, names, start=now, end=end)  # type: ignore[arg-type]
        machine.node.identity = Identity(leaf, old.key)
        machine._context = web_context(machine.node.identity, own.chain[:1])
    lab.boxes["expc"].append_trust(pem(own.chain))
    trust = lab.home / "trust" / "boxes.pem"
    trust.write_bytes(trust.read_bytes() + pem(own.chain))
    return lab


def old_in(lab: Lab) -> dict[str, int]:
    """Count, per store, how many certificates of the old CA are there."""
    assert lab.cucm
    old = {fingerprint(one) for one in lab.authority.generation("old").chain}
    return {
        f"{node}:{store}": len(old & {fingerprint(one) for one in lab.cucm.nodes[node].trusted(store)})
        for node in NODES
        for store in STORES
    }


class Pages(After):
    """Be a clean-up in which a person works the OS administration pages of Unified CM."""

    def _help(self, waiting: Waiting, *, flaw: str, restart: bool) -> None:
        assert self.lab.cucm
        for step in waiting.steps if any("OS Administration" in step for step in waiting.steps) else ():
            node, store = step.partition(",")[0], re.findall(r" in (\S+-trust),", step)[0]
            sha256 = re.findall(r"SHA-256 ([0-9a-f]{64})", step)[0]
            held = self.lab.cucm.nodes[node].trusted(store)
            for one in [one for one in held if fingerprint(one) == sha256]:
                self.lab.cucm.nodes[node].delete(store, one)
        if not waiting.steps:
            super()._help(waiting, flaw=flaw, restart=restart)


def cleaned(before: Story, kind: type[After]) -> tuple[After, Renewal]:
    """Return the clean-up of a renewal, after its end."""
    after = kind(before)
    soaked(before)
    return after, after.until("CleanedUp", restart=False)


def test_the_old_ca_goes_at_the_command_line(labs: Callable[..., Lab]) -> None:
    """It is deleted once on the publisher, which the other nodes follow; the Expressways, that need it, keep it."""
    lab = estate(labs, ssh=True)
    before = finished(lab, "expc-server")
    assert old_in(lab) == {f"{node}:{store}": 2 for node in NODES for store in STORES}
    after, end = cleaned(before, After)
    assert end.ended
    assert set(old_in(lab).values()) == {0}
    typed = [str(entry["node"]) for entry in after.entries("command-typed") if "set cert delete" in str(entry["line"])]
    assert typed == ["cucm-pub"] * 4
    assert "stays in the trusted CA list of expc: what expe presents" in after.events("state")[-1]
    assert {place for place in end.saved if place.startswith("cucm")} == {f"cucm-pub:store:{store}" for store in STORES}
    assert lab.await_mra("Active").status == "Active"
    assert after.whole()


def test_without_a_command_line_a_person_deletes_it(labs: Callable[..., Lab]) -> None:
    """The steps name node, page, store and fingerprint, and the stores are read back."""
    lab = estate(labs, ssh=False)
    after, end = cleaned(finished(lab, "expc-server"), Pages)
    assert end.ended
    assert set(old_in(lab).values()) == {0}
    assert after.entries("command-typed") == []


def test_what_unified_cm_presents_itself_keeps_its_ca(labs: Callable[..., Lab]) -> None:
    """Where its own certificates are of the old CA, that stays in its stores, and the end says why."""
    lab = labs(cucm=True, ssh=True, switches={"*": {"soap_rate": "0", "replication": "0"}})
    after, _ = cleaned(finished(lab, "expc-server"), After)
    assert set(old_in(lab).values()) == {2}
    assert "stays in tomcat-trust of cucm-pub: what cucm-pub presents (port https) chains" in after.events("state")[-1]
    assert after.effects("trust-removed") == []
