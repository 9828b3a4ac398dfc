"""Name what a file is when it is not what was wanted, by its labels and its shape, and never by its content.

Read-only.
"""

import re

from cryptography import x509

from engine.certificates import der
from engine.certificates.extensions import UNPARSED, quiet

LIMIT = 1024 * 1024
"""The largest file that is read, in bytes: a whole trust store has a fifth of it."""

TOO_LARGE = f"larger than {LIMIT // 1024} KiB"
EMPTY = "an empty file"
CERTIFICATE, REQUEST = "a certificate", "a certificate signing request"
PRIVATE_KEY, PKCS12, PUBLIC_KEY = "a private key", "a PKCS#12 file", "a public key"
REVOCATIONS = "a certificate revocation list"
PKCS7_EMPTY = "a PKCS#7 file without certificates"
WEB_PAGE = "a web page"
CUT_OFF = "cut off: its end is missing"
DAMAGED = "damaged: it can't be decoded"
DECODED = "the decoded text of a certificate"
DECODED_SEVERAL = "the decoded text of several certificates"
OTHER_BLOCK = "a PEM block of another kind"
OTHER = "text or data without a certificate"

CERTIFICATE_LABELS = {
    "CERTIFICATE",
    "X509 CERTIFICATE",
    "X.509 CERTIFICATE",
    "TRUSTED CERTIFICATE",
    "PKCS7",
    "PKCS #7 SIGNED DATA",
    "CMS",
}
"""PEM labels under which certificates come: RFC 7468 sections 5, 8 and 9, and what OpenSSL writes."""
REQUEST_LABELS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
"""PEM labels of a CSR: RFC 7468 section 7, and what Microsoft's tools write."""

ADVICE = {
    REQUEST: "Give the certificate that the CA made from it.",
    CERTIFICATE: "Give the request that the certificate was made from.",
    PRIVATE_KEY: "Keep the key where it is, and give what was asked for.",
    WEB_PAGE: "Fetch the file itself, not the page that shows it; the page may say that a login is needed.",
    CUT_OFF: "Fetch or copy the file again, whole.",
    DAMAGED: "Fetch or copy the file again, whole.",
    DECODED: "Give the certificate itself; only the one in use may be given as decoded text.",
    DECODED_SEVERAL: "Give the text of the one that is in use.",
}

_MAGIC = {
    b"\xfe\xed\xfe\xed": "a Java key store",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
}
_LABELS = {"X509 CRL": REVOCATIONS, "PUBLIC KEY": PUBLIC_KEY, "RSA PUBLIC KEY": PUBLIC_KEY, "PKCS12": PKCS12}


def by_label(label: str) -> str:
    """Name the kind of a PEM block by its label."""
    if "PRIVATE KEY" in label:
        return PRIVATE_KEY
    if label in REQUEST_LABELS:
        return REQUEST
    return CERTIFICATE if label in CERTIFICATE_LABELS else _LABELS.get(label, OTHER_BLOCK)


def of_broken_block(label: str) -> str:
    """Name a block that has no end or no Base64: a key is called a key even then."""
    return CUT_OFF if label in CERTIFICATE_LABELS | REQUEST_LABELS else by_label(label)


def of_value(body: bytes, *, wanted: str) -> str:
    """Name a DER value by its shape, when it could not be read as `wanted`."""
    try:
        value = der.first(body)
        tags = [part.tag for part in der.children(value)]
    except der.CutOff:
        return CUT_OFF
    except der.Malformed:
        return DAMAGED
    kind = _by_shape(value, tags)
    return DAMAGED if kind == wanted else kind


def of_text(text: str, data: bytes) -> str:
    """Name a file in which there is neither PEM nor DER nor Base64."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return kind
    start = text[:4096].lstrip().lower()
    if start.startswith(("<!doctype", "<head", "<?xml")) or "<html" in start:
        return WEB_PAGE
    if "-----BEGIN" in text or "-----END " in text:
        return CUT_OFF
    if is_decoded(text):
        return DECODED
    return DAMAGED if looks_binary(data) and data[:1] == b"\x30" else OTHER


def is_decoded(text: str) -> bool:
    """Tell whether this is what OpenSSL prints about a certificate: it has the validity and the subject's name."""
    return all(re.search(rf"(?m)^[^\S\n]*{word}\s*:", text) for word in ("Not After", "Subject"))


def looks_binary(data: bytes) -> bool:
    """Tell DER from a text that begins with the same character, a zero."""
    return any(octet > 0x7E or octet < 9 for octet in data[:64])


def parse_csr(body: bytes) -> x509.CertificateSigningRequest | None:
    """Return the CSR in a DER value, or None when it is none."""
    try:
        with quiet():
            csr = x509.load_der_x509_csr(body)
            _ = csr.subject
    except UNPARSED:
        return None
    return csr


def _by_shape(value: der.Element, tags: list[int]) -> str:
    if tags[:1] == [der.INTEGER]:
        return _by_version(value, tags)
    if tags == [der.SEQUENCE, der.OCTET_STRING]:
        return PRIVATE_KEY
    if tags == [der.SEQUENCE, der.BIT_STRING]:
        return PUBLIC_KEY
    if tags == [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        return _signed(value.whole)
    return CERTIFICATE if tags[:1] == [der.OID] else DAMAGED


def _by_version(value: der.Element, tags: list[int]) -> str:
    """Tell PKCS#12 (RFC 7292 section 4) from keys (RFC 5958, 8017 and 5915): all begin with a version."""
    version = der.children(value)[0].content
    return PKCS12 if version == b"\3" and tags[1:2] == [der.SEQUENCE] else PRIVATE_KEY


def _signed(body: bytes) -> str:
    """Tell certificates, CSRs and CRLs apart: all are a body, an algorithm and a signature."""
    if parse_csr(body) is not None:
        return REQUEST
    try:
        with quiet():
            x509.load_der_x509_crl(body)
    except UNPARSED:
        return CERTIFICATE
    return REVOCATIONS
