"""Play certrenew towards an authority: every look by a new object, and every ticket stored as JSON in between."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.certificates import read_certificates, to_pem
from engine.contracts import Answer, Authority, Issued, Office, Pending, SigningRequest, Solver
from engine.errors import Unreachable, UsageError
from engine.model import Json
from plugins.acme import Options, connect
from tests.pki import make_csr
from tests.plugins.acme.servers import Pebble

NAMES = ("box.example.org", "meet.example.org")


def account_pem(key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """Return a new account key as PEM."""
    made = key or ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def request(*names: str, csr: x509.CertificateSigningRequest | None = None, **more: Any) -> SigningRequest:
    """Return a request for these names, or for a CSR."""
    made = csr or make_csr(list(names or NAMES))
    told: dict[str, Any] = {"eku": ["serverAuth", "clientAuth"], **more}
    return SigningRequest(
        renewal="r-1",
        certificate="box-server",
        node="box",
        csr=to_pem(made),
        subject=made.subject.rfc4514_string(),
        names=[f"DNS:{name}" for name in names or NAMES],
        key="EC P-256",
        **told,
    )


@dataclass
class ChallengeDns(Solver):
    """Solve in the DNS that Pebble asks; what stands there is read by real queries. `hidden` keeps new values back."""

    pebble: Pebble
    hidden: bool = False

    def present(self, name: str, value: str) -> None:
        if not self.hidden and value not in self.values(name):
            self.pebble.tell_dns("set-txt", host=f"{name}.", value=value)

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return () if value in self.values(name) else ("ns1.example.org",)

    def remove(self, name: str, value: str) -> None:
        others = [one for one in self.values(name) if one != value]
        self.pebble.tell_dns("clear-txt", host=f"{name}.")
        for one in others:
            self.pebble.tell_dns("set-txt", host=f"{name}.", value=one)

    def values(self, name: str) -> list[str]:
        """Return the TXT values of a name, by a query."""
        asked = dns.message.make_query(f"{name}.", dns.rdatatype.TXT)
        answer = dns.query.udp(asked, "127.0.0.1", port=self.pebble.dns_port, timeout=10)
        return [text.decode() for part in answer.answer for one in part for text in one.strings]


@dataclass
class Memory(Solver):
    """Keep records in memory; `broken` makes taking them away fail."""

    values: set[tuple[str, str]] = field(default_factory=set)
    broken: bool = False
    hidden: bool = False

    def present(self, name: str, value: str) -> None:
        self.values.add((name, value))

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return ("ns1.example.org", "ns2.example.org") if self.hidden else ()

    def remove(self, name: str, value: str) -> None:
        if self.broken:
            raise Unreachable("ns1.example.org did not answer.")
        self.values.discard((name, value))


@dataclass
class Desk:
    """Ask one authority as the engine does; `now` is the clock."""

    options: Mapping[str, Any]
    secrets: dict[str, str] = field(default_factory=lambda: {"file:account.pem": account_pem()})
    solver: Solver | None = None
    roots: Sequence[x509.Certificate] = ()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    told: list[Pending] = field(default_factory=list)
    pause: Callable[[float], None] = lambda _seconds: None

    def authority(self, **options: Any) -> Authority:
        """Return a new object, as a later process would make it."""
        office = Office(
            "pki", lambda: self.now, roots=lambda: list(self.roots), secret=self._secret, solver=self._solver
        )
        given = {"account_key": "file:account.pem", "solver": "test", **self.options, **options}
        return connect(office, Options(**given))

    def _solver(self, _name: str, _options: Mapping[str, Json]) -> Solver:
        assert self.solver is not None
        return self.solver

    def _secret(self, reference: str | list[str]) -> str:
        if str(reference) not in self.secrets:
            raise UsageError(f"{reference} can't be read.", todo="Check the path.")
        return self.secrets[str(reference)]

    def collect(self, pending: Pending) -> Answer:
        """Look once, from the stored ticket."""
        self.told.append(pending)
        return self.authority().collect(json.loads(json.dumps(pending.ticket)))

    def until_over(self, answer: Answer, looks: int = 60) -> Answer:
        """Look until it is issued or rejected."""
        for _ in range(looks):
            if not isinstance(answer, Pending):
                return answer
            answer = self.collect(answer)
            self.pause(0.1)
        raise AssertionError(f"still pending: {answer}")

    def issued(self, wanted: SigningRequest) -> list[x509.Certificate]:
        """Have a certificate issued, and return it with its chain."""
        answer = self.until_over(self.authority().submit(wanted))
        assert isinstance(answer, Issued), answer
        return read_certificates(answer.content, "the answer")


def made(options: Mapping[str, Any], secrets: dict[str, str]) -> Authority:
    """Return an authority from plain values, as another process would make it; for http-01."""
    return Desk(options, secrets).authority()


def at_pebble(pebble: Pebble, **options: Any) -> Desk:
    """Return a desk before a Pebble, with a solver for its DNS."""
    told = {"directory": pebble.directory, "ca": pebble.trust, "terms_agreed": True, **options}
    return Desk(told, solver=ChallengeDns(pebble), pause=pebble.output.more)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def web_server(port: int, folder: Path) -> Iterator[None]:
    """Serve a folder by HTTP on a loopback port until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(10)
