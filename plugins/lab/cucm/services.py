"""Be the services of one node: each loads a trust store when it starts and keeps that until it starts again.

Names, states and reason codes: ControlCenterServices.wsdl, and serviceabilitytools.pl (seen). A restart is
asynchronous, and its beginning shows late (seen).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509

from engine.model import Json
from plugins.lab.authority import fingerprint
from plugins.lab.cucm.stores import CALLMANAGER, TOMCAT, XMPP
from plugins.lab.effects import Effects
from plugins.lab.faults import Ordered

Status = Literal["Started", "Stopped", "Starting", "Stopping"]

AGE = 41 * 24 * 3600
"""How long every service has run when the lab starts, in seconds."""

PHASES: tuple[tuple[Status, float], ...] = (("Stopping", 0.3), ("Starting", 0.5))
"""What a restart shows, each with its share of the restart's time; the rest is before its beginning shows."""


@dataclass(frozen=True)
class Kind:
    """Be a service that there is: the store it loads, and whether Control Center may control it."""

    store: str
    deployable: bool


KINDS = {
    "Cisco CallManager": Kind(CALLMANAGER, deployable=True),
    "Cisco Tftp": Kind(CALLMANAGER, deployable=True),
    "Cisco Tomcat": Kind(TOMCAT, deployable=False),
    "Cisco HAProxy": Kind(TOMCAT, deployable=False),
    "Cisco XCP Router": Kind(XMPP, deployable=True),
}


@dataclass
class Service:
    """Be one service; `since` is when it started, by the monotonic clock."""

    name: str
    kind: Kind
    status: Status = "Stopped"
    since: float = 0.0
    activated: bool = True
    loaded: list[x509.Certificate] = field(default_factory=list)

    @property
    def uptime(self) -> int:
        """Return the seconds since it started, or -1 while it does not run."""
        return int(time.monotonic() - self.since) if self.status == "Started" else -1


class Services:
    """Be all services of a node. Safe for threads.

    `load` returns what a store holds now; `changed` is called, without the lock, after each change of a status.
    """

    def __init__(
        self,
        node: str,
        names: list[str],
        load: Callable[[str], list[x509.Certificate]],
        effects: Effects,
        faults: Ordered,
        *,
        seconds: float,
        late: bool,
    ) -> None:
        self._node, self._load, self._effects, self._faults = node, load, effects, faults
        self._seconds, self._late = seconds, late
        self._all = {name: Service(name, KINDS[name]) for name in names}
        self._changed = threading.Condition()
        self._term = 0
        self._busy: dict[str, threading.Thread] = {}
        self.changed: Callable[[], None] = lambda: None

    def all(self) -> list[Service]:
        """Return every service of this node."""
        return list(self._all.values())

    def find(self, name: str) -> Service | None:
        """Return a service by its name, in any case of letters, or None."""
        return next((service for service in self.all() if service.name.lower() == name.lower()), None)

    def running(self, name: str) -> bool:
        """Tell whether a service of this name is there and started."""
        service = self._all.get(name)
        return service is not None and service.status == "Started"

    def boot(self, age: float = 0.0) -> None:
        """Start all services; `age` is how long they are to have run already."""
        for service in self.all():
            if service.activated:
                self._started(service, self._term, age)
        self.changed()

    def halt(self) -> None:
        """Stop all services, those included that are restarting. Idempotent."""
        with self._changed:
            self._term += 1
            for service in self.all():
                service.status = "Stopped"
            self._changed.notify_all()
            busy = list(self._busy.values())
        self._faults.wake()
        for thread in busy:
            thread.join()
        self.changed()

    def restart(self, service: Service, *, stop: bool = False) -> bool:
        """Begin a restart, a start, or with `stop` a stop, and return at once; False when one is under way already."""
        with self._changed:
            if service.name in self._busy:
                return False
            if not stop:
                self._effects.add(self._node, "service-restarting", service=service.name)
            thread = threading.Thread(
                target=self._run, args=(service, self._term, stop), name=f"lab-service-{self._node}", daemon=True
            )
            self._busy[service.name] = thread
            thread.start()
            return True

    def await_restarts(self, timeout: float) -> bool:
        """Wait until no restart is under way; tell whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout)

    def _run(self, service: Service, term: int, stop: bool) -> None:
        try:
            if stop:
                self._stop(service, term)
            else:
                self._restart(service, term)
        finally:
            with self._changed:
                del self._busy[service.name]
                self._changed.notify_all()

    def _stop(self, service: Service, term: int) -> None:
        if self._show(service, "Stopping", term) and self._pause(term, 0.3) and self._show(service, "Stopped", term):
            self._effects.add(self._node, "service-stopped", service=service.name)

    def _restart(self, service: Service, term: int) -> None:
        alive = self._pause(term, 0.2) if self._late else True
        for status, share in PHASES:
            alive = alive and self._show(service, status, term) and self._pause(term, share)
        for fault in self._faults.strike("", "restart") if alive else []:
            self._faults.wait_cleared(fault, lambda: term != self._term)
        if not self._started(service, term, 0.0):
            return
        loaded: list[Json] = [fingerprint(certificate) for certificate in service.loaded]
        self.changed()
        self._effects.add(self._node, "service-restarted", service=service.name, loaded=loaded)

    def _pause(self, term: int, share: float) -> bool:
        """Let a part of the restart's time pass; False when the node went down meanwhile."""
        with self._changed:
            return not self._changed.wait_for(lambda: term != self._term, self._seconds * share)

    def _show(self, service: Service, status: Status, term: int) -> bool:
        with self._changed:
            if term != self._term:
                return False
            service.status = status
        self.changed()
        return True

    def _started(self, service: Service, term: int, age: float) -> bool:
        loaded = self._load(service.kind.store)
        with self._changed:
            if term != self._term:
                return False
            service.loaded, service.since, service.status = loaded, time.monotonic() - age, "Started"
            return True
