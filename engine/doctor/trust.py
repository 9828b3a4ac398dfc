"""Check whether every store that must trust what a box presents today can prove it, by the table of who trusts whom."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.doctor.findings import Diagnosis, failed, passed, warned
from engine.doctor.patient import Patient
from engine.doctor.visit import Seen
from engine.errors import CertrenewError
from engine.relations import SEPARATE_SLOTS_SINCE, TABLE, slot_for, trusting
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.certificates import Chain

SOURCE = "docs/reference/expressway.md"


def trust(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a store lacks what proves a certificate that it is shown today; warn of what could not be compared."""
    for seen in patient.boxes:
        if not seen.held or seen.status is None:
            continue
        yield from _unknown_slot(patient, seen)
        shown = _shown(seen)
        gaps = [one for slot, leaf in shown for one in _gaps(patient, seen, slot, leaf)]
        yield from gaps
        if not gaps and shown:
            names = dict.fromkeys(name for slot, _ in shown for name in _trusting(patient, seen, slot))
            who = ", ".join(name for name in names if name in patient.seen)
            yield passed("trust", f"What it presents is trusted by {escape(who)}.", node=seen.node)


def _shown(seen: Seen) -> "list[tuple[str, x509.Certificate]]":
    """Return what a box presents, with the slot: its ports show the server slot, and the client slot none of them."""
    served = [("server", leaf) for leaf in seen.presented.values()]
    return [*served, *((slot, leaf) for slot, leaf in seen.held.items() if slot != "server")]


def _trusting(patient: Patient, seen: Seen, slot: str) -> list[str]:
    release = seen.status.release if seen.status else ""
    try:
        return trusting(patient.estate, seen.node, [slot], release)
    except CertrenewError:  # a release that can't be read: take the table as before the slots were parted
        return trusting(patient.estate, seen.node, ["server"], "X8.0")


def _unknown_slot(patient: Patient, seen: Seen) -> Iterator[Diagnosis]:
    """Say that a box presents a slot which its driver can't read, where it is so."""
    release = seen.status.release if seen.status else ""
    roles = {
        row.as_
        for connection in patient.estate.connections
        for row in TABLE
        if row.kind == connection.kind and seen.node == getattr(connection, row.side)
    }
    try:
        unread = sorted({slot_for(role, release) for role in roles} - set(seen.held))
    except CertrenewError:
        return
    if unread:
        what = f"From {SEPARATE_SLOTS_SINCE} on it presents its {' and '.join(unread)} slot, too, which can't be read."
        todo = "Compare that certificate's CA with the trusted CA lists of its peers by hand."
        yield warned("trust", what, todo, node=seen.node, source=SOURCE)


def _gaps(patient: Patient, seen: Seen, slot: str, leaf: "x509.Certificate") -> Iterator[Diagnosis]:
    whole = chain_of(patient, leaf)
    for name in _trusting(patient, seen, slot):
        peer = patient.seen.get(name)
        if peer is None:
            continue
        if not peer.stores or set(peer.stores) - set(peer.trusted):
            what = f"Whether {escape(name)} trusts it could not be compared: what it trusts was not read."
            todo = "A renewal asks people for it." if peer.by_hand else f"See what is wrong with {escape(name)}."
            yield warned("trust", what, todo, node=seen.node)
        for store, held in peer.trusted.items():
            if gone := lacking(patient, leaf, whole, held):
                yield _gap(name, store, gone, seen.node)


def lacking(patient: Patient, leaf: "x509.Certificate", whole: "Chain", held: "list[x509.Certificate]") -> list[str]:
    """Name what a store lacks to prove a certificate by itself; empty when it can, by whatever chain."""
    from engine.certificates import build_chain, fingerprint
    from engine.certificates.facts import label

    if build_chain(leaf, (), held, patient.now).complete:
        return []
    known = {fingerprint(one) for one in held}
    lacking = [label(one) for one in whole.certificates if fingerprint(one) not in known]
    return lacking if whole.complete else [*lacking, f"the issuer {escape(_top(whole), 100)}, which nothing here has"]


def _top(whole: "Chain") -> str:
    last = whole.certificates[-1] if whole.certificates else whole.leaf
    return last.issuer.rfc4514_string() or "(no name)"


def _gap(name: str, store: str, lacking: list[str], node: str) -> Diagnosis:
    place = f"{escape(store)} of {escape(name)}" if store else f"The trusted CA list of {escape(name)}"
    what = f"{place} can't prove what {escape(node)} presents: it lacks {', '.join(lacking)}."
    where = f"the store {escape(store)}" if store else "Maintenance > Security > Trusted CA certificate"
    todo = f"Add it on {escape(name)}, {where}; a new connection fails until then."
    return failed("trust", what, todo, node=node, source=SOURCE)


def chain_of(patient: Patient, leaf: "x509.Certificate") -> "Chain":
    """Return the best chain above a certificate from every CA certificate that was seen, or that the site has."""
    from engine.certificates import build_chain

    return build_chain(leaf, patient.known, (), patient.now)
