"""Hold times, strengths, subject and the rules about single names to the contract."""

from dataclasses import replace
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from engine.certificates import (
    Evidence,
    Release,
    judge,
)
from engine.model import Outcome
from tests.engine.certificates.cases import (
    CHAIN,
    CSR,
    FAIL,
    GOOD,
    ISSUING,
    KEY,
    NEW,
    PASS,
    WARN,
    message,
    only,
    outcomes,
    with_leaf,
)
from tests.pki import CA, DAY, NOW, PRINTABLE, dn, ec_key, make, rsa_key


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (NEW.not_valid_before_utc - DAY, FAIL),
        (NEW.not_valid_before_utc, PASS),
        (NEW.not_valid_after_utc, PASS),
        (NEW.not_valid_after_utc + DAY / 86400, FAIL),
    ],
)
def test_validity(at: datetime, outcome: Outcome) -> None:
    """Before its first and after its last second a certificate fails; in between, both included, it passes."""
    assert outcomes(judge(replace(GOOD, at=at)))["validity"] is outcome


def test_an_expired_old_certificate_never_fails() -> None:
    """An old certificate that expired long ago makes no difference."""
    old = ISSUING.issue("a.example", "b.example", not_before=NOW - 500 * DAY, not_after=NOW - 90 * DAY).certificate
    assert judge(replace(GOOD, current=old)).ok


def test_validity_warns() -> None:
    """Expiry before the old one, from 2050 on, or after the CA's own, warns."""
    brief = ISSUING.sign(CSR, not_after=NOW + 5 * DAY)
    assert "earlier than the old one" in only(judge(replace(GOOD, given=[brief, *CHAIN])), "validity", WARN)
    late = ISSUING.sign(CSR, not_after=datetime(2050, 1, 1, tzinfo=NOW.tzinfo))
    text = only(judge(replace(GOOD, given=[late, *CHAIN])), "validity", WARN)
    assert "2050" in text
    assert "outlives its CA" in text


def test_signature_strength() -> None:
    """MD5 and SHA-1 fail on the leaf and on intermediates, but not on the root; PSS and Ed25519 warn."""
    key = rsa_key()
    root = CA.root(key=key, digest="sha1")
    found = {}
    for digest in ("sha256", "sha1", "md5", "pss"):
        leaf = root.issue("a.example", digest=digest).certificate
        found[digest] = outcomes(judge(Evidence(given=[leaf, root.certificate], at=NOW)))["signature-strength"]
    assert found == {"sha256": PASS, "sha1": FAIL, "md5": FAIL, "pss": WARN}
    between = root.intermediate(digest="sha1")
    leaf = between.issue("a.example").certificate
    verdict = judge(Evidence(given=[leaf, *between.chain], at=NOW))
    assert outcomes(verdict)["signature-strength"] is FAIL
    assert "Test Issuing CA" in message(verdict, "signature-strength")
    edwards = CA.root(key=ed25519.Ed25519PrivateKey.generate())
    leaf = edwards.issue("a.example").certificate
    assert outcomes(judge(Evidence(given=[leaf, *edwards.chain], at=NOW)))["signature-strength"] is WARN


def rsa_leaf(bits: int) -> x509.Certificate:
    """Issue a leaf with an RSA key of that size; the size is all that counts, so the modulus need not be a real one."""
    public = rsa.RSAPublicNumbers(65537, (1 << bits) - 1).public_key()
    return make(dn("a.example"), public, ISSUING, sans=["a.example", "b.example"])


@pytest.mark.parametrize(("bits", "outcome"), [(1024, FAIL), (2047, FAIL), (2048, PASS), (4096, PASS), (8192, FAIL)])
def test_key_strength_rsa(bits: int, outcome: Outcome) -> None:
    """RSA keys from 2048 to 4096 bits pass; shorter ones are weak, longer ones break SIP zones."""
    assert outcomes(with_leaf(rsa_leaf(bits)))["key-strength"] is outcome


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_key_strength_curves_by_release(curve: ec.EllipticCurve) -> None:
    """The three curves of the box pass from X14.3 on, fail before, and pass when the release is not said."""
    leaf = ISSUING.issue("a.example", "b.example", key=ec_key(curve)).certificate
    before, since = (with_leaf(leaf, release=Release.parse(text)) for text in ("X14.2.7", "X14.3"))
    assert (outcomes(before)["key-strength"], outcomes(since)["key-strength"]) == (FAIL, PASS)
    assert outcomes(with_leaf(leaf))["key-strength"] is PASS


@pytest.mark.parametrize("key", [ec_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()])
def test_key_strength_refuses_what_the_box_cant_make(key: ec.EllipticCurvePrivateKey) -> None:
    """Other curves fail on every release."""
    leaf = ISSUING.issue("a.example", "b.example", key=key).certificate
    assert only(with_leaf(leaf, release=Release.parse("X15.5")), "key-strength", FAIL)


def test_key_strength_of_the_ca() -> None:
    """A CA with an RSA key under 2048 bits fails, for peers refuse the chain."""
    weak = CA.root(key=rsa_key(1024))
    leaf = weak.issue("a.example", key=rsa_key()).certificate
    assert "1024 bits" in message(judge(Evidence(given=[leaf, weak.certificate], at=NOW)), "key-strength")
    strong = CA.root(key=rsa_key(2048))
    leaf = strong.issue("a.example", key=rsa_key()).certificate
    assert outcomes(judge(Evidence(given=[leaf, strong.certificate], at=NOW)))["key-strength"] is PASS


@pytest.mark.parametrize(("sans", "subject"), [(["a.example", "*.example"], "a.example"), (["a.example"], "*.example")])
def test_no_wildcard(sans: list[str], subject: str) -> None:
    """A wildcard among the names, or as common name, fails."""
    leaf = ISSUING.issue(*sans, subject=subject).certificate
    verdict = judge(Evidence(given=[leaf, *CHAIN], at=NOW))
    assert outcomes(verdict)["no-wildcard"] is FAIL
    assert "*.example" in message(verdict, "no-wildcard")


def test_not_a_ca() -> None:
    """CA:TRUE fails, alone or beside its CA; CA:FALSE and no basic constraints pass; unreadable ones fail."""
    wrong = ISSUING.issue("a.example", "b.example", ca=True).certificate
    assert only(with_leaf(wrong), "not-a-ca", FAIL)
    assert only(judge(replace(GOOD, given=[wrong], csr=None)), "not-a-ca", FAIL)
    assert with_leaf(ISSUING.issue("a.example", "b.example", ca=None).certificate).ok
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), b"\x04\x00")
    unreadable = ISSUING.issue("a.example", "b.example", ca=None, extra=[bad]).certificate
    assert outcomes(with_leaf(unreadable))["not-a-ca"] is FAIL


def test_subject_only_warns() -> None:
    """A changed subject, a missing common name and unknown attributes warn; another string type does not."""
    old = ISSUING.issue("a.example", subject=[("O", "Example"), ("CN", "a.example")]).certificate
    changed = ISSUING.issue("a.example", subject=[("O", "Other"), ("CN", "a.example")]).certificate
    assert "changed from" in only(with_leaf(changed, current=old), "subject", WARN)
    same = make(dn([("O", "EXAMPLE"), ("CN", "a.example")], PRINTABLE), KEY.public_key(), ISSUING, sans=["a.example"])
    assert with_leaf(same, current=old).ok
    assert outcomes(with_leaf(same, current=old))["subject"] is PASS
    nameless = ISSUING.issue("a.example", subject=[("O", "Example")]).certificate
    assert "no common name" in only(with_leaf(nameless, current=nameless_old()), "subject", WARN)
    strange = ISSUING.issue("a.example", "b.example", subject=[("CN", "a.example"), ("1.2.3.4", "x")]).certificate
    assert "1.2.3.4" in only(with_leaf(strange), "subject", WARN)


def nameless_old() -> x509.Certificate:
    """Return an old certificate whose subject has no common name either."""
    return ISSUING.issue("a.example", subject=[("O", "Example")]).certificate


def test_names_for_role() -> None:
    """A needed name that is absent fails; one of several alternatives is enough; nothing said, no finding."""
    assert "names-for-role" not in outcomes(judge(GOOD))
    assert judge(replace(GOOD, names=["A.example", "DNS:b.example"])).ok
    assert "c.example" in only(judge(replace(GOOD, names=["a.example", "c.example"])), "names-for-role", FAIL)
    ways = "collab-edge.b.example | b.example"
    assert judge(replace(GOOD, names=[ways])).ok
    neither = judge(replace(GOOD, names=["x.example|y.example"]))
    assert "x.example or y.example" in only(neither, "names-for-role", FAIL)
    assert only(judge(replace(GOOD, names=["URI:a.example"])), "names-for-role", FAIL)
