"""Tell what one box, or one TLS port anywhere, shows; as plain JSON. Reads only."""

from datetime import datetime
from typing import TYPE_CHECKING

from engine.doctor.ends import soon
from engine.doctor.patient import chosen
from engine.doctor.visit import Seen, endpoints, visit
from engine.errors import UsageError
from engine.model import Json
from engine.net import served, split_address, unverified
from engine.runner.connections import Connections
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.estate import Node
    from engine.runner.site import Site


def of_port(address: str, now: datetime) -> dict[str, Json]:
    """Tell what a TLS port presents, and why this system does not trust it ("" when it does).

    Raises UsageError for what is no HOST:PORT, NotSent when nothing answers.
    """
    try:
        valid = 0 < split_address(address)[1] < 65536 and bool(split_address(address)[0])
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(
            f"`{escape(address, 100)}` is no HOST:PORT.",
            untouched="Nothing was contacted.",
            todo="Write it like expc.example.org:443, without https:// and path.",
        )
    presented = _certificate(served(address), now)
    return {"address": address, "presented": presented, "unverified": unverified(address)}


def of_node(site: "Site", name: str) -> tuple[dict[str, Json], int]:
    """Tell what a node presents and holds, and the exit code of what could not be read (0: all could).

    Raises SiteError for a node that the site does not have.
    """
    chosen(site.estate, [name])
    entry, now = site.estate.nodes[name], site.clock.now()
    seen = visit(Connections(site), name)
    errors = {**{f"port {address}": error for address, error in seen.silent.items()}, **seen.faults}
    told = _told(seen, entry, now)
    told["not_read"] = {what: f"{error.what} {error.todo}".strip() for what, error in errors.items()}
    return told, min((error.exit_code for error in errors.values()), default=0)


def _told(seen: Seen, entry: "Node", now: datetime) -> dict[str, Json]:
    status = seen.status
    return {
        "node": seen.node,
        "kind": entry.kind,
        "by_hand": seen.by_hand,
        "release": status.release if status else "",
        "wire": [_wire(seen, name, address, now) for address, name in endpoints(entry).items()],
        "slots": {slot: _slot(seen, held, now) for slot, held in seen.held.items()},
        "pending_csr": _request(seen.pending) if seen.pending else None,
        "trusted": [_store(store, held, now) for store, held in seen.trusted.items()],
        "zones": dict(status.zones) if status else {},
        "alarms": list(status.alarms) if status else [],
        "services": [{"name": one.name, "state": one.state.text, "by_person": one.guided} for one in seen.services],
    }


def _wire(seen: Seen, endpoint: str, address: str, now: datetime) -> dict[str, Json]:
    shown, silent = seen.wire.get(address), seen.silent.get(address)
    return {
        "endpoint": endpoint,
        "address": address,
        "presented": _certificate(shown, now) if shown else None,
        "error": silent.what if silent else "",
    }


def _slot(seen: Seen, held: "x509.Certificate", now: datetime) -> dict[str, Json]:
    told = _certificate(held, now)
    return {**told, "on_the_wire": set(seen.presented) == {told["sha256"]}}


def _certificate(one: "x509.Certificate", now: datetime) -> dict[str, Json]:
    from engine.certificates import describe

    return {**describe(one).plain(), "days_left": (one.not_valid_after_utc - now).days}


def _request(csr: "x509.CertificateSigningRequest") -> dict[str, Json]:
    from engine.certificates import csr_fingerprint, names
    from engine.certificates.facts import dn_text

    return {"sha256": csr_fingerprint(csr), "subject": dn_text(csr.subject), "sans": names(csr)}


def _store(store: str, held: "list[x509.Certificate]", now: datetime) -> dict[str, Json]:
    ending = [one for one in held if one.not_valid_after_utc - now < soon(one)]
    described = [_certificate(one, now) for one in sorted(ending, key=lambda one: one.not_valid_after_utc)]
    keys = ("subject", "not_after", "sha256", "days_left")
    return {"store": store, "count": len(held), "end_soon": [{key: one[key] for key in keys} for one in described]}
