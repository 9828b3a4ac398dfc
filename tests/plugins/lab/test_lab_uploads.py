"""An upload is refused for every reason that the vendor names, release by release, and changes nothing then."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from plugins.lab.authority import fingerprint, pem
from plugins.lab.box import NO_COMMON_NAME, RESTART_NEEDED
from plugins.lab.lab import Lab
from plugins.lab.releases import RELEASES, does
from plugins.lab.requests import Refusal
from plugins.lab.uploads import Situation, judge

from .client import CERTS, CSR, Client, leaf_of
from .conftest import MakeLab

pytestmark = pytest.mark.lab
SERVER = f"{CERTS}/server"
KINDS = {"expc": "expressway-c", "expe": "expressway-e"}


def ready(lab: Lab, node: str) -> bytes:
    """Make a CSR with a quick key on a box that trusts the new CA, and return it."""
    box = lab.boxes[node]
    box.append_trust(pem(lab.authority.new.chain))
    fast = "ec-256" if does("ecdsa-csr", box.release, box.kind) else "rsa-2048"
    return box.generate_csr(CSR, key=fast).pem


def test_a_good_leaf_goes_into_the_slot_with_its_key_and_is_served_only_after_the_restart(
    lab: Lab, expc: Client
) -> None:
    """The pending CSR is used up, an alarm stays until the restart, and every port changes with it."""
    expc.trust_new()
    old = expc.served()
    leaf = leaf_of(lab.sign(expc.request_csr()))
    new = fingerprint(x509.load_pem_x509_certificate(leaf))

    assert expc.post_file(SERVER, leaf).outcome == (200, "OK")
    assert expc.get(SERVER).body == leaf
    assert expc.get(f"{CERTS}/generate_csr").status == 404
    assert (expc.served(), expc.served("sip")) == (old, old)
    assert RESTART_NEEDED.encode() in expc.get("/status.xml").body

    assert expc.restart().outcome == (200, "OK")
    lab.effects.wait("restarted", "expc")
    assert (expc.served(), expc.served("sip")) == (new, new)
    assert RESTART_NEEDED.encode() not in expc.get("/status.xml").body
    assert [entry["fingerprint"] for entry in lab.effects.of("certificate-installed")] == [new]


Spoil = Callable[[bytes, bytes], bytes]

REFUSED: dict[str, tuple[str, Spoil]] = {
    "the chain too": ("server certificate only", lambda signed, leaf: signed),
    "DER": ("format invalid", lambda signed, leaf: x509.load_pem_x509_certificate(leaf).public_bytes(Encoding.DER)),
    "nothing": ("format invalid", lambda signed, leaf: b""),
    "text": (
        "format invalid",
        lambda signed, leaf: b"-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_not_one_leaf_in_pem_is_refused(lab: Lab, case: str) -> None:
    """221624: certificate format invalid; 218034: not the full chain. The same leaf alone is taken."""
    reason, spoil = REFUSED[case]
    csr, expc = ready(lab, "expc"), Client(lab, "expc")
    signed = lab.sign(csr)
    before = lab.state()
    assert expc.post_file(SERVER, spoil(signed, leaf_of(signed))).outcome == (400, "Bad Request")
    assert reason in lab.effects.of("upload-refused")[0]["reason"]
    assert lab.state() == before
    assert expc.post_file(SERVER, leaf_of(signed)).status == 200


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ("other-key", "does not match the private key"),
        ("wrong-ca", "Untrusted CA certificate chain"),
        ("same-name-ca", "Untrusted CA certificate chain"),
        ("wildcard", "Wildcard"),
        ("server-only", "client authentication"),
        ("client-only", "server authentication"),
        ("no-eku", "server authentication"),
    ],
)
def test_a_wrong_certificate_is_refused(lab: Lab, flaw: str, reason: str) -> None:
    """Facts of uploads, docs/reference/lab.md; the certificate without the flaw is taken."""
    csr, box = ready(lab, "expc"), lab.boxes["expc"]
    with pytest.raises(Refusal, match=reason):
        box.upload(leaf_of(lab.sign(csr, flaw=flaw)))
    assert box.pending is not None
    box.upload(leaf_of(lab.sign(csr)))


@pytest.mark.parametrize("forgotten", ["issuing", "root"])
def test_each_ca_certificate_of_the_chain_must_be_trusted_first(lab: Lab, forgotten: str) -> None:
    """221624 and the MRA guide: the server must trust all CA certificates in the chain."""
    csr, box = ready(lab, "expe"), lab.boxes["expe"]
    ca = getattr(lab.authority.new, forgotten).certificate
    box.remove_trust([fingerprint(ca)])
    with pytest.raises(Refusal, match="Untrusted CA certificate chain"):
        box.upload(leaf_of(lab.sign(csr)))
    box.append_trust(pem([ca]))
    box.upload(leaf_of(lab.sign(csr)))


def test_the_certificate_of_another_box_is_refused(lab: Lab) -> None:
    """A CSR and its key belong to one peer (deployment guide X15.4)."""
    mine, theirs = ready(lab, "expc"), ready(lab, "expe")
    with pytest.raises(Refusal, match="does not match"):
        lab.boxes["expc"].upload(leaf_of(lab.sign(theirs)))
    lab.boxes["expc"].upload(leaf_of(lab.sign(mine)))


@pytest.mark.parametrize("flaw", ["expired", "not-yet-valid", "drop-san", "extra-san", "ca"])
def test_a_box_takes_what_no_source_says_it_refuses(lab: Lab, flaw: str) -> None:
    """Names and dates are ours to check before: the box would install them."""
    lab.boxes["expc"].upload(leaf_of(lab.sign(ready(lab, "expc"), flaw=flaw)))


def test_a_subject_without_common_name_is_taken_with_an_alarm(lab: Lab) -> None:
    """Guides X12.5 to X14.3: a warning and an alarm."""
    box = lab.boxes["expc"]
    box.upload(leaf_of(lab.sign(ready(lab, "expc"), flaw="no-cn")))
    assert NO_COMMON_NAME in [alarm.reason for alarm in box.alarms]


ALLOWED_SERVER_ONLY = {
    ("X15.4", "expe", "on"),
    ("X15.5", "expc", "off"),
    ("X15.5", "expc", "on"),
    ("X15.5", "expe", "off"),
    ("X15.5", "expe", "on"),
}
"""Release, node and EnableServerEkuUpload with which a server-only certificate goes into the server slot."""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("node", KINDS)
@pytest.mark.parametrize("switch", ["off", "on"])
def test_when_a_server_only_certificate_may_be_uploaded(
    make_lab: MakeLab, release: str, node: str, switch: str
) -> None:
    """225482, 225693: never before X15.4; on an X15.4 Expressway-E with the switch; from X15.5 always."""
    lab = make_lab(releases={node: release}, switches={node: {"server_eku_upload": switch}})
    csr, box = ready(lab, node), lab.boxes[node]
    if (release, node, switch) in ALLOWED_SERVER_ONLY:
        box.upload(leaf_of(lab.sign(csr, flaw="server-only")))
    else:
        with pytest.raises(Refusal, match="client authentication"):
            box.upload(leaf_of(lab.sign(csr, flaw="server-only")))
        box.upload(leaf_of(lab.sign(csr)))


@pytest.mark.parametrize("release", RELEASES)
def test_a_client_slot_exists_from_x15_5_and_needs_client_authentication(make_lab: MakeLab, release: str) -> None:
    """225693: two slots, the old certificate in both at first; the client slot refuses server-only."""
    lab = make_lab(releases={"expc": release})
    csr, box = ready(lab, "expc"), lab.boxes["expc"]
    if release != "X15.5":
        assert list(box.slots) == ["server"]
        with pytest.raises(Refusal, match="no client certificate"):
            box.upload(leaf_of(lab.sign(csr)), slot="client")
        return
    assert box.slots["client"] == box.slots["server"]
    with pytest.raises(Refusal, match="client authentication"):
        box.upload(leaf_of(lab.sign(csr, flaw="server-only")), slot="client")
    box.upload(leaf_of(lab.sign(csr, flaw="client-only")), slot="client")
    assert box.slots["client"] != box.slots["server"]


@pytest.mark.parametrize("flaw", ["", "server-only"])
def test_the_web_page_can_put_one_certificate_into_both_slots(make_lab: MakeLab, flaw: str) -> None:
    """225693: Upload server certificate file as client certificate; also what the client slot itself would refuse."""
    lab = make_lab(releases={"expc": "X15.5"})
    box = lab.boxes["expc"]
    box.upload(leaf_of(lab.sign(ready(lab, "expc"), flaw=flaw)), also_client=True)
    assert box.slots["client"] == box.slots["server"]
    assert [entry["slot"] for entry in lab.effects.of("certificate-installed")] == ["server", "client"]


def test_the_rules_need_no_box(lab: Lab) -> None:
    """`judge` is pure: the same upload, another situation, another answer."""
    csr, box = ready(lab, "expc"), lab.boxes["expc"]
    leaf = leaf_of(lab.sign(csr))
    assert box.pending is not None
    keys = [box.pending.key.public_key()]
    good = Situation(box.release, box.kind, "server", box.settings, box.trusted, keys)
    assert pem([judge(leaf, good)]) == leaf
    with pytest.raises(Refusal, match="Untrusted"):
        judge(leaf, Situation(box.release, box.kind, "server", box.settings, [], keys))
    with pytest.raises(Refusal, match="does not match"):
        judge(leaf, Situation(box.release, box.kind, "server", box.settings, box.trusted, []))
