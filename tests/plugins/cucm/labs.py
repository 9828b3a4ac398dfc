"""Make drivers for the nodes of a lab."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from cryptography import x509

from engine.certificates import fingerprint
from engine.contracts import Access, TrustStore
from engine.https import Exchange
from engine.net import TlsTrust
from plugins.cucm import Options, connect
from plugins.lab.authority import pem
from plugins.lab.lab import Lab

MakeLab = Callable[..., Lab]
Node = Literal["cucm-pub", "cucm-sub", "imp-pub"]


def access(
    lab: Lab,
    node: Node = "cucm-pub",
    password: Callable[[], str] | None = None,
    record: Callable[[Exchange], None] = lambda _exchange: None,
) -> Access:
    """Return what a driver for a node of the lab gets."""
    assert lab.cucm
    box, ca = lab.cucm.nodes[node], lab.home / "old.pem"
    ca.write_bytes(pem(lab.authority.old.chain))
    return Access(
        node=node,
        kind=box.kind,
        address=lab.cucm.machines[node].ports["https"].address,
        hostname=box.hostname,
        username=box.account.username,
        password=password or (lambda: box.account.password),
        trust=TlsTrust(box.hostname, ca=str(ca)),
        now=lambda: datetime.now(UTC),
        publisher=node == "cucm-pub",
        record=record,
    )


def options(lab: Lab, node: Node = "cucm-pub", **more: Any) -> Options:
    """Return a node's settings; one port serves REST and SOAP there."""
    assert lab.cucm
    return Options(**{"soap_address": lab.cucm.machines[node].ports["https"].address, **more})


def ssh(lab: Lab, node: Node = "cucm-pub", **more: Any) -> dict[str, Any]:
    """Return the settings that open a node's command line."""
    assert lab.cucm
    machine = lab.cucm.machines[node]
    return {"ssh_address": machine.ports["ssh"].address, "ssh_host_key": machine.shell.key.fingerprint, **more}


def driver(lab: Lab, node: Node = "cucm-pub", password: Callable[[], str] | None = None, **more: Any) -> TrustStore:
    """Return a driver for a node of the lab."""
    return connect(access(lab, node, password), options(lab, node, **more))


def held(node: TrustStore, store: str, *wanted: x509.Certificate) -> list[bool]:
    """Tell of each certificate whether a store holds it."""
    prints = {fingerprint(one) for one in node.trusted(store)}
    return [fingerprint(one) in prints for one in wanted]
