"""Be a small real HTTPS server that answers as told and keeps what it was asked; TLS and sockets are real."""

import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.certificates import fingerprint
from engine.contracts import Access, Device
from engine.net import TlsTrust
from engine.testing.pki import Issuer, new_issuer, new_request
from plugins.expressway import Options, connect

NAME = "box.example"
USER, PASSWORD = "admin", "s3cret-of-the-test"

STATUS = (
    '<?xml version="1.0"?><Status xmlns="http://www.tandberg.no/XML/CUIL/1.0" version="X14.3"><SystemUnit>'
    "<Uptime>2492</Uptime><Software><Version>X14.3</Version></Software></SystemUnit></Status>"
)
RAML = """#%RAML 0.8
/provisioning:
  /restart:
    post:
  /common/dns/dns:
    get:
  /certs:
    /generate_csr:
      get:
      post:
    /server:
      get:
      post:
    /root:
      get:
      post:
"""
CERTS = "/api/provisioning/certs"
RESTART = "/api/provisioning/restart"
DNS = '{"SystemHostName": "box", "DomainName": "example"}'


@dataclass(frozen=True)
class Reply:
    """Be what is answered; `cut` sends less than was announced, `dropped` nothing at all."""

    status: int = 200
    body: bytes = b""
    media: str = "application/json"
    cut: int = 0
    dropped: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def said(text: str, status: int = 200) -> Reply:
    """Answer with a Message."""
    return Reply(status, b'{"Message": "%s"}' % text.encode())


def default() -> dict[tuple[str, str], Reply]:
    """Return the answers of a box at rest."""
    return {
        ("GET", "/status.xml"): Reply(200, STATUS.encode(), "text/xml"),
        ("GET", "/api/raml"): Reply(200, RAML.encode(), "text/plain"),
        ("GET", "/api/provisioning/common/dns/dns"): Reply(200, DNS.encode()),
        ("GET", f"{CERTS}/generate_csr"): said("Not Found", 404),
        ("GET", f"{CERTS}/root"): Reply(200, b"", "text/html"),
        ("POST", f"{CERTS}/generate_csr"): said("OK"),
        ("POST", f"{CERTS}/server"): said("OK"),
        ("POST", f"{CERTS}/root"): said("Root Certificate updated."),
        ("POST", RESTART): said("OK"),
    }


@dataclass(frozen=True)
class Asked:
    """Be one request that arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


class Server(ThreadingHTTPServer):
    """Answer from `answers`; `after` may change them once a request was answered."""

    daemon_threads = False

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = default()
        self.after: Callable[[Asked], None] = lambda _asked: None
        self.asked: list[Asked] = []
        self.issuer = new_issuer("Server Root")
        self.certificate, self._context = _identity(self.issuer, folder)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.issuer.certificate.public_bytes(Encoding.PEM))
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Server":
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every socket and end every thread."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        """Accept with TLS; a client that turns away raises OSError, which the server passes over."""
        connection, address = super().get_request()
        connection.settimeout(5)
        return self._context.wrap_socket(connection, server_side=True), address

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def pin(self) -> str:
        """Return the fingerprint of the server's certificate."""
        return fingerprint(self.certificate)

    def seen(self, method: str = "") -> list[str]:
        """Return the paths that were asked for, in order."""
        return [asked.path for asked in self.asked if method in ("", asked.method)]

    def device(
        self,
        options: Options | None = None,
        *,
        trust: TlsTrust | None = None,
        password: Callable[[], str] = lambda: PASSWORD,
        username: str = USER,
    ) -> Device:
        """Return a driver for this server that verifies it, unless `trust` says otherwise."""
        access = Access(
            node="box",
            kind="expressway-c",
            address=self.address,
            hostname=NAME,
            username=username,
            password=password,
            trust=trust or TlsTrust(NAME, ca=str(self.ca)),
            now=lambda: datetime.now(UTC),
        )
        return connect(access, options or Options())


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    login = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        self.server.asked.append(asked)
        reply = self.server.answers.get((asked.method, asked.path), said("Not Found", 404))
        if headers.get("authorization") != self.login:
            reply = said("Unauthorized", 401)
        self.close_connection = True
        if not reply.dropped:
            self._answer(reply)
        self.server.after(asked)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) - reply.cut])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


def _identity(issuer: Issuer, folder: Path) -> tuple[x509.Certificate, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = issuer.sign(new_request(NAME, [NAME], key))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both = folder / "server.pem"
    both.write_bytes(leaf.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return leaf, context
