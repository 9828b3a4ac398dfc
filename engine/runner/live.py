"""Give a running step its boxes, authorities, probes, artefacts and journal."""

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

from engine.contracts import Access, Office
from engine.errors import CertrenewError, NotSent, UsageError
from engine.https import Exchange
from engine.model import Actor, Change, Event, Json, Renewal
from engine.net import TlsTrust, der, served
from engine.relations import serves_phones
from engine.runner.custody import key_secret
from engine.runner.transcript import Transcript
from engine.secrets import fetch
from engine.text import escape, stamp
from engine.workflow import Work

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import Authority, Desk, Device, TrustStore
    from engine.estate import Estate, Node
    from engine.model import Plan
    from engine.registry import Registry
    from engine.store import Document, Handle, Store
    from engine.store.sealed import SealedKeys


class Clock:
    """Tell the time and let it pass; tests give another one."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let this many seconds pass."""
        time.sleep(seconds)


Tell = Callable[[str, str], None]
"""Show progress: a kind (step, act, proved, note, wait, state) and a text that may come from outside."""


@dataclass
class Site:
    """Be everything a command works with: estate, plugins, store, who runs it, clock and how to show progress.

    `since` and `heard` belong to `engine.runner.observers`: since when, and after how many appended events, a delivery
    has news.
    """

    estate: "Estate"
    registry: "Registry"
    store: "Store"
    actor: Actor
    clock: Clock = field(default_factory=Clock)
    tell: Tell = lambda _kind, _text: None
    heard: int | None = None
    since: datetime = field(init=False)
    _secrets: dict[str, str] = field(default_factory=dict, repr=False)
    _fetching: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.since = self.clock.now()

    def secret(self, reference: str | list[str], where: str) -> str:
        """Fetch a secret by its reference, once a command however often it is asked. Raises UsageError."""
        key = repr(reference)
        with self._fetching:  # two programs that ask a person at once would mix their questions
            if key not in self._secrets:
                self._secrets[key] = fetch(reference, self.estate.file.parent, where)
            return self._secrets[key]

    def transcript(self, renewal: str) -> Transcript:
        """Return what writes a renewal's transcript, without any secret that this command has fetched."""
        return Transcript(lambda entry: self.store.note(renewal, entry), lambda: self._secrets.values(), self.at)

    def at(self) -> str:
        """Return the present as it is stored."""
        return stamp(self.clock.now())

    def learned_pins(self, node: str) -> frozenset[str]:
        """Return the fingerprints that the newest renewal with pins for this node taught; they live in its document."""
        return self.store.taught.pins(node)


class Connections:
    """Give the drivers of the site's boxes and the backends of its authorities; each is made once, and logs in once."""

    def __init__(self, site: Site) -> None:
        self.estate = site.estate
        self._site = site
        self._drivers: dict[str, tuple[TlsTrust, TrustStore]] = {}
        self._authorities: dict[str, Authority] = {}

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return self._site.clock.now()

    @property
    def progress(self) -> Tell:
        """Return what shows progress."""
        return self._site.tell

    def device(self, node: str) -> "Device":
        """Return the driver for a box, made anew when what it may trust has changed."""
        return cast("Device", self._connected(node, self._site.registry.device))

    def peer(self, node: str) -> "TrustStore":
        """Return the driver for anything that has to trust; for a box the same object as `device`."""
        return self._connected(node, self._site.registry.peer)

    def _connected(self, node: str, make: "Callable[[Node, Access, str], TrustStore]") -> "TrustStore":
        entry = self.estate.nodes[node]
        trust = self._trust(entry)
        known = self._drivers.get(node)
        if known is None or known[0] != trust:
            known = self._drivers[node] = (trust, make(entry, self._access(entry, trust), self._where(node)))
        return known[1]

    def _where(self, node: str) -> str:
        return f"{escape(self.estate.file)}: [nodes.{node}]"

    def _access(self, entry: "Node", trust: TlsTrust) -> Access:
        return Access(
            node=entry.name,
            kind=entry.kind,
            address=entry.address,
            hostname=entry.hostname,
            username=entry.username,
            password=lambda: self._site.secret(entry.password, f"{self._where(entry.name)}: `password`"),
            trust=trust,
            now=self.now,
            publisher=not entry.publisher,
            secret=lambda reference: self._site.secret(reference, f"{self._where(entry.name)}: [options]"),
            record=lambda exchange: self._note(entry, exchange),
            desk=self._desk(entry.name),
        )

    def _desk(self, node: str) -> "Desk | None":
        """Return where people hand in what they saw of a box; here there is no renewal that they could do it for."""
        return None

    def _note(self, entry: "Node", exchange: Exchange) -> None:
        """Take note of an exchange with a box; here nobody keeps a transcript."""

    def _trust(self, node: "Node") -> TlsTrust:
        """Say which certificates a box may show.

        Its own pins alone, where there are any; else what an earlier renewal taught, besides the site's own word.
        """
        own = self.own_pins(node.name)
        if own:
            return TlsTrust(node.hostname, pins=frozenset(own), pins_only=True)
        learned = self._site.learned_pins(node.name)
        if node.pin:
            return TlsTrust(
                node.hostname, pins=learned or frozenset({node.pin.removeprefix("sha256:")}), pins_only=True
            )
        return TlsTrust(node.hostname, pins=learned, ca=str(node.ca or ""))

    def own_pins(self, node: str) -> Collection[str]:
        """Return the only fingerprints that a box may show while its certificate changes; empty for none."""
        return ()

    def authority(self, name: str) -> "Authority":
        """Return the backend of an authority of the site."""
        if name not in self._authorities:
            where = f"{escape(self.estate.file)}: [authorities.{escape(name)}]"
            entry = self.estate.authorities[name]
            self._authorities[name] = self._site.registry.authority(entry, self._office(name, where), where)
        return self._authorities[name]

    def _office(self, name: str, where: str) -> Office:
        return Office(
            name=name,
            now=self.now,
            roots=lambda: self.roots(name),
            secret=lambda reference: self._site.secret(reference, f"{where}: [options]"),
            folder=self.estate.file.parent,
        )

    def roots(self, authority: str) -> "list[x509.Certificate]":
        """Return the CA certificates that the site has of an authority."""
        return [found for path in self.estate.authorities[authority].roots for found in certificates_in(path)]

    def kept_cas(self) -> "list[x509.Certificate]":
        """Return the CA certificates that stay in every store, as the site says."""
        return [found for path in self.estate.clean_up.keep for found in certificates_in(path)]

    def phone_roots(self, node: str) -> "list[x509.Certificate] | None":
        """Return the CA certificates that phones outside trust, as far as the site says; None where none register."""
        if not serves_phones(self.estate, node):
            return None
        return [found for path in self.estate.nodes[node].phone_roots for found in certificates_in(path)]

    def served(self, address: str) -> "x509.Certificate":
        """Read the certificate that a TLS port presents."""
        return served(address)


class LiveWork(Connections, Work):
    """Be the `Work` of one command on one renewal; without a handle it can only look."""

    def __init__(self, site: Site, document: "Document", handle: "Handle | None" = None, step: str = "") -> None:
        super().__init__(site)
        self.step = step
        self._document, self._handle = document, handle
        self._transcript = site.transcript(document.renewal.id) if handle else None

    @property
    def document(self) -> "Document":
        """Return the document as it is stored now."""
        return self._handle.document if self._handle else self._document

    @property
    def renewal(self) -> Renewal:
        """Return the renewal as it is stored now."""
        return self.document.renewal

    def _desk(self, node: str) -> "Desk":
        """Return where people hand in what they saw of a box."""
        from engine.runner.desk import LiveDesk

        return LiveDesk(self, node)

    def _note(self, entry: "Node", exchange: Exchange) -> None:
        """Write an exchange of a step that runs into the transcript."""
        if self._transcript is not None:
            self._transcript.exchange(self.step, entry.name, entry.address, exchange)

    def served(self, address: str) -> "x509.Certificate":
        """Read the certificate that a TLS port presents; a step that runs keeps it, and notes it in the transcript."""
        try:
            seen = super().served(address)
        except NotSent as error:
            if self._transcript is not None:
                self._transcript.look(self.step, address, None, error.what)
            raise
        if self._transcript is not None:
            with suppress(UsageError):  # like the transcript, it must stop nothing
                self.keep(der(seen), "cer")
            self._transcript.look(self.step, address, seen)
        return seen

    def own_pins(self, node: str) -> Collection[str]:
        """Return this renewal's pins of a box."""
        return self.renewal.pins.get(node, ())

    def shown(self, digest: str) -> "Plan":
        """Return a plan that was shown."""
        return self._site.store.plan(self.renewal.id, digest)

    def wait(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self._site.clock.wait(seconds)

    def tell(self, text: str) -> None:
        """Show progress; nothing is stored."""
        self._site.tell("wait", text)

    def note(self, text: str) -> None:
        """Show something a person should know; nothing is stored."""
        self._site.tell("note", text)

    def keep(self, content: bytes, kind: str) -> str:
        """Store content durably beside the renewal and return its SHA-256."""
        return self._site.store.put_artefact(self.renewal.id, content, kind)

    def kept(self, sha256: str) -> bytes:
        """Return what `keep` stored, here or in the renewal that this one follows."""
        try:
            return self._site.store.artefact(self.renewal.id, sha256)
        except UsageError:
            if not self.renewal.follows:
                raise
            return self._site.store.artefact(self.renewal.follows, sha256)

    @property
    def followed(self) -> Renewal:
        """Return the renewal that this one comes after."""
        return self._site.store.load(self.renewal.follows).renewal

    def paper(self, name: str, content: bytes) -> str:
        """Write a file for people into the renewal's folder and return its path."""
        return str(self._site.store.write_paper(self.renewal.id, name, content))

    @property
    def keys(self) -> "SealedKeys":
        """Return where this renewal keeps a private key that peers share."""
        return self._site.store.sealed_keys(self.renewal.id, lambda: key_secret(self._site))

    @property
    def folder(self) -> str:
        """Return the path of the renewal's folder with the files for people."""
        return str(self._site.store.paper_folder(self.renewal.id))

    def record(
        self, kind: str, text: str, *, data: Mapping[str, Json] | None = None, values: Mapping[str, Json] | None = None
    ) -> None:
        """Append an event to the journal; it is on disk when this returns."""
        if self._handle is None:
            raise CertrenewError(f"A step tried to record `{escape(text)}` while only looking.")
        self._handle.append(
            kind,
            text,
            at=self._site.at(),
            by=self._site.actor,
            step=self.step,
            data=dict(data or {}),
            values=dict(values or {}),
        )

    def others(self) -> Sequence[Renewal]:
        """Return the other renewals of this home as they are stored now."""
        return [one.renewal for one in self._site.store.summaries()[0] if one.renewal.id != self.renewal.id]

    def alone_with(self, node: str) -> AbstractContextManager[None]:
        """Hold the lock of a box."""
        return self._site.store.node_lock(node, self._site.actor, self._site.at(), self.step)

    def begun(self, change: Change) -> bool:
        """Tell whether this change has an intent of this round in the journal, and no outcome after it."""
        return change.key in open_intents(self.document)

    def asked(self, change: Change) -> bool:
        """Tell whether people were asked in this round to make this change, and its driver still leaves it to them."""
        return self.renewal.asked.get(change.key) == self.renewal.round and self.by_hand(change)

    def by_hand(self, change: Change) -> bool:
        """Tell whether people make a change, by its plan or by the driver of its target."""
        return change.by_hand or (change.target in self.estate.nodes and self.peer(change.target).by_hand)


def open_intents(document: "Document") -> dict[str, Event]:
    """Return the changes of this round that were begun and whose outcome was never recorded, by key. Read-only."""
    found: dict[str, Event] = {}
    for event in document.journal:
        key = event.data.get("change")
        if key is not None and event.data.get("round") == document.renewal.round:
            if event.kind == "intent":
                found[key] = event
            else:
                found.pop(key, None)
    return found


FILE_LIMIT = 1024 * 1024
"""Largest file a person may hand over, in bytes; a chain of ten certificates is about 20 kB."""


def certificates_in(path: Path) -> "list[x509.Certificate]":
    """Read the certificates in a file of any form. Raises UsageError."""
    from engine.certificates import read_certificates

    return read_certificates(read_file(path), str(path))


def read_file(path: Path) -> bytes:
    """Read a file that a person named, up to `FILE_LIMIT`; ``-`` is what is pasted on standard input.

    Raises UsageError that says what is wrong with it.
    """
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with path.open("rb") as file:
                content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise UsageError(
            f"{escape(path)} can't be read: {error.strerror}.", untouched="Nothing was changed.", todo="Check the path."
        ) from None
    if len(content) > FILE_LIMIT:
        raise UsageError(f"{escape(path)} is larger than {FILE_LIMIT} bytes.", todo="Is it the right file?")
    return content
