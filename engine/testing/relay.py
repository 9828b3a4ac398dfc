"""Stand between a backend and its certification authority, as HTTPS to both: forward, count, fail when told to."""

import http.client
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.net import split_address
from engine.testing.pki import new_issuer, new_request

TIMEOUT = 20
"""How long the relay waits for either side, in seconds."""

_OWN_HEADERS = {"connection", "content-length", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True)
class Reply:
    """Be an HTTP answer."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Sent:
    """Be a request that came to the relay."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


class Relay:
    """Listen on `address` (HOST:PORT on loopback) with a certificate that the PEM file `ca` verifies.

    `lead_to` says where requests go. `mode` decides what becomes of a submission, a request for which `submits` is
    true: `forward` it; `drop` the connection when it was read; `swallow` the authority's answer and drop the
    connection; `replay` the first answer to all later ones. All others are forwarded. `reply` is the answer to every
    request where it is set. A 401 is always handed on, and is no submission: it only asks for a login.
    """

    def __init__(self, submits: Callable[[Sent], bool]) -> None:
        self.mode: Literal["forward", "drop", "swallow", "replay"] = "forward"
        self.reply: Reply | None = None
        self.submissions: list[Sent] = []
        self._submits, self._first, self._upstream = submits, None, ("", "")
        self._folder = tempfile.TemporaryDirectory()
        self._server = _server(self, Path(self._folder.name))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    _first: Reply | None
    _upstream: tuple[str, str]

    @property
    def address(self) -> str:
        """Return HOST:PORT for the backend."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def ca(self) -> Path:
        """Return the PEM file that verifies the relay's own certificate."""
        return Path(self._folder.name) / "ca.pem"

    def lead_to(self, address: str, ca: str | Path) -> None:
        """Send on to the authority at HOST:PORT, whose certificate the PEM file `ca` verifies."""
        self._upstream = address, str(ca)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._folder.cleanup()

    def close(self) -> None:
        """Stop listening: whoever connects from now on is refused."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, sent: Sent, upstream: "Upstream") -> Reply | None:
        """Return what the backend shall get; None to drop the connection."""
        submission = self._submits(sent)
        if self.reply is not None or (submission and self.mode == "drop"):
            self.submissions += [sent] if submission else []
            return self.reply
        replayed = self._first if submission and self.mode == "replay" else None
        reply = replayed or upstream.ask(sent)
        if submission and reply.status != http.client.UNAUTHORIZED:
            self.submissions.append(sent)
            self._first = self._first or reply
            return None if self.mode == "swallow" else reply
        return reply

    def upstream(self) -> "Upstream":
        """Return a connection of its own to the authority, not yet opened."""
        return Upstream(*self._upstream)


class Upstream:
    """Be one connection to the authority, kept for one connection of the backend: some logins belong to it."""

    def __init__(self, address: str, ca: str) -> None:
        host, port = split_address(address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        self._connection = http.client.HTTPSConnection(host, port, context=context, timeout=TIMEOUT)

    def ask(self, sent: Sent) -> Reply:
        """Send the request as it came and read the whole answer."""
        self._connection.putrequest(sent.method, sent.path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.headers:
            if name.lower() not in _OWN_HEADERS:
                self._connection.putheader(name, value)
        self._connection.putheader("Content-Length", str(len(sent.body)))
        self._connection.endheaders(sent.body)
        answer = self._connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _server(relay: Relay, folder: Path) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT

        def handle(self) -> None:
            self.upstream = relay.upstream()
            try:
                super().handle()
            finally:
                self.upstream.close()

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):  # any method is relayed
                return self._relay
            raise AttributeError(name)

        def _relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = relay.answer(Sent(self.command, self.path, self.headers.items(), body), self.upstream)
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers:
                if name.lower() not in _OWN_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing; `submissions` tells."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Leave it to the backend to tell of a connection that broke."""

    server = Server(("127.0.0.1", 0), Handler)
    # The handshake is left to the thread of each connection: a client that does not go on holds up no other.
    server.socket = _context(folder).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _context(folder: Path) -> ssl.SSLContext:
    issuer, key = new_issuer("Relay for conformance tests"), ec.generate_private_key(ec.SECP256R1())
    leaf = issuer.sign(new_request("127.0.0.1", ["127.0.0.1"], key))
    (folder / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "key.pem")
    return context
