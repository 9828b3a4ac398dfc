"""Be a small HTTPS server on loopback that keeps everything it received once TLS stood; nothing here is pretended."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.pki import Leaf, pem

OK = b"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Web:
    """Be a running server: `address` is HOST:PORT; `received` holds the plain text of every connection.

    The last `drops` octets of an answer come one by one, a twentieth of a second apart.
    """

    address: str
    answer: bytes
    drops: int = 0
    received: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all that ever was received."""
        return b"".join(self.received).decode("latin-1")


@contextmanager
def serving(leaf: Leaf, folder: Path, answer: bytes = OK, name: str = "127.0.0.1", *, drops: int = 0) -> Iterator[Web]:
    """Serve `answer` to every request with a certificate, until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = folder / f"{leaf.certificate.serial_number}.pem"
    chain.write_text(leaf.key_pem + pem(leaf.certificate, *leaf.chain))
    context.load_cert_chain(chain)
    with socket.create_server((name, 0)) as listener:
        web = Web(f"{name}:{listener.getsockname()[1]}", answer, drops)
        stopped = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, context, web, stopped))
        thread.start()
        try:
            yield web
        finally:
            stopped.set()
            with suppress(OSError), socket.create_connection(listener.getsockname(), timeout=5):
                pass
            thread.join(10)
            assert not thread.is_alive()


def _serve(listener: socket.socket, context: ssl.SSLContext, web: Web, stopped: threading.Event) -> None:
    while not stopped.is_set():
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(5)
            with context.wrap_socket(connection, server_side=True) as secured:
                _answer(secured, web, stopped)


def _whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def _answer(secured: ssl.SSLSocket, web: Web, stopped: threading.Event) -> None:
    head = b""
    while not _whole(head) and (more := secured.recv(65536)):
        head += more
    web.received.append(head)
    if head:
        at_once = len(web.answer) - web.drops
        secured.sendall(web.answer[:at_once])
        for octet in web.answer[at_once:]:
            stopped.wait(0.05)
            secured.sendall(bytes([octet]))
