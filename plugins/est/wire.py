"""Write requests and read answers of EST. Pure; sections are of RFC 7030 unless another RFC is named."""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from engine.certificates import NotACertificate, fingerprint, read_certificates, read_csr, to_pem
from engine.errors import Failed, UsageError
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.https import Response

WELL_KNOWN = "/.well-known/est"
REQUEST, CERTIFICATES = "application/pkcs10", "application/pkcs7-mime"

ASK = "Ask the CA; it may be a fault of its server, or something between answered."

SHOWN = 300
"""How much of a server's own words is shown, in characters."""

SHORTEST, LONGEST, USUAL = 1, 24 * 3600, 600
"""Bounds of how long a server may have us wait, and what holds where it does not say, in seconds."""

_URL_ADVICE = "Write https://HOST[:PORT]/.well-known/est or https://HOST[:PORT]/.well-known/est/LABEL."


class Place(NamedTuple):
    """Be where an EST server is: HOST:PORT, the name its certificate must carry, and the path before operations."""

    address: str
    hostname: str
    path: str


def place(url: str) -> Place:
    """Take the `url` of the settings apart (section 3.2.2). Raises UsageError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        raise _bad_url(url) from None
    path = parts.path.rstrip("/")
    right = re.fullmatch(rf"{re.escape(WELL_KNOWN)}(/[A-Za-z0-9._~%-]+)?", path)
    if parts.scheme != "https" or not re.fullmatch(r"[A-Za-z0-9._:-]+", host) or not right:
        raise _bad_url(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise _bad_url(url)
    return Place(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", host, path)


def _bad_url(url: str) -> UsageError:
    shown = escape(re.sub(r"//.*@", "//…@", url), 200)  # somebody may have put a password there
    return UsageError(
        f"The EST server's `url` can't be used: {shown}.", untouched="Nothing was sent.", todo=_URL_ADVICE
    )


def clean_csr(text: str) -> str:
    """Write a CSR anew from what it means, as PEM, so that nothing else goes out. Raises Failed."""
    try:
        return to_pem(read_csr(text.encode("utf-8", "replace"), "the request"))
    except NotACertificate as error:
        raise Failed(
            f"What should be signed is no certificate signing request; it is {error.kind}.",
            untouched="Nothing was sent.",
            todo="Begin again from the box with: certrenew restage ID",
        ) from None


def request_body(csr: str) -> bytes:
    """Return the body that asks for a certificate: the DER of a CSR in Base64, in lines (4.2.1; RFC 8951 section 3)."""
    from cryptography.hazmat.primitives.serialization import Encoding

    der = read_csr(csr.encode(), "the request").public_bytes(Encoding.DER)
    return base64.encodebytes(der)


def certificates(body: bytes, whose: str) -> "list[x509.Certificate]":
    """Read a certs-only answer (4.1.3, 4.2.3): Base64 with any line ends, or binary as it should not be.

    Raises Failed; `whose` is only for the message.
    """
    try:
        return read_certificates(body, "the answer")
    except NotACertificate as error:
        raise Failed(
            f"{escape(whose)} answered with no certificate; it is {error.kind}.",
            untouched="Nothing was kept.",
            todo=ASK,
        ) from None


def bundle(issued: "Sequence[x509.Certificate]", chain: "Sequence[x509.Certificate]") -> bytes:
    """Return what was issued and the CA certificates behind it as PEM, each once."""
    return "".join({fingerprint(one): to_pem(one) for one in (*issued, *chain)}.values()).encode()


def retry_after(value: str, now: datetime) -> int:
    """Return how long to wait, in seconds (4.2.3; RFC 9110 section 10.2.3): seconds or a date, within bounds.

    What can't be read, or is absent, means `USUAL`.
    """
    text = value.strip()
    if re.fullmatch(r"[0-9]+", text):
        return _bounded(int(text[:12]))
    try:
        moment = parsedate_to_datetime(text)
        return _bounded(int((moment.astimezone(UTC) - now).total_seconds() + 0.999))
    except (ValueError, TypeError, OverflowError, IndexError):
        return USUAL


def _bounded(seconds: int) -> int:
    return max(SHORTEST, min(seconds, LONGEST))


def said(answer: "Response") -> str:
    """Return the plain text of an answer as one line, escaped and capped; nothing where it is of another kind.

    Without a content type it is plain text (4.2.3).
    """
    plain = answer.content_type in ("", "text/plain")
    return escape(" ".join(answer.body.decode("utf-8", "replace").split()), SHOWN) if plain else ""


def words(answer: "Response") -> str:
    """Return what a server answered, for people: status and, where there are any, its words."""
    if text := said(answer):
        return f"HTTP {answer.status}, '{text}'"
    if answer.body.strip() and answer.content_type:
        return f"HTTP {answer.status} with {escape(answer.content_type, 60)}, which holds no text for people"
    return f"HTTP {answer.status} and no text"
