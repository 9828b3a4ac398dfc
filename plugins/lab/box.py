"""Be one Expressway-C or -E: its slots, trusted CA list, pending CSR, account, alarms and activity. No sockets.

What a box stores and what it serves are two things: an upload changes the slot, a restart loads it (218034: "You must
restart"; Administrator Guide, restart options: an alarm stays until then).
"""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509

from engine.model import Json
from plugins.lab.account import Account
from plugins.lab.authority import Key, PublicKey, fingerprint
from plugins.lab.effects import Effects
from plugins.lab.releases import does
from plugins.lab.requests import Pending, Refusal, make_request
from plugins.lab.switches import Settings
from plugins.lab.trust import intermediates, usable
from plugins.lab.uploads import Situation, has_common_name, judge, private_key

RESTART_NEEDED = "Restart required: the server certificate has changed, but is not in use until the system is restarted"
"""Text of the lab's alarm; that there is one is confirmed, its real text and id are unknown."""

IN_MAINTENANCE = {
    "named": "Maintenance mode: the system is in maintenance mode",
    "other": "The system was taken out of use",
}
"""Texts of the lab's alarm of maintenance mode, by the switch; that there is one is confirmed."""

NO_COMMON_NAME = "The server certificate has no common name"

UPTIME = 41 * 24 * 3600
"""Uptime at the lab's start, in seconds, so that a box which begins again shows it."""


@dataclass(frozen=True)
class Identity:
    """Be a certificate with its private key, as a slot holds them."""

    certificate: x509.Certificate
    key: Key

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate's DER."""
        return fingerprint(self.certificate)


@dataclass(frozen=True)
class Alarm:
    """Be one warning of the box; `id` is a UUID, as in the only capture of a real status.xml."""

    reason: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "Unacknowledged"


@dataclass(frozen=True)
class Activity:
    """Be what people do on the box: calls and registrations in use now. A restart ends them all."""

    calls: int = 0
    registrations: int = 0


@dataclass(frozen=True)
class ZoneStatus:
    """Be how a zone stands on one of its two sides; `address` and `port` are its peer's."""

    name: str
    type: str
    address: str
    port: int
    verify_name: str = ""
    status: str = "Failed"
    cause: str = "System unreachable"
    since: str = ""


@dataclass(frozen=True)
class Setup:
    """Be what an administrator has set up: `domains` maps a name to its uses (``sip``, ``mra``, ``federation``).

    `cucm` and `imp` are publishers, `peers` the members of its cluster, `neighbors` maps a zone's name to its peer.
    """

    domains: Mapping[str, Collection[str]] = field(default_factory=dict)
    mra: bool = False
    cucm: tuple[str, ...] = ()
    imp: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    neighbors: Mapping[str, str] = field(default_factory=dict)


class Box:
    """Be one simulated box. Every method is safe for threads.

    `notify` is called after each change of trust or slots, `stored` after each of what is kept as files; `restart`
    restarts the box. The machine sets these, and `sip_port`.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        release: str,
        hostname: str,
        identity: Identity,
        trusted: Iterable[x509.Certificate],
        account: Account,
        effects: Effects,
        settings: Settings,
    ) -> None:
        self.name, self.kind, self.release, self.hostname = name, kind, release, hostname
        self.account, self.effects, self.settings = account, effects, settings
        self.slots = dict.fromkeys(self.slot_names(), identity)
        self.trusted = list(trusted)
        self.pending: Pending | None = None
        self.backups: dict[str, tuple[dict[str, Identity], list[x509.Certificate]]] = {}
        self.alarms: list[Alarm] = []
        self.zones: dict[str, ZoneStatus] = {}
        self.cluster, self.peers = "", dict[str, str]()
        self.activity, self.maintenance = Activity(), False
        self.setup, self.sip_port = Setup(), 5061
        self.clock_off = 0.0
        self.serial = uuid.uuid4().hex[:8].upper()
        self.api_on = not does("api-off-by-default", release, kind)
        if settings["api_access"] != "release":
            self.api_on = settings["api_access"] == "on"
        self.notify: Callable[[], None] = lambda: None
        self.stored: Callable[[], None] = lambda: None
        self.restart: Callable[[], None] = lambda: None
        self.lock = threading.RLock()
        self._booted = time.monotonic() - UPTIME
        self._loaded, self._loaded_trust = dict(self.slots), list(self.trusted)

    def slot_names(self) -> tuple[str, ...]:
        """Return the slots that this release has."""
        return ("server", "client") if does("client-slot", self.release, self.kind) else ("server",)

    @property
    def serves(self) -> Identity:
        """Return what the box shows when it is the TLS server."""
        return self._loaded["server"]

    @property
    def presents(self) -> Identity:
        """Return what the box shows when it is the TLS client: from X15.5 the client slot (225693)."""
        return self._loaded.get("client", self._loaded["server"])

    def now(self) -> datetime:
        """Return the time by the box's own clock, which may be `clock_off` seconds ahead of the right one."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_off)

    @property
    def uptime(self) -> int:
        """Return the seconds since the box began."""
        return int(time.monotonic() - self._booted)

    def trust_in_use(self) -> list[x509.Certificate]:
        """Return the CA certificates that TLS connections are judged by now."""
        with self.lock:
            late = self.settings["trust_effective"] == "after-restart"
            return usable(self._loaded_trust if late else self.trusted, self.settings["same_subject"])

    def chain_sent(self, identity: Identity) -> list[x509.Certificate]:
        """Return the certificates that go out after the leaf in a handshake."""
        if self.settings["send_chain"] == "leaf":
            return []
        return intermediates(identity.certificate, self.trust_in_use())

    def generate_csr(self, fields: Mapping[str, Json], *, key: str = "", digest: str = "sha256") -> Pending:
        """Make a key and a CSR. Raises Refusal, with the text Conflict while one is pending.

        Source: only one signing request at a time (deployment guide X15.4, generating a CSR).
        """
        with self.lock:
            if self.pending:
                self.effects.add(self.name, "csr-conflict", request=self.pending.digest)
                raise Refusal("Conflict")
            self.pending = self._made(fields, key or f"rsa-{fields.get('KeyLength', 4096)}", digest)
            self.stored()
            self.effects.add(self.name, "csr-generated", request=self.pending.digest)
            return self.pending

    def _made(self, fields: Mapping[str, Json], key: str, digest: str) -> Pending:
        try:
            if key.startswith("ec-") and not does("ecdsa-csr", self.release, self.kind):
                raise Refusal("ECDSA keys are not available")
            strict = does("names-must-be-fqdn", self.release, self.kind)
            name = self.cluster if self.settings["cluster_csr_name"] == "cluster" else ""
            return make_request(self.hostname, fields, key=key, digest=digest, fqdn_only=strict, common_name=name)
        except Refusal as refusal:
            self.effects.add(self.name, "csr-refused", reason=str(refusal))
            raise

    def discard_csr(self) -> None:
        """Throw the pending CSR and its key away, as the web page's Discard CSR does; nothing happens without one."""
        with self.lock:
            if self.pending:
                self.effects.add(self.name, "csr-discarded", request=self.pending.digest)
            self.pending = None
            self.stored()

    def append_trust(self, upload: bytes) -> None:
        """Append every certificate of a PEM file to the trusted CA list. Raises Refusal when it holds none."""
        try:
            found = x509.load_pem_x509_certificates(upload)
        except ValueError as error:
            self.effects.add(self.name, "trust-refused", reason="Certificate format invalid")
            raise Refusal("Certificate format invalid") from error
        with self.lock:
            held = [fingerprint(certificate) for certificate in self.trusted]
            dropped = held if self.settings["duplicate_ca"] == "dropped" else []
            for certificate in found:
                if fingerprint(certificate) not in dropped:
                    self.trusted.append(certificate)
                    self.effects.add(self.name, "trust-appended", fingerprint=fingerprint(certificate))
        self.notify()

    def remove_trust(self, fingerprints: Iterable[str]) -> None:
        """Delete CA certificates from the trusted CA list; those that it does not hold do not matter."""
        unwanted = set(fingerprints)
        with self.lock:
            gone = [certificate for certificate in self.trusted if fingerprint(certificate) in unwanted]
            self.trusted = [certificate for certificate in self.trusted if certificate not in gone]
            for certificate in gone:
                self.effects.add(self.name, "trust-removed", fingerprint=fingerprint(certificate))
        self.notify()

    def upload(self, data: bytes, *, slot: str = "server", also_client: bool = False) -> None:
        """Put a certificate with the pending CSR's key into a slot. Raises Refusal; then nothing changed.

        `also_client` is the web page's "Upload server certificate file as client certificate" of X15.5, a copy for
        which the client slot's own rule is not asked (225693).
        """
        with self.lock:
            keys = self._keys(slot)
            try:
                leaf = self._judged(data, slot, [key.public_key() for key in keys], also_client=also_client)
            except Refusal as refusal:
                self.effects.add(self.name, "upload-refused", slot=slot, reason=str(refusal))
                raise
            self._install(leaf, keys[0], (slot, "client") if also_client else (slot,))
        self.notify()

    def upload_with_key(self, data: bytes, private: bytes) -> None:
        """Put a certificate into the server slot with a private key that was made elsewhere, as the web page does.

        Raises Refusal; then nothing changed.
        """
        with self.lock:
            try:
                key = private_key(private)
                leaf = self._judged(data, "server", [key.public_key()], also_client=False)
            except Refusal as refusal:
                self.effects.add(self.name, "upload-refused", slot="server", reason=str(refusal))
                raise
            self._install(leaf, key, ("server",))
        self.notify()

    def _keys(self, slot: str) -> list[Key]:
        """Return the one private key that an upload may belong to, or none."""
        if self.pending:
            return [self.pending.key]
        if self.settings["same_key_upload"] == "accepted" and slot in self.slots:
            return [self.slots[slot].key]
        return []

    def _judged(self, data: bytes, slot: str, keys: list[PublicKey], *, also_client: bool) -> x509.Certificate:
        if slot not in self.slots or (also_client and "client" not in self.slots):
            raise Refusal(f"This release has no {slot if slot not in self.slots else 'client'} certificate")
        trusted = usable(self.trusted, self.settings["same_subject"])
        return judge(data, Situation(self.release, self.kind, slot, self.settings, trusted, keys))

    def _install(self, leaf: x509.Certificate, key: Key, slots: tuple[str, ...]) -> None:
        if self.settings["csr_after_upload"] == "gone" and self.pending and self.pending.key is key:
            self.pending = None
        for slot in slots:
            self.slots[slot] = Identity(leaf, key)
            self.stored()
            self.effects.add(self.name, "certificate-installed", slot=slot, fingerprint=fingerprint(leaf))
        self._raise_alarm(RESTART_NEEDED)
        if not has_common_name(leaf):
            self._raise_alarm(NO_COMMON_NAME)

    def _raise_alarm(self, reason: str) -> None:
        if reason not in [alarm.reason for alarm in self.alarms]:
            self.alarms.append(Alarm(reason))

    def set_maintenance(self, *, on: bool) -> None:
        """Switch maintenance mode, as its web page does; an alarm stands while it is on (Administrator Guide X8.2)."""
        with self.lock:
            if on != self.maintenance:
                self.effects.add(self.name, f"maintenance-{'on' if on else 'off'}")
            self._maintain(on=on)

    def _maintain(self, *, on: bool) -> None:
        self.maintenance = on
        self.alarms = [alarm for alarm in self.alarms if alarm.reason not in IN_MAINTENANCE.values()]
        if on:
            self._raise_alarm(IN_MAINTENANCE[self.settings["maintenance_alarm"]])

    def use(self, *, calls: int, registrations: int) -> None:
        """Have so many calls and registrations now. In maintenance mode Refusal is raised for more than there are."""
        with self.lock:
            if self.maintenance and (calls > self.activity.calls or registrations > self.activity.registrations):
                self.effects.add(self.name, "call-refused")
                raise Refusal("In maintenance mode no new calls or registrations are taken")
            self.activity = Activity(calls, registrations)

    def boot(self, *, old_certificate: bool = False) -> None:
        """Load what is stored, as a restart does: slots, trusted CA list; end calls; clear the restart alarm."""
        with self.lock:
            if not old_certificate:
                self._loaded = dict(self.slots)
            self._loaded_trust = list(self.trusted)
            self.alarms = [alarm for alarm in self.alarms if alarm.reason != RESTART_NEEDED]
            self.activity = Activity()
            if self.settings["maintenance_after_restart"] == "off":
                self._maintain(on=False)
            if self.settings["uptime_on_restart"] == "resets":
                self._booted = time.monotonic()

    def set_peer(self, peer: str, state: str) -> None:
        """Note how the link to a peer of the cluster stands: ``Active``, or why not."""
        with self.lock:
            self.peers[peer] = state

    def set_zone(self, zone: ZoneStatus) -> None:
        """Note how a zone stands."""
        with self.lock:
            self.zones[zone.name] = zone
