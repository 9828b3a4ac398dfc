"""Give the drivers of the site's boxes and the backends of its authorities."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, cast

from engine.contracts import Access, Office
from engine.https import Exchange
from engine.net import TlsTrust, served
from engine.relations import serves_phones
from engine.runner.handed import certificates_in
from engine.runner.site import Site, Tell
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import Authority, Desk, Device, TrustStore
    from engine.estate import Node


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
