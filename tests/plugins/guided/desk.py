"""Drivers of boxes that are worked by hand, with somebody who works them: the lab's pages, and a desk in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.certificates import csr_fingerprint, fingerprint
from engine.contracts import Access, CsrSpec, Desk, TrustStore
from engine.errors import UsageError, Waiting
from engine.model import Ask, Sighting
from engine.net import TlsTrust
from engine.text import stamp
from plugins.guided import Options, PeerOptions, connect_peer
from plugins.guided.device import Guided
from plugins.lab.lab import Lab
from tests.e2e.hands import Hands

if TYPE_CHECKING:
    from cryptography import x509

T = TypeVar("T")


class MemoryDesk(Desk):
    """Remember what was brought, as a renewal's journal does."""

    renewal = "memory"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sightings: dict[str, Sighting] = {}
        self.certificates: dict[str, x509.Certificate] = {}
        self.requests: dict[str, x509.CertificateSigningRequest] = {}
        self.new: list[x509.Certificate] = []
        self.before: list[x509.Certificate] = []
        self.slot = ""

    def seen(self, what: str) -> Sighting | None:
        return self.sightings.get(what)

    def release(self) -> str:
        return ""

    def held(self, slot: str) -> str:
        return self.slot

    def presented(self) -> frozenset[str]:
        return frozenset()

    def pending(self) -> "x509.CertificateSigningRequest | None":
        return None

    def known(self) -> "list[x509.Certificate]":
        return self.new

    def chains(self) -> "list[x509.Certificate]":
        return self.new

    def trusted_before(self) -> "list[x509.Certificate]":
        return self.before

    def certificate(self, sha256: str) -> "x509.Certificate":
        return self.certificates[sha256]

    def request(self, sha256: str) -> "x509.CertificateSigningRequest":
        return self.requests[sha256]

    def paper(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)


def access(lab: Lab, node: str, desk: Desk | None) -> Access:
    """Return what a driver needs that logs in nowhere."""
    machine = lab.machines[node]
    port = machine.ports.get("neighbor") or machine.ports["https"]
    return Access(
        node=node,
        kind="external" if node == "partner" else machine.box.kind,
        address=port.address,
        hostname=machine.box.hostname,
        username="",
        password=lambda: "",
        trust=TlsTrust(machine.box.hostname),
        now=lambda: datetime.now(UTC),
        desk=desk,
    )


class Person(Hands):
    """Work one box of a lab, and put what it shows onto its desk."""

    def __init__(self, lab: Lab, node: str, desk: MemoryDesk, take: TrustStore) -> None:
        super().__init__()
        self.lab, self.node, self._box, self._desk, self._take = lab, node, node, desk, take
        self.asks: list[Ask] = []

    def hand_over(self, text: str, node: str = "") -> None:
        from cryptography import x509

        brought = self._take.take(text.encode(), "page")
        for der in brought.certificates:
            one = x509.load_der_x509_certificate(der)
            self._desk.certificates[fingerprint(one)] = one
        if brought.csr:
            csr = x509.load_der_x509_csr(brought.csr)
            self._desk.requests[csr_fingerprint(csr)] = csr
        self._desk.sightings[brought.what] = self._sighting(brought.shows, "file")

    def say(self) -> None:
        for ask in self.asks:
            if ask.word:
                self._desk.sightings[ask.what] = self._sighting(ask.shows, "")

    def _sighting(self, shows, file: str) -> Sighting:  # type: ignore[no-untyped-def]  # plain JSON
        return Sighting(by="erin", at=stamp(datetime.now(UTC)), round=0, shows=shows, file=file)

    def until_done(self, call: Callable[[], T]) -> T:
        """Make a call; when it asks for hands, give them, once, and make it again."""
        try:
            return call()
        except Waiting as waiting:
            self.help(waiting)
        return call()

    def help(self, waiting: Waiting) -> None:
        """Do the steps; a box that says no says it as the driver of one with an API would."""
        self.asks = list(waiting.asks)
        self.do(waiting)


class Worked(Guided):
    """Be the driver together with the person: what it asks for is done before it returns."""

    def __init__(self, lab: Lab, node: str, options: Options) -> None:
        self.desk = MemoryDesk(lab.home)
        super().__init__(access(lab, node, self.desk), options)
        self.person = Person(lab, node, self.desk, self)

    def certificate(self, slot: str) -> "x509.Certificate":
        return self.person.until_done(lambda: super(Worked, self).certificate(slot))

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        return self.person.until_done(lambda: super(Worked, self).trusted(store))

    def pending_csr(self) -> "x509.CertificateSigningRequest | None":
        return self.person.until_done(lambda: super(Worked, self).pending_csr())

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        self._ask(lambda: super(Worked, self).add_trusted(certificate, store))

    def generate_csr(self, spec: CsrSpec) -> None:
        self._ask(lambda: super(Worked, self).generate_csr(spec))

    def install(self, slot: str, leaf: "x509.Certificate") -> None:
        self.desk.new.append(leaf)
        self._ask(lambda: super(Worked, self).install(slot, leaf))

    def restart(self) -> None:
        self._ask(super().restart)
        self.person.lab.effects.wait("restarted", self.person.node)

    def _ask(self, call: Callable[[], None]) -> None:
        """Make a call that only ever asks, and do it."""
        try:
            call()
        except Waiting as waiting:
            self.person.help(waiting)
            return
        raise UsageError("It asked nobody.")


class Vouched(TrustStore):
    """Be something external together with the person who has it trust."""

    def __init__(self, lab: Lab, node: str) -> None:
        self.desk = MemoryDesk(lab.home)
        self.peer = connect_peer(access(lab, node, self.desk), PeerOptions())
        self.person = Person(lab, node, self.desk, self.peer)

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        return self.peer.trusted(store)

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        self.desk.new.append(certificate)
        try:
            self.peer.add_trusted(certificate, store)
        except Waiting as waiting:
            self.person.help(waiting)
