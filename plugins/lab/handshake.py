"""Do what every handshake in the lab needs: see the peer, compare names, and learn the other side's verdict."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from cryptography import x509
from OpenSSL import SSL

from plugins.lab.ports import IDLE
from plugins.lab.tls import CLOSED
from plugins.lab.uploads import dns_names

INTERVAL = 5.0
"""Seconds between the handshakes of one connection when nothing changes; each change brings one at once."""


def peer_of(tls: SSL.Connection) -> x509.Certificate | None:
    """Return the certificate that the other end presented, if any."""
    certificate: x509.Certificate | None = tls.get_peer_certificate(as_cryptography=True)
    return certificate


def carries(tls: SSL.Connection, name: str) -> bool:
    """Tell whether the other end's certificate has this DNS name."""
    certificate = peer_of(tls)
    return certificate is not None and name.lower() in [held.lower() for held in dns_names(certificate)]


def drain(connection: socket.socket) -> None:
    """Read what still comes: closing before it is read would reset the connection and lose our alert on its way."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def refusal(answer: bytes) -> str:
    """Return why the other end said no after the handshake, nothing when it said OK."""
    text = answer.decode("ascii", "replace").strip()
    if text == "OK":
        return ""
    return f"Refused by the peer: {text.removeprefix('NO ')}" if text else CLOSED


class Verdicts:
    """Collect what the accepting side says of one expected connection; others do not count. Safe for threads."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}
        self._expected: int | None = None
        self._changed = threading.Condition()
        self._stopped = False

    def stop(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def say(self, port: int, verdict: str) -> None:
        """Tell the verdict on the connection from this local port."""
        with self._changed:
            if port == self._expected:
                self._said[port] = verdict
                self._changed.notify_all()

    @contextlib.contextmanager
    def expecting(self, port: int) -> Iterator[Callable[[], str]]:
        """Expect a connection from this local port; what is given waits for its verdict and returns it."""

        def verdict() -> str:
            with self._changed:
                self._changed.wait_for(lambda: port in self._said or self._stopped, IDLE)
                return self._said.pop(port, "System unreachable")

        with self._changed:
            self._expected = port
        try:
            yield verdict
        finally:
            with self._changed:
                self._expected = None
                self._said.clear()
