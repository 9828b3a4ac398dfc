"""Build, start and stop the whole lab; usable in a test as a context manager and from the command line.

with Lab(tmp_path) as lab:
    lab.await_zone("Active")
    lab.order("expe", "forget-ca", ca="old")
    assert "local issuer" in lab.await_zone("Failed").cause
"""

import secrets
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from cryptography import x509

from engine.errors import UsageError
from engine.model import Json, escape
from plugins.lab import faults, site
from plugins.lab.account import Account
from plugins.lab.authority import LEAF_DAYS, CorporateCA, certify, fingerprint, pem
from plugins.lab.box import Activity, Box, Identity, ZoneStatus
from plugins.lab.effects import Effects
from plugins.lab.estate import NODES, SUBJECT, ZONE, NodePlan, Options, Place
from plugins.lab.faults import Fault
from plugins.lab.machine import Machine
from plugins.lab.releases import version
from plugins.lab.requests import KEYS, make_request
from plugins.lab.switches import Settings
from plugins.lab.zones import TraversalZone

RELEASE = "X14.3"
"""Release of a box for which none is chosen."""


class Lab:
    """Be the simulated estate: boxes, the zone between them and the corporate CA.

    `home` gets the site file, lab.json and effects.jsonl; it is locked against a second lab. Public members: `boxes`,
    `machines`, `zone`, `authority`, `effects`, `home`.
    """

    def __init__(self, home: Path, options: Options | None = None, *, now: datetime | None = None) -> None:
        self.home, self.options = home, options or Options()
        self._now = now
        _check(self.options)
        settings = {plan.name: _settings(plan, self.options) for plan in NODES}
        self._lock = site.claim(home)
        self.effects = Effects(site.fresh(home / "effects.jsonl"))
        self.authority = CorporateCA(self.now(), same_names=self.options.ca_names == "same")
        self.machines = {plan.name: self._machine(plan, settings[plan.name]) for plan in NODES}
        self.boxes = {name: machine.box for name, machine in self.machines.items()}
        self.stop_wanted = threading.Event()
        self.zone = self._zone()
        site.write(self.home, self._places(), self.authority)

    def now(self) -> datetime:
        """Return the moment at which the lab's CA signs: the clock, unless one was given."""
        return self._now or datetime.now(UTC)

    def _machine(self, plan: NodePlan, settings: Settings) -> Machine:
        password = secrets.token_urlsafe(18)
        account = Account(plan.name, password, settings.number("lockout_after"), self.effects)
        box = Box(
            plan.name,
            plan.kind,
            self.options.releases.get(plan.name, RELEASE),
            plan.hostname,
            self._old_identity(plan),
            self.authority.old.chain,
            account,
            self.effects,
            settings,
        )
        box.activity = Activity(plan.calls, plan.registrations)
        return Machine(box, restart_seconds=self.options.restart_seconds)

    def _old_identity(self, plan: NodePlan) -> Identity:
        fields = {**SUBJECT, "Additional_FQDNS": list(plan.names)}
        old = make_request(plan.hostname, fields, key=self.options.key, fqdn_only=False)
        names = list(old.request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        # Half a day more, so that people who count whole days see the number that was asked for.
        end = self.now() + timedelta(days=self.options.days_left.get(plan.name, plan.days_left), hours=12)
        leaf = certify(
            self.authority.old.issuing,
            old.request.subject,
            old.request.public_key(),  # type: ignore[arg-type]
            names,
            start=end - timedelta(days=LEAF_DAYS),
            end=end,
        )
        return Identity(leaf, old.key)

    def _zone(self) -> TraversalZone:
        client, server = self.machines["expc"], self.machines["expe"]
        interval = self.options.zone_interval
        zone = TraversalZone(ZONE, client, server, verify_name=client.box.hostname, interval=interval)
        for machine in (client, server):
            machine.power_changed = machine.box.notify = zone.wake
        return zone

    def _places(self) -> dict[str, Place]:
        return {name: self._place(machine) for name, machine in self.machines.items()}

    def describe(self, **more: Json) -> None:
        """Write lab.json anew; `more` are members besides the fixed ones."""
        site.describe(self.home, self._places(), **more)

    def _place(self, machine: Machine) -> Place:
        box = machine.box
        ports = {name: port.address for name, port in machine.ports.items()}
        return Place(box.kind, box.release, box.hostname, box.account.username, box.account.password, ports)

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
        """Open all ports and bring the zone up; return when it has settled (Active, or Failed for a reason)."""
        for machine in self.machines.values():
            machine.start()
        self.zone.start()
        self.zone.settle()

    def stop(self) -> None:
        """Close every socket and thread, and give the home back. Idempotent."""
        self.zone.stop()
        for machine in self.machines.values():
            machine.stop()
        self.effects.close()
        self._lock.release()

    @property
    def site_file(self) -> Path:
        """Return the path of the site file that the lab wrote."""
        return self.home / site.SITE

    def await_zone(self, status: str, timeout: float = 15.0) -> ZoneStatus:
        """Wait until both sides of the zone have this status by a new handshake; return the C's side.

        Raises TimeoutError, with the cause, after `timeout` seconds.
        """
        return self.zone.wait(status, timeout)

    def sign(self, csr: bytes, *, generation: str = "new", flaw: str = "", days: int = LEAF_DAYS) -> bytes:
        """Play the PKI team: return the leaf for a CSR (PEM) and its chain as one PEM. Raises UsageError."""
        try:
            request = x509.load_pem_x509_csr(csr)
        except ValueError as error:
            raise UsageError(
                "This is no certificate signing request in PEM.", untouched="Nothing was signed."
            ) from error
        return pem(self.authority.sign(request, now=self.now(), generation=generation, flaw=flaw, days=days))

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
    ) -> None:
        """Order a fault of `plugins.lab.faults.FAULTS` on a box. Raises UsageError.

        Without `count` it strikes until it is cleared. `ca` says what ``forget-ca`` deletes: ``new``, ``old`` or the
        SHA-256 of one certificate.
        """
        machine, kind = self._named(node), faults.check(fault)
        self.effects.add(node, "fault-ordered", fault=fault, count=count, path=path)
        if kind.sort == "act":
            self._act(machine, fault, ca)
        else:
            machine.faults.order(Fault(fault, count, path, seconds, method.upper()))

    def clear(self, node: str, fault: str = "") -> int:
        """Clear the waiting faults of a box, of one name if given; return how many there were. Raises UsageError."""
        gone = self._named(node).faults.clear(fault)
        self.effects.add(node, "fault-cleared", fault=fault, count=gone)
        return gone

    def _named(self, node: str) -> Machine:
        if node not in self.machines:
            raise UsageError(f"The lab has no node {escape(node)}.", todo=f"Nodes: {', '.join(self.machines)}.")
        return self.machines[node]

    def _act(self, machine: Machine, fault: str, ca: str) -> None:
        box = machine.box
        if fault == "restart-now":
            machine.restart()
        elif fault == "forget-ca":
            box.remove_trust(self._fingerprints(ca))
        elif fault in ("disable-api", "enable-api"):
            box.api_on = fault == "enable-api"
        if fault in ("discard-csr", "replace-csr"):
            box.discard_csr()
        if fault == "replace-csr" or (fault == "generate-csr" and not box.pending):
            box.generate_csr({**SUBJECT, "KeyLength": 2048})

    def _fingerprints(self, ca: str) -> Iterable[str]:
        if ca in ("new", "old"):
            return [fingerprint(certificate) for certificate in self.authority.generation(ca).chain]
        if len(ca) == 64:
            return [ca.lower()]
        raise UsageError(f"{escape(ca)} names no CA.", todo="Say new, old or the SHA-256 of a certificate.")

    def state(self) -> dict[str, Json]:
        """Return what every box holds, serves and trusts, as JSON. Read-only; no secrets."""
        return {name: self._state(machine) for name, machine in self.machines.items()}

    def _state(self, machine: Machine) -> dict[str, Json]:
        box = machine.box
        with box.lock:
            return {
                "kind": box.kind,
                "release": box.release,
                "up": machine.up,
                "slots": {slot: described(identity.certificate) for slot, identity in box.slots.items()},
                "serves": described(box.serves.certificate),
                "trusts": [described(certificate) for certificate in box.trusted],
                "pending_csr": box.pending.digest if box.pending else None,
                "zones": {zone.name: {"status": zone.status, "cause": zone.cause} for zone in box.zones.values()},
                "alarms": [alarm.reason for alarm in box.alarms],
                "api": box.api_on,
                "account_locked": box.account.locked,
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


def _settings(plan: NodePlan, options: Options) -> Settings:
    """Return a box's switches: those for all boxes, then its own. Raises UsageError."""
    return Settings({**options.switches.get("*", {}), **options.switches.get(plan.name, {})})


def _check(options: Options) -> None:
    """Refuse what can't be built before anything is opened or written."""
    if options.key not in KEYS or options.ca_names not in ("distinct", "same"):
        raise UsageError("The lab does not know this kind of key or of CA names.", todo=f"Keys: {', '.join(KEYS)}.")
    names = {plan.name for plan in NODES}
    for node in [*options.releases, *options.days_left, *options.switches]:
        if node not in names | {"*"}:
            raise UsageError(f"The lab has no node {escape(node)}.", todo=f"Nodes: {', '.join(sorted(names))}.")
    for release in options.releases.values():
        try:
            version(release)
        except ValueError as error:
            raise UsageError(f"{escape(release)} is no release.", todo="Write it like X14.3.") from error
