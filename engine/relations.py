"""Say who must trust a certificate: one table from connection kind, slot and release, and the nodes that follow. Pure.

Sources are in docs/reference/expressway.md: the traversal client opens TLS to the traversal server; from X15.5 a box
has a client slot, which it presents where it is the TLS client, and both slots share one list of trusted CAs.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.estate import CertificateEntry, Estate


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


def slots_of(release: str) -> tuple[str, ...]:
    """Name the slots that a box of this release has. Raises UsageError for what is no release."""
    from engine.certificates import Release

    separate = Release.parse(release) >= Release.parse(SEPARATE_SLOTS_SINCE)
    return ("server", "client") if separate else ("server",)


def slot_for(role: str, release: str) -> str:
    """Return the slot whose certificate a box presents as TLS `role`; before X15.5 there is only the server slot.

    Raises UsageError for what is no release.
    """
    return role if role in slots_of(release) else "server"


def opens(estate: "Estate", node: str) -> list[tuple[str, str]]:
    """Return the connections in which a node is the TLS client: the kind of each, and its other end."""
    return [
        (row.kind, connection.server if row.side == "client" else connection.client)
        for connection in estate.connections
        for row in TABLE
        if (row.kind, getattr(connection, row.side), row.as_) == (connection.kind, node, "client")
    ]


def peers(estate: "Estate", node: str) -> list[str]:
    """Return the other peers of an Expressway's cluster, by the site's connections, however they are linked there."""
    links = [(one.client, one.server) for one in estate.connections if one.kind == "cluster"]
    found = [node]
    for one in found:  # grows while it is walked
        found += [end for link in links if one in link for end in link if end not in found]
    return found[1:]


def goes_to(estate: "Estate", entry: "CertificateEntry") -> list[str]:
    """Return the nodes that a certificate of the site goes to, the one that makes its CSR first."""
    return [entry.node, *(peers(estate, entry.node) if entry.cluster_name else ())]


def certificates_of(estate: "Estate", node: str) -> "list[CertificateEntry]":
    """Return the certificates of the site that go to a node, those that its cluster shares among them."""
    return [one for one in estate.certificates.values() if node in goes_to(estate, one)]


def trusting(estate: "Estate", node: str, slots: Collection[str], release: str) -> list[str]:
    """Return the nodes that must trust what a node has in these slots: itself, which refuses an untrusted chain, first.

    A CUCM stands for its whole cluster, publisher first; for MRA with its IM and Presence nodes, which no other
    connection reaches (docs/reference/cucm.md). One peer of an Expressway's cluster stands for all of them.
    """
    found = [node]
    for connection in estate.connections:
        for row in TABLE:
            presenter, other = connection.client, connection.server
            if row.side == "server":
                presenter, other = other, presenter
            if (row.kind, presenter) == (connection.kind, node) and slot_for(row.as_, release) in slots:
                if row.kind == "cluster":
                    found += peers(estate, node)
                else:
                    reached = cluster(estate, other)
                    found += [one for one in reached if connection.kind == "mra" or not _is_imp(estate, one)]
    return list(dict.fromkeys(found))


def serves_phones(estate: "Estate", node: str) -> bool:
    """Tell whether phones outside register through a node: an Expressway-E whose traversal client has MRA to CUCM."""
    clients = {one.client for one in estate.connections if (one.kind, one.server) == ("traversal", node)}
    return any(one.kind == "mra" and one.client in clients for one in estate.connections)


def _is_imp(estate: "Estate", node: str) -> bool:
    return estate.nodes[node].kind == "imp"


def cluster(estate: "Estate", node: str) -> list[str]:
    """Return a node with those it shares its trust with by replication, publisher first; an Expressway stands alone."""
    head = estate.nodes[node].publisher or node
    return [head, *(other.name for other in estate.nodes.values() if other.publisher == head)]


def mra_clusters(estate: "Estate", node: str) -> list[str]:
    """Return the clusters, each by its publisher, whose phones come in through an Expressway-C."""
    servers = [one.server for one in estate.connections if (one.kind, one.client) == ("mra", node)]
    return list(dict.fromkeys(estate.nodes[server].publisher or server for server in servers))
