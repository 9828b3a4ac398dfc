"""Judge an upload to a slot as a box does. Pure; sources at each rule, titles in docs/reference/lab.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plugins.lab.authority import Key, PublicKey
from plugins.lab.releases import does
from plugins.lab.requests import Refusal
from plugins.lab.switches import Settings
from plugins.lab.trust import why_untrusted


@dataclass(frozen=True)
class Situation:
    """Be what a box knows when an upload comes: `keys` are the public keys that it holds a private key for."""

    release: str
    kind: str
    slot: str
    settings: Settings
    trusted: Sequence[x509.Certificate]
    keys: Sequence[PublicKey]


def judge(upload: bytes, now: Situation) -> x509.Certificate:
    """Return the one certificate of a good upload. Raises Refusal with the reason; the first rule that fails counts."""
    leaf = _single(upload)
    if any(name.startswith("*.") for name in dns_names(leaf)):
        raise Refusal("Wildcard certificates are not supported")  # deployment guide X15.4, about this guide
    if spki(leaf.public_key()) not in [spki(key) for key in now.keys]:
        raise Refusal("The certificate does not match the private key of the signing request")  # 218034
    if reason := why_untrusted(leaf, now.trusted):
        raise Refusal(f"Untrusted CA certificate chain: {reason}")  # 221624
    _check_usage(leaf, now)
    return leaf


def _single(upload: bytes) -> x509.Certificate:
    """Read the leaf alone (218034: not the full chain), in PEM (221624: Certificate format invalid)."""
    try:
        found = x509.load_pem_x509_certificates(upload)
    except ValueError as error:
        raise Refusal("Certificate format invalid") from error
    if len(found) != 1:
        raise Refusal("The file must contain the server certificate only")
    return found[0]


def private_key(upload: bytes) -> Key:
    """Read an uploaded private key: PEM without a password. Raises Refusal."""
    try:
        key = load_pem_private_key(upload, None)
    except (ValueError, TypeError) as error:
        raise Refusal("Private key format invalid") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Refusal("Private key of another kind than boxes use")
    return key


def _check_usage(leaf: x509.Certificate, now: Situation) -> None:
    usages = usage(leaf)
    if now.slot == "server" and ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        raise Refusal("The certificate does not allow server authentication")
    if _needs_client(now) and ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise Refusal("The certificate does not allow client authentication")  # 225482, 225693


def _needs_client(now: Situation) -> bool:
    if now.slot == "client":
        return True
    if does("server-eku-switch", now.release, now.kind):
        return now.settings["server_eku_upload"] == "off"
    side = "c" if now.kind == "expressway-c" else "e"
    return does(f"server-slot-needs-client-eku-{side}", now.release, now.kind)


def spki(key: object) -> bytes:
    """Return a public key's DER, to compare keys by; nothing for a key of a kind that boxes do not use."""
    public = getattr(key, "public_bytes", None)
    return bytes(public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) if public else b""


def usage(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    """Return the extended key usages; none when the extension is absent."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return []


def dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names among the alternative names, in their order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def has_common_name(certificate: x509.Certificate) -> bool:
    """Tell whether the subject has a common name, which MRA needs (guides X12.5 to X14.3, loading certificates)."""
    return bool(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
