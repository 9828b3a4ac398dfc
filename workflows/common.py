"""Share what several steps do: look at a box, load kept certificates, name an item's place in the renewal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import Refused
from engine.model import Change, Item
from engine.text import escape
from engine.workflow import Work

if TYPE_CHECKING:
    from cryptography import x509


def numbered(work: Work) -> Iterator[tuple[int, Item]]:
    """Yield each item whose turn has come with its number, as a path in the renewal's values needs it."""
    yield from enumerate(work.items)


def item_of(work: Work, change: Change) -> tuple[int, Item]:
    """Return number and item that a change is about."""
    number = change.item or 0
    return number, work.renewal.items[number]


def place_of(work: Work, change: Change) -> tuple[int, Item]:
    """Return number and item that a change is about, as the item stands on the change's target."""
    number, item = item_of(work, change)
    return number, item.at(change.target)


def kept_certificate(work: Work, sha256: str) -> "x509.Certificate":
    """Load a certificate that an earlier step kept."""
    from cryptography import x509

    return x509.load_der_x509_certificate(work.kept(sha256))


def kept_csr(work: Work, sha256: str) -> "x509.CertificateSigningRequest":
    """Load a CSR that an earlier step kept."""
    from cryptography import x509

    return x509.load_der_x509_csr(work.kept(sha256))


def keep_certificate(work: Work, certificate: "x509.Certificate") -> str:
    """Keep a certificate's DER and return its fingerprint."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return work.keep(certificate.public_bytes(Encoding.DER), "cer")


def title(certificate: "x509.Certificate") -> str:
    """Name a certificate for a person: its common name or subject, escaped."""
    from engine.certificates import common_name

    return escape(common_name(certificate.subject) or certificate.subject.rfc4514_string() or "without subject", 60)


def served_at(work: Work, item: Item) -> dict[str, str]:
    """Return where a node presents an item's certificate (endpoint name to HOST:PORT); else its API's address.

    Nowhere for one of the client slot alone: no port of the box shows it.
    """
    entry = work.estate.nodes[item.node]
    return (entry.tls or {"https": entry.address}) if "server" in item.slots else {}


def require_as_found(work: Work, item: Item) -> None:
    """Raise Refused when somebody replaced the certificate in an item's slot since it was inspected. Read-only.

    Its names were asked for and judged by: those of another one might be lost. A certificate of this renewal is none.
    """
    from engine.certificates import fingerprint

    slot, found = item.slots[0], item.found
    held = work.device(item.node).certificate(slot)
    ours = {one.leaf for one in work.items if item.node in one.nodes}
    if found is not None and fingerprint(held) not in {found.certificate, *ours}:
        raise refuse(
            f"{item.node} holds another {slot} certificate than when it was inspected: {title(held)}, sha256 "
            f"{fingerprint(held)[:12]}…, in place of {found.certificate[:12]}….",
            f"Find out who replaced it. To renew what is there now: certrenew cancel {work.renewal.id}, then certrenew "
            f"start {item.certificate}, which reads the slot anew.",
        )


def refuse(what: str, todo: str) -> Refused:
    """Make the refusal of a check that changed nothing."""
    return Refused(what, untouched="Nothing was changed.", todo=todo)
