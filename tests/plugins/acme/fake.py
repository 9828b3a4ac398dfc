"""Be an ACME server that answers as told: real sockets, TLS and certificates, and whatever nonsense a test wants.

It verifies no signature: Pebble and acme2certifier do.
"""

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509

from engine.model import Json
from tests.pki import CA, Knobs, pem
from tests.plugins.acme.servers import Web

URN = "urn:ietf:params:acme:error:"


class Answer(NamedTuple):
    """Be one HTTP answer."""

    status: int
    body: Json
    headers: Mapping[str, str] = {}


def problem(code: str, detail: Json = "no", status: int = 403, **headers: str) -> Answer:
    """Return a problem document; underscores in header names become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"type": URN + code, "detail": detail, "status": status}, named)


@dataclass
class Fake:
    """Be a running server; `told` answers a path once each, the last one for ever. `received` is what came in."""

    url: str
    trust: Path
    told: dict[str, list[Answer]] = field(default_factory=dict)
    received: list[tuple[str, Json]] = field(default_factory=list)
    meta: dict[str, Json] = field(default_factory=dict)
    more: dict[str, Json] = field(default_factory=dict)
    name: str = "box.example.org"
    csr: str = ""
    ca: CA = field(default_factory=lambda: CA.root("Fake CA", **_span()))

    @property
    def directory(self) -> str:
        """Return the address of the directory."""
        return f"{self.url}/dir"

    def payloads(self, path: str) -> list[Json]:
        """Return what was sent to a path."""
        return [body for place, body in self.received if place == path]

    def answer(self, path: str, body: Json) -> Answer:
        """Take one request in, and answer as told or as a CA does that finds nothing wrong."""
        self.received.append((path, body))
        if told := self.told.get(path):
            return told.pop(0) if len(told) > 1 else told[0]
        if path == "/finalize":
            self.csr = str(body["csr"])
        return getattr(self, "_" + path.strip("/").replace("-", "_"))()  # type: ignore[no-any-return]

    def _dir(self) -> Answer:
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "new-order"}
        return Answer(
            200, {name: f"{self.url}/{path}" for name, path in places.items()} | {"meta": self.meta} | self.more
        )

    def _nonce(self) -> Answer:
        return Answer(200, {})

    def _account(self) -> Answer:
        return Answer(201, {"status": "valid"}, {"Location": f"{self.url}/acct/1"})

    def _new_order(self) -> Answer:
        return Answer(201, self.order("pending"), {"Location": f"{self.url}/order"})

    def order(self, status: str, **more: Json) -> dict[str, Json]:
        """Return an order in some state."""
        ends = datetime.now(UTC) + timedelta(days=7)
        return {
            "status": status,
            "expires": ends.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "identifiers": [{"type": "dns", "value": self.name}],
            "authorizations": [f"{self.url}/authz"],
            "finalize": f"{self.url}/finalize",
            **more,
        }

    def _order(self) -> Answer:
        state = "valid" if self.csr else "ready" if self.payloads("/challenge") else "pending"
        return Answer(200, self.order(state, certificate=f"{self.url}/cert") if self.csr else self.order(state))

    def authorization(self, **more: Json) -> dict[str, Json]:
        """Return the authorization of the one name."""
        state = "valid" if self.payloads("/challenge") else "pending"
        offered = {
            "type": "dns-01",
            "url": f"{self.url}/challenge",
            "token": "dG9rZW4tb2YtdGhlLXRlc3Q",
            "status": state,
        }
        identifier = {"type": "dns", "value": self.name}
        return {"status": state, "identifier": identifier, "challenges": [offered], **more}

    def _authz(self) -> Answer:
        return Answer(200, self.authorization())

    def _challenge(self) -> Answer:
        return Answer(200, self.authorization()["challenges"][0])

    def _finalize(self) -> Answer:
        return Answer(200, self.order("processing"))

    def _cert(self) -> Answer:
        csr = x509.load_der_x509_csr(base64.urlsafe_b64decode(self.csr + "=="))
        return Answer(200, pem(self.signed(csr), self.ca.certificate))

    def signed(self, csr: x509.CertificateSigningRequest) -> x509.Certificate:
        """Return a certificate for a CSR, without a look at who asks."""
        return self.ca.sign(csr, **_span())


def _span() -> Knobs:
    now = datetime.now(UTC)
    return Knobs(not_before=now - timedelta(days=1), not_after=now + timedelta(days=90))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; else each answer waits 40 ms for an acknowledgement
    fake: Fake

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self._reply(None)

    do_HEAD = do_GET  # noqa: N815  # the base class names it so

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = base64.urlsafe_b64decode(message["payload"] + "==")
        self._reply(json.loads(payload) if payload else None)

    def _reply(self, body: Json) -> None:
        answer = self.fake.answer(self.path.rstrip("/"), body)
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        kind = "application/problem+json" if answer.status >= 400 else "application/json"
        self.send_response(answer.status)
        headers = {
            "Content-Type": kind,
            "Replay-Nonce": "bm9uY2U",
            "Content-Length": str(len(content)),
            **answer.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def fake_ca(folder: Path, **more: Any) -> Iterator[Fake]:
    """Run one until the block ends."""
    web = Web(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls-both.pem")
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        handler.fake = Fake(f"https://localhost:{server.server_port}", web.trust, **more)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield handler.fake  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join(10)
