"""Say which stores must hold the chain of a renewal's certificate, and which lack some of it.

Who must trust whom is the table of `engine.relations`.
"""

from typing import TYPE_CHECKING, NamedTuple

from engine import relations
from engine.errors import Waiting, together
from engine.model import Item
from engine.workflow import Work
from workflows.common import kept_certificate, refuse, title

if TYPE_CHECKING:
    from cryptography import x509


class Target(NamedTuple):
    """Be one store on one node that must hold a chain; `store` is "" where a box has one list."""

    node: str
    store: str

    def __str__(self) -> str:
        """Name it for a person."""
        return f"{self.store} of {self.node}" if self.store else f"the trusted CA list of {self.node}"


def nodes(work: Work, item: Item) -> list[str]:
    """Return the nodes that must trust an item's chain, its own first (`engine.relations.trusting`)."""
    found: list[str] = []
    for one in item.places:
        found += relations.trusting(work.estate, one.node, one.slots, one.found.release if one.found else "")
    return list(dict.fromkeys(found))


def targets(work: Work, item: Item) -> list[Target]:
    """Return the stores that must hold an item's chain, in the order in which they are fed."""
    return [Target(node, store) for node in nodes(work, item) for store in work.peer(node).stores]


def missing(work: Work, item: Item) -> "dict[Target, list[x509.Certificate]]":
    """Return per target the CA certificates of an item's chain that it does not hold, root first. Looks at each.

    Raises Waiting for the boxes of which people have to bring what they trust.
    """
    from engine.certificates import fingerprint

    chain = [kept_certificate(work, sha256) for sha256 in reversed(item.chain)]
    lacking, waits = {}, list[Waiting]()
    for target in targets(work, item):
        try:
            held = {fingerprint(certificate) for certificate in work.peer(target.node).trusted(target.store)}
        except Waiting as waiting:  # people are asked about all boxes in one go
            waits.append(waiting)
            continue
        lacking[target] = [certificate for certificate in chain if fingerprint(certificate) not in held]
    if waits:
        raise together(waits)
    return lacking


def require_trusted(work: Work) -> None:
    """Raise Refused unless every target holds the whole chain of every item. There is no override for it."""
    for item in work.items:
        for target, lacking in missing(work, item).items():
            if lacking:
                names = ", ".join(title(certificate) for certificate in lacking)
                raise refuse(
                    f"{target.node} does not trust the new chain of {item.certificate}: {target} lacks {names}.",
                    f"Add it there by hand (docs/reference, trusted CA list); then: certrenew run {work.renewal.id}",
                )
