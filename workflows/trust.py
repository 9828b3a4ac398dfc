"""Say who must trust a certificate: one table from connection kind, slot and release, and the targets that follow.

Sources are in docs/reference/expressway.md: the traversal client opens TLS to the traversal server; from X15.5 a box
has a client slot, which it presents where it is the TLS client, and both slots share one list of trusted CAs.
"""

from typing import TYPE_CHECKING, NamedTuple

from engine.model import Item
from engine.workflow import Work
from workflows.common import kept_certificate, refuse, title

if TYPE_CHECKING:
    from cryptography import x509


class Presents(NamedTuple):
    """Say that, in a connection of `kind`, the `side` named here presents a certificate which the other must trust."""

    kind: str
    side: str
    as_: str


TABLE = (
    Presents("traversal", side="client", as_="client"),
    Presents("traversal", side="server", as_="server"),
    Presents("neighbor", side="client", as_="client"),
    Presents("neighbor", side="client", as_="server"),
    Presents("neighbor", side="server", as_="client"),
    Presents("neighbor", side="server", as_="server"),
    # A C is the TLS client towards CUCM; where CUCM is, it sees the server slot (docs/reference/cucm.md: inferred).
    Presents("mra", side="client", as_="client"),
    Presents("mra", side="client", as_="server"),
    Presents("secure-zone", side="client", as_="client"),
    Presents("secure-zone", side="client", as_="server"),
    Presents("cluster", side="client", as_="client"),
    Presents("cluster", side="client", as_="server"),
    Presents("cluster", side="server", as_="client"),
    Presents("cluster", side="server", as_="server"),
)

SEPARATE_SLOTS_SINCE = "X15.5"


def slot_for(role: str, release: str) -> str:
    """Return the slot whose certificate a box presents as TLS `role`; before X15.5 there is only the server slot."""
    from engine.certificates import Release

    separate = Release.parse(release) >= Release.parse(SEPARATE_SLOTS_SINCE)
    return role if separate else "server"


class Target(NamedTuple):
    """Be one store on one node that must hold a chain; `store` is "" where a box has one list."""

    node: str
    store: str

    def __str__(self) -> str:
        """Name it for a person."""
        return f"{self.store} of {self.node}" if self.store else f"the trusted CA list of {self.node}"


def nodes(work: Work, item: Item) -> list[str]:
    """Return the nodes that must trust an item's chain: its own, which refuses an untrusted chain, then its peers.

    A CUCM stands for its whole cluster, publisher first.
    """
    release = item.found.release if item.found else ""
    found = [item.node]
    for connection in work.estate.connections:
        for row in TABLE:
            presenter, other = connection.client, connection.server
            if row.side == "server":
                presenter, other = other, presenter
            if (row.kind, presenter) == (connection.kind, item.node) and slot_for(row.as_, release) in item.slots:
                found += cluster(work, other)
    return list(dict.fromkeys(found))


def cluster(work: Work, node: str) -> list[str]:
    """Return a node with those it shares its trust with by replication, publisher first; an Expressway stands alone."""
    head = work.estate.nodes[node].publisher or node
    return [head, *(other.name for other in work.estate.nodes.values() if other.publisher == head)]


def targets(work: Work, item: Item) -> list[Target]:
    """Return the stores that must hold an item's chain, in the order in which they are fed."""
    return [Target(node, store) for node in nodes(work, item) for store in work.peer(node).stores]


def missing(work: Work, item: Item) -> "dict[Target, list[x509.Certificate]]":
    """Return per target the CA certificates of an item's chain that it does not hold, root first. Looks at each."""
    from engine.certificates import fingerprint

    chain = [kept_certificate(work, sha256) for sha256 in reversed(item.chain)]
    lacking = {}
    for target in targets(work, item):
        held = {fingerprint(certificate) for certificate in work.peer(target.node).trusted(target.store)}
        lacking[target] = [certificate for certificate in chain if fingerprint(certificate) not in held]
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
