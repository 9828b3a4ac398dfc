"""Make throw-away certificates for conformance tests: a root, what it signs, CSRs. Never for anything that is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Issuer:
    """Be a root CA with its key, valid since a day ago or more, for another month."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def sign(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """Return a leaf with the request's subject, key and names, for server and client authentication."""
        builder = _builder(request.subject, self.certificate.subject, request.public_key(), self.key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(BOTH), critical=False)
        for extension in request.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self.key, hashes.SHA256())


def new_issuer(name: str, *, age: int = 1) -> Issuer:
    """Make a root CA with a key of its own, whose validity began `age` days ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), key.public_key(), age)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = {name: name in ("key_cert_sign", "crl_sign") for name in _KEY_USAGES}
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def new_request(common_name: str, names: Sequence[str], key: Key | None = None) -> x509.CertificateSigningRequest:
    """Make a CSR for DNS names and IP addresses, with a new P-256 key unless one is given."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def dns_names(item: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """Return the DNS names among the alternative names, in lower case; none when there is no such extension."""
    found = [one.value for one in item.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
    return [name.lower() for value in found for name in value.get_values_for_type(x509.DNSName)]


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: object, signer: object, age: int = 1
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)  # type: ignore[arg-type]
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=age)).not_valid_after(now + timedelta(days=30))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)  # type: ignore[arg-type]
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer)  # type: ignore[arg-type]
    return builder.add_extension(known, critical=False)
