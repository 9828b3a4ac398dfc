"""Read what people bring from a box: its pages' texts and downloads, in any form. Pure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.certificates import (
    Decoded,
    NotACertificate,
    csr_fingerprint,
    describe,
    fingerprint,
    names,
    normal_name,
    read_certificates,
    read_csr,
    read_decoded,
)
from engine.contracts import PENDING_CSR, Brought, in_slot
from engine.text import counted

if TYPE_CHECKING:
    from cryptography import x509

TRUSTED, CERTIFICATE = "trusted", in_slot("server")
"""What is brought of a box besides the pending CSR: the list of trusted CA certificates, and what the slot holds."""


def recognised(content: bytes, name: str) -> "x509.CertificateSigningRequest | Decoded | list[x509.Certificate]":
    """Return what a file is: a CSR, the text of one certificate, or certificates. Raises NotACertificate for others."""
    for read in (read_csr, read_decoded):
        try:
            return read(content, name)
        except NotACertificate:
            continue
    return read_certificates(content, name)


def pending(csr: "x509.CertificateSigningRequest", node: str) -> Brought:
    """Say that a CSR is pending."""
    from cryptography.hazmat.primitives.serialization import Encoding

    sha256 = csr_fingerprint(csr)
    text = f"the pending CSR of {node}, {sha256[:12]}… with {counted(len(names(csr)), 'name')}"
    return Brought(what=PENDING_CSR, text=text, shows={"csr": sha256}, csr=csr.public_bytes(Encoding.DER))


def trust_list(certificates: "list[x509.Certificate]", node: str) -> Brought:
    """Say which CA certificates a box trusts."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return Brought(
        what=TRUSTED,
        text=f"the list of what {node} trusts, {counted(len(certificates), 'CA certificate')}",
        shows={"certificates": [fingerprint(one) for one in certificates]},
        certificates=[one.public_bytes(Encoding.DER) for one in certificates],
    )


def held(certificate: "x509.Certificate", presented: "x509.Certificate", node: str) -> Brought:
    """Say what the server slot holds, and what the port presented meanwhile."""
    from cryptography.hazmat.primitives.serialization import Encoding

    sha256 = fingerprint(certificate)
    return Brought(
        what=CERTIFICATE,
        text=f"what the server slot of {node} holds, {sha256[:12]}… until {describe(certificate).not_after}",
        shows={"certificate": sha256, "presented": fingerprint(presented)},
        certificates=[certificate.public_bytes(Encoding.DER)],
    )


def is_ca(certificate: "x509.Certificate") -> bool:
    """Tell whether a certificate is one of a CA: by its basicConstraints, or, where it has none, as its own issuer."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return certificate.subject == certificate.issuer


def described_by(text: Decoded, among: "Iterable[x509.Certificate]") -> "x509.Certificate | None":
    """Return the certificate that a text is of; None when it is of none of them.

    A text has no fingerprint, so all that it says must agree: issuer and serial number alone tell certificates of one
    CA apart (RFC 5280 section 4.1.2.2), and the rest shows that it is whole.
    """
    return next((one for one in among if text.description.serial and not differences(text, one)), None)


def differences(text: Decoded, certificate: "x509.Certificate") -> list[str]:
    """Name what a text says otherwise than a certificate; what it does not say is passed over."""
    said, is_ = text.description.plain(), describe(certificate).plain()
    told = ("serial", "subject", "issuer", "not_before", "not_after", "aki", "ski", "key")
    other = [name for name in told if said[name] and said[name] != is_[name]]
    if text.whole and {normal_name(one) for one in said["sans"]} != {normal_name(one) for one in is_["sans"]}:
        other.append("sans")
    return other
