"""Hold a node's trust stores: who may come in, and which of two certificates with one subject stays. No sockets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from plugins.lab.authority import fingerprint
from plugins.lab.requests import Refusal

TOMCAT, CALLMANAGER, CAPF, XMPP = "tomcat-trust", "CallManager-trust", "CAPF-trust", "cup-xmpp-trust"

REPLICATED = (TOMCAT, CALLMANAGER)
"""Stores that replicate; CAPF-trust does not (Security Guide 14, confirmed)."""

LARGEST_KEY = 4096
"""Bits of the largest RSA key that is taken (Security Guide 14, confirmed)."""

Outcome = Literal["added", "replaced", "older", "present"]


@dataclass(frozen=True)
class Placed:
    """Be what became of a certificate that was put into a store; `evicted` had to go for it."""

    outcome: Outcome
    evicted: x509.Certificate | None = None


class Stores:
    """Be the trust stores of one node. The node's lock guards it."""

    def __init__(self, held: Mapping[str, Iterable[x509.Certificate]]) -> None:
        self._held = {store: list(certificates) for store, certificates in held.items()}

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the stores."""
        return iter(self._held)

    def of(self, store: str) -> list[x509.Certificate]:
        """Return the certificates of a store."""
        return list(self._held[store])

    def check(self, store: str, certificate: x509.Certificate, now: datetime) -> None:
        """Raise Refusal for a certificate that is not taken.

        Validity is checked on import (210541); a root must be there before its intermediate (Security Guide 14).
        """
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Refusal("Certificate is expired or not yet valid")
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size > LARGEST_KEY:
            raise Refusal(f"Key size {key.key_size} is not supported")
        if certificate.issuer != certificate.subject and not self._issuer(store, certificate):
            raise Refusal("Install the root certificate first")

    def _issuer(self, store: str, certificate: x509.Certificate) -> bool:
        return any(_issued(certificate, ca) for ca in self._held[store])

    def put(self, store: str, certificate: x509.Certificate) -> Placed:
        """Put a certificate into a store: of two with one subject only the one that begins later stays.

        Source: Security Guide 14, which compares the beginning of their validity (confirmed). Of two that begin at the
        same moment the lab keeps the one that is there.
        """
        held = self._held[store]
        namesake = next((other for other in held if other.subject == certificate.subject), None)
        if namesake is None:
            held.append(certificate)
            return Placed("added")
        if namesake == certificate:
            return Placed("present")
        if certificate.not_valid_before_utc <= namesake.not_valid_before_utc:
            return Placed("older")
        held[held.index(namesake)] = certificate
        return Placed("replaced", namesake)

    def remove(self, store: str, fingerprints: Iterable[str]) -> list[x509.Certificate]:
        """Delete certificates and return those that were there."""
        unwanted = set(fingerprints)
        gone = [certificate for certificate in self._held[store] if fingerprint(certificate) in unwanted]
        self._held[store] = [certificate for certificate in self._held[store] if certificate not in gone]
        return gone


def file_name(certificate: x509.Certificate, style: str) -> str:
    """Name a certificate's file: its common name, blanks as underscores, and the serial in hex where asked for."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(found[0].value).replace(" ", "_") if found else "unnamed"
    return f"{name}_{certificate.serial_number:032x}.pem" if style == "cn-serial" else f"{name}.pem"


def _issued(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except Exception:  # any disagreement of name, key type or signature means: not this one
        return False
    return True
