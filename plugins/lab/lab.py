"""Build, start and stop the whole lab; usable in a test as a context manager and from the command line.

with Lab(tmp_path) as lab:
    lab.await_zone("Active")
    lab.order("expe", "forget-ca", ca="old")
    assert "local issuer" in lab.await_zone("Failed").cause
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType

from cryptography import x509

from engine.errors import UsageError
from engine.model import Json
from engine.text import escape
from plugins.lab import faults, page, site
from plugins.lab.authority import FLAWS, LEAF_DAYS, CorporateCA, fingerprint, pem
from plugins.lab.box import ZoneStatus
from plugins.lab.build import Builder, check
from plugins.lab.cucm.cluster import Cluster
from plugins.lab.cucm.machine import CucmMachine
from plugins.lab.cucm.mra import Mra, MraStatus
from plugins.lab.effects import Effects
from plugins.lab.estate import SUBJECT, Options, Place
from plugins.lab.faults import Fault
from plugins.lab.links import connected
from plugins.lab.machine import Machine
from plugins.lab.offices import Office
from plugins.lab.places import of_box, of_node
from plugins.lab.requests import Refusal
from plugins.lab.state import box_state, node_state
from plugins.lab.zones import NeighbourZone


class Lab:
    """Be the simulated estate: Expressways, the zone between them, a CUCM cluster with MRA, and the corporate CA.

    `home` gets the site file, lab.json and effects.jsonl; it is locked against a second lab. Public members: `boxes`
    and `machines` (the Expressways), `folders` (of their certificates, where peers can share one), `zone`, `neighbour`
    (the zone to it, None without), `links` (these, and in a cluster those of the peers), `cucm` and `mra` (None
    without), `authority`, `offices` (those that sign by a server), `effects`, `home`.
    """

    def __init__(self, home: Path, options: Options | None = None, *, now: datetime | None = None) -> None:
        self.home, self.options = home, options or Options()
        self._now = now
        check(self.options)
        self._lock = site.claim(home)
        self.effects = Effects(site.fresh(home / "effects.jsonl"))
        self.authority = CorporateCA(self.now(), same_names=self.options.ca_names == "same")
        build = Builder(self.options, self.authority, self.effects, self.now)
        self.machines = {plan.name: build.box(plan) for plan in self.options.plans}
        self.boxes = {name: machine.box for name, machine in self.machines.items()}
        sharing = [machine for machine in self.machines.values() if machine.box.cluster and self.options.shared]
        self.folders = {machine.box.name: build.folder(home, machine) for machine in sharing}
        self.stop_wanted = threading.Event()
        self.links = connected(self.machines)
        self.zone = self.links[0]
        self.neighbour = next((link for link in self.links if isinstance(link, NeighbourZone)), None)
        for machine in self.machines.values():
            machine.power_changed = machine.box.notify = partial(self._wake, machine)
        self.cucm = build.cluster() if self.options.cucm else None
        self.mra = self._mra(self.cucm) if self.cucm else None
        self.offices = build.offices(self.home)
        site.write(self.home, self._places(), self.authority, list(self.offices.values()))

    def now(self) -> datetime:
        """Return the moment at which the lab's CA signs: the clock, unless one was given."""
        return self._now or datetime.now(UTC)

    def _mra(self, cluster: Cluster) -> Mra:
        nodes = list(cluster.machines.values())
        mra = Mra(self.machines["expc"], nodes, self.authority.old.chain[:1])
        for node in nodes:
            node.changed = mra.wake
        return mra

    def _wake(self, machine: Machine) -> None:
        """Have everything that depends on a box connect again."""
        for link in self.links:
            if machine in (link.client, link.server):
                link.wake()
        if self.mra and machine is self.machines["expc"]:
            self.mra.wake()

    def _places(self) -> dict[str, Place]:
        boxes = {name: of_box(machine, self.folders.get(name)) for name, machine in self.machines.items()}
        return boxes | ({name: of_node(self.cucm, name, self.options) for name in self.cucm.nodes} if self.cucm else {})

    def describe(self, **more: Json) -> None:
        """Write lab.json anew; `more` are members besides the fixed ones."""
        site.describe(self.home, self._places(), list(self.offices.values()), **more)

    def __enter__(self) -> "Lab":
        """Start the lab."""
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Stop the lab."""
        self.stop()

    def start(self) -> None:
        """Open all ports and bring zone and MRA up; return when they have settled (Active, or Failed for a reason)."""
        for machine in self.machines.values():
            machine.start()
        for office in self.offices.values():
            office.start()
        if self.cucm and self.mra:
            self.cucm.start()
            self.mra.start()
        for link in self.links:
            link.start()
        for link in self.links:
            link.settle()
        if self.mra:
            self.mra.settle()

    def stop(self) -> None:
        """Close every socket and thread, and give the home back. Idempotent."""
        for link in self.links:
            link.stop()
        if self.mra and self.cucm:
            self.mra.stop()
            self.cucm.stop()
        for office in self.offices.values():
            office.stop()
        for machine in self.machines.values():
            machine.stop()
        self.effects.close()
        self._lock.release()

    @property
    def site_file(self) -> Path:
        """Return the path of the site file that the lab wrote."""
        return self.home / site.SITE

    def await_zone(self, status: str, timeout: float = 60.0) -> ZoneStatus:
        """Wait until both sides of the zone have this status by a new handshake; return the C's side.

        Raises TimeoutError, with the cause, after `timeout` seconds.
        """
        return self.zone.wait(status, timeout)

    def await_mra(self, status: str, timeout: float = 60.0, *, node: str = "", consumer: str = "") -> MraStatus:
        """Wait until MRA has this status by new handshakes: ``Active`` when every service accepts and is accepted.

        `node` and `consumer` (``tftp``, ``callmanager``, ``tomcat``) narrow it down. Returns the first that is Failed,
        or else the first; raises TimeoutError, with the cause, after `timeout` seconds, UsageError without CUCM.
        """
        if not self.mra:
            raise no_cucm()
        return self.mra.wait(status, node, consumer, timeout)

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Wait until every request at a box or an authority was served to its end; tell whether that came in time."""
        machines = [*self.machines.values(), *(self.cucm.machines.values() if self.cucm else ())]
        ports = [*(machine.ports["https"] for machine in machines), *(one.port for one in self.offices.values())]
        return all(port.wait_idle(timeout) for port in ports)

    def restart_service(self, node: str, service: str) -> None:
        """Play the person at the OS command line of a CUCM node: restart a service and wait until it is back."""
        if not self.cucm:
            raise no_cucm()
        self.cucm.restart_service(node, service)

    def use(self, node: str, calls: int, registrations: int) -> None:
        """Play the people who call by an Expressway: have so many calls and registrations. Raises UsageError."""
        try:
            self._expressway(node).box.use(calls=calls, registrations=registrations)
        except Refusal as refusal:
            raise UsageError(f"{node} says: {refusal}.", untouched="Nothing was changed.") from refusal

    def page(self, node: str, action: str, text: str = "") -> str:
        """Play the person at the web pages of an Expressway: `plugins.lab.page`. Raises UsageError."""
        return page.work(self._expressway(node), action, text)

    def _expressway(self, node: str) -> Machine:
        machine = self._named(node)
        if isinstance(machine, CucmMachine):
            raise UsageError("Only the Expressways of the lab do that.", todo=f"Nodes: {', '.join(self.machines)}.")
        return machine

    def sign(self, csr: bytes, *, generation: str = "new", flaw: str = "", days: int = LEAF_DAYS) -> bytes:
        """Play the PKI team: return the leaf for a CSR (PEM) and its chain as one PEM. Raises UsageError."""
        try:
            request = x509.load_pem_x509_csr(csr)
        except ValueError as error:
            raise UsageError(
                "This is no certificate signing request in PEM.", untouched="Nothing was signed."
            ) from error
        return pem(self.authority.sign(request, now=self.now(), generation=generation, flaw=flaw, days=days))

    def decide(self, number: int, *, issue: bool) -> None:
        """Play the certificate manager of the AD CS: issue or deny a request that waits. Raises UsageError."""
        from plugins.lab.adcs.ca import AdCs

        office = next((one for one in self.offices.values() if isinstance(one, AdCs)), None)
        if office is None:
            raise UsageError("This lab has no AD CS.", todo="Start it with: certrenew lab up --authority adcs")
        office.decide(number, issue=issue)

    def order(
        self,
        node: str,
        fault: str,
        *,
        count: int | None = None,
        path: str = "",
        seconds: float = 2.0,
        method: str = "",
        ca: str = "new",
        store: str = "",
        flaw: str = "",
    ) -> None:
        """Order a fault of `plugins.lab.faults.FAULTS` on a node or an authority. Raises UsageError.

        Without `count` it strikes until it is cleared. `ca` says what ``forget-ca`` deletes: ``new``, ``old`` or the
        SHA-256 of one certificate; on a CUCM node it goes from `store`, or from each. `flaw` is for ``flawed``,
        `seconds` for ``slow``, ``pending`` and ``set-clock``.
        """
        if node in self.offices:
            return self._order_of(self.offices[node], Fault(fault, count, path, seconds, method.upper(), flaw))
        machine = self._named(node)
        kind = faults.check(fault, box="cucm" if isinstance(machine, CucmMachine) else "expressway")
        wanted = self._fingerprints(ca) if fault == "forget-ca" else []
        stores = machine.node.check_stores(store) if isinstance(machine, CucmMachine) else []
        self.effects.add(node, "fault-ordered", fault=fault, count=count, path=path)
        if kind.sort != "act":
            machine.faults.order(Fault(fault, count, path or faults.PATHS.get(fault, ""), seconds, method.upper()))
        elif not isinstance(machine, CucmMachine):
            self._act(machine, fault, wanted, seconds)
        elif self.cucm:
            self.cucm.carry_out(node, fault, wanted, stores)
        return None

    def _order_of(self, office: Office, fault: Fault) -> None:
        faults.check(fault.name, box="authority")
        if fault.flaw not in FLAWS and (fault.flaw or fault.name == "flawed"):
            raise UsageError(f"The lab's CA knows no flaw {escape(fault.flaw)}.", todo=f"Flaws: {', '.join(FLAWS)}.")
        self.effects.add(office.name, "fault-ordered", fault=fault.name, count=fault.left, path=fault.path)
        office.faults.order(fault)

    def clear(self, node: str, fault: str = "") -> int:
        """Clear the waiting faults of a box, of one name if given; return how many there were. Raises UsageError."""
        gone = (self.offices.get(node) or self._named(node)).faults.clear(fault)
        self.effects.add(node, "fault-cleared", fault=fault, count=gone)
        return gone

    def _named(self, node: str) -> Machine | CucmMachine:
        every: dict[str, Machine | CucmMachine] = {**self.machines, **(self.cucm.machines if self.cucm else {})}
        if node not in every:
            known = ", ".join([*every, *self.offices])
            raise UsageError(f"The lab has no node {escape(node)}.", todo=f"Nodes: {known}.")
        return every[node]

    def _act(self, machine: Machine, fault: str, wanted: Sequence[str], seconds: float) -> None:
        box = machine.box
        if fault == "restart-now":
            machine.restart()
        elif fault == "forget-ca":
            box.remove_trust(wanted)
        elif fault in ("disable-api", "enable-api"):
            box.api_on = fault == "enable-api"
        elif fault == "set-clock":
            box.clock_off = seconds
            box.notify()
        if fault in ("discard-csr", "replace-csr"):
            box.discard_csr()
        if fault == "replace-csr" or (fault == "generate-csr" and not box.pending):
            box.generate_csr({**SUBJECT, "KeyLength": 2048})

    def _fingerprints(self, ca: str) -> Sequence[str]:
        if ca in ("new", "old"):
            return [fingerprint(certificate) for certificate in self.authority.generation(ca).chain]
        if len(ca) == 64:
            return [ca.lower()]
        raise UsageError(f"{escape(ca)} names no CA.", todo="Say new, old or the SHA-256 of a certificate.")

    def state(self) -> dict[str, Json]:
        """Return what every box holds, serves and trusts, as JSON. Read-only; no secrets."""
        told: dict[str, Json] = {name: box_state(machine) for name, machine in self.machines.items()}
        if self.cucm and self.mra:
            told |= {name: node_state(self.cucm, self.mra, name) for name in self.cucm.nodes}
        return told


def no_cucm() -> UsageError:
    """Say that this lab has no CUCM."""
    return UsageError("This lab has no CUCM.", todo="Start it without --no-cucm.")
