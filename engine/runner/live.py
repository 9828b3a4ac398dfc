"""Give a running step its boxes, authorities, probes, artefacts and journal."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from engine.errors import CertrenewError, NotSent, UsageError
from engine.https import Exchange
from engine.model import Change, Event, Json, Renewal
from engine.net import der
from engine.runner.connections import Connections
from engine.runner.custody import key_secret
from engine.runner.site import Site
from engine.text import escape
from engine.workflow import Work

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import Desk
    from engine.estate import Node
    from engine.model import Plan
    from engine.store import Document, Handle
    from engine.store.sealed import SealedKeys


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

    @cached_property
    def followed(self) -> Renewal:
        """Return the renewal that this one comes after: it is over, so it is read once a command."""
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
