"""Be the cluster: a publisher, subscribers, and what arrives from one node at the others.

An upload writes the node's files and the database, whose entry goes to the publisher; Certificate Change Notification
writes the files of the other nodes (210541, confirmed on 9.1; that REST uploads go the same way is inferred).
CAPF-trust does not replicate (Security Guide 14, confirmed).
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from engine.errors import Failed, UsageError
from engine.text import escape
from plugins.lab.authority import fingerprint
from plugins.lab.cucm.machine import CucmMachine
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.stores import REPLICATED

PATIENCE = 50.0
"""How long a person waits for a service to be back, in seconds."""


@dataclass(frozen=True)
class Copy:
    """Be a certificate on its way to a node; `due` is by the monotonic clock."""

    due: float
    node: str
    store: str
    certificate: x509.Certificate


class Cluster:
    """Be the nodes, publisher first. `machines` maps a name to a node with its ports; safe for threads."""

    def __init__(self, machines: Iterable[CucmMachine]) -> None:
        self.machines = {machine.node.name: machine for machine in machines}
        self.nodes = {name: machine.node for name, machine in self.machines.items()}
        self.publisher = next(iter(self.nodes.values()))
        self._changed = threading.Condition()
        self._copies: list[Copy] = []
        self._held = {name for name, node in self.nodes.items() if node.settings["replication"] == "never"}
        self._stopped = False
        self._worker = threading.Thread(target=self._work, name="lab-replication", daemon=True)
        for node in self.nodes.values():
            self._connect(node)

    def _connect(self, node: Node) -> None:
        node.writable = lambda: self.publisher.up
        node.database = self._database
        node.delete = lambda store, certificate: self._delete(node, store, certificate)
        node.members = self._members
        node.distribute = lambda store, certificate: self._distribute(node.name, store, certificate)

    def _delete(self, origin: Node, store: str, certificate: x509.Certificate) -> None:
        """Take a certificate out of a store, and what is on its way with it."""
        with self._changed:
            self._copies = [copy for copy in self._copies if (copy.store, copy.certificate) != (store, certificate)]
        everywhere = [node for node in self.nodes.values() if node.kind == origin.kind and store in REPLICATED]
        for node in everywhere or [origin]:
            node.forget([fingerprint(certificate)], [store])

    def _members(self) -> dict[str, str]:
        """Return the nodes by host name, each with its role."""
        roles = {"cucm": "CUCM Voice/Video", "imp": "CUCM IM and Presence"}
        return {node.hostname: roles[node.kind] for node in self.nodes.values()}

    def _database(self) -> list[x509.Certificate]:
        """Return every trusted certificate of any node, once."""
        every = [one for node in self.nodes.values() for store in node.stores for one in node.trusted(store)]
        return list(dict.fromkeys(every))

    def start(self) -> None:
        """Power all nodes on and begin to replicate."""
        for machine in self.machines.values():
            machine.start()
        self._worker.start()

    def stop(self) -> None:
        """Stop replicating and close every port. Idempotent."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._worker.is_alive():
            self._worker.join()
        for machine in self.machines.values():
            machine.stop()

    def power(self, name: str, *, on: bool) -> None:
        """Switch a node on or off; what it missed arrives when it is back."""
        machine = self.machines[name]
        if machine.up == on:
            return
        self.nodes[name].effects.add(name, "powered-on" if on else "powered-off")
        if on:
            machine.start(age=0.0)
        else:
            machine.power_off()
        with self._changed:
            self._changed.notify_all()

    def hold(self, name: str) -> None:
        """Let nothing arrive at this node any more."""
        with self._changed:
            self._held.add(name)

    def resume(self, name: str) -> None:
        """Let all that was held arrive at this node now, and what comes later in its time."""
        with self._changed:
            self._held.discard(name)
            self._copies = [
                Copy(0.0, name, copy.store, copy.certificate) if copy.node == name else copy for copy in self._copies
            ]
            self._changed.notify_all()

    def held(self, name: str) -> bool:
        """Tell whether replication to this node is stopped."""
        return name in self._held

    def carry_out(self, name: str, fault: str, fingerprints: Iterable[str], stores: Iterable[str]) -> None:
        """Do what a fault of the sort ``act`` says; `fingerprints` and `stores` are for ``forget-ca``."""
        if fault == "forget-ca":
            self.nodes[name].forget(fingerprints, stores)
        elif fault in ("power-off", "power-on"):
            self.power(name, on=fault == "power-on")
        elif fault == "replication-stops":
            self.hold(name)
        else:
            self.resume(name)

    def restart_service(self, name: str, service: str) -> None:
        """Restart a service as a person at the OS command line does, and wait until it is back.

        Raises UsageError for a node or service that is not there, Failed when it does not come back.
        """
        node = self.nodes.get(name)
        found = node.services.find(service) if node else None
        if node is None or found is None:
            known = ", ".join(one.name for one in (node or self.publisher).services.all())
            raise UsageError(
                f"The lab has no service {escape(service)} on a node {escape(name)}.",
                todo=f"Nodes: {', '.join(self.nodes)}. Services: {known}.",
            )
        node.services.restart(found)
        if not node.services.await_restarts(PATIENCE):
            raise Failed(f"{found.name} on {name} is not back after {PATIENCE:.0f} s.")

    def _distribute(self, origin: str, store: str, certificate: x509.Certificate) -> None:
        if store not in REPLICATED:
            return
        with self._changed:
            for node in self.nodes.values():
                if node.name != origin and node.kind == self.nodes[origin].kind:
                    self._copies.append(Copy(time.monotonic() + _delay(node), node.name, store, certificate))
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._stopped or (ripe := self._ripe(now := time.monotonic()))):
                    self._changed.wait(self._patience(now))
                if self._stopped:
                    return
                self._copies = [copy for copy in self._copies if copy not in ripe]
            for copy in ripe:
                self.nodes[copy.node].receive(copy.store, copy.certificate)

    def _ripe(self, now: float) -> list[Copy]:
        """Return the copies that may arrive now: due, the node and the publisher up, replication not stopped."""
        if not self.publisher.up:
            return []
        return [
            copy
            for copy in self._copies
            if copy.due <= now and self.nodes[copy.node].up and copy.node not in self._held
        ]

    def _patience(self, now: float) -> float | None:
        """Return how long after `now` the next copy is due; None when none is on its way.

        Of the same moment as the look before: one that came due in between would be waited for without end.
        """
        return min((copy.due - now for copy in self._copies if copy.due > now), default=None)


def _delay(node: Node) -> int:
    setting = node.settings["replication"]
    return 0 if setting == "never" else int(setting)
