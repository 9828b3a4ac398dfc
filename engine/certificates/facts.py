"""State what a certificate or CSR says, in the words of documents, plans and the ``check`` contract. Read-only."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.certificates.extensions import Encoding, Item, PublicFormat, Unreadable, extension, quiet
from engine.certificates.naming import names
from engine.model import Value
from engine.text import escape, stamp

USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}
"""Extended key usages by their names in RFC 5280 section 4.2.1.12."""

KEY_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "contentCommitment",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}
"""Key usages: the parser's names, and those of RFC 5280 section 4.2.1.3."""

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}

ATTRIBUTES = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STREET_ADDRESS: "street",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.SURNAME: "SN",
    NameOID.GIVEN_NAME: "GN",
    NameOID.TITLE: "title",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.BUSINESS_CATEGORY: "businessCategory",
    NameOID.DN_QUALIFIER: "dnQualifier",
    NameOID.PSEUDONYM: "pseudonym",
    NameOID.INITIALS: "initials",
    NameOID.GENERATION_QUALIFIER: "generationQualifier",
    NameOID.JURISDICTION_COUNTRY_NAME: "jurisdictionC",
    NameOID.JURISDICTION_LOCALITY_NAME: "jurisdictionL",
    NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME: "jurisdictionST",
}
"""Attribute types of a subject by the short names that tools print (RFC 4519, RFC 2985; EV guidelines)."""


class Description(Value, frozen=True, kw_only=True):
    """Be the ``leaf`` of the ``check`` contract.

    `subject` and `issuer` are RFC 4514 text, `serial`, `sha256`, `ski` and `aki` lower-case hex, times RFC 3339 in
    UTC. An `aki` that names issuer and serial number instead of a key identifier reads ``issuer=...,serial=hex``.
    Texts are the certificate's own: escape them before showing.
    """

    subject: str
    issuer: str
    serial: str
    sha256: str
    not_before: str
    not_after: str
    sans: list[str]
    eku: list[str]
    ski: str
    aki: str
    key: str


Fields = tuple[tuple[str, str], ...]


class Decoded(NamedTuple):
    """Be what the text of a certificate says; what it does not say is empty.

    `subject` and `issuer` are attributes in order, as `name_fields` gives them. `usages`: the key usage by the
    names of RFC 5280. `whole`: every alternative name could be read.
    """

    description: Description
    subject: Fields
    issuer: Fields
    usages: tuple[str, ...]
    whole: bool
    not_after: datetime | None


@lru_cache(maxsize=4096)
def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate's DER, 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def csr_fingerprint(csr: x509.CertificateSigningRequest) -> str:
    """Return the SHA-256 of the CSR's DER, 64 lower-case hex digits."""
    return _sha256(csr.public_bytes(Encoding.DER))


def key_digest(public_key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7), 64 hex digits."""
    return _sha256(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def public_key(item: Item) -> PublicKeyTypes | None:
    """Return the public key, or None when its algorithm or curve is not known here."""
    try:
        return item.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def eku(item: Item) -> list[str]:
    """Return the extended key usages in order: RFC 5280 names such as ``serverAuth``, or dotted OIDs.

    Empty when the extension is absent or can't be read.
    """
    try:
        found = extension(item, x509.ExtendedKeyUsage)
    except Unreadable:
        return []
    return [USAGES.get(one, one.dotted_string) for one in found or []]


def key_usages(item: Item) -> list[str]:
    """Return the key usages by their names in RFC 5280 section 4.2.1.3; empty when absent or malformed."""
    try:
        found = extension(item, x509.KeyUsage)
    except Unreadable:
        return []
    # The last two say how keys are agreed on, and mean nothing without keyAgreement: the parser raises there.
    agreed = found is not None and found.key_agreement
    names = list(KEY_USAGES) if agreed else list(KEY_USAGES)[:-2]
    return [KEY_USAGES[one] for one in names if found is not None and getattr(found, one)]


def key_text(key: PublicKeyTypes | None) -> str:
    """Name a key's kind and size: ``RSA 2048``, ``EC P-256``, ``Ed25519``; ``unknown`` for what is not known here."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {_CURVES.get(key.curve.name, key.curve.name)}"
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
    return "unknown"


def describe(certificate: x509.Certificate) -> Description:
    """Return what a person compares: subject, issuer, validity, names, usages, key and key identifiers."""
    return Description(
        subject=dn_text(certificate.subject),
        issuer=dn_text(certificate.issuer),
        serial=serial(certificate),
        sha256=fingerprint(certificate),
        not_before=stamp(certificate.not_valid_before_utc),
        not_after=stamp(certificate.not_valid_after_utc),
        sans=names(certificate),
        eku=eku(certificate),
        ski=subject_key_identifier(certificate),
        aki=authority_key_identifier(certificate),
        key=key_text(public_key(certificate)),
    )


def serial(certificate: x509.Certificate) -> str:
    """Return the serial number in lower-case hex. RFC 5280 section 4.1.2.2 wants it positive; not all are."""
    with quiet():
        return f"{certificate.serial_number:x}"


def subject_key_identifier(item: Item) -> str:
    """Return the subject key identifier (RFC 5280 section 4.2.1.2) in hex; empty when absent or malformed."""
    try:
        found = extension(item, x509.SubjectKeyIdentifier)
    except Unreadable:
        return ""
    return found.digest.hex() if found else ""


def authority_key_identifier(certificate: x509.Certificate) -> str:
    """Return the authority key identifier (RFC 5280 section 4.2.1.1) as text; empty when absent or malformed."""
    try:
        found = extension(certificate, x509.AuthorityKeyIdentifier)
    except Unreadable:
        return ""
    if found is None or found.key_identifier is not None:
        return found.key_identifier.hex() if found and found.key_identifier else ""
    issuers = [dn_text(one.value) for one in found.authority_cert_issuer or [] if isinstance(one, x509.DirectoryName)]
    return f"issuer={'+'.join(issuers)},serial={found.authority_cert_serial_number or 0:x}"


def common_name(name: x509.Name) -> str:
    """Return the first common name, or empty text."""
    return next((str(one.value) for one in name.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def subject_fields(item: Item) -> list[tuple[str, str]]:
    """Return the subject's attributes in order, as (short name such as C, O, CN, emailAddress or dotted OID, value)."""
    with quiet():
        return name_fields(item.subject)


def name_fields(name: x509.Name) -> list[tuple[str, str]]:
    """Return the attributes of a distinguished name in order, as `subject_fields` does."""
    return [(ATTRIBUTES.get(one.oid, one.oid.dotted_string), _text(one.value)) for one in name]


def dn_text(name: x509.Name) -> str:
    """Write a distinguished name as RFC 4514 text."""
    return name.rfc4514_string()


def label(certificate: x509.Certificate) -> str:
    """Name a certificate in a sentence for a person: its common name or subject, escaped and cut."""
    return escape(common_name(certificate.subject) or dn_text(certificate.subject) or "(no subject)", 80)


def to_pem(item: Item) -> str:
    """Write a certificate or CSR as one Base64 PEM block with a final line end."""
    return item.public_bytes(Encoding.PEM).decode("ascii")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()


def _sha256(data: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()
