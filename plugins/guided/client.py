"""Look at a box from outside: the only module of this driver that opens connections. It logs in nowhere."""

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from engine import net

if TYPE_CHECKING:
    from cryptography import x509

TIMEOUT = 5
"""How long one look may take, in seconds."""


def presented(address: str) -> "x509.Certificate":
    """Read the certificate that a box presents at its web page. Raises NotSent when nothing answers."""
    return net.served(address)


def accepted_names(address: str) -> set[bytes]:
    """Return the names (DER) of the CAs that a TLS port says it accepts from whoever presents a certificate to it.

    A server that asks for a certificate may list them (RFC 5246 section 7.4.4, RFC 8446 section 4.2.4). Empty when it
    lists none, does not ask, or nothing answers.
    """
    from OpenSSL import SSL

    with suppress(OSError, SSL.Error), socket.create_connection(net.split_address(address), TIMEOUT) as connection:
        connection.settimeout(None)  # OpenSSL's own calls can't use a socket with a timeout of Python's
        limit = struct.pack("ll", TIMEOUT, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), connection)  # trusts nobody, and sends nothing
        tls.set_connect_state()
        tls.do_handshake()
        return {name.der() for name in tls.get_client_ca_list()}
    return set()
