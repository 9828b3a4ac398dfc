"""Read certificates and CSRs from whatever people have, and name what is none of them. Pure: bytes in, values out.

Forms: PEM (RFC 7468), DER (RFC 5280), PKCS#7 of either kind (RFC 2315; BER too), all of these concatenated, labelled
wrongly (AD CS labels PKCS#7 as CERTIFICATE), in bare Base64, quoted by a mail program or re-encoded by an editor.
An error names the file and what it is, and repeats nothing of what is in it: it could be a private key.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from engine.certificates import der, kinds, pem
from engine.certificates.extensions import UNPARSED, quiet, unreadable
from engine.certificates.facts import csr_fingerprint, fingerprint
from engine.certificates.kinds import LIMIT
from engine.errors import UsageError
from engine.text import escape

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_BLANK = b" \t\r\n\0\x1a"
"""What editors, copying programs and old systems put at the end of a file."""
_CSR = "certificate signing request"


class NotACertificate(UsageError):
    """A file is not what it should be; `name` is the file, `kind` what it is instead. Nothing of it is repeated."""

    def __init__(self, name: str, kind: str, *, wanted: str = "certificate") -> None:
        verb = "a part of it is" if kind in (kinds.CUT_OFF, kinds.DAMAGED) else "it is"
        super().__init__(
            f"{escape(name, 200)} can't be read as a {wanted}: {verb} {kind}.",
            untouched="Nothing was taken from the file.",
            todo=kinds.ADVICE.get(kind, f"Give the {wanted} as PEM or DER."),
        )
        self.name, self.kind = name, kind


class Placed(NamedTuple):
    """Be a certificate and where it is in its file.

    `block`: the number of its PEM block or DER value, from 1, blocks of other kinds counted. `inside`: its number in a
    PKCS#7, from 1; 0 when it stands alone.
    """

    certificate: x509.Certificate
    block: int
    inside: int


def read_certificates(data: bytes, name: str) -> list[x509.Certificate]:
    """Return the certificates in a file, in its order, each once.

    PEM blocks that are no certificates (a key, parameters) are passed over when there are certificates beside them; a
    block that should be one and can't be read is an error. Raises NotACertificate. `name` is only for the message.
    """
    return [one.certificate for one in read_placed(data, name)]


def read_placed(data: bytes, name: str) -> list[Placed]:
    """Return what `read_certificates` does, each with its first place in the file. Raises NotACertificate."""
    found: dict[str, Placed] = {}
    others: list[str] = []
    for block, (label, body) in enumerate(_values(data, name), 1):
        if label and label not in kinds.CERTIFICATE_LABELS:
            others.append(kinds.by_label(label))
            continue
        certificates = _certificates(body, name)
        for number, certificate in enumerate(certificates, 1):
            placed = Placed(certificate, block, number if len(certificates) > 1 else 0)
            found.setdefault(fingerprint(certificate), placed)
    if not found:
        raise NotACertificate(name, others[0] if others else kinds.PKCS7_EMPTY)
    return list(found.values())


def load_certificate(data: bytes) -> x509.Certificate:
    """Parse one certificate's DER without a warning, and prove that subject, issuer and validity can be read.

    Raises ValueError.
    """
    try:
        with quiet():
            certificate = x509.load_der_x509_certificate(data)
            _touch(certificate)
    except UNPARSED as error:
        raise ValueError("the certificate is malformed") from error
    return certificate


def read_csr(data: bytes, name: str) -> x509.CertificateSigningRequest:
    """Return the one CSR (PKCS#10, RFC 2986) in a file, its self-signature verified.

    Raises NotACertificate when it is anything else, holds several, or the signature does not verify.
    """
    found: dict[str, x509.CertificateSigningRequest] = {}
    others: list[str] = []
    for label, body in _values(data, name, wanted=_CSR):
        foreign = label and label not in kinds.REQUEST_LABELS
        csr = None if foreign else kinds.parse_csr(body)
        if csr is not None:
            found.setdefault(csr_fingerprint(csr), csr)
        elif not others:  # only the first is named, and finding out takes a while
            others.append(kinds.by_label(label) if foreign else kinds.of_value(body, wanted=kinds.REQUEST))
    return _only_valid(list(found.values()), others, name)


def _only_valid(
    found: list[x509.CertificateSigningRequest], others: list[str], name: str
) -> x509.CertificateSigningRequest:
    if not found:
        raise NotACertificate(name, others[0] if others else kinds.EMPTY, wanted=_CSR)
    if len(found) > 1:
        raise NotACertificate(name, f"a file with {len(found)} of them", wanted=_CSR)
    try:
        valid = found[0].is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        valid = False
    if not valid:
        raise NotACertificate(name, "a request whose own signature does not verify", wanted=_CSR)
    return found[0]


def _touch(certificate: x509.Certificate) -> None:
    """Parse now what is parsed late, so that neither errors nor warnings come later; what was parsed is kept."""
    _ = certificate.subject, certificate.issuer, certificate.serial_number
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    unreadable(certificate)


def _values(data: bytes, name: str, *, wanted: str = "certificate") -> Iterator[tuple[str, bytes]]:
    """Yield (PEM label or empty, DER) of everything in the file. Raises NotACertificate."""
    if len(data) > LIMIT:
        raise NotACertificate(name, kinds.TOO_LARGE, wanted=wanted)
    if not data.strip(_BLANK):
        raise NotACertificate(name, kinds.EMPTY, wanted=wanted)
    binary = _binary(data)
    if binary:
        yield from (("", one) for one in binary)
        return
    text = pem.text_of(data)
    found = pem.blocks(text)
    if not found:
        yield from (("", one) for one in _from_bare(text, data, name, wanted))
    for label, body in found:
        if body is None:
            raise NotACertificate(name, kinds.of_broken_block(label), wanted=wanted)
        yield label, body


def _binary(data: bytes) -> list[bytes]:
    """Split concatenated DER; empty when the bytes are text after all (Base64 and text may begin with a zero, too)."""
    found: list[bytes] = []
    position = 0
    if not kinds.looks_binary(data):
        return found
    while position < len(data) and data[position] == der.SEQUENCE:
        try:
            element = der.first(data, position)
        except der.Malformed:
            return [*found, data[position:]]
        found.append(element.whole)
        position += len(element.whole)
    rest = data[position:]
    return [*found, rest] if found and rest.strip(_BLANK) else found


def _from_bare(text: str, data: bytes, name: str, wanted: str) -> list[bytes]:
    decoded = pem.bare(text)
    if decoded and decoded[:1] == b"\x30":
        return _binary(decoded) or [decoded]
    raise NotACertificate(name, kinds.of_text(text, data), wanted=wanted)


def _certificates(body: bytes, name: str) -> list[x509.Certificate]:
    """Return the certificates in one DER value: one, or those of a PKCS#7. Raises NotACertificate."""
    try:
        first = der.first(body)
        bundled = _bundled(first)
        return [load_certificate(one) for one in ([first.whole] if bundled is None else bundled)]
    except der.CutOff as error:
        raise NotACertificate(name, kinds.CUT_OFF) from error
    except ValueError:
        kind = kinds.of_value(body, wanted=kinds.CERTIFICATE)
    raise NotACertificate(name, kind)


def _bundled(value: der.Element) -> list[bytes] | None:
    """Return the certificates of a PKCS#7 SignedData (RFC 2315 section 9.1), in any BER; None when it is none.

    They are a SET: their order means nothing.
    """
    if not value.content.startswith(b"\x06"):
        return None
    content_type, *rest = der.children(value)
    if der.dotted(content_type.content) != _SIGNED_DATA or not rest:
        return None
    signed = der.children(der.first(rest[0].content))
    return [one.whole for part in signed if part.tag == 0xA0 for one in der.children(part) if one.tag == der.SEQUENCE]
