"""Make keys and CSRs as a box does: its own FQDN, or its cluster's, as common name, its own as first alternative name.

Source: the fields of POST /api/provisioning/certs/generate_csr as the one public client sends them (seen), key sizes
and digests of the deployment guide X15.4, "Generating a CSR" (confirmed).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from engine.model import Json
from plugins.lab.authority import BOTH, Key, request_digest

SUBJECT = {
    "Country": NameOID.COUNTRY_NAME,
    "Province": NameOID.STATE_OR_PROVINCE_NAME,
    "Locality": NameOID.LOCALITY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "Email": NameOID.EMAIL_ADDRESS,
}
"""Subject fields that the API takes, in the order in which the box writes them; the common name comes last."""

KEYS = ("rsa-2048", "rsa-4096", "ec-256", "ec-384", "ec-521")

_CURVES: dict[str, type[ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1]] = {
    "ec-256": ec.SECP256R1,
    "ec-384": ec.SECP384R1,
    "ec-521": ec.SECP521R1,
}
_DIGESTS: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_FQDN = re.compile(rf"({_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*")


class Refusal(Exception):
    """The box says no; the text is the reason."""


@dataclass(frozen=True)
class Pending:
    """Be a CSR that waits for its certificate, with its key, which never leaves the box."""

    request: x509.CertificateSigningRequest
    key: Key

    @property
    def pem(self) -> bytes:
        """Return the CSR as PEM."""
        return self.request.public_bytes(Encoding.PEM)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the CSR's DER."""
        return request_digest(self.request)


def make_key(kind: str) -> Key:
    """Make a private key of one of `KEYS`."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa-")))


def make_request(
    hostname: str,
    fields: Mapping[str, Json],
    *,
    key: str,
    digest: str = "sha256",
    fqdn_only: bool,
    common_name: str = "",
) -> Pending:
    """Make a key and a CSR from the API's fields. Raises Refusal for what a box does not take."""
    names = _names(hostname, fields.get("Additional_FQDNS", []), fqdn_only=fqdn_only)
    subject = _subject(common_name or hostname, fields)
    if key not in KEYS or digest not in _DIGESTS:
        raise Refusal("Key length or digest algorithm not supported")
    private = make_key(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(BOTH), critical=False)
    return Pending(builder.sign(private, _DIGESTS[digest]()), private)


def _names(hostname: str, extra: Json, *, fqdn_only: bool) -> list[x509.DNSName]:
    if not isinstance(extra, list) or not all(isinstance(name, str) for name in extra):
        raise Refusal("Additional_FQDNS must be a list of names")
    if fqdn_only and (bad := [name for name in extra if not _FQDN.fullmatch(name)]):
        raise Refusal(f"Not a fully qualified domain name: {bad[0]}")
    unique: dict[str, str] = {}
    for name in [hostname, *extra]:
        unique.setdefault(name.lower(), name)
    try:
        return [x509.DNSName(name) for name in unique.values()]
    except ValueError as error:
        raise Refusal("A name must be written in ASCII") from error


def _subject(hostname: str, fields: Mapping[str, Json]) -> x509.Name:
    try:
        given = [x509.NameAttribute(oid, _text(fields, name)) for name, oid in SUBJECT.items() if fields.get(name)]
        return x509.Name([*given, _common_name(hostname)])
    except ValueError as error:
        raise Refusal(f"Subject not accepted: {error}") from error


def _common_name(hostname: str) -> x509.NameAttribute[str]:
    oid: ObjectIdentifier = NameOID.COMMON_NAME
    return x509.NameAttribute(oid, hostname)


def _text(fields: Mapping[str, Json], name: str) -> str:
    if not isinstance(fields[name], str):
        raise Refusal(f"{name} must be text")
    return str(fields[name])
