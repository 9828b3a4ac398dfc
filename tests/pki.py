"""Make certificates for tests: a small CA with knobs, fast because its keys are EC unless asked otherwise.

    root = CA.root("Example Root")                       # self-signed, P-256
    issuing = root.intermediate("Example Issuing CA")    # signed by root
    leaf = issuing.issue("exp-c.example.org")            # a Leaf: .certificate, .key, .chain, .pem
    csr = make_csr(["exp-c.example.org"], key=leaf.key)  # what the box would make
    again = issuing.sign(csr)                            # what the CA would answer: a certificate

    issuing.issue("a.example", sans=["DNS:a.example", "IP:10.0.0.1", "URI:sip:a@b.example", "email:x@y.example"])
    issuing.issue("a.example", eku=["serverAuth"], not_after=NOW, aki="issuer", digest="sha1")
    issuing.renewed()                  # new CA certificate, same key and name
    issuing.rekeyed()                  # new CA certificate, same name, new key
    issuing.cross_signed_by(other)     # same key and name, issued by another CA
    issuing.renamed("New Name")        # new CA certificate, same key, new name
    CA.root("Imposter", ski=issuing.ski)   # a foreign key under a copied key identifier
    CA.root("RSA", key=rsa_key())      # RSA 2048, made once in a process

Times default to a span around NOW, which is fixed: tests that judge pass ``at=NOW``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import count
from typing import TypedDict, Unpack

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from engine.certificates import der as walk

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
PublicKey = (
    ec.EllipticCurvePublicKey | rsa.RSAPublicKey | dsa.DSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
Dn = str | Sequence[tuple[str, str]]
"""A common name, or pairs such as ("O", "Example")."""
Item = x509.Certificate | x509.CertificateSigningRequest

USAGES = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "anyExtendedKeyUsage": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
BOTH = ("serverAuth", "clientAuth")
PRINTABLE, UTF8 = _ASN1Type.PrintableString, _ASN1Type.UTF8String

_SHORT = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
_serials = count(0x1000)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Make a new EC key, P-256 unless another curve is given."""
    return ec.generate_private_key(curve or ec.SECP256R1())


@lru_cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return an RSA key, made once in a process for each size and number, because that is slow."""
    return rsa.generate_private_key(65537, bits)


def dn(text: Dn, encoding: _ASN1Type | None = None) -> x509.Name:
    """Make a distinguished name of a common name, or of pairs such as ("O", "Example"), in the given string type."""
    pairs = [("CN", text)] if isinstance(text, str) else text
    chosen = [(_SHORT.get(short) or ObjectIdentifier(short), value) for short, value in pairs]
    fixed = {NameOID.COUNTRY_NAME, NameOID.DOMAIN_COMPONENT, NameOID.EMAIL_ADDRESS}
    return x509.Name([x509.NameAttribute(o, v, None if o in fixed else encoding, _validate=False) for o, v in chosen])


def general_name(text: str) -> x509.GeneralName:
    """Make a general name of text as `engine.certificates.naming` writes it; bare text is a DNS name."""
    kind, colon, value = text.partition(":")
    match kind if colon else "":
        case "IP":
            return x509.IPAddress(ip_address(value))
        case "URI":
            return x509.UniformResourceIdentifier(value)
        case "email":
            return x509.RFC822Name(value)
        case "dirName":
            return x509.DirectoryName(dn(value.removeprefix("CN=")))
        case "RID":
            return x509.RegisteredID(ObjectIdentifier(value))
        case "other":
            oid, _, content = value.partition(":")
            body = content.encode()
            return x509.OtherName(ObjectIdentifier(oid), bytes([0x0C, len(body)]) + body)
    return x509.DNSName(value if kind == "DNS" and colon else text)


def make_csr(
    sans: Sequence[str] = (),
    *,
    key: Key | None = None,
    subject: Dn = "",
    eku: Sequence[str] = BOTH,
) -> x509.CertificateSigningRequest:
    """Make the CSR that a box would make; the subject's common name is the first name unless given."""
    first = sans[0].removeprefix("DNS:") if sans else "exp.example.org"
    builder = x509.CertificateSigningRequestBuilder().subject_name(dn(subject or first))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(one) for one in sans]), False)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([_usage(one) for one in eku]), False)
    return builder.sign(key or ec_key(), hashes.SHA256())


class Knobs(TypedDict, total=False):
    """Be every setting of a certificate; the defaults make a good leaf, valid for a year around NOW.

    `ca`: CA:TRUE, CA:FALSE, or None for no basic constraints. `usage`: key usages, None for no such extension; `eku`
    likewise. `aki`: ``keyid``, ``issuer`` (issuer and serial), ``both``, or empty for none. `ski`: bytes to use, None
    for the usual, empty for none. `digest`: ``sha256``, ``sha384``, ``sha1``, ``md5`` or ``pss``. `encoding`: string
    type in which this certificate writes its issuer's name. `permitted`, `excluded`: name constraints; networks are
    ``IP:10.0.0.0/8``. `extra`: further extensions. `critical`: which of `extra` are critical.
    """

    sans: Sequence[str]
    eku: Sequence[str] | None
    not_before: datetime
    not_after: datetime
    ca: bool | None
    path_length: int | None
    usage: Sequence[str] | None
    aki: str
    ski: bytes | None
    serial: int
    digest: str
    encoding: _ASN1Type | None
    permitted: Sequence[str]
    excluded: Sequence[str]
    extra: Sequence[x509.ExtensionType]
    critical: Sequence[x509.ExtensionType]


_LEAF = Knobs(
    sans=(),
    eku=BOTH,
    not_before=NOW - 30 * DAY,
    not_after=NOW + 365 * DAY,
    ca=False,
    path_length=None,
    usage=("digital_signature", "key_encipherment"),
    aki="keyid",
    ski=None,
    serial=0,
    digest="sha256",
    encoding=None,
    permitted=(),
    excluded=(),
    extra=(),
    critical=(),
)
_AUTHORITY = Knobs(
    eku=None, ca=True, usage=("key_cert_sign", "crl_sign"), not_before=NOW - 900 * DAY, not_after=NOW + 3600 * DAY
)


@dataclass(frozen=True)
class Leaf:
    """Be an issued certificate with its key and the CA that issued it."""

    certificate: x509.Certificate
    key: Key
    issuer: "CA"

    @property
    def chain(self) -> list[x509.Certificate]:
        """Return the CA certificates from the issuer to the root."""
        return self.issuer.chain

    @property
    def pem(self) -> str:
        """Return the certificate alone as PEM."""
        return pem(self.certificate)

    @property
    def key_pem(self) -> str:
        """Return the private key as unencrypted PKCS#8 PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class CA:
    """Be a CA: its certificate, its key, and the CA above it (None for a root). `knobs` made the certificate."""

    certificate: x509.Certificate
    key: Key
    parent: "CA | None" = None
    knobs: Knobs = field(default_factory=Knobs)

    @classmethod
    def root(cls, name: Dn = "Test Root", *, key: Key | None = None, **knobs: Unpack[Knobs]) -> "CA":
        """Make a self-signed CA."""
        return _authority(dn(name), key or ec_key(), None, knobs)

    def intermediate(self, name: Dn = "Test Issuing CA", *, key: Key | None = None, **knobs: Unpack[Knobs]) -> "CA":
        """Make a CA below this one."""
        return _authority(dn(name), key or ec_key(), self, knobs)

    @property
    def chain(self) -> list[x509.Certificate]:
        """Return this CA's certificate and those above it, root last."""
        return [self.certificate, *(self.parent.chain if self.parent else [])]

    @property
    def name(self) -> x509.Name:
        """Return the CA's name."""
        return self.certificate.subject

    @property
    def ski(self) -> bytes:
        """Return the subject key identifier that the CA's certificate holds, or would hold."""
        return _ski(self)

    def renewed(self, **knobs: Unpack[Knobs]) -> "CA":
        """Make a new certificate for the same name and key."""
        return _authority(self.name, self.key, self.parent, {**self.knobs, **knobs})

    def rekeyed(self, *, key: Key | None = None, **knobs: Unpack[Knobs]) -> "CA":
        """Make a new certificate for the same name and a new key."""
        return _authority(self.name, key or ec_key(), self.parent, {**self.knobs, **knobs})

    def renamed(self, name: Dn, **knobs: Unpack[Knobs]) -> "CA":
        """Make a new certificate for the same key and a new name."""
        return _authority(dn(name), self.key, self.parent, {**self.knobs, **knobs})

    def cross_signed_by(self, other: "CA", **knobs: Unpack[Knobs]) -> "CA":
        """Have another CA certify this CA's name and key."""
        return _authority(self.name, self.key, other, {**self.knobs, **knobs})

    def issue(self, *names: str, key: Key | None = None, subject: Dn | None = None, **knobs: Unpack[Knobs]) -> Leaf:
        """Issue a certificate with these names (bare or ``TYPE:value``) to a new key.

        The subject is the first name as common name; an empty `subject` leaves it empty.
        """
        own = key or ec_key()
        first = names[0].removeprefix("DNS:") if names else "exp.example.org"
        told: Knobs = {"sans": names, **knobs}
        made = make(dn(first if subject is None else subject), own.public_key(), self, **told)
        return Leaf(made, own, self)

    def sign(self, csr: x509.CertificateSigningRequest, **knobs: Unpack[Knobs]) -> x509.Certificate:
        """Answer a CSR with a certificate that has its subject, key and names, unless `sans` says otherwise."""
        public = csr.public_key()
        assert isinstance(public, PublicKey)
        asked = [one.value for one in csr.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
        told: Knobs = knobs if "sans" in knobs else {**knobs, "extra": [*asked, *knobs.get("extra", ())]}
        return make(csr.subject, public, self, **told)


def make(
    subject: x509.Name, key: PublicKey, issuer: CA | None, *, own: Key | None = None, **knobs: Unpack[Knobs]
) -> x509.Certificate:
    """Make one certificate as told: signed by `issuer`, or self-signed with the key `own`."""
    how: Knobs = {**_LEAF, **knobs}
    signing = issuer.key if issuer else own
    assert signing is not None
    above = issuer.name if issuer else subject
    if how["encoding"]:
        above = x509.Name([x509.NameAttribute(one.oid, one.value, how["encoding"]) for one in above])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(key)
    builder = builder.serial_number(how["serial"] or next(_serials))
    builder = builder.not_valid_before(how["not_before"]).not_valid_after(how["not_after"])
    for extension in _extensions(how, key, issuer):
        builder = builder.add_extension(extension, extension in how["critical"] or isinstance(extension, _CRITICAL))
    return _signed(builder, signing, how["digest"])


def pem(*items: Item) -> str:
    """Write certificates or CSRs as PEM blocks, one after the other."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in items)


def der(item: Item) -> bytes:
    """Write a certificate or CSR as DER."""
    return item.public_bytes(Encoding.DER)


def altered(item: Item, position: int, mask: int = 1) -> bytes:
    """Return the DER with the bits of `mask` flipped in one byte."""
    data = bytearray(der(item))
    data[position % len(data)] ^= mask
    return bytes(data)


_CRITICAL = (x509.BasicConstraints, x509.KeyUsage, x509.NameConstraints)
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


def _authority(name: x509.Name, key: Key, parent: CA | None, knobs: Knobs) -> CA:
    told: Knobs = {**_AUTHORITY, **knobs}
    made = make(name, key.public_key(), parent, own=key, **told)
    return CA(made, key, parent, knobs)


def _extensions(how: Knobs, key: PublicKey, issuer: CA | None) -> list[x509.ExtensionType]:
    found: list[x509.ExtensionType] = [*how["extra"]]
    if how["ca"] is not None:
        found.append(x509.BasicConstraints(how["ca"], how["path_length"]))
    if how["usage"] is not None:
        found.append(x509.KeyUsage(**{usage: usage in how["usage"] for usage in _KEY_USAGES}))
    if how["eku"] is not None:
        found.append(x509.ExtendedKeyUsage([_usage(one) for one in how["eku"]]))
    if how["sans"]:
        found.append(x509.SubjectAlternativeName([general_name(one) for one in how["sans"]]))
    if how["permitted"] or how["excluded"]:
        found.append(x509.NameConstraints(_subtrees(how["permitted"]), _subtrees(how["excluded"])))
    if how["ski"] != b"":
        own = how["ski"] or x509.SubjectKeyIdentifier.from_public_key(key).digest
        found.append(x509.SubjectKeyIdentifier(own))
    return [*found, *_aki(how["aki"], issuer)]


def _aki(form: str, issuer: CA | None) -> list[x509.ExtensionType]:
    if issuer is None or not form:
        return []
    keyid = _ski(issuer) if form in ("keyid", "both") else None
    names = [x509.DirectoryName(issuer.certificate.issuer)] if form in ("issuer", "both") else None
    return [x509.AuthorityKeyIdentifier(keyid, names, issuer.certificate.serial_number if names else None)]


def _ski(authority: CA) -> bytes:
    try:
        return authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key()).digest


def _usage(name: str) -> ObjectIdentifier:
    return USAGES.get(name) or ObjectIdentifier(name)


def _subtrees(names: Sequence[str]) -> list[x509.GeneralName] | None:
    return [_subtree(one) for one in names] or None


def _subtree(text: str) -> x509.GeneralName:
    return x509.IPAddress(ip_network(text[3:])) if text.startswith("IP:") else general_name(text)


def _signed(builder: x509.CertificateBuilder, key: Key, digest: str) -> x509.Certificate:
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return builder.sign(key, None)
    if digest in _OLD:
        return _signed_weakly(builder.sign(key, hashes.SHA256()), key, digest)
    if digest == "pss":
        assert isinstance(key, rsa.RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    return builder.sign(key, hashes.SHA384() if digest == "sha384" else hashes.SHA256())


_OLD: dict[str, tuple[hashes.HashAlgorithm, str, str]] = {
    "sha1": (hashes.SHA1(), "300906072a8648ce3d0401", "300d06092a864886f70d0101050500"),  # noqa: S303
    "md5": (hashes.MD5(), "", "300d06092a864886f70d0101040500"),  # noqa: S303
}
"""Hash, and the DER of the algorithm identifiers for ECDSA and RSA (RFC 3279)."""


def _signed_weakly(made: x509.Certificate, key: Key, digest: str) -> x509.Certificate:
    """Sign the same content again with a broken hash, which the builder refuses to use."""
    algorithm, ecdsa, pkcs1 = _OLD[digest]
    identifier = bytes.fromhex(ecdsa if isinstance(key, ec.EllipticCurvePrivateKey) else pkcs1)
    parts = [one.whole for one in walk.children(walk.first(made.tbs_certificate_bytes))]
    parts[2] = identifier
    body = walk.tlv(walk.SEQUENCE, b"".join(parts))
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(body, padding.PKCS1v15(), algorithm)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(body, ec.ECDSA(algorithm))
    signed = body + identifier + walk.tlv(walk.BIT_STRING, b"\0" + signature)
    return x509.load_der_x509_certificate(walk.tlv(walk.SEQUENCE, signed))
