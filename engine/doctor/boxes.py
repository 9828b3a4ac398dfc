"""Check each box by what was seen of it: reachable, proven, let in, on which release, and what is under way there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.doctor.findings import Diagnosis, failed, from_error, passed, warned
from engine.doctor.patient import Patient
from engine.doctor.visit import BY_HAND, CONNECT, HELD, PENDING, SERVICES, STATUS, TRUSTED, Seen, endpoints
from engine.errors import ApiDisabled, LoginRefused, Unreachable, Untrusted, UsageError
from engine.text import escape

if TYPE_CHECKING:
    from engine.model import Item, Renewal

SOURCE = "docs/reference/expressway.md"


def reachable(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a port of the site shows no TLS certificate; warn when no box was visited."""
    if not patient.visits:
        what = "No box was visited, because plugins or home can't be relied on."
        yield warned("reachable", what, "Mend those first.", source=SOURCE)
    for seen in patient.boxes:
        yield from (from_error("reachable", error, node=seen.node) for error in seen.silent.values())
        if not seen.silent:
            places = ", ".join(map(escape, endpoints(patient.estate.nodes[seen.node])))
            yield passed("reachable", f"Presents a certificate at {places}.", node=seen.node)


def proven(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a box is not proven to be who it should be, by `ca` or `pin`; then no credential was sent."""
    for seen in patient.boxes:
        refused = [error for error in seen.faults.values() if isinstance(error, Untrusted)]
        yield from (from_error("tls", error, node=seen.node) for error in refused[:1])
        if not refused and (seen.logged_in or _let_in_or_not(seen)):
            yield passed("tls", f"Proven {_by(patient, seen)}.", node=seen.node)


def _let_in_or_not(seen: Seen) -> bool:
    return any(isinstance(error, LoginRefused | ApiDisabled) for error in seen.faults.values())


def _by(patient: Patient, seen: Seen) -> str:
    node = patient.estate.nodes[seen.node]
    if patient.site and set(seen.presented) & patient.site.learned_pins(seen.node):
        return "by the fingerprint that a renewal of it taught"
    if node.pin:
        return "by its pin"
    return f"as {escape(node.hostname)} by {escape(node.ca) if node.ca else 'the CA certificates of this system'}"


def login(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when driver or password can't be had, or the box refused the one login."""
    for seen in patient.boxes:
        # Wrong settings and secrets that can't be fetched, then what a box refused; the same is told once.
        kinds = (UsageError, LoginRefused)
        wrong = [error for kind in kinds for error in seen.faults.values() if isinstance(error, kind)]
        for error in {error.what: error for error in reversed(wrong)}.values():
            yield from_error("login", error, node=seen.node)
        if seen.logged_in and not wrong:
            user = escape(patient.estate.nodes[seen.node].username, 60)
            yield passed("login", f"`{user}` is let in.", node=seen.node)


def api(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when what a renewal reads can't be read, or the driver can't reach the slot of a certificate."""
    for seen in patient.boxes:
        if seen.by_hand:
            yield passed("api", BY_HAND, node=seen.node)
        yield from _unread(seen)
        yield from _slots(patient, seen)
        if seen.status:
            told = f"Runs {escape(seen.status.release, 40)}; its API gives certificate, CSR and trusted CAs."
            if not any(key in seen.faults for key in (STATUS, HELD, PENDING, TRUSTED)):
                yield passed("api", told, node=seen.node)
        elif seen.trusted and TRUSTED not in seen.faults:
            told = ", ".join(f"{escape(store)} holds {len(held)}" for store, held in seen.trusted.items())
            yield passed("api", f"Its stores can be read: {told}.", node=seen.node)


def _unread(seen: Seen) -> Iterator[Diagnosis]:
    told_already = (Untrusted, LoginRefused, UsageError)
    for what in (STATUS, TRUSTED, HELD, PENDING, CONNECT):
        error = seen.faults.get(what)
        if error and not isinstance(error, told_already):
            yield from_error("reachable" if isinstance(error, Unreachable) else "api", error, node=seen.node)


def _slots(patient: Patient, seen: Seen) -> Iterator[Diagnosis]:
    for entry in patient.estate.certificates.values():
        if entry.node == seen.node and seen.slots and entry.slot not in seen.slots:
            what = f"The certificate `{escape(entry.name)}` is for the slot {entry.slot}, which its driver can't reach."
            todo = f"The driver reaches: {', '.join(seen.slots)}. Renew that one by hand, or set another driver."
            yield failed("api", what, todo, node=seen.node, source=SOURCE)


def services(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when the services that load a trust store can't be read; tell which of them a person restarts."""
    for seen in patient.boxes:
        error = seen.faults.get(SERVICES)
        if error and not isinstance(error, LoginRefused | UsageError | Untrusted):
            yield from_error("services", error, node=seen.node)
        guided = [escape(one.name) for one in seen.services if one.guided]
        if guided:
            yield passed("services", f"{', '.join(guided)}: restarted by a person.", node=seen.node)
        others = [escape(one.name) for one in seen.services if not one.guided]
        if others:
            yield passed("services", f"{', '.join(others)}: restarted by certrenew.", node=seen.node)


def restarted(patient: Patient) -> Iterator[Diagnosis]:
    """Warn when a box presents another certificate than its slot holds: a restart is outstanding."""
    from engine.certificates import fingerprint
    from engine.certificates.facts import label

    for seen in patient.boxes:
        held = seen.held.get("server")
        if held is None or not seen.wire:
            continue
        other = [address for address, shown in seen.wire.items() if fingerprint(shown) != fingerprint(held)]
        if other:
            what = f'The slot holds "{label(held)}" until {held.not_valid_after_utc:%Y-%m-%d}, and '
            what += f"{', '.join(map(escape, other))} presents another certificate: a restart is outstanding."
            yield warned("restart", what, _restart_todo(patient, seen), node=seen.node, source=SOURCE)
        else:
            yield passed("restart", "Presents what its slot holds.", node=seen.node)


def _restart_todo(patient: Patient, seen: Seen) -> str:
    ours = [one.id for one, item in _ours(patient, seen.node) if _installed(seen, item)]
    if ours:
        return f"Go on with the renewal: certrenew run {escape(ours[0])}"
    return "Find out who uploaded it; what is in the slot counts from the next restart on."


def _ours(patient: Patient, node: str) -> "list[tuple[Renewal, Item]]":
    """Return the open renewals' items on a node."""
    return [(one, item) for one in patient.open_renewals for item in one.items if node in item.nodes]


def pending(patient: Patient) -> Iterator[Diagnosis]:
    """Warn of a pending CSR that no open renewal made; fail when a renewal's CSR is gone from the box."""
    from engine.certificates import csr_fingerprint

    for seen in patient.boxes:
        if not seen.status or PENDING in seen.faults or seen.hopeless:
            continue
        there = csr_fingerprint(seen.pending) if seen.pending else ""
        ours = [(one, item) for one, item in _ours(patient, seen.node) if item.node == seen.node]
        waiting = {item.csr: one.id for one, item in ours if _awaits(seen, item)}
        yield from _lost(seen, there, waiting)
        if there in waiting:
            yield passed("pending-csr", f"The pending CSR is that of renewal {escape(waiting[there])}.", node=seen.node)
        elif there:
            yield _foreign(seen, there)
        elif not waiting:
            yield passed("pending-csr", "No CSR is pending.", node=seen.node)


def _awaits(seen: Seen, item: "Item") -> bool:
    """Tell whether an item's CSR must be pending still: it was made, and what came of it is not installed."""
    return bool(item.csr) and not _installed(seen, item)


def _installed(seen: Seen, item: "Item") -> bool:
    from engine.certificates import fingerprint

    return item.leaf in {fingerprint(held) for held in seen.held.values()}


def _lost(seen: Seen, there: str, waiting: dict[str, str]) -> Iterator[Diagnosis]:
    for csr, renewal in waiting.items():
        if csr != there:
            what = f"The CSR of renewal {escape(renewal)} is not pending any more: its key is lost."
            todo = f"Begin again from the box: certrenew restage {escape(renewal)} --reason TEXT"
            yield failed("pending-csr", what, todo, node=seen.node, source=SOURCE)


def _foreign(seen: Seen, there: str) -> Diagnosis:
    what = f"A CSR is pending that no open renewal made (sha256 {there[:12]}…); a renewal would stop at it."
    todo = (
        "Ask who made it. Use it: certrenew start NAME --adopt-csr. Or discard it on the box, if no CA is signing it."
    )
    return warned("pending-csr", what, todo, node=seen.node, source=SOURCE)


def zones(patient: Patient) -> Iterator[Diagnosis]:
    """Warn of zones that are not active now, and of alarms."""
    for seen in patient.boxes:
        if seen.status is None:
            continue
        down = {name: state for name, state in seen.status.zones.items() if state != "Active"}
        for name, state in down.items():
            what = f"The zone {escape(name, 60)} is not active: {escape(state, 160)}."
            yield warned(
                "zones", what, "See to it first: a renewal can't tell its own fault from this.", node=seen.node
            )
        for alarm in seen.status.alarms:
            yield warned("zones", f"Alarm: {escape(alarm, 200)}", "Look at Status > Alarms on the box.", node=seen.node)
        if seen.status.zones and not down:
            yield passed(
                "zones", f"Active: {', '.join(escape(name, 60) for name in seen.status.zones)}.", node=seen.node
            )
