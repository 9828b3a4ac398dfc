"""Say what lies between a driver and the people who work its box by hand: what they brought, and files for them."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from engine.model import Json, Sighting, Value

if TYPE_CHECKING:
    from cryptography import x509


PENDING_CSR = "csr"
"""Under what name it is known whether a CSR is pending; `shows` has its SHA-256 as ``csr``, "" for none."""


def in_slot(slot: str) -> str:
    """Return under what name it is known which certificate a slot holds; `shows` has its SHA-256 as ``certificate``."""
    return f"certificate:{slot}"


class Brought(Value, frozen=True, kw_only=True):
    """Be what a file shows: `what` it is of its box, `text` for people, `shows` in plain JSON for the driver itself.

    `certificates` and `csr` are DER, to be kept so that `Desk.certificate` and `Desk.request` give them back by their
    SHA-256. No private key may be in any of it.
    """

    what: str
    text: str
    shows: dict[str, Json] = {}
    certificates: list[bytes] = []
    csr: bytes = b""


class Desk(ABC):
    """Give a driver what people and the renewal know of its box. Every method but `paper` is read-only."""

    @property
    @abstractmethod
    def renewal(self) -> str:
        """Return the ID that commands take."""

    @abstractmethod
    def seen(self, what: str) -> Sighting | None:
        """Return what people last saw of the box by this name, in this round of the renewal; None for nothing."""

    @abstractmethod
    def release(self) -> str:
        """Return the box's release as it was at the inspection, "" before it."""

    @abstractmethod
    def held(self, slot: str) -> str:
        """Return the fingerprint of what the slot held at the inspection, "" before it."""

    @abstractmethod
    def presented(self) -> frozenset[str]:
        """Return the fingerprints of what the box's ports presented at the inspection."""

    @abstractmethod
    def pending(self) -> "x509.CertificateSigningRequest | None":
        """Return the CSR that this renewal had made on the box and not installed yet; None when there is none."""

    @abstractmethod
    def known(self) -> "list[x509.Certificate]":
        """Return the certificates that the box may hold: what it had at the inspection, and the new one."""

    @abstractmethod
    def chains(self) -> "list[x509.Certificate]":
        """Return the CA certificates of the renewal's new certificates, which the box may have to trust."""

    @abstractmethod
    def trusted_before(self) -> "list[x509.Certificate]":
        """Return the CA certificates that the boxes which are renewed trusted at the inspection."""

    @abstractmethod
    def certificate(self, sha256: str) -> "x509.Certificate":
        """Return a certificate that was brought or is known."""

    @abstractmethod
    def request(self, sha256: str) -> "x509.CertificateSigningRequest":
        """Return a CSR that was brought."""

    @abstractmethod
    def paper(self, name: str, content: bytes) -> str:
        """Write a file for people into the renewal's folder and return its path. Idempotent."""
