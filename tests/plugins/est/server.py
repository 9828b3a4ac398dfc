"""Be an EST server on loopback that answers as told, by real TLS: the server of the Expressway tests with a login."""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from engine.contracts import Office, SigningRequest
from engine.testing.authorities import signing_request
from engine.testing.pki import new_issuer
from plugins.est import Options
from plugins.est.authority import Est
from tests.pki import CA, DAY, pem
from tests.plugins.expressway.server import Asked, Reply, _Handler
from tests.plugins.expressway.server import Server as Https

BASE = "/.well-known/est"
CACERTS, CSRATTRS, ENROL = ("GET", f"{BASE}/cacerts"), ("GET", f"{BASE}/csrattrs"), ("POST", f"{BASE}/simpleenroll")
NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
USER, PASSWORD = "svc-certrenew", "c4nary-of-the-test"

BASIC = 'Basic realm="est"'
REQUEST: SigningRequest = signing_request("expc-server")
ISSUER = new_issuer("Issuing")
LEAF = ISSUER.sign(x509.load_pem_x509_csr(REQUEST.csr.encode()))


def bag(*certificates: x509.Certificate) -> Reply:
    """Answer with a certs-only PKCS#7 in Base64."""
    content = pkcs7.serialize_certificates(list(certificates), Encoding.DER)
    return Reply(200, base64.encodebytes(content), "application/pkcs7-mime")


def plain(status: int, words: str = "", **headers: str) -> Reply:
    """Answer with plain text; headers are written with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, words.encode(), "text/plain", headers=named)


@dataclass
class Clock:
    """Be a clock that a test moves."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Vault:
    """Give out the password and count how often."""

    password: Callable[[], str] = lambda: PASSWORD
    given: list[str | list[str]] = field(default_factory=list)

    def __call__(self, reference: str | list[str]) -> str:
        self.given.append(reference)
        return self.password()


class Server(Https):
    """Issue at once, to whoever answers `challenge` with the right password; nobody is asked where it is empty."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = Handler
        now = datetime.now(UTC)
        root = CA.root("EST TLS Root", not_before=now - DAY, not_after=now + DAY)
        leaf = root.issue("est.example", sans=["IP:127.0.0.1"], not_before=now - DAY, not_after=now + DAY)
        both = folder / "est-server.pem"
        both.write_text(leaf.key_pem + pem(leaf.certificate, *leaf.chain))
        self.ca.write_text(pem(root.certificate))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(both)
        self.challenge = ""
        self.right: Callable[[Asked], bool] = _basic
        self.answers = {CACERTS: bag(ISSUER.certificate), CSRATTRS: plain(204), ENROL: bag(LEAF)}
        self.vault, self.clock = Vault(), Clock()

    @property
    def url(self) -> str:
        """Return where EST is."""
        return f"https://{self.address}{BASE}"

    def est(self, **options: Any) -> Est:
        """Make a backend for this server, as a new process would."""
        office = Office("est", self.clock, secret=self.vault)
        return Est(office, Options(**{"url": self.url, "ca": self.ca, **options}))

    def with_login(self, **options: Any) -> Est:
        """Make a backend that has an account."""
        return self.est(username=USER, password="env:X", **options)

    def bodies(self) -> list[bytes]:
        """Return what was posted."""
        return [asked.body for asked in self.asked if asked.method == "POST"]


def _basic(asked: Asked) -> bool:
    return asked.headers.get("authorization") == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Handler(_Handler):
    """Ask for the login as RFC 7030 section 3.2.3 has it."""

    server: Server

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        self.server.asked.append(asked)
        reply = self.server.answers.get((asked.method, asked.path), plain(404, "not here"))
        if self.server.challenge and not self.server.right(asked):
            reply = plain(401, "who?", WWW_Authenticate=self.server.challenge)
        self.close_connection = True
        if not reply.dropped:
            self._answer(reply)
        self.server.after(asked)

    do_GET = do_POST = _serve  # noqa: N815


def ticket(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ticket as it comes back from the store."""
    return dict(msgspec.json.decode(msgspec.json.encode(value)))
