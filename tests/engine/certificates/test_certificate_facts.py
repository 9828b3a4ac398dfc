"""Hold names, usages, keys and descriptions to what certificates say, malformed ones included."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

import engine.certificates
from engine.certificates import (
    Release,
    common_name,
    csr_fingerprint,
    der,
    describe,
    eku,
    fingerprint,
    key_digest,
    key_text,
    names,
    normal_name,
    read_certificates,
    same_name,
    subject_fields,
    to_pem,
)
from engine.certificates.extensions import Unreadable, extension, unreadable
from engine.certificates.naming import names_are_whole, normal_dn
from engine.errors import UsageError
from tests.pki import CA, NOW, PRINTABLE, UTF8, dn, ec_key, make_csr, rsa_key
from tests.pki import der as der_of

ROOT = CA.root()
EVERY = [
    "DNS:a.example",
    "DNS:*.B.example",
    "IP:10.0.0.1",
    "IP:2001:db8::1",
    "URI:sip:alice@a.example",
    "email:x@y.example",
    "dirName:CN=Some One",
    "RID:1.2.3.4",
    "other:1.3.6.1.5.5.7.8.5:chat.example",
]


def odd(oid: str, value: str) -> x509.UnrecognizedExtension:
    """Make an extension whose value is any bytes, in hex."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value))


def test_names_of_every_type() -> None:
    """Every type of alternative name is written in its own form, in the certificate's order, for CSRs as well."""
    assert names(ROOT.issue("a.example", sans=EVERY).certificate) == EVERY
    assert names(make_csr(EVERY)) == EVERY
    assert names(ROOT.issue("a.example", sans=()).certificate) == []


@given(st.lists(st.sampled_from(EVERY), min_size=1, unique=True))
def test_names_agree_with_the_strict_parser(chosen: list[str]) -> None:
    """Where the strict parser can read the names, the tolerant one reads as many, in the same order."""
    made = ROOT.issue("a.example", sans=chosen).certificate
    strict = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names(made) == chosen
    assert [name.partition(":")[2] for name in chosen if name.startswith("DNS:")] == strict.get_values_for_type(
        x509.DNSName
    )


def test_one_malformed_name_hides_no_other() -> None:
    """An address of five bytes is shown in hex, and the names around it are read."""
    value = "30 13 82 03 61 2e 62 87 05 0a00000001 82 05 632e642e65".replace(" ", "")
    made = ROOT.issue("a.example", sans=(), extra=[odd("2.5.29.17", value)]).certificate
    assert names(made) == ["DNS:a.b", "other:0x87:0a00000001", "DNS:c.d.e"]
    assert names_are_whole(made)
    assert unreadable(made) == ["2.5.29.17"]


@pytest.mark.parametrize("value", ["3005820461", "30058203612e", "0000", "04", "30"])
def test_a_broken_frame_is_noticed(value: str) -> None:
    """When the names' frame is broken it is said that names may be missing."""
    made = ROOT.issue("a.example", sans=(), extra=[odd("2.5.29.17", value)]).certificate
    whole = ROOT.issue("a.example").certificate
    assert not names_are_whole(made)
    assert names_are_whole(whole)


def test_one_bad_extension_hides_no_other() -> None:
    """With a malformed AKI (issuer without serial number) the names and usages are still read, and it is named."""
    issuer = der.tlv(0xA1, der.tlv(0xA4, dn("x").public_bytes()))
    bad = odd("2.5.29.35", der.tlv(0x30, issuer).hex())
    made = ROOT.issue("a.example", aki="", extra=[bad]).certificate
    with pytest.raises(ValueError, match="authority_cert"):
        made.extensions  # noqa: B018
    found = describe(made)
    assert (found.sans, found.eku, found.aki) == (["DNS:a.example"], ["serverAuth", "clientAuth"], "")
    assert unreadable(made) == ["2.5.29.35"]
    assert unreadable(ROOT.issue("a.example").certificate) == []
    with pytest.raises(Unreadable):
        extension(made, x509.AuthorityKeyIdentifier)


def test_an_extension_that_is_there_twice_is_unreadable() -> None:
    """An extension that occurs twice (RFC 5280 section 4.2 forbids it) counts as unreadable, not as its first half."""
    made = ROOT.issue("a.example").certificate
    body = der.children(der.first(made.tbs_certificate_bytes))
    one = der.children(der.children(body[-1])[0])
    usages = next(part for part in one if b"\x06\x03\x55\x1d\x25" in part.whole)
    frame = der.tlv(0xA3, der.tlv(0x30, b"".join(part.whole for part in [*one, usages])))
    inner = der.tlv(0x30, b"".join(part.whole for part in body[:-1]) + frame)
    rest = b"".join(part.whole for part in der.children(der.first(der_of(made)))[1:])
    twice = read_certificates(der.tlv(0x30, inner + rest), "x")[0]
    assert unreadable(twice) == ["2.5.29.37"]
    assert eku(twice) == []
    assert eku(made) == ["serverAuth", "clientAuth"]
    assert names(twice) == names(made)


def test_usages_have_the_names_of_the_rfc() -> None:
    """Known usages have the names of RFC 5280, others are dotted OIDs; without the extension there are none."""
    made = ROOT.issue("a.example", eku=["clientAuth", "serverAuth", "1.3.6.1.4.1.311.20.2.2", "anyExtendedKeyUsage"])
    assert eku(made.certificate) == ["clientAuth", "serverAuth", "1.3.6.1.4.1.311.20.2.2", "anyExtendedKeyUsage"]
    assert eku(ROOT.issue("a.example", eku=None).certificate) == []
    assert eku(make_csr(["a.example"])) == ["serverAuth", "clientAuth"]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ec_key(), "EC P-256"),
        (ec_key(ec.SECP384R1()), "EC P-384"),
        (ec_key(ec.SECP521R1()), "EC P-521"),
        (ec_key(ec.SECP256K1()), "EC secp256k1"),
        (rsa_key(), "RSA 2048"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), "Ed448"),
    ],
)
def test_keys_are_named(key: ec.EllipticCurvePrivateKey, text: str) -> None:
    """A key is named by kind and size or curve."""
    assert key_text(key.public_key()) == text
    assert describe(ROOT.issue("a.example", key=key).certificate).key == text


def test_digests_are_sha256_of_the_der() -> None:
    """Fingerprints are the SHA-256 of the DER of certificate, CSR and SubjectPublicKeyInfo, in lower-case hex."""
    csr = make_csr(["a.example"])
    spki = csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint(ROOT.certificate) == hashlib.sha256(der_of(ROOT.certificate)).hexdigest()
    assert csr_fingerprint(csr) == hashlib.sha256(der_of(csr)).hexdigest()
    assert key_digest(csr.public_key()) == hashlib.sha256(spki).hexdigest()
    assert key_digest(csr.public_key()) != key_digest(ROOT.key.public_key())


def test_a_description_has_the_keys_of_the_contract() -> None:
    """The description holds exactly the contract's keys, times in UTC, numbers in lower-case hex."""
    leaf = ROOT.issue(
        "a.example", subject=[("C", "NO"), ("O", "Ex, Inc"), ("CN", "a.example")], serial=0xABC
    ).certificate
    found = describe(leaf).plain()
    assert list(found) == [
        "subject", "issuer", "serial", "sha256", "not_before", "not_after", "sans", "eku", "ski", "aki", "key",
    ]  # fmt: skip
    assert found["subject"] == r"CN=a.example,O=Ex\, Inc,C=NO"
    assert found["serial"] == "abc"
    assert found["not_after"] == "2027-11-23T12:00:00Z"
    assert found["aki"] == ROOT.ski.hex() != found["ski"]
    assert leaf.not_valid_before_utc < NOW


def test_an_aki_by_issuer_and_serial_is_described() -> None:
    """An AKI without key identifier shows issuer and serial number; one with neither, or none at all, is empty."""
    issuing = ROOT.intermediate(serial=0x77)
    assert describe(issuing.issue("a.example", aki="issuer").certificate).aki == "issuer=CN=Test Root,serial=77"
    assert describe(issuing.issue("a.example", aki="both").certificate).aki == issuing.ski.hex()
    assert describe(issuing.issue("a.example", aki="").certificate).aki == ""


def test_subject_fields_keep_order_and_short_names() -> None:
    """A subject's attributes come in order with the names that people know; a CSR's, too."""
    subject = [("C", "NO"), ("OU", "One"), ("OU", "Two"), ("CN", "a.example"), ("emailAddress", "x@y.example")]
    assert subject_fields(ROOT.issue("a.example", subject=subject).certificate) == subject
    assert subject_fields(make_csr(["a.example"], subject=[("2.5.4.97", "NTRNO-1")])) == [("2.5.4.97", "NTRNO-1")]
    assert common_name(dn(subject)) == "a.example"
    assert common_name(dn([("O", "x")])) == ""


def test_pem_is_one_block() -> None:
    """PEM is one block that begins and ends as the box wants it."""
    text = to_pem(ROOT.certificate)
    assert text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert text.endswith("-----END CERTIFICATE-----\n")
    assert text.count("BEGIN") == 1
    assert read_certificates(text.encode(), "x") == [ROOT.certificate]


SAME = [
    ("DNS:A.Example", "DNS:a.example"),
    ("a.example", "DNS:A.EXAMPLE"),
    ("DNS:a.example.", "DNS:a.example"),
    ("DNS:bücher.example", "DNS:xn--bcher-kva.example"),
    ("DNS:BÜCHER.example", "DNS:XN--BCHER-KVA.example"),
    ("DNS:straße.example", "DNS:xn--strae-oqa.example"),
    ("DNS:bu\u0308cher.example", "DNS:bücher.example"),
    ("IP:2001:DB8:0::1", "IP:2001:db8::1"),
    ("10.0.0.1", "IP:10.0.0.1"),
    ("[2001:db8::1]", "IP:2001:db8::1"),
    ("URI:SIP:alice@A.example", "URI:sip:alice@a.example"),
    ("URI:https://A.example:8443/X", "URI:https://a.example:8443/X"),
    ("email:x@Y.example", "email:x@y.example"),
]
UNLIKE = [
    ("DNS:a.example", "DNS:b.example"),
    ("DNS:10.0.0.1", "IP:10.0.0.1"),
    ("IP:10.0.0.1", "IP:10.0.0.2"),
    ("DNS:strasse.example", "DNS:straße.example"),
    ("URI:sip:alice@a.example", "URI:sip:bob@a.example"),
    ("URI:sip:Alice@a.example", "URI:sip:alice@a.example"),
    ("URI:https://a.example/X", "URI:https://a.example/x"),
    ("email:X@y.example", "email:x@y.example"),
    ("other:1.2.3:a", "other:1.2.3:A"),
    ("URI:a.example", "DNS:a.example"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_names(one: str, other: str) -> None:
    """Names that mean the same are the same: case of hosts, IDNA, addresses by value."""
    assert same_name(one, other)
    assert normal_name(normal_name(one)) == normal_name(one)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_names_that_are_not_the_same(one: str, other: str) -> None:
    """Names that differ in type, address, or where case matters are not the same."""
    assert not same_name(one, other)


@given(st.text(max_size=40), st.sampled_from(["", "DNS:", "IP:", "URI:", "email:", "other:"]))
def test_normal_names_are_a_normal_form(text: str, kind: str) -> None:
    """Any text has a normal form, and the normal form is its own."""
    once = normal_name(kind + text)
    assert normal_name(once) == once


def test_distinguished_names_compare_as_the_rfc_says() -> None:
    """String type, case and spaces do not matter in a name (RFC 5280 section 7.1); values and order of RDNs do."""
    plain = dn([("O", "Example Org"), ("CN", "CA 1")], PRINTABLE)
    assert normal_dn(plain) == normal_dn(dn([("O", " example  ORG "), ("CN", "ca 1")], UTF8))
    assert normal_dn(plain) != normal_dn(dn([("O", "Example Org"), ("CN", "CA 2")], UTF8))
    assert normal_dn(plain) != normal_dn(dn([("CN", "CA 1"), ("O", "Example Org")], PRINTABLE))
    assert normal_dn(plain) != normal_dn(dn([("OU", "Example Org"), ("CN", "CA 1")], PRINTABLE))


def test_releases_are_in_order() -> None:
    """Releases compare by number, and a trailing zero makes no difference."""
    texts = ["X8.9", "X8.11.3", "X12.5", "X12.5.9", "X14.0", "X14.2", "X14.3.1", "X15.0", "X15.5", "X15.5.1"]
    found = [Release.parse(text) for text in texts]
    assert all(one < other for one, other in pairwise(found))
    assert Release.parse("X14.3") == Release.parse("x14.3.0") == Release.parse("14.3")
    assert Release.parse("X14.3.1") >= Release.parse("X14.2")
    assert not Release.parse("X14.2") >= Release.parse("X14.2.1")
    assert str(Release.parse("X15.5.1 (Test SW)")) == "X15.5.1"


@pytest.mark.parametrize("text", ["", "X", "15.x", "latest", "X14.3\x1b[2J", "X1.2.3.4.5.6", "v14"])
def test_what_is_no_release_is_refused(text: str) -> None:
    """A text that is no release is a usage error that shows it escaped."""
    with pytest.raises(UsageError, match="is no release") as caught:
        Release.parse(text)
    assert "\x1b" not in caught.value.what


def test_importing_the_package_loads_no_parser() -> None:
    """Importing the package costs next to nothing: cryptography is loaded by the first name that needs it."""
    loaded = "'cryptography' in sys.modules"
    code = f"import sys, engine.certificates as c; print({loaded}, bool(c.judge), {loaded})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_every_public_name_is_there() -> None:
    """Every listed name can be had, and no other."""
    assert all(getattr(engine.certificates, name) is not None for name in engine.certificates.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = engine.certificates.nonsense
