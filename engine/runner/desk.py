"""Be the desk of one box in one renewal: what people brought, and what the renewal knows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.contracts import Desk, in_slot
from engine.model import Item, Sighting, places

if TYPE_CHECKING:
    from cryptography import x509

    from engine.runner.live import LiveWork


class LiveDesk(Desk):
    """Read what is stored now; every method but `paper` is read-only."""

    def __init__(self, work: "LiveWork", node: str) -> None:
        self._work, self._node = work, node

    @property
    def renewal(self) -> str:
        """Return the renewal's ID."""
        return self._work.renewal.id

    def seen(self, what: str) -> Sighting | None:
        """Return what people last saw of the box by this name, in this round."""
        found = self._work.renewal.brought.get(f"{self._node}:{what}")
        return found if found and found.round == self._work.renewal.round else None

    def release(self) -> str:
        """Return the box's release as it was at the inspection."""
        return next((item.found.release for item in self._items() if item.found), "")

    def held(self, slot: str) -> str:
        """Return the fingerprint of what the slot held at the inspection."""
        return next((item.found.certificate for item in self._items() if slot in item.slots and item.found), "")

    def presented(self) -> frozenset[str]:
        """Return the fingerprints of what the box's ports presented at the inspection."""
        return frozenset(shown for item in self._items() if item.found for shown in item.found.wire.values())

    def pending(self) -> "x509.CertificateSigningRequest | None":
        """Return the CSR that this renewal had made on the box, unless its certificate was seen in the slot."""
        ours = [item for item in self._items() if self._node not in item.copies]
        made = [item.csr for item in ours if item.csr and not self._installed(item)]
        return self.request(made[-1]) if made else None

    def known(self) -> "list[x509.Certificate]":
        """Return what the box held and presented at the inspection, and its new certificate."""
        mine = [sha256 for item in self._items() for sha256 in (self.held(item.slots[0]), item.leaf)]
        return self._certificates([*mine, *sorted(self.presented())])

    def chains(self) -> "list[x509.Certificate]":
        """Return the CA certificates of the renewal's new certificates."""
        return self._certificates(sha256 for item in self._work.renewal.items for sha256 in item.chain)

    def trusted_before(self) -> "list[x509.Certificate]":
        """Return the CA certificates that the boxes which are renewed trusted at the inspection."""
        found = [place.found for place in places(self._work.renewal.items) if place.found]
        return self._certificates(sha256 for one in found for sha256 in one.trusted)

    def _certificates(self, fingerprints: Iterable[str]) -> "list[x509.Certificate]":
        return [self.certificate(sha256) for sha256 in dict.fromkeys(fingerprints) if sha256]

    def certificate(self, sha256: str) -> "x509.Certificate":
        """Return a kept certificate."""
        from cryptography import x509

        return x509.load_der_x509_certificate(self._work.kept(sha256))

    def request(self, sha256: str) -> "x509.CertificateSigningRequest":
        """Return a kept CSR."""
        from cryptography import x509

        return x509.load_der_x509_csr(self._work.kept(sha256))

    def paper(self, name: str, content: bytes) -> str:
        """Write a file for people into the renewal's folder."""
        return self._work.paper(name, content)

    def _items(self) -> list[Item]:
        return [item.at(self._node) for item in self._work.renewal.items if self._node in item.nodes]

    def _installed(self, item: Item) -> bool:
        seen = self.seen(in_slot(item.slots[0]))
        return bool(item.leaf) and seen is not None and seen.shows.get("certificate") == item.leaf
