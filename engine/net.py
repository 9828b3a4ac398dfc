"""Look at what a TLS port serves, and say which certificates a box may show us.

The probe trusts nothing: it only reads the certificate that is presented, which is public.
"""

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import NotSent
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class TlsTrust:
    """Say which certificates a box may show us.

    One whose SHA-256 (of the DER, lower-case hex) is in `pins` is accepted as it is. Any other must be verified: chain
    to `ca` (a PEM file, or the system's store when empty) and name `hostname`; with `pins_only` no other is accepted.
    """

    hostname: str
    pins: frozenset[str] = frozenset()
    ca: str = ""
    pins_only: bool = False


def split_address(address: str, port: int = 443) -> tuple[str, int]:
    """Split ``HOST:PORT`` or ``[v6]:PORT``; `port` is what it is when absent. Raises ValueError."""
    host, colon, given = address.rpartition(":")
    if not colon or "]" in given:
        host, given = address, str(port)
    return host.strip("[]"), int(given)


def served(address: str, *, timeout: float = 5.0) -> "x509.Certificate":
    """Read the certificate that a TLS port presents, without trusting it. Read-only.

    Raises NotSent when nothing answers with TLS there. `timeout` is in seconds.
    """
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(_shaken(address, reading_only(), timeout))
    except (OSError, ValueError) as error:
        raise NotSent(
            f"{escape(address)} shows no TLS certificate: {reason(error)}.",
            untouched="Nothing was sent.",
            todo="Check the address, and whether the box is up.",
        ) from error


def unverified(address: str, *, timeout: float = 5.0) -> str:
    """Say why the system's CA certificates don't prove what a TLS port presents; empty when they do. Read-only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    try:
        _shaken(address, context, timeout)
    except (OSError, ValueError) as error:
        return reason(error)
    return ""


def _shaken(address: str, context: ssl.SSLContext, timeout: float) -> bytes:
    """Shake hands with a TLS port, send nothing more, and return its certificate as DER."""
    host, port = split_address(address)
    with (
        socket.create_connection((host, port), timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def unresolved(name: str) -> str:
    """Say why the system's resolver knows no address for a name; empty when it does. Read-only."""
    try:
        socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return reason(error)
    return ""


def reading_only() -> ssl.SSLContext:
    """Make a context that verifies nothing, for whoever reads or compares what is shown before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.VerifyMode(0)
    return context


def der(certificate: "x509.Certificate") -> bytes:
    """Return a certificate's DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def innermost(error: BaseException) -> BaseException:
    """Return the cause below all wrappers; urllib3 keeps it as reason, cause or last argument."""
    given = error.args[-1] if error.args else None
    for deeper in (getattr(error, "reason", None), error.__cause__, given):
        if isinstance(deeper, BaseException):
            return innermost(deeper)
    return error


def reason(error: BaseException) -> str:
    """Say in a few words why a connection failed, from the innermost cause, escaped."""
    inner = innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return escape(inner.verify_message)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return escape(text).rstrip(".")
