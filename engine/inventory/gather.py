"""Visit every box, several at once and with one login each, and put an inventory together. Read-only."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from engine.contracts import Surveyor
from engine.discovery.needs import Known, Need, needs
from engine.discovery.tables import hosts
from engine.doctor.ends import soon
from engine.doctor.patient import Patient, together
from engine.doctor.trust import chain_of, lacking
from engine.doctor.visit import SUGGESTED, visit
from engine.doctor.visit import Seen as Visited
from engine.errors import CertrenewError
from engine.inventory.values import Held, Inventory, Missing, Place, Presented, Seen, State
from engine.relations import TABLE, cluster, goes_to, slot_for
from engine.text import stamp

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import Survey

SURVEY = "survey"
"""Under which name it is told that a box could not be asked about the estate."""


def gather(patient: Patient) -> tuple[Inventory, int]:
    """Return the inventory, and the exit code of what could not be read (0: all could).

    Raises UsageError when plugins or home can't be relied on; then no box is visited.
    """
    if not patient.visits:
        raise next(iter([*patient.plugin_faults, *([patient.home_fault] if patient.home_fault else [])]))
    surveys: dict[str, Survey] = {}
    jobs = {name: partial(_visit, patient, surveys, name) for name in patient.nodes}
    together(jobs, patient.connections.progress)
    return _Estate(patient, surveys).inventory(), _code(patient)


def _visit(patient: Patient, surveys: "dict[str, Survey]", name: str) -> None:
    seen = patient.seen[name] = visit(patient.connections, name)
    if seen.logged_in and not seen.hopeless:
        try:
            peer: object = patient.connections.peer(name)
            if isinstance(peer, Surveyor):
                surveys[name] = peer.survey()
        except CertrenewError as error:
            seen.faults[SURVEY] = error


def _unread(box: "Visited") -> dict[str, CertrenewError]:
    """Return why something of a box could not be read; what its CA wishes is not looked for here."""
    silent = {f"port {address}": error for address, error in box.silent.items()}
    return {**silent, **{what: error for what, error in box.faults.items() if what != SUGGESTED}}


def _code(patient: Patient) -> int:
    errors = [error for box in patient.boxes for error in _unread(box).values()]
    return min((error.exit_code for error in errors), default=0)


class _Estate:
    """Put together what was seen."""

    def __init__(self, patient: Patient, surveys: "dict[str, Survey]") -> None:
        self._patient, self._surveys = patient, surveys
        self._needs = self._needed()

    def inventory(self) -> Inventory:
        presented = self._merged(self._presented())
        return Inventory(
            at=stamp(self._patient.now),
            nodes=list(self._nodes()),
            certificates=_by_end(self._certificates()),
            authorities=_by_end(self._authorities()),
            presented=presented,
        )

    def _nodes(self) -> Iterator[Seen]:
        for box in self._patient.boxes:
            node = self._patient.estate.nodes[box.node]
            yield Seen(
                name=box.node,
                kind=node.kind,
                release=box.status.release if box.status else "",
                publisher=node.publisher,
                by_hand=box.by_hand,
                not_read={what: error.what for what, error in _unread(box).items()},
            )

    # ---- certificates ----

    def _certificates(self) -> Iterator[Held]:
        found: dict[x509.Certificate, list[Place]] = {}
        for box in self._patient.boxes:
            endpoints = {address: name for name, address in self._patient.estate.nodes[box.node].tls.items()}
            for slot, held in box.held.items():
                found.setdefault(held, []).append(Place(node=box.node, where=f"slot {slot}"))
            for address, shown in box.wire.items():
                where = f"port {endpoints.get(address, 'api')}"
                found.setdefault(shown, []).append(Place(node=box.node, where=where))
        for certificate, places in found.items():
            yield self._held(certificate, places, self._of_node(places[0].node))

    def _of_node(self, node: str) -> list[Need] | None:
        """Return what a node's certificate needs; None for one whose names are not judged: nobody renews it here."""
        ours = self._patient.estate.nodes[node].kind.startswith("expressway")
        return [need for need in self._needs if need.node == node] if ours else None

    def _needed(self) -> list[Need]:
        estate = self._patient.estate
        traversal = [(one.client, one.server) for one in estate.connections if one.kind == "traversal"]
        called = {name: hosts({"hostname": one.hostname, "address": one.address}) for name, one in estate.nodes.items()}
        of_site = [
            Need(node, (name,), "named in the site file")
            for entry in estate.certificates.values()
            for node in goes_to(estate, entry)
            for name in entry.names
        ]
        return [*needs(Known(self._surveys, traversal, called)), *of_site]

    def _held(self, one: "x509.Certificate", places: list[Place], needed: list[Need] | None, used: bool = True) -> Held:
        from engine.certificates import describe, same_name
        from engine.certificates.facts import label

        told = describe(one)
        lacks = [need for need in needed or () if not need.met(told.sans)]
        asked = [way for need in needed or () for way in need.ways]
        return Held(
            sha256=told.sha256,
            name=label(one),
            subject=told.subject,
            issuer=told.issuer,
            not_before=told.not_before,
            not_after=told.not_after,
            days_left=(one.not_valid_after_utc - self._patient.now).days,
            state=self._state(one),
            sans=told.sans,
            places=places,
            missing=[Missing(names=list(need.ways), why=need.why) for need in lacks],
            unasked=[name for name in told.sans if needed is not None and not any(same_name(name, a) for a in asked)],
            used=used,
        )

    def _state(self, one: "x509.Certificate") -> State:
        if one.not_valid_before_utc > self._patient.now:
            return "not-yet"
        left = one.not_valid_after_utc - self._patient.now
        return "ended" if left.total_seconds() <= 0 else "soon" if left < soon(one) else "good"

    def _authorities(self) -> Iterator[Held]:
        found: dict[x509.Certificate, list[Place]] = {}
        for box in self._patient.boxes:
            for store, held in box.trusted.items():
                for one in held:
                    found.setdefault(one, []).append(Place(node=box.node, where=store or "trusted CAs"))
        for name in self._patient.estate.authorities:
            for one in self._patient.roots(name):
                found.setdefault(one, []).append(Place(node="", where=f"roots of {name}"))
        used = {
            one
            for box in self._patient.boxes
            for leaf in box.presented.values()
            for one in chain_of(self._patient, leaf).certificates
        }
        for one, places in found.items():
            yield self._held(one, list(dict.fromkeys(places)), None, one in used)

    # ---- who presents what to whom ----

    def _presented(self) -> Iterator[Presented]:
        for connection in self._patient.estate.connections:
            for row in TABLE:
                if row.kind == connection.kind:
                    ends = (connection.client, connection.server)
                    presenter, other = ends if row.side == "client" else ends[::-1]
                    for node in cluster(self._patient.estate, other):
                        yield self._one(connection.kind, presenter, node, row.as_)

    def _one(self, kind: str, presenter: str, other: str, role: str) -> Presented:
        from engine.certificates import fingerprint
        from engine.certificates.facts import label

        slot, leaf = self._slot(presenter, role)
        trusted, why = self._judged(leaf, other) if leaf else (None, f"what it presents ({slot} slot) was not read")
        return Presented(
            from_=presenter,
            to=other,
            slot=slot,
            kinds=[kind],
            sha256=fingerprint(leaf) if leaf else "",
            name=label(leaf) if leaf else "",
            trusted=trusted,
            why=why,
        )

    def _slot(self, node: str, role: str) -> "tuple[str, x509.Certificate | None]":
        """Return which slot a node presents in a role, and its certificate: what is on the wire, else what it holds."""
        box = self._patient.seen.get(node)
        release = box.status.release if box and box.status else ""
        try:
            slot = slot_for(role, release)
        except CertrenewError:  # not read, or no release: as before the slots were parted
            slot = "server"
        if box is None:
            return slot, None
        shown = next(iter(box.presented.values()), None) if slot == "server" else None
        return slot, shown or box.held.get(slot)

    def _judged(self, leaf: "x509.Certificate", other: str) -> tuple[bool | None, str]:
        peer = self._patient.seen.get(other)
        if peer is not None and peer.by_hand:
            return None, f"what {other} trusts is brought by people, within a renewal"
        if peer is None or not peer.trusted or set(peer.stores) - set(peer.trusted):
            return None, f"what {other} trusts was not read"
        whole, faults = chain_of(self._patient, leaf), []
        for store, held in peer.trusted.items():
            if gone := lacking(self._patient, leaf, whole, held):
                faults.append(f"{f'{store} lacks' if store else 'it lacks'} {', '.join(gone)}")
        return not faults, "; ".join(faults)

    def _merged(self, every: Iterable[Presented]) -> list[Presented]:
        """Return each presentation once, with all kinds of connections in which it happens."""
        from msgspec.structs import replace

        found: dict[tuple[str, str, str], Presented] = {}
        for one in every:
            key = (one.from_, one.to, one.slot)
            known = found.get(key)
            kinds = list(dict.fromkeys([*known.kinds, *one.kinds])) if known else one.kinds
            found[key] = replace(one, kinds=kinds)
        return list(found.values())


def _by_end(held: Iterable[Held]) -> list[Held]:
    return sorted(held, key=lambda one: (one.not_after, one.sha256))
