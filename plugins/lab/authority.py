"""Be the corporate CA: two generations, each a root and an issuing CA with keys of their own.

It signs a CSR faithfully, unless a flaw is ordered. Keys live in memory only.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.errors import UsageError

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)

FLAWS = {
    "drop-san": "leave out the last alternative name",
    "extra-san": "add a name that nobody asked for",
    "server-only": "allow server authentication only",
    "client-only": "allow client authentication only",
    "no-eku": "leave the extended key usage out",
    "other-key": "certify another key than the CSR's",
    "expired": "let it end yesterday",
    "not-yet-valid": "let it begin in 30 days",
    "wrong-ca": "sign with an authority that nobody knows",
    "same-name-ca": "sign with a stranger that calls itself as the right CA does",
    "no-intermediate": "forget the issuing CA in the answer",
    "leaf-only": "send no chain",
    "wildcard": "add a wildcard name",
    "no-cn": "leave the common name out of the subject",
    "ca": "make it a CA certificate",
}
"""What the PKI team can be told to do wrong, a line each."""

LEAF_DAYS = 365


@dataclass(frozen=True)
class Signer:
    """Be a CA certificate with its key."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True)
class Generation:
    """Be one generation of the CA: `issuing` signs leaves, `root` signed `issuing`."""

    root: Signer
    issuing: Signer

    @property
    def chain(self) -> list[x509.Certificate]:
        """Return issuing CA and root, in this order."""
        return [self.issuing.certificate, self.root.certificate]


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def request_digest(request: x509.CertificateSigningRequest) -> str:
    """Return the SHA-256 of a CSR's DER, lower-case hex."""
    return hashlib.sha256(request.public_bytes(Encoding.DER)).hexdigest()


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def make_generation(label: str, now: datetime, *, name: str = "", age: int = 900) -> Generation:
    """Make a root and an issuing CA, `age` days old. `name` goes into the subjects instead of `label`."""
    called, start = name or label, now - timedelta(days=age)
    root = _ca(_named(f"Corp Root CA {called}"), None, start, now)
    return Generation(root, _ca(_named(f"Corp Issuing CA {called}"), root, start, now))


def _named(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corp Example"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _ca(subject: x509.Name, parent: Signer | None, start: datetime, now: datetime) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    by = parent.certificate.subject if parent else subject
    signing = parent.key if parent else key
    builder = _builder(subject, by, key.public_key(), signing.public_key())
    # 15 years end before 2050, past which boxes have trouble (deployment guide X15.4, about this guide).
    builder = builder.not_valid_before(start).not_valid_after(now + timedelta(days=15 * 365))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0 if parent else 1), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    return Signer(builder.sign(signing, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, issuer_key: PublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def certify(
    by: Signer,
    subject: x509.Name,
    key: PublicKey,
    names: Sequence[x509.GeneralName],
    *,
    start: datetime,
    end: datetime,
    eku: Sequence[x509.ObjectIdentifier] = BOTH,
    ca: bool = False,
) -> x509.Certificate:
    """Sign a leaf for these names, valid from `start` to `end`."""
    builder = _builder(subject, by.certificate.subject, key, by.key.public_key())
    builder = builder.not_valid_before(start).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=ca), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    return builder.sign(by.key, hashes.SHA256())


class CorporateCA:
    """Be the authority of the estate: the ``old`` generation signed what is installed, the ``new`` one signs today.

    With `same_names` both generations carry the same subjects, which boxes cope with badly. `issued` are the answers
    to every CSR that was signed, by the CSR's digest, in order: what the PKI team finds in its database.
    """

    def __init__(self, now: datetime, *, same_names: bool = False) -> None:
        self.old = make_generation("G1", now)
        self.new = make_generation("G2", now, name="G1" if same_names else "", age=60)
        self.issued: dict[str, list[list[x509.Certificate]]] = {}

    def generation(self, name: str) -> Generation:
        """Return the ``old`` or the ``new`` generation. Raises UsageError."""
        if name not in ("old", "new"):
            raise UsageError(f"There is no generation {name!r} of the lab's CA.", todo="It is old or new.")
        return self.old if name == "old" else self.new

    def sign(
        self,
        csr: x509.CertificateSigningRequest,
        *,
        now: datetime,
        generation: str = "new",
        flaw: str = "",
        days: int = LEAF_DAYS,
    ) -> list[x509.Certificate]:
        """Sign a CSR and return the leaf and its chain, issuing CA first. Raises UsageError for an unknown flaw."""
        if flaw and flaw not in FLAWS:
            raise UsageError(f"The lab's CA knows no flaw {flaw!r}.", todo=f"Flaws: {', '.join(FLAWS)}.")
        if not csr.is_signature_valid:
            raise UsageError("The CSR's own signature is not valid.", untouched="Nothing was signed.")
        chain = _stranger(self.generation(generation), now, flaw)
        answer = _answer(_leaf(chain.issuing, csr, now, flaw, days), chain, flaw)
        self.issued.setdefault(request_digest(csr), []).append(answer)
        return answer


def _leaf(by: Signer, csr: x509.CertificateSigningRequest, now: datetime, flaw: str, days: int) -> x509.Certificate:
    start, end = _span(now, flaw, days)
    key = ec.generate_private_key(ec.SECP256R1()).public_key() if flaw == "other-key" else csr.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UsageError("The lab's CA signs RSA and EC keys only.", untouched="Nothing was signed.")
    subject = _nameless(csr.subject) if flaw == "no-cn" else csr.subject
    names = _names(csr, flaw)
    return certify(by, subject, key, names, start=start, end=end, eku=_eku(flaw), ca=flaw == "ca")


def _stranger(right: Generation, now: datetime, flaw: str) -> Generation:
    """Return who signs: the right authority, or for two flaws one that nobody trusts."""
    if flaw == "wrong-ca":
        return make_generation("Unknown", now)
    if flaw == "same-name-ca":
        return make_generation(right.issuing.certificate.subject.rfc4514_string().split(",")[0].split()[-1], now)
    return right


def _answer(leaf: x509.Certificate, by: Generation, flaw: str) -> list[x509.Certificate]:
    chain = {"leaf-only": [], "no-intermediate": by.chain[1:]}.get(flaw, by.chain)
    return [leaf, *chain]


def _span(now: datetime, flaw: str, days: int) -> tuple[datetime, datetime]:
    if flaw == "expired":
        return now - timedelta(days=days), now - timedelta(days=1)
    start = now + timedelta(days=30) if flaw == "not-yet-valid" else now - timedelta(minutes=5)
    return start, start + timedelta(days=days)


def _eku(flaw: str) -> tuple[x509.ObjectIdentifier, ...]:
    return {"server-only": BOTH[:1], "client-only": BOTH[1:], "no-eku": ()}.get(flaw, BOTH)


def _nameless(subject: x509.Name) -> x509.Name:
    return x509.Name([attribute for attribute in subject if attribute.oid != NameOID.COMMON_NAME])


def _names(csr: x509.CertificateSigningRequest, flaw: str) -> list[x509.GeneralName]:
    try:
        names = list(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    if flaw == "drop-san":
        return names[:-1]
    added = {"extra-san": "surprise.corp.example", "wildcard": "*.corp.example"}.get(flaw)
    return [*names, x509.DNSName(added)] if added else names
