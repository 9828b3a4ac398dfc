"""Compare what a box tells with what the site file says: what to add, what to fill in, what a person decides. Pure.

Nothing that a person wrote is ever changed: only places that still say that they are to be filled in are, and where
box and file differ both are shown. A second look after the first was written finds nothing to add.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.contracts import Survey, Zone
from engine.discovery.needs import Known, Need, needs
from engine.discovery.sitefile import AUTHORITY, CUCM, EXTERNAL, Box, C, E, free, is_host, is_ip, label
from engine.discovery.tables import Tables, hosts, known_as, named, place_of, said, unfilled
from engine.model import Json
from engine.net import split_address
from engine.site.checks import ENDS, EXPRESSWAYS
from engine.text import escape


class Reached(NamedTuple):
    """Be how the box was reached: `hostname` is the name that its certificate was verified or pinned under."""

    address: str
    hostname: str


class Link(NamedTuple):
    """Be one connection to add, and why."""

    kind: str
    client: str
    server: str
    why: str = ""


class Slot(NamedTuple):
    """Be one certificate to add; `names` are those that it needs and has not."""

    name: str
    node: str
    slot: str
    authority: str
    names: list[str]


class Open(NamedTuple):
    """Be something that a person decides, and what they can do."""

    what: str
    todo: str


@dataclass
class Proposal:
    """Be what would become of a survey; `node` is the box's own name in the site.

    `filled` maps a place, as the keys that lead to it, to what belongs there.
    """

    node: str
    boxes: list[Box] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    filled: dict[tuple[str, ...], str] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Tell whether nothing would be written."""
        return not (self.boxes or self.links or self.slots or self.filled)


def propose(
    tables: Tables, reached: Reached, survey: Survey, carried: Mapping[str, Mapping[str, Sequence[str]]]
) -> Proposal:
    """Return what to add; `carried` maps a node and its slots to the names in the certificate that it has now.

    A box that the file does not know yet is meant by "" there.
    """
    draft = _Draft(tables, reached, survey)
    draft.own_node()
    draft.cluster()
    draft.publishers()
    # First those that tell of new nodes, then those that only refer to nodes: the order of a box must not matter.
    for zone in sorted(survey.zones, key=lambda zone: zone.kind != "traversal-client"):
        draft.zone(zone)
    draft.certificates({name or draft.node: slots for name, slots in carried.items()})
    return draft.proposal


class _Draft:
    """Gather a proposal, step by step."""

    def __init__(self, tables: Tables, reached: Reached, survey: Survey) -> None:
        self._tables, self._reached, self._survey = tables, reached, survey
        self.node = known_as(tables, reached.address, survey.hostname, reached.hostname)
        self._new = not self.node
        if self._new:
            self.node = label(reached.hostname, survey.kind or "expressway", list(named(tables, "nodes")))
        self.proposal = Proposal(self.node)

    @property
    def _kind(self) -> str:
        """Return what the box is: as the file says, else as it tells."""
        return said(named(self._tables, "nodes").get(self.node, {}).get("kind")) or self._survey.kind

    # ---- nodes ----

    def own_node(self) -> None:
        survey, at = self._survey, self._reached
        host = split_address(at.address)[0]
        sip = f"{f'[{host}]' if ':' in host else host}:{survey.sip_tls}" if survey.sip_tls else ""
        if self._new:
            self.proposal.boxes.append(Box(self.node, survey.kind, at.hostname, at.address, sip=sip))
            return
        for key, value in {"kind": survey.kind, "hostname": at.hostname, "address": at.address}.items():
            self._compare(("nodes", self.node, key), value)
        self._compare(("nodes", self.node, "tls", "https"), at.address)
        if sip and sip not in self._endpoints():
            what = f"{escape(self.node)} takes SIP by TLS at {escape(sip, 100)}."
            todo = f"To have its certificate proven there, too, add it to [nodes.{escape(self.node)}.tls] as `sip`."
            self.proposal.open.append(Open(what, todo))

    def _endpoints(self) -> list[Json]:
        tls = named(self._tables, "nodes").get(self.node, {}).get("tls")
        return list(tls.values()) if isinstance(tls, dict) else []

    def _compare(self, place: tuple[str, ...], value: str) -> None:
        """Fill a place that waits for it; where the file says something else, leave that to a person."""
        written: Any = self._tables
        for key in place:
            written = written.get(key) if isinstance(written, dict) else None
        if not value or written is None or said(written) == value.casefold():
            return
        if unfilled(written):
            self.proposal.filled[place] = value
        elif place_of(written) is None or place_of(written) != place_of(value):
            shown = f"`{escape('.'.join(place), 80)}` is {escape(written, 100)} in the file"
            self.proposal.open.append(Open(f"{shown}, and {escape(value, 100)} by the box.", "Keep it, or correct it."))

    def _peer(self, host: str, kind: str) -> str:
        """Return the node that is meant by a host, made up where the file has none."""
        for name, node in self._all_nodes().items():
            if name != self.node and host.casefold() in hosts(node):
                return name
        name = label("" if is_ip(host) else host, kind, list(self._all_nodes()))
        # A name is where its peers reach it; whether its API is there is not told. An address alone is all there is.
        box = Box(name, kind, host, "", hint=host)
        if is_ip(host):
            box = Box(name, kind, "", f"[{host}]" if ":" in host else host)
        self.proposal.boxes.append(box)
        return name

    def _all_nodes(self) -> dict[str, dict[str, Json]]:
        new = {
            box.name: {"kind": box.kind, "hostname": box.hostname, "address": box.address or box.hint}
            for box in self.proposal.boxes
        }
        known = {**named(self._tables, "nodes"), **new}
        return {**known, self.node: {**known.get(self.node, {}), "kind": self._kind}}

    # ---- connections ----

    def _hosts(self, told: Sequence[str], where: str) -> Iterator[str]:
        """Yield what can be a host; anything else is shown to a person."""
        for host in told:
            if is_host(host):
                yield host
            else:
                self.proposal.open.append(Open(f"{where} names `{escape(host, 80)}`, which is no host.", "Look there."))

    def cluster(self) -> None:
        for peer in self._hosts(self._survey.peers, "The cluster"):
            if self._kind:
                self._link("cluster", self.node, self._peer(peer, self._kind), "")

    def zone(self, zone: Zone) -> None:
        why = f'zone "{escape(zone.name, 60)}"'
        if zone.kind == "traversal-client":
            for peer in self._hosts(zone.peers, f"The {why}"):
                self._link("traversal", self.node, self._peer(peer, E), why)
        elif zone.kind == "traversal-server":
            self._from_clients(zone, why)
        else:
            for peer in self._hosts(zone.peers, f"The {why}"):
                self._neighbor(peer, why)

    def _from_clients(self, zone: Zone, why: str) -> None:
        clients = [
            name
            for name, node in self._all_nodes().items()
            if name != self.node and node.get("kind") == C and zone.verify.casefold() in hosts(node)
        ]
        for client in clients:
            self._link("traversal", client, self.node, why)
        if not any(link[0] == "traversal" and link[2] == self.node for link in self._all_links()):
            called = f"the name {escape(zone.verify, 100)}" if zone.verify else "no name that it checks"
            self.proposal.open.append(
                Open(f"The {why} takes an Expressway-C with {called}.", "Discover that box, too.")
            )

    def _neighbor(self, peer: str, why: str) -> None:
        found = [(n, one.get("kind")) for n, one in self._all_nodes().items() if peer.casefold() in hosts(one)]
        for name, kind in found:
            if name == self.node:
                continue
            if kind in (C, E, EXTERNAL):
                self._link("neighbor", self.node, name, why)
            elif kind == CUCM and self._kind == C:
                self._link("secure-zone", self.node, name, why)
        if not found:
            self.proposal.open.append(
                Open(
                    f"The neighbour {why} leads to {escape(peer, 100)}, which the file does not have.",
                    "If it uses TLS, add that node and a connection to it; what it is the box does not tell. One that "
                    f"others look after has the kind `{EXTERNAL}`.",
                )
            )

    def publishers(self) -> None:
        known = set(self._hosts([one.host for one in self._survey.publishers], "The list of publishers"))
        for one in (one for one in self._survey.publishers if one.host in known):
            if one.kind == "cucm" and self._survey.mra is not False:
                self._link("mra", self.node, self._peer(one.host, CUCM), "phones outside register through it")
            else:
                self.proposal.open.append(Open(*_left_out(one.kind, one.host)))

    def _link(self, kind: str, client: str, server: str, why: str) -> None:
        both_ways = kind in ("cluster", "neighbor")
        known = [link[:3] for link in self._all_links()]
        if (kind, client, server) in known or (both_ways and (kind, server, client) in known):
            return
        if self._fits(client, ENDS[kind]["client"]) and self._fits(server, ENDS[kind]["server"]):
            self.proposal.links.append(Link(kind, client, server, why))
        else:
            both = f"{escape(client)} and {escape(server)}"
            what = f"{why or 'The cluster'} would connect {both}, whose kinds in the file don't fit `{kind}`."
            self.proposal.open.append(Open(what, "Correct the kind of one of them, and discover again."))

    def _fits(self, node: str, kinds: Collection[str]) -> bool:
        """Tell whether a node is of one of these kinds, or its kind is still to be filled in."""
        return said(self._all_nodes().get(node, {}).get("kind")) in ("", *kinds)

    def _all_links(self) -> list[tuple[str, ...]]:
        listed = self._tables.get("connections")
        found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        keys = ("kind", "client", "server")
        return [*(tuple(str(one.get(key)) for key in keys) for one in found), *self.proposal.links]

    # ---- certificates ----

    def certificates(self, carried: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Add a certificate for each slot that the file has none for, and compare names."""
        traversal = [(link[1], link[2]) for link in self._all_links() if link[0] == "traversal"]
        nodes = self._all_nodes()
        ends = {end for pair in traversal for end in pair}
        called = {name: hosts(nodes.get(name, {})) for name in {*nodes, *ends}}
        self.proposal.needs = needs(Known({self.node: self._survey}, traversal, called))
        for node, slots in carried.items():
            for slot, names in slots.items():
                self._certificate(node, slot, names)

    def _certificate(self, node: str, slot: str, names: Sequence[str]) -> None:
        entries = named(self._tables, "certificates")
        found = [
            label for label, one in entries.items() if (one.get("node"), one.get("slot", "server")) == (node, slot)
        ]
        extra = entries[found[0]].get("names") if found else []
        held = [*names, *(one for one in extra if isinstance(one, str))] if isinstance(extra, list) else list(names)
        lacking = [need for need in self.proposal.needs if need.node == node and not need.met(held)]
        if not found and node == self.node and self._fits(node, EXPRESSWAYS):
            wanted = list(dict.fromkeys(need.ways[0] for need in lacking))
            name = free(f"{node[:56]}-{slot}", list(entries))
            self.proposal.slots.append(Slot(name, node, slot, self._authority(), wanted))
            return
        for need in lacking:
            ways = " or ".join(escape(way, 120) for way in need.ways)
            todo = f"Add it to `names` of [certificates.{escape(found[0] if found else f'{node}-{slot}')}]."
            self.proposal.open.append(Open(f"The certificate of {escape(node)} lacks {ways}: {need.why}.", todo))

    def _authority(self) -> str:
        """Return the only authority of the file, or of a new one; empty, to be filled in, where it can't be told."""
        known = list(named(self._tables, "authorities")) if self._tables else [AUTHORITY]
        return known[0] if len(known) == 1 else ""


def _left_out(kind: str, host: str) -> Iterator[str]:
    shown = escape(host, 100)
    if kind == "cucm":
        yield f"Unified CM {shown} is set up, but MRA is off."
        yield "If it talks TLS to the box, by a secure zone perhaps, add the node and that connection."
    else:
        yield f"IM and Presence {shown} is set up; the site file has no kind of node for it."
        yield "See that it trusts the CA of the Expressway-C's certificate: docs/reference/cucm.md."
