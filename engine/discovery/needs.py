"""Say which names a certificate needs, by what boxes tell of zones and domains. Pure.

Sources: Cisco's certificate guide, "Server Certificate Requirements for Unified Communications", and 221624 for zones
(docs/reference/discovery.md). What no box tells is not here: a cluster's own name, chat node aliases, phone security
profiles, names of Cisco Meeting Server.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from engine.contracts import Survey, Zone
from engine.discovery.sitefile import is_host, is_ip
from engine.text import escape


class Need(NamedTuple):
    """Be a name that the certificate of `node` needs, such as ``DNS:a.example``; one of `ways` is enough."""

    node: str
    ways: tuple[str, ...]
    why: str

    def met(self, names: Sequence[str]) -> bool:
        """Tell whether a certificate with these names has it."""
        from engine.certificates import same_name

        return any(same_name(way, name) for way in self.ways for name in names)


class Known(NamedTuple):
    """Be what is known of the estate: `traversal` as (client, server), `hosts` the names and addresses of a node."""

    surveys: Mapping[str, Survey]
    traversal: Sequence[tuple[str, str]]
    hosts: Mapping[str, Set[str]]


def needs(known: Known) -> list[Need]:
    """Return what each certificate needs, each once; text from a box that can't be a name is left out."""
    every = [*_own_names(known), *_of_domains(known), *_of_zones(known)]
    found = [one for one in every if is_host(one.ways[0].removeprefix("DNS:"))]
    return list({(one.node, one.ways): one for one in reversed(found)}.values())[::-1]


def _own_names(known: Known) -> Iterator[Need]:
    for node, survey in known.surveys.items():
        if survey.hostname:
            yield Need(node, (f"DNS:{survey.hostname}",), "its own name")


def _of_domains(known: Known) -> Iterator[Need]:
    """Yield what an Expressway-E needs for MRA and federation; the domains are set up on the C, or on the E itself."""
    edges = [(node, node) for node, survey in known.surveys.items() if survey.kind == "expressway-e"]
    for teller, server in [*known.traversal, *edges]:
        survey = known.surveys.get(teller)
        for domain in survey.domains if survey else ():
            told = f"{escape(domain.name, 100)} on {escape(teller)}"
            if "mra" in domain.uses and survey and survey.mra is not False:
                yield Need(server, (f"DNS:{domain.name}", f"DNS:collab-edge.{domain.name}"), f"MRA domain {told}")
            if "federation" in domain.uses:
                yield Need(server, (f"DNS:{domain.name}",), f"XMPP federation domain {told}")


def _of_zones(known: Known) -> Iterator[Need]:
    for node, survey in known.surveys.items():
        for zone in survey.zones:
            if zone.kind == "traversal-client":
                yield from _as_peers(known, node, zone)
            if zone.kind == "traversal-server" and zone.verify:
                why = f"TLS verify subject name of the zone {escape(zone.name, 60)} on {escape(node)}"
                yield from (Need(client, (f"DNS:{zone.verify}",), why) for client in _clients(known, node, zone))


def _as_peers(known: Known, node: str, zone: Zone) -> Iterator[Need]:
    """Yield the peer addresses of a zone: each must be a name in the peer's certificate (221624)."""
    servers = [server for client, server in known.traversal if client == node]
    why = f"peer address of the zone {escape(zone.name, 60)} on {escape(node)}"
    for peer in zone.peers:
        named = [server for server in servers if peer.casefold() in known.hosts[server]]
        if not is_ip(peer):
            yield from (Need(server, (f"DNS:{peer}",), why) for server in named or servers if named or len(servers) < 2)


def _clients(known: Known, node: str, zone: Zone) -> list[str]:
    """Return whose certificate a zone checks: who is called so, or all clients where the box has one such zone."""
    clients = [client for client, server in known.traversal if server == node]
    named = [client for client in clients if zone.verify.casefold() in known.hosts[client]]
    zones = [one for one in known.surveys[node].zones if one.kind == "traversal-server"]
    return named or (clients if len(zones) == 1 else [])
