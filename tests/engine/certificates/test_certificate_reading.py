"""Hold the reader to what people have, and to silence about what they should not have sent."""

import base64
import re
import textwrap
import time

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)

from engine.certificates import (
    NotACertificate,
    describe,
    load_certificate,
    read_certificates,
    read_csr,
    read_placed,
)
from engine.certificates import der as walk
from engine.certificates.kinds import LIMIT
from engine.errors import UsageError
from tests.pki import CA, dn, ec_key, make, make_csr, rsa_key
from tests.pki import der as der_of
from tests.pki import pem as pem_of

ROOT = CA.root()
ISSUING = ROOT.intermediate()
LEAF = ISSUING.issue("exp-c.example.org", "DNS:b.example")
ALL = [LEAF.certificate, ISSUING.certificate, ROOT.certificate]
PEM = pem_of(*ALL)
P7 = pkcs7.serialize_certificates(ALL, Encoding.DER)


def block(label: str, body: bytes) -> str:
    """Write a PEM block with any label."""
    text = "\n".join(textwrap.wrap(base64.b64encode(body).decode(), 64))
    return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"


def in_ber(data: bytes) -> bytes:
    """Write the outer layers of a PKCS#7 with indefinite lengths, as streaming writers do."""
    oid, content = walk.children(walk.first(data))
    signed = walk.children(content)[0]
    inner = b"\x30\x80" + signed.content + b"\0\0"
    return b"\x30\x80" + oid.whole + b"\xa0\x80" + inner + b"\0\0" + b"\0\0"


FORMS = {
    "pem": PEM.encode(),
    "crlf": PEM.replace("\n", "\r\n").encode(),
    "old mac line ends": PEM.replace("\n", "\r").encode(),
    "no final line end": PEM.rstrip().encode(),
    "bom": b"\xef\xbb\xbf" + PEM.encode(),
    "utf-16 with bom": PEM.encode("utf-16"),
    "utf-16 be with bom": b"\xfe\xff" + PEM.encode("utf-16-be"),
    "utf-16 le without bom": PEM.encode("utf-16-le"),
    "utf-16 be without bom": PEM.encode("utf-16-be"),
    "bag attributes": (
        "Bag Attributes\n    localKeyID: 01 00\nsubject=CN = x\n\n" + PEM + "\ntrailing words\n"
    ).encode(),
    "text that begins with a zero": (" 0 s:CN = x\n" + PEM).encode(),
    "zero first": ("0 s:CN = x\n" + PEM).encode(),
    "mail quoted": textwrap.indent(PEM, "> ").encode(),
    "mail quoted twice": textwrap.indent(PEM, "> > ").encode(),
    "mail quoted tight": textwrap.indent(PEM, ">>").encode(),
    "indented": textwrap.indent(PEM, "\t  ").encode(),
    "no-break spaces": re.sub(r"(?m)^(?=[^-])", "\u00a0", PEM).encode(),
    "zero-width spaces": re.sub(r"(?m)^(?=[^-])", "\u200b", PEM).encode(),
    "one long line": re.sub(r"(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])", "", PEM).encode(),
    "quoted-printable": PEM.replace("=", "=3D").encode(),
    "quoted-printable soft breaks": re.sub(r"(?m)^([A-Za-z0-9+/]{64})$", r"\1=\n", PEM).encode(),
    "header lines": PEM.replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nComment: hello\n\nM").encode(),
    "duplicates": (PEM + PEM).encode(),
    "other label": PEM.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "foreign blocks between": (block("EC PARAMETERS", b"\6\1\1") + PEM).encode(),
    "der": b"".join(map(der_of, ALL)),
    "der and line end": b"".join(map(der_of, ALL)) + b"\r\n",
    "der and zeros": b"".join(map(der_of, ALL)) + b"\0\0\0\0",
    "der and then pem": der_of(ALL[0]) + b"".join(map(der_of, ALL[1:])),
    "bare base64": base64.b64encode(b"".join(map(der_of, ALL))),
    "bare base64 in lines": base64.encodebytes(b"".join(map(der_of, ALL))).replace(b"\n", b"\r\n"),
    "bare base64 quoted": b"> " + base64.encodebytes(b"".join(map(der_of, ALL))).strip().replace(b"\n", b"\n> "),
    "bare base64 of pkcs7": base64.encodebytes(P7),
    "pkcs7 der": P7,
    "pkcs7 der and line end": P7 + b"\n",
    "pkcs7 pem": pkcs7.serialize_certificates(ALL, Encoding.PEM),
    "pkcs7 as certificate (AD CS)": block("CERTIFICATE", P7).encode(),
    "pkcs7 as cms": block("CMS", P7).encode(),
    "pkcs7 signed data": block("PKCS #7 SIGNED DATA", P7).encode(),
    "pkcs7 in ber": in_ber(P7),
    "pkcs7 in ber, pem": block("PKCS7", in_ber(P7)).encode(),
    "trusted certificate": "".join(block("TRUSTED CERTIFICATE", der_of(one) + b"\x30\0") for one in ALL).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_reads_every_form(form: str) -> None:
    """Whatever form the same certificates come in, the same certificates are read, each once."""
    assert set(read_certificates(FORMS[form], "x")) == set(ALL)


def test_keeps_the_order_of_the_file() -> None:
    """Certificates come in the order of the file."""
    backwards = list(reversed(ALL))
    assert read_certificates(pem_of(*backwards).encode(), "x") == backwards
    assert read_certificates(PEM.encode(), "x") == ALL


def test_says_where_each_certificate_is() -> None:
    """Each certificate comes with its first place: its block, foreign ones counted, and its number inside."""
    foreign = block("EC PARAMETERS", b"\6\1\1")
    found = read_placed((foreign + pem_of(ALL[0], ALL[1], ALL[0])).encode(), "x")
    assert [(one.block, one.inside) for one in found] == [(2, 0), (3, 0)]
    bundle = read_placed(block("CERTIFICATE", P7).encode(), "x")
    assert [(one.block, one.inside) for one in bundle] == [(1, 1), (1, 2), (1, 3)]
    assert [one.block for one in read_placed(b"".join(map(der_of, ALL)), "x")] == [1, 2, 3]


def test_a_mixed_file_of_der_and_pem_is_not_taken_half() -> None:
    """What follows a DER certificate and is no DER is an error, never dropped in silence."""
    with pytest.raises(NotACertificate):
        read_certificates(der_of(ALL[0]) + PEM.encode(), "x")


KEY = ec_key()
PKCS8 = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
SECRET = base64.b64encode(PKCS8).decode()
CSR = make_csr(["a.example"], key=KEY)
OTHERS = {
    "csr pem": (pem_of(CSR).encode(), "a certificate signing request"),
    "csr der": (der_of(CSR), "a certificate signing request"),
    "csr of windows": (
        pem_of(CSR).replace("CERTIFICATE REQ", "NEW CERTIFICATE REQ").encode(),
        "a certificate signing request",
    ),
    "csr labelled certificate": (block("CERTIFICATE", der_of(CSR)).encode(), "a certificate signing request"),
    "key pem": (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "a private key"),
    "key pem, cut": (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())[:80], "a private key"),
    "key der": (PKCS8, "a private key"),
    "key labelled certificate": (block("CERTIFICATE", PKCS8).encode(), "a private key"),
    "key sec1": (KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()), "a private key"),
    "key rsa": (
        rsa_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "a private key",
    ),
    "key encrypted": (
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        "a private key",
    ),
    "public key": (KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "a public key"),
    "pkcs12": (
        pkcs12.serialize_key_and_certificates(b"n", KEY, None, [ROOT.certificate], BestAvailableEncryption(b"x")),
        "a PKCS#12 file",
    ),
    "web page": (b"\r\n<!DOCTYPE html><html><body>Please log in</body></html>", "a web page"),
    "web page, localised": ("<HTML lang=de><body>Größe</body></HTML>".encode("latin-1"), "a web page"),
    "empty": (b"", "an empty file"),
    "blank": (b" \r\n\r\n", "an empty file"),
    "cut pem": (PEM[:300].encode(), "cut off: its end is missing"),
    "cut pem after one": ((pem_of(ROOT.certificate) + PEM[:300]).encode(), "cut off: its end is missing"),
    "cut base64 inside": (block("CERTIFICATE", der_of(ALL[0])[:-9]).encode(), "cut off: its end is missing"),
    "cut der": (der_of(ALL[0])[:-1], "cut off: its end is missing"),
    "cut der header": (der_of(ALL[0])[:3], "cut off: its end is missing"),
    "cut bare": (base64.b64encode(der_of(ALL[0]))[:201], "cut off: its end is missing"),
    "only an end": (PEM[300:900].replace("-----BEGIN", "").encode(), "cut off: its end is missing"),
    "no base64": (PEM.replace("M", "\u00a7", 1).encode(), "cut off: its end is missing"),
    "damaged": (block("CERTIFICATE", der_of(ALL[0])[:100] + b"\xff" * 400).encode(), "damaged"),
    "pkcs7 without certificates": (
        walk.tlv(0x30, bytes.fromhex("06092a864886f70d010702") + walk.tlv(0xA0, walk.tlv(0x30, b"\2\1\1"))),
        "a PKCS#7 file without certificates",
    ),
    "pkcs7 of nothing": (walk.tlv(0x30, bytes.fromhex("06092a864886f70d010702")), ""),
    "pkcs7 hollow": (walk.tlv(0x30, bytes.fromhex("06092a864886f70d010702") + walk.tlv(0xA0, b"")), ""),
    "java key store": (b"\xfe\xed\xfe\xed\0\0\0\2", "a Java key store"),
    "zip": (b"PK\x03\x04whatever", "a ZIP archive"),
    "words": (b"Dear colleague, the certificate is attached.", "text or data without a certificate"),
    "noise": (bytes(range(256)), "text or data without a certificate"),
    "too large": (PEM.encode() + b"\n" * LIMIT, f"larger than {LIMIT // 1024} KiB"),
    "nested without end": (b"\x30\x80" * 4000, ""),
}


@pytest.mark.parametrize("what", OTHERS)
def test_names_what_is_no_certificate(what: str) -> None:
    """What is no certificate is named for what it is, in an error of exit code 2 that repeats nothing of it."""
    data, kind = OTHERS[what]
    with pytest.raises(NotACertificate) as caught:
        read_certificates(data, "new\x1b[2J.pem")
    error = caught.value
    assert kind in error.kind
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert "new\\x1b[2J.pem" in error.what
    assert error.kind in error.what
    shown = f"{error.what} {error.todo} {error.untouched}"
    assert "\x1b" not in shown
    assert not any(piece in shown for piece in (SECRET[:12], "Please", "colleague", "Dear", "MII"))


def test_a_key_beside_certificates_is_passed_over() -> None:
    """A private key in a bundle hides no certificate, and a file with the key alone is refused."""
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert read_certificates(key + PEM.encode(), "x") == ALL
    with pytest.raises(NotACertificate, match="private key"):
        read_certificates(key, "x")


def test_a_damaged_block_is_an_error_even_beside_good_ones() -> None:
    """A certificate that can't be read is never dropped in silence."""
    bad = bytearray(der_of(LEAF.certificate))
    bad[4] ^= 0xFF
    with pytest.raises(NotACertificate):
        read_certificates((PEM + block("CERTIFICATE", bytes(bad))).encode(), "x")
    assert len(read_certificates((PEM + block("CERTIFICATE", der_of(LEAF.certificate))).encode(), "x")) == 3


def test_no_warning_escapes() -> None:
    """Attributes that are too long and serial numbers of zero are read without a warning (warnings are errors here)."""
    with pytest.warns(UserWarning, match="Attribute's length"):
        strange = make(dn([("C", "USA"), ("CN", "a" * 70)]), KEY.public_key(), None, own=KEY)
    read = read_certificates(der_of(strange), "x")[0]
    assert read.subject.rfc4514_string() == f"CN={'a' * 70},C=USA"
    zero = der_of(CA.root(serial=1).certificate).replace(b"\2\1\1\x30", b"\2\1\0\x30", 1)
    assert describe(read_certificates(zero, "x")[0]).serial == "0"


def test_load_certificate_wants_one_readable_certificate() -> None:
    """One certificate's DER loads; anything else is a ValueError."""
    assert load_certificate(der_of(ROOT.certificate)) == ROOT.certificate
    for bad in (b"", der_of(CSR), der_of(ROOT.certificate) + b"\n", P7):
        with pytest.raises(ValueError, match=r"malformed|parsing"):
            load_certificate(bad)


@pytest.mark.parametrize(
    "data",
    [
        pem_of(CSR).encode(),
        der_of(CSR),
        pem_of(CSR).replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST").encode(),
        pem_of(CSR).encode("utf-16"),
        textwrap.indent(pem_of(CSR), "> ").replace("\n", "\r\n").encode(),
        base64.encodebytes(der_of(CSR)),
        (pem_of(CSR) * 2).encode(),
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem_of(CSR).encode(),
    ],
    ids=["pem", "der", "windows", "utf-16", "mail", "base64", "twice", "after a key"],
)
def test_reads_a_csr(data: bytes) -> None:
    """A CSR is read from every form that certificates are read from."""
    assert read_csr(data, "x") == CSR


def test_a_csr_with_a_wrong_signature_is_refused() -> None:
    """A CSR proves that its maker holds the key: one whose signature does not verify is refused."""
    data = bytearray(der_of(CSR))
    data[-1] ^= 1
    with pytest.raises(NotACertificate, match="does not verify"):
        read_csr(bytes(data), "x")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PEM.encode(), "a certificate"),
        (der_of(ROOT.certificate), "a certificate"),
        (P7, "a certificate"),
        (PKCS8, "a private key"),
        (b"", "an empty file"),
        (pem_of(CSR)[:200].encode(), "cut off"),
        ((pem_of(CSR) + pem_of(make_csr(["b.example"]))).encode(), "2 of them"),
    ],
    ids=["pem", "der", "pkcs7", "key", "empty", "cut", "two"],
)
def test_names_what_is_no_csr(data: bytes, kind: str) -> None:
    """What is no CSR is named for what it is, and the message says that a CSR is wanted."""
    with pytest.raises(NotACertificate, match="certificate signing request") as caught:
        read_csr(data, "x.csr")
    assert kind in caught.value.kind


def test_reading_stays_fast_on_hostile_input() -> None:
    """Neither many unclosed blocks nor many tiny values make reading slow: the largest file takes under 5 seconds."""
    start = time.process_time()
    for data in (b"-----BEGIN CERTIFICATE-----\n" * 37000, b"\x30\0" * (LIMIT // 2), b"> " * (LIMIT // 2)):
        with pytest.raises(NotACertificate):
            read_certificates(data, "x")
    assert time.process_time() - start < 5
