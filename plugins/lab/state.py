"""Tell what every system of the lab holds, serves and trusts, as JSON and as lines. Read-only; no secrets."""

from collections.abc import Iterator, Mapping

from cryptography import x509

from engine.model import Json
from plugins.lab.authority import fingerprint
from plugins.lab.cucm.cluster import Cluster
from plugins.lab.cucm.mra import Mra
from plugins.lab.machine import Machine

CLUSTER = ("cucm", "imp")
"""Kinds of the nodes of a CUCM cluster."""


def box_state(machine: Machine) -> dict[str, Json]:
    """Return the state of an Expressway."""
    box = machine.box
    with box.lock:
        return {
            "kind": box.kind,
            "release": box.release,
            "up": machine.up,
            "slots": {slot: described(identity.certificate) for slot, identity in box.slots.items()},
            "serves": described(box.serves.certificate),
            "presents": described(box.presents.certificate),
            "trusts": [described(certificate) for certificate in box.trusted],
            "pending_csr": box.pending.digest if box.pending else None,
            "zones": {zone.name: {"status": zone.status, "cause": zone.cause} for zone in box.zones.values()},
            "peers": dict(box.peers),
            "alarms": [alarm.reason for alarm in box.alarms],
            "api": box.api_on,
            "clock_off": box.clock_off,
            "account_locked": box.account.locked,
            "faults": machine.faults.waiting(),
        }


def node_state(cluster: Cluster, mra: Mra, name: str) -> dict[str, Json]:
    """Return the state of a CUCM node; `loaded` are the SHA-256 of what a service loaded when it started."""
    node, machine = cluster.nodes[name], cluster.machines[name]
    return {
        "kind": node.kind,
        "release": node.release,
        "up": machine.up,
        "publisher": "" if node is cluster.publisher else cluster.publisher.name,
        "serves": described(node.identity.certificate),
        "stores": {store: [described(certificate) for certificate in node.trusted(store)] for store in node.stores},
        "services": {
            service.name: {
                "status": service.status,
                "loaded": [fingerprint(certificate) for certificate in service.loaded],
            }
            for service in node.services.all()
        },
        "mra": {
            now.consumer: {"status": now.status, "cause": now.cause, "verdict": now.verdict} for now in mra.all(name)
        },
        "replicates": not cluster.held(name),
        "account_locked": node.account.locked,
        "faults": machine.faults.waiting(),
    }


def described(certificate: x509.Certificate) -> dict[str, str]:
    """Return the members of a certificate that a person looks at first."""
    return {
        "sha256": fingerprint(certificate),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def lines(nodes: Mapping[str, Json]) -> Iterator[str]:
    """Write the state of every system for people."""
    for name, state in nodes.items():
        away = "off" if state["kind"] in CLUSTER else "restarting"
        yield f"{name}: {state['kind']} {state['release']}, {'up' if state['up'] else away}"
        yield from _node_lines(state) if state["kind"] in CLUSTER else _box_lines(state)
        yield from (f"  {'fault':12} {fault}" for fault in state["faults"])


def _box_lines(box: Mapping[str, Json]) -> Iterator[str]:
    for slot, certificate in box["slots"].items():
        yield f"  {slot + ' slot':12} {_certificate(certificate)}"
    yield f"  {'serves':12} {_certificate(box['serves'])}"
    if len(box["slots"]) > 1:
        yield f"  {'presents':12} {_certificate(box['presents'])}"
    yield from (f"  {'trusts':12} {_certificate(ca)}" for ca in box["trusts"])
    yield f"  {'pending CSR':12} {box['pending_csr'] or 'none'}"
    for zone, now in box["zones"].items():
        yield f"  {'zone':12} {zone}: {now['status']}" + (f" ({now['cause']})" if now["cause"] else "")
    yield from (f"  {'peer':12} {peer}: {state}" for peer, state in box["peers"].items())
    yield from (f"  {'alarm':12} {alarm}" for alarm in box["alarms"])
    if box["clock_off"]:
        yield f"  {'clock':12} {box['clock_off']:+.0f} s"


def _node_lines(node: Mapping[str, Json]) -> Iterator[str]:
    yield f"  {'serves':12} {_certificate(node['serves'])}"
    for store, held in node["stores"].items():
        yield from (f"  {store:17} {_certificate(ca)}" for ca in held)
    for service, now in node["services"].items():
        yield f"  {'service':12} {service}: {now['status']}, loaded {len(now['loaded'])} CA certificates"
    for consumer, now in node["mra"].items():
        why = "; ".join(text for text in (now["cause"], now["verdict"]) if text)
        yield f"  {'MRA':12} {consumer}: {now['status']}" + (f" ({why})" if why else "")
    if not node["replicates"]:
        yield f"  {'replication':12} stopped"


def _certificate(certificate: Mapping[str, str]) -> str:
    return f"{certificate['sha256'][:16]} {certificate['subject']} until {certificate['not_after']}"
