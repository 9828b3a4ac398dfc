"""Hold what is said about certificates of public CAs: why clientAuth is gone, what breaks, and the ways out."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from engine.certificates import Release, judge
from engine.certificates.public import is_public, lifetime_note
from tests.engine.certificates.cases import (
    CHAIN,
    FAIL,
    GOOD,
    ISSUING,
    PASS,
    ROOT,
    WARN,
    message,
    only,
    outcomes,
    with_leaf,
)
from tests.pki import CA, DAY, NOW

DOMAIN_VALIDATED = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.23.140.1.2.1"), None)])
OWN_POLICY = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.3.6.1.4.1.99999.1"), None)])
TIMESTAMPS = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), b"\x04\x00")
NAMES = ("a.example", "b.example")


def leaf(*extra: x509.ExtensionType, eku: tuple[str, ...] = ("serverAuth",), days: int = 90) -> x509.Certificate:
    """Issue a certificate with these extensions, without clientAuth."""
    span = {"not_before": NOW - 1 * DAY, "not_after": NOW + (days - 1) * DAY}
    return ISSUING.issue(*NAMES, extra=extra, eku=eku, **span).certificate  # type: ignore[arg-type]


def test_a_public_ca_is_told_from_a_private_one() -> None:
    """A policy of the CA/Browser Forum or a log's timestamp marks a public CA; its own policy, or none, does not."""
    assert is_public(leaf(DOMAIN_VALIDATED))
    assert is_public(leaf(TIMESTAMPS))
    assert not is_public(leaf(OWN_POLICY))
    assert not is_public(leaf())


def test_why_a_public_ca_left_clientauth_out_is_explained() -> None:
    """Only for a certificate of a public CA the message says that public CAs stop issuing clientAuth, and when."""
    assert "2027-03-15" in message(with_leaf(leaf(DOMAIN_VALIDATED)), "eku-client-and-server")
    assert "2027-03-15" not in message(with_leaf(leaf(OWN_POLICY)), "eku-client-and-server")
    good = with_leaf(leaf(DOMAIN_VALIDATED, eku=("serverAuth", "clientAuth")))
    assert outcomes(good)["eku-client-and-server"] is PASS


BREAKS = {
    ("", "", ""): "Every release before X15.4 refuses",
    ("X14.3", "expressway-c", ""): "X14.3 refuses to upload it",
    ("X14.3", "expressway-e", ""): "X14.3 refuses to upload it",
    ("X15.4", "expressway-c", ""): "An Expressway-C on X15.4 still refuses",
    ("X15.4", "expressway-e", ""): "EnableServerEkuUpload: On",
    ("X15.5", "expressway-c", "client"): "SSH tunnels",
    ("X15.5", "expressway-e", ""): "has two slots (--slot)",
}


@pytest.mark.parametrize(("release", "role", "slot"), BREAKS)
def test_what_breaks_fits_the_release(release: str, role: str, slot: str) -> None:
    """Without clientAuth each release and role breaks in its own way, and every message names a way out."""
    runs = Release.parse(release) if release else None
    found = with_leaf(leaf(), release=runs, role=role, slot=slot)
    told = message(found, "eku-client-and-server")
    assert outcomes(found)["eku-client-and-server"] is FAIL
    assert BREAKS[release, role, slot] in told
    assert "ays out: " in told or "ways out: " in told
    both = with_leaf(leaf(eku=("serverAuth", "clientAuth")), release=runs, role=role, slot=slot)
    assert outcomes(both)["eku-client-and-server"] is PASS


def test_the_schedule_of_lifetimes_is_information() -> None:
    """A public CA's certificate passes `validity` with the schedule beside it; a private one has no such words."""
    public = with_leaf(leaf(DOMAIN_VALIDATED, days=90))
    assert outcomes(public)["validity"] is PASS
    assert "It lives 90 days" in message(public, "validity")
    assert "200 from 2026-03-15, 100 from 2027-03-15, 47 from 2029-03-15" in message(public, "validity")
    assert lifetime_note(leaf(OWN_POLICY)) == ""


# ---- names that a role needs ---------------------------------------------------------------------------------------


def test_a_phone_security_profile_needs_a_full_host_name() -> None:
    """From X12.6 on a needed name that is no full host name warns, for the box makes no CSR with it."""
    odd = ISSUING.issue("a.example", "b.example", "profile_1", "profile").certificate
    for release, outcome in ((None, WARN), ("X12.6", WARN), ("X12.5.9", PASS)):
        found = with_leaf(odd, names=["profile_1"], release=Release.parse(release) if release else None)
        assert outcomes(found)["names-for-role"] is outcome
    assert "profile_1" in message(with_leaf(odd, names=["profile_1"]), "names-for-role")
    assert outcomes(with_leaf(odd, names=["profile"]))["names-for-role"] is WARN


@pytest.mark.parametrize(
    "name", ["a.example", "A.Example", "1-2.b-c.example", "IP:10.0.0.1", "x|collab-edge.x.example"]
)
def test_ordinary_names_need_no_remark(name: str) -> None:
    """Full host names and names of other types never warn for their shape."""
    held = ISSUING.issue("a.example", "b.example", "1-2.b-c.example", "IP:10.0.0.1", "collab-edge.x.example")
    found = with_leaf(held.certificate, names=[name.removeprefix("x|")])
    assert outcomes(found)["names-for-role"] is PASS


# ---- two trusted CAs of one name -----------------------------------------------------------------------------------


def test_two_trusted_cas_of_one_name_warn() -> None:
    """A trusted CA certificate under the name of one in the chain warns: the box uses the first that it finds."""
    twin = CA.root("Test Issuing CA").certificate
    told = only(judge(replace(GOOD, trusted=[*CHAIN, twin])), "chain-complete", WARN)
    assert '"Test Issuing CA" is trusted, too' in told
    assert outcomes(judge(replace(GOOD, trusted=[*CHAIN, CA.root("Another").certificate])))["chain-complete"] is PASS


def test_a_new_ca_certificate_beside_a_trusted_old_one_warns() -> None:
    """A renewed CA certificate that is not trusted yet warns for the trusted one of its name."""
    renewed = ISSUING.renewed()
    told = judge(replace(GOOD, given=[GOOD.given[0], renewed.certificate], trusted=[ROOT.certificate, *CHAIN]))
    assert outcomes(told)["chain-complete"] is PASS, "control: the trusted one is preferred"
    other = ISSUING.rekeyed()
    found = judge(replace(GOOD, given=[other.issue(*NAMES).certificate, other.certificate], csr=None))
    assert outcomes(found)["chain-complete"] is WARN
