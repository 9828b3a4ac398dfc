"""Make TLS contexts from what a box holds, and name what went wrong in a handshake in OpenSSL's words."""

import os
import socket
import ssl
import struct
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, crypto

from plugins.lab.authority import pem
from plugins.lab.box import Identity

NO_AUTO_CHAIN = 0x8
"""SSL_MODE_NO_AUTO_CHAIN of OpenSSL: send what was given, not what the trusted CA list could add."""

INVALID_PURPOSE = 26
"""X509_V_ERR_INVALID_PURPOSE: the extended key usage does not allow this use."""

CLOSED = "TLS negotiation failed: the connection was closed"

REASONS = {
    2: "unable to get issuer certificate",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    24: "invalid CA certificate",
    INVALID_PURPOSE: "unsuitable certificate purpose",
}
"""OpenSSL's own texts for the reasons that a handshake in the lab can meet."""


def web_context(identity: Identity, chain: Sequence[x509.Certificate]) -> ssl.SSLContext:
    """Return a server context of Python's own, for HTTPS. The key is in a 0600 file for as long as loading takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    handle, name = tempfile.mkstemp(prefix="certrenew-lab-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write(key + pem([identity.certificate, *chain]))
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context


def accepted(context: ssl.SSLContext, connection: socket.socket) -> ssl.SSLSocket:
    """Do the server's handshake. Raises OSError, first of all for a connection that is gone already.

    Wrapping such a one can leave a socket open: ssl.SSLSocket of Python 3.11 does not close it when it was reset.
    """
    connection.getpeername()
    return context.wrap_socket(connection, server_side=True)


def box_context(
    identity: Identity,
    chain: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate] = (),
    at: datetime | None = None,
) -> SSL.Context:
    """Return an OpenSSL context that shows this identity and judges the other end by `trusted`, as of `at` (or now)."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_mode(NO_AUTO_CHAIN)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(identity.certificate)
    context.use_privatekey(identity.key)
    for certificate in chain:
        context.add_extra_chain_cert(certificate)
    if store := context.get_cert_store():
        if at:
            store.set_time(at)
        for certificate in trusted:
            store.add_cert(crypto.X509.from_cryptography(certificate))
    return context


class Judgement:
    """Be a verify callback that remembers the first thing that was wrong with the other end's certificate."""

    def __init__(self, *, check_usage: bool = True) -> None:
        self._check_usage = check_usage
        self.error = 0

    def __call__(self, _connection: SSL.Connection, _certificate: object, error: int, _depth: int, good: int) -> bool:
        """Say whether to go on, for OpenSSL."""
        if good or (error == INVALID_PURPOSE and not self._check_usage):
            return True
        self.error = self.error or error
        return False


def cause(error: Exception, judgement: Judgement) -> str:
    """Say why a handshake failed: our own verdict on the certificate, or the alert or break that we saw."""
    if judgement.error:
        why = REASONS.get(judgement.error, f"verify error {judgement.error}")
        return f"TLS negotiation failed: certificate verify failed: {why}"
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return f"TLS negotiation failed: {error.args[0][-1][-1]}"
    return CLOSED


def blocking(connection: socket.socket, seconds: float) -> None:
    """Let the system limit each wait: pyOpenSSL cannot use a socket with a timeout of Python's own."""
    connection.settimeout(None)
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
