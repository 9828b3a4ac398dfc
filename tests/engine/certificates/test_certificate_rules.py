"""Hold every check to the contract: what fails, what warns, what passes, and that a failure can't be overlooked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509

from engine.certificates import (
    CHECKS,
    Evidence,
    NotACertificate,
    Release,
    fingerprint,
    judge,
    needed_usages,
    read_certificates,
)
from engine.certificates import der as walk
from engine.errors import CheckFailed, UsageError
from tests.engine.certificates.cases import (
    CHAIN,
    CSR,
    FAIL,
    GOOD,
    ISSUING,
    KEY,
    NEW,
    OLD,
    PASS,
    ROOT,
    WARN,
    message,
    only,
    outcomes,
    with_leaf,
)
from tests.pki import CA, DAY, NOW, PRINTABLE, UTF8, dn, ec_key, make, make_csr, rsa_key
from tests.pki import der as der_of


def test_a_good_certificate_passes_every_check() -> None:
    """A good certificate passes all checks, in the order of the contract, each with its source."""
    verdict = judge(replace(GOOD, names=["a.example"], phones=[]))
    assert tuple(outcomes(verdict)) == CHECKS
    assert set(outcomes(verdict).values()) == {PASS}
    assert all(one.source.endswith(f"docs/reference/certificates.md#{one.check}") for one in verdict.findings)
    assert verdict.ok
    assert verdict.require() == NEW
    assert verdict.leaf == NEW
    assert list(verdict.chain) == CHAIN
    assert (verdict.same_ca, verdict.missing_trust) == (True, ())


def test_the_json_has_the_shape_of_the_contract() -> None:
    """The verdict as JSON has the keys of the contract; without a leaf it is null."""
    found = judge(replace(GOOD, trusted=[])).plain()
    assert list(found) == ["ok", "same_ca", "leaf", "missing_trust", "findings"]
    assert found["leaf"]["sans"] == ["DNS:a.example", "DNS:b.example"]
    assert found["missing_trust"] == [fingerprint(one) for one in CHAIN]
    assert found["findings"][0].keys() == {"check", "outcome", "message", "source"}
    assert judge(replace(GOOD, given=[])).plain()["leaf"] is None


def test_a_failed_check_raises_and_an_override_is_by_name() -> None:
    """`require` raises with all findings; overriding the failed check, and only that one, lets it through."""
    verdict = with_leaf(ISSUING.issue("a.example").certificate)
    with pytest.raises(CheckFailed, match="san-match") as caught:
        verdict.require()
    assert caught.value.findings == verdict.findings
    assert caught.value.exit_code == 4
    with pytest.raises(CheckFailed):
        verdict.require({"validity"})
    assert verdict.require({"san-match"}) == verdict.leaf
    with pytest.raises(UsageError, match="no-such-check"):
        verdict.require({"san-match", "no-such-check"})


def test_without_a_leaf_nothing_can_be_overridden() -> None:
    """When there is no leaf `require` raises whatever is overridden."""
    verdict = judge(replace(GOOD, given=CHAIN, csr=None))
    assert not verdict.ok
    with pytest.raises(CheckFailed):
        verdict.require(CHECKS)


def test_evidence_is_refused_when_it_makes_no_sense() -> None:
    """An unknown role or slot is a usage error, and a moment without a time zone is a mistake of the caller."""
    with pytest.raises(UsageError, match="role or slot"):
        replace(GOOD, role="expressway")
    with pytest.raises(UsageError, match="role or slot"):
        replace(GOOD, slot="both")
    with pytest.raises(ValueError, match="time zone"):
        replace(GOOD, at=datetime(2026, 1, 1))


def test_format_fails_for_a_file_that_is_no_certificate() -> None:
    """A file that is no certificate fails `format` in its own words, and the leaf is null."""
    with pytest.raises(NotACertificate) as caught:
        read_certificates(b"<html>", "new.cer")
    verdict = judge(replace(GOOD, unread=[caught.value]))
    assert only(verdict, "format", FAIL) == caught.value.what
    assert verdict.leaf is None
    assert only(judge(replace(GOOD, given=[])), "format", FAIL)


def test_format_warns_of_extensions_that_cant_be_read() -> None:
    """An extension that can't be read is named; the others are judged all the same."""
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.35"), b"\x04\x00")
    leaf = ISSUING.issue("a.example", "b.example", aki="", extra=[bad]).certificate
    assert "2.5.29.35" in only(with_leaf(leaf, current=replace_aki(OLD.certificate)), "format", WARN)


def replace_aki(certificate: x509.Certificate) -> x509.Certificate:
    """Return an old certificate without AKI, so that nothing but the format is left to remark on."""
    return ISSUING.issue("a.example", "b.example", aki="", not_after=certificate.not_valid_after_utc).certificate


def test_single_leaf_finds_the_leaf_by_elimination() -> None:
    """Without a CSR the leaf is what issued nothing and is no CA, in any order; further CA certificates don't count."""
    extra = [CA.root("Unrelated").certificate, ISSUING.renewed().certificate]
    for order in ([*CHAIN, NEW, *extra], [*extra, NEW, *CHAIN]):
        verdict = judge(replace(GOOD, given=order, csr=None))
        assert verdict.leaf == NEW
        assert outcomes(verdict)["single-leaf"] is PASS
        assert "only the leaf is installed" in message(verdict, "single-leaf")


def test_single_leaf_fails_with_several_and_no_csr() -> None:
    """Two leaves and no CSR to choose by fail; with the CSR the one with its key is chosen."""
    other = ISSUING.issue("c.example").certificate
    verdict = judge(replace(GOOD, given=[NEW, other, *CHAIN], csr=None))
    assert "a.example" in only(verdict, "single-leaf", FAIL)
    assert verdict.leaf is None
    chosen = judge(replace(GOOD, given=[other, NEW, *CHAIN]))
    assert chosen.leaf == NEW
    assert "other keys" in only(chosen, "single-leaf", WARN)


def test_single_leaf_fails_without_a_leaf() -> None:
    """A file of CA certificates alone has no leaf."""
    assert "missing" in only(judge(replace(GOOD, given=CHAIN, csr=None)), "single-leaf", FAIL)


def test_single_leaf_takes_the_newest_of_several_with_the_csrs_key() -> None:
    """Of two certificates for one CSR the newer is judged, with a warning."""
    newer = ISSUING.sign(CSR, not_before=NOW - DAY)
    for order in ([NEW, newer], [newer, NEW]):
        verdict = judge(replace(GOOD, given=[*order, *CHAIN]))
        assert verdict.leaf == newer
        assert "the newest is judged" in only(verdict, "single-leaf", WARN)


def test_the_old_certificate_is_not_taken_for_the_new_one() -> None:
    """The old certificate among the files is not the leaf; given alone it is judged, and called what it is."""
    verdict = judge(replace(GOOD, given=[OLD.certificate, NEW], csr=None))
    assert verdict.leaf == NEW
    assert verdict.ok
    assert "in use now" in only(with_leaf(OLD.certificate), "validity", WARN)


def test_key_matches_csr() -> None:
    """A leaf for another key fails; there is no finding without a CSR; the CSR's key is found whoever signed."""
    assert "key-matches-csr" not in outcomes(judge(replace(GOOD, csr=None)))
    other = ISSUING.issue("a.example", "b.example").certificate
    assert "not that of the CSR" in only(judge(replace(GOOD, given=[other, *CHAIN])), "key-matches-csr", FAIL)
    several = judge(replace(GOOD, given=[other, ISSUING.issue("a.example").certificate]))
    assert outcomes(several) == {"format": PASS, "single-leaf": FAIL, "key-matches-csr": FAIL}


@pytest.mark.parametrize(
    ("sans", "words"),
    [
        (["a.example"], '"DNS:b.example" of the old certificate is lost'),
        ([], "is lost"),
        (["a.example", "URI:b.example"], "another type"),
        (["a.example", "email:b.example"], "another type"),
        (["a.example", "b.example.org"], "is lost"),
    ],
)
def test_san_match_fails_when_a_name_is_lost(sans: Sequence[str], words: str) -> None:
    """A lost name fails, and so does one that changed its type; the message names it."""
    leaf = ISSUING.issue(*sans, subject="a.example").certificate
    assert words in only(with_leaf(leaf), "san-match", FAIL)


def test_san_match_fails_when_a_name_of_the_csr_is_lost() -> None:
    """A name that only the CSR has must be in the certificate, too."""
    csr = make_csr(["a.example", "b.example", "c.example"], key=KEY)
    assert "of the CSR is lost" in only(judge(replace(GOOD, csr=csr)), "san-match", FAIL)
    assert judge(replace(GOOD, csr=csr, given=[ISSUING.sign(csr), *CHAIN])).ok


def test_san_match_warns_of_names_that_nobody_asked_for() -> None:
    """A name that neither the old certificate nor the CSR has warns; one that was asked for does not."""
    added = ISSUING.sign(CSR, sans=["a.example", "b.example", "x.example"])
    assert "DNS:x.example" in only(judge(replace(GOOD, given=[added, *CHAIN])), "san-match", WARN)
    csr = make_csr(["a.example", "b.example", "x.example"], key=KEY)
    assert outcomes(judge(replace(GOOD, csr=csr, given=[added, *CHAIN])))["san-match"] is PASS


def test_san_match_does_not_mind_order_and_case() -> None:
    """Order, letter case of DNS names, IDNA forms and ways to write an address do not matter."""
    old = ISSUING.issue("a.example", sans=["a.example", "xn--bcher-kva.example", "IP:2001:db8::1"]).certificate
    new = ISSUING.issue("a.example", sans=["IP:2001:db8:0::1", "XN--BCHER-kva.example", "A.Example"]).certificate
    assert outcomes(with_leaf(new, current=old))["san-match"] is PASS


def test_san_match_fails_when_the_old_names_cant_be_read() -> None:
    """Names of the old certificate that can't be read can't be shown to be kept."""
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("30058203612e"))
    old = ISSUING.issue("a.example", sans=(), extra=[bad]).certificate
    assert "can't all be read" in only(judge(replace(GOOD, current=old)), "san-match", FAIL)


def test_san_match_says_nothing_without_anything_to_compare() -> None:
    """With neither an old certificate nor a CSR there is no finding."""
    assert "san-match" not in outcomes(judge(replace(GOOD, csr=None, current=None)))


C, E = "expressway-c", "expressway-e"
S, K = frozenset({"serverAuth"}), frozenset({"clientAuth"})
B = S | K


@pytest.mark.parametrize(
    ("role", "slot", "release", "switch", "needed"),
    [
        ("", "", "", False, B),
        (E, "", "", True, B),
        (E, "server", "", True, B),
        ("", "client", "", False, K),
        (C, "server", "X8.11", False, B),
        (E, "server", "X14.3", False, B),
        (E, "server", "X15.3.2", True, B),
        (E, "", "X15.4", False, B),
        (E, "", "X15.4", True, S),
        (E, "server", "X15.4.1", True, S),
        (C, "", "X15.4", True, B),
        ("", "", "X15.4", True, B),
        (E, "server", "X15.5", False, S),
        (C, "server", "X15.5", False, S),
        (E, "client", "X15.5.1", False, K),
        (C, "client", "X16.0", False, K),
        (E, "", "X15.5", True, B),
        (C, "client", "X14.3", False, B),
    ],
)
def test_needed_usages(role: str, slot: str, release: str, switch: bool, needed: frozenset[str]) -> None:
    """Role, slot, release and switch decide the needed usages; a certificate that lacks any of them fails."""
    known = Release.parse(release) if release else None
    assert needed_usages(role, slot, known, server_eku_upload=switch) == needed
    place = replace(GOOD, csr=None, role=role, slot=slot, release=known, server_eku_upload=switch)
    for usages in (["serverAuth"], ["clientAuth"], ["serverAuth", "clientAuth"], ["emailProtection"]):
        leaf = ISSUING.issue("a.example", "b.example", eku=usages, key=rsa_key()).certificate
        found = outcomes(judge(replace(place, given=[leaf, *CHAIN])))["eku-client-and-server"]
        assert (found is FAIL) == (not needed <= set(usages))


def test_eku_message_says_what_breaks_and_what_to_do() -> None:
    """A certificate without client authentication gets what will break and the ways out."""
    leaf = ISSUING.issue("a.example", "b.example", eku=["serverAuth"]).certificate
    text = only(with_leaf(leaf, role=E, release=Release.parse("X14.3")), "eku-client-and-server", FAIL)
    assert all(word in text for word in ("clientAuth", "traversal", "X15.5", "EnableServerEkuUpload"))


@pytest.mark.parametrize("usages", [None, ["anyExtendedKeyUsage"]])
def test_eku_absent_or_any_is_not_both(usages: list[str] | None) -> None:
    """Neither a missing extension nor anyExtendedKeyUsage stands for the two usages; more usages do no harm."""
    leaf = ISSUING.issue("a.example", "b.example", eku=usages).certificate
    assert only(with_leaf(leaf), "eku-client-and-server", FAIL)
    more = ISSUING.issue("a.example", "b.example", eku=["emailProtection", "clientAuth", "1.2.3", "serverAuth"])
    assert with_leaf(more.certificate).ok


def test_eku_warns_where_the_vendors_pages_disagree() -> None:
    """On X15.5 a server-only certificate for the server slot warns on an Expressway-C, and passes on an E."""
    leaf = ISSUING.issue("a.example", "b.example", eku=["serverAuth"]).certificate
    place = {"slot": "server", "release": Release.parse("X15.5")}
    assert "another of its pages" in only(with_leaf(leaf, role=C, **place), "eku-client-and-server", WARN)
    assert outcomes(with_leaf(leaf, role=E, **place))["eku-client-and-server"] is PASS


def test_eku_wants_digital_signature() -> None:
    """A key usage without digitalSignature fails, for TLS signs with the key; no key usage at all is fine."""
    leaf = ISSUING.issue("a.example", "b.example", usage=("key_encipherment",)).certificate
    assert "digitalSignature" in only(with_leaf(leaf), "eku-client-and-server", FAIL)
    assert with_leaf(ISSUING.issue("a.example", "b.example", usage=None).certificate).ok


def test_eku_of_a_ca_certificate_limits_the_leaf() -> None:
    """A CA certificate that is limited to other usages fails; one with anyExtendedKeyUsage warns; both usages pass."""
    found = {}
    for name, usages in {"mail": ["emailProtection"], "any": ["anyExtendedKeyUsage"], "tls": B}.items():
        issuing = ROOT.intermediate(eku=sorted(usages))
        leaf = issuing.issue("a.example", "b.example").certificate
        verdict = judge(replace(GOOD, given=[leaf, issuing.certificate], csr=None))
        found[name] = outcomes(verdict)["eku-client-and-server"]
    assert found == {"mail": FAIL, "any": WARN, "tls": PASS}


def test_same_ca_never_fails() -> None:
    """A different CA warns that trust must be spread, an unknown one too, and the grade is in the message."""
    other = CA.root("Other Root")
    leaf = other.issue("a.example", "b.example").certificate
    verdict = judge(replace(GOOD, given=[leaf, other.certificate], csr=None))
    assert "(grade: different)" in only(verdict, "same-ca", WARN)
    assert verdict.same_ca is False
    assert verdict.missing_trust == (fingerprint(other.certificate),)
    unknown = judge(replace(GOOD, given=[leaf, other.certificate], csr=None, trusted=[]))
    assert "(grade: unknown)" in only(unknown, "same-ca", WARN)
    assert unknown.same_ca is None
    known = judge(replace(GOOD, given=[leaf, other.certificate], csr=None, trusted=[], known=CHAIN))
    assert known.same_ca is False
    first = judge(replace(GOOD, csr=None, current=None))
    assert "no old certificate" in only(first, "same-ca", WARN)


def test_chain_complete() -> None:
    """A chain without a root fails and says what is missing and how to give it; given as trusted it passes."""
    text = only(judge(replace(GOOD, given=[NEW, ISSUING.certificate], trusted=[])), "chain-complete", FAIL)
    assert "CN=Test Root" in text
    assert "--trust" in text
    whole = judge(replace(GOOD, given=[NEW], trusted=CHAIN))
    assert whole.ok
    assert "which is trusted" in message(whole, "chain-complete")
    bad = ROOT.intermediate(path_length=0).intermediate("Too deep")
    leaf = bad.issue("a.example", "b.example").certificate
    verdict = judge(replace(GOOD, given=[leaf, *bad.chain], csr=None))
    assert outcomes(verdict)["chain-complete"] is FAIL
    assert "allows 0" in message(verdict, "chain-complete")


def test_chain_judges_ca_names_as_the_rfc_does() -> None:
    """A leaf that writes its issuer's name in another string type has a complete chain."""
    key = ec_key()
    root = CA(make(dn("Root", PRINTABLE), key.public_key(), None, own=key, ca=True, usage=None, eku=None), key)
    leaf = root.issue("a.example", "b.example", encoding=UTF8).certificate
    assert judge(Evidence(given=[leaf, root.certificate], at=NOW)).ok


def test_text_from_certificates_is_escaped_everywhere() -> None:
    """No text from a certificate, a CSR or the caller reaches a message with a control or bidirectional character."""
    evil = "x\x1b[31m\u202e\ny"
    root = CA.root(evil)
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), walk.tlv(0x30, walk.tlv(0x82, evil.encode())))
    subject = [("O", evil), ("CN", "*" + evil)]
    leaf = root.issue(subject=subject, sans=(), extra=[bad], eku=["serverAuth"], digest="sha1").certificate
    old = root.issue(subject=[("CN", evil + "2")], sans=["a.example"]).certificate
    for trusted in ([root.certificate], []):
        evidence = Evidence(given=[leaf], current=old, trusted=trusted, names=[evil], csr=CSR, at=NOW)
        shown = "".join(one.message + one.source for one in judge(evidence).findings)
        assert "\\x1b" in shown
        assert not set("\x1b\u202e\n") & set(shown)


def test_every_check_has_its_section_in_the_reference() -> None:
    """Each check has a heading of its own on the reference page that its findings point to."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "certificates.md"
    text = page.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ") and line[3:] in CHECKS] == list(CHECKS)


def test_judging_takes_der_again() -> None:
    """A verdict is the same for certificates that were stored as DER and read again."""
    again = [read_certificates(der_of(one), "x")[0] for one in (NEW, *CHAIN)]
    assert judge(replace(GOOD, given=again)) == judge(GOOD)
