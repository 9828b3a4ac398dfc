"""Hold the verdict to what must never matter, and to what must always matter, over generated cases."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.certificates import Evidence, NotACertificate, judge, names, read_certificates
from engine.certificates.kinds import LIMIT
from engine.model import Outcome
from tests.pki import CA, NOW, altered, ec_key, make_csr
from tests.pki import der as der_of
from tests.pki import pem as pem_of

ROOT = CA.root()
OTHER = CA.root("Other Root")
ISSUING = ROOT.intermediate()
CROSSED = ISSUING.cross_signed_by(OTHER)
SANS = ["a.example", "b.example", "IP:10.0.0.1", "URI:sip:x@a.example", "email:x@a.example", "other:1.2.3.4:x"]
KEY = ec_key()
CSR = make_csr(SANS, key=KEY)
OLD = ISSUING.issue("a.example", sans=SANS).certificate
NEW = ISSUING.sign(CSR)
AUTHORITIES = [ISSUING.certificate, CROSSED.certificate, ROOT.certificate, OTHER.certificate]
GOOD = Evidence(given=[NEW, *AUTHORITIES], csr=CSR, current=OLD, trusted=[ROOT.certificate], at=NOW)
BAD = replace(GOOD, given=[ISSUING.issue("a.example").certificate, *AUTHORITIES], csr=None)
QUICK = settings(max_examples=60, deadline=None)


def written(data: bytes, form: str) -> bytes:
    """Write one certificate's DER in a form that people send."""
    certificate = read_certificates(data, "x")
    text = pem_of(*certificate)
    return {
        "der": data,
        "pem": text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "utf-16": text.encode("utf-16"),
        "bare": base64.b64encode(data),
        "mail": text.replace("\n", "\n> ").encode(),
        "p7": pkcs7.serialize_certificates(certificate, Encoding.DER),
        "p7 pem": pkcs7.serialize_certificates(certificate, Encoding.PEM).replace(b"PKCS7", b"CERTIFICATE"),
    }[form]


FORMS = st.sampled_from(["der", "pem", "crlf", "utf-16", "bare", "mail", "p7", "p7 pem"])


@pytest.mark.parametrize("evidence", [GOOD, BAD], ids=["good", "bad"])
@QUICK
@given(st.data())
def test_order_encoding_and_duplication_never_matter(evidence: Evidence, data: st.DataObject) -> None:
    """Order, encoding, line ends and duplicates of the files never change a word of the verdict."""
    order = data.draw(st.permutations(evidence.given))
    again = data.draw(st.lists(st.sampled_from(order), max_size=3))
    files = [written(der_of(one), data.draw(FORMS)) for one in [*order, *again]]
    read = [one for file in files for one in read_certificates(file, "x")]
    assert judge(replace(evidence, given=read)).plain() == judge(evidence).plain()


@QUICK
@given(st.permutations(AUTHORITIES), st.integers(0, 4))
def test_the_order_of_trust_never_matters(order: list[object], cut: int) -> None:
    """The order of the trusted and known certificates never changes the verdict."""
    trusted = [one for one in AUTHORITIES if one in order[:cut]]
    shuffled = [one for one in order if one in trusted]
    one = judge(replace(GOOD, trusted=trusted, known=AUTHORITIES))
    other = judge(replace(GOOD, trusted=shuffled, known=order))  # type: ignore[arg-type]
    assert one == other


@QUICK
@given(st.sets(st.sampled_from(SANS), max_size=len(SANS)))
def test_dropping_any_name_always_fails(kept: set[str]) -> None:
    """A certificate that lacks any name of the old one fails `san-match`, and one that has all passes it."""
    leaf = ISSUING.issue("a.example", sans=sorted(kept), subject="a.example").certificate
    found = judge(replace(GOOD, given=[leaf, *AUTHORITIES], csr=None))
    outcome = next(one.outcome for one in found.findings if one.check == "san-match")
    assert (outcome is Outcome.FAIL) == (kept != set(SANS))
    assert len(names(leaf)) == len(kept)


def survives(data: bytes, evidence: Evidence) -> bool:
    """Tell whether a leaf of these bytes would be let through."""
    try:
        read = read_certificates(data, "x")
    except NotACertificate:
        return False
    return judge(replace(evidence, given=[*read, *AUTHORITIES])).ok


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_no_flipped_byte_is_ever_ok(mask: int) -> None:
    """A leaf with one bit flipped, in any byte of its DER, is never ok, with or without the CSR to hold it against."""
    assert survives(der_of(NEW), GOOD)
    without = replace(GOOD, csr=None, current=None)
    for position in range(len(der_of(NEW))):
        data = altered(NEW, position, mask)
        assert not survives(data, GOOD), position
        assert not survives(data, without), position


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(der_of(NEW)) - 1), st.integers(1, 255), st.sampled_from(["der", "bare"]))
def test_no_changed_byte_is_ever_ok(position: int, mask: int, form: str) -> None:
    """A leaf with any byte changed to any other is never ok, in Base64 either."""
    data = altered(NEW, position, mask)
    assert not survives(data if form == "der" else base64.b64encode(data), replace(GOOD, csr=None, current=None))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the bytes, reading ends in certificates or in NotACertificate, never in another error."""
    with pytest.raises(NotACertificate):
        read_certificates(data, "x")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    """Damaged files of every form are read or refused, and what is read can be judged without an error."""
    whole = written(der_of(NEW), data.draw(FORMS))
    start = data.draw(st.integers(0, len(whole)))
    gone = data.draw(st.integers(0, 20))
    put = data.draw(st.binary(max_size=20))
    damaged = whole[:start] + put + whole[start + gone :]
    assume(len(damaged) <= LIMIT)
    try:
        read = read_certificates(damaged, "x")
    except NotACertificate:
        return
    verdict = judge(replace(GOOD, given=[*read, *AUTHORITIES]))
    assert not verdict.ok or verdict.leaf == NEW
