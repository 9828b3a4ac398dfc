"""Compare what a CA wants to see in a CSR (``csrattrs``, RFC 7030 section 4.5; RFC 8951; RFC 9908) with one. Pure."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from engine.certificates import der, key_text

CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"
EXTENSIONS = "1.2.840.113549.1.9.14"
TEMPLATE = "1.2.840.113549.1.9.16.2.61"
RSA, EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"

CURVES = {"1.2.840.10045.3.1.7": "EC P-256", "1.3.132.0.34": "EC P-384", "1.3.132.0.35": "EC P-521"}

NAMES = {
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.15": "keyUsage",
    "2.5.29.17": "subjectAltName",
    "2.5.29.37": "extendedKeyUsage",
    "1.3.6.1.1.1.1.22": "macAddress",
    "2.5.4.3": "commonName",
    "2.5.4.5": "serialNumber",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
}
"""What a person knows an object identifier by."""

HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}

MOST = 20
"""How many sentences are told at most."""


class Wanted(NamedTuple):
    """Be one thing that a CA wants in a CSR: an object identifier, and the values it may have, as DER values."""

    oid: str
    values: tuple[der.Element, ...] = ()


def read(body: bytes) -> list[Wanted]:
    """Read an answer of ``csrattrs``: DER in Base64 with any blanks, or bare. Raises ValueError."""
    text = b"".join(body.split())
    try:
        content = body if body[:1] == b"\x30" else base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is no Base64") from error
    outer, *more = der.elements(content)
    if more or outer.tag != der.SEQUENCE:
        raise ValueError("it is no list of attributes")
    return [_wanted(one) for one in der.children(outer)]


def _wanted(item: der.Element) -> Wanted:
    if item.tag == der.OID:
        return Wanted(der.dotted(item.content))
    if item.tag != der.SEQUENCE:
        raise ValueError("it holds what is neither an identifier nor an attribute")
    kind, *sets = der.children(item)
    return Wanted(der.dotted(kind.content), tuple(value for one in sets for value in der.children(one)))


def lacking(wanted: Sequence[Wanted], csr: x509.CertificateSigningRequest) -> list[str]:
    """Say, a sentence each, what the CA wants and the CSR lacks; nothing when it has all.

    Beside a template everything else is for older clients (RFC 9908 section 4).
    """
    wanted = [one for one in wanted if one.oid == TEMPLATE] or wanted
    told = list(dict.fromkeys(sentence for one in wanted for sentence in _told(one, csr)))
    return told if len(told) <= MOST else [*told[:MOST], f"The CA wants {len(told) - MOST} more that the CSR lacks."]


def _told(wanted: Wanted, csr: x509.CertificateSigningRequest) -> Iterator[str]:
    if wanted.oid == CHALLENGE_PASSWORD:
        yield (
            "The CA wants a challengePassword in the CSR. None can be added: the box signed the CSR, and its key stays "
            "there. Ask the PKI team to do without for this account."
        )
    elif wanted.oid == TEMPLATE:
        yield "The CA sends a template for CSRs (RFC 9908); whether the CSR fits it was not checked."
    elif wanted.oid == EXTENSIONS:
        yield from _extensions(wanted, csr)
    elif wanted.oid in (RSA, EC):
        yield from _key(wanted, csr)
    elif wanted.oid not in held(csr):
        yield f"The CA wants {_name(wanted.oid)} in the CSR, which lacks it; the box decides what is in it."


def _extensions(wanted: Wanted, csr: x509.CertificateSigningRequest) -> Iterator[str]:
    """Name extensions that lack: identifiers (RFC 7030) or whole extensions with values (RFC 9908)."""
    for oid in (oid for value in wanted.values for oid in _identifiers(value)):
        if oid not in held(csr):
            yield f"The CA wants the extension {_name(oid)} in the CSR, which lacks it; the box decides what is in it."


def _identifiers(value: der.Element) -> Iterator[str]:
    if value.tag == der.OID:
        yield der.dotted(value.content)
        return
    for inner in der.children(value):
        if inner.tag == der.OID:
            yield der.dotted(inner.content)
        elif first := der.children(inner):
            yield der.dotted(first[0].content)


def _key(wanted: Wanted, csr: x509.CertificateSigningRequest) -> Iterator[str]:
    """Compare the kind of key and, where it is told, curve or size (RFC 9908 section 3)."""
    sizes = [f"RSA {int.from_bytes(one.content, 'big')}" for one in wanted.values if one.tag == der.INTEGER]
    curves = [_curve(one) for one in wanted.values if one.tag == der.OID]
    allowed, key = [*sizes, *curves], csr.public_key()
    right = isinstance(key, rsa.RSAPublicKey if wanted.oid == RSA else ec.EllipticCurvePublicKey)
    if not right or (allowed and key_text(key) not in allowed):
        kind = " or ".join(allowed) or ("RSA" if wanted.oid == RSA else "EC")
        yield f"The CA wants a key {kind}; that of the CSR is {key_text(key)}."


def _curve(value: der.Element) -> str:
    oid = der.dotted(value.content)
    return CURVES.get(oid, oid)


def held(csr: x509.CertificateSigningRequest) -> set[str]:
    """Return every object identifier that says what a CSR has: attributes, extensions, names, algorithms."""
    hash_name = csr.signature_hash_algorithm.name if csr.signature_hash_algorithm else ""
    found = {csr.signature_algorithm_oid, *(one.oid for one in csr.subject)}
    with suppress(ValueError):  # what can't be read there is told elsewhere
        found |= {one.oid for one in csr.attributes} | {one.oid for one in csr.extensions}
    return {oid.dotted_string for oid in found} | {oid for oid, name in HASHES.items() if name == hash_name}


def _name(oid: str) -> str:
    return f"{NAMES[oid]} ({oid})" if oid in NAMES else oid
