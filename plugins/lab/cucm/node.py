"""Be one CUCM node: its stores, services and accounts, and what an upload does to them. No sockets."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from cryptography import x509

from engine.errors import UsageError
from engine.text import escape
from plugins.lab.account import Account
from plugins.lab.authority import fingerprint
from plugins.lab.box import Identity
from plugins.lab.cucm.services import KINDS, Service, Services
from plugins.lab.cucm.stores import CALLMANAGER, CAPF, TOMCAT, XMPP, Stores
from plugins.lab.effects import Effects
from plugins.lab.estate import DOMAIN
from plugins.lab.faults import Ordered
from plugins.lab.requests import Refusal
from plugins.lab.switches import Settings

REST_SINCE = 14
"""Major release from which there is the certificate management API (confirmed)."""


PROFILES = (
    {"name": "Cisco 8845 - Standard SIP Non-Secure Profile", "deviceSecurityMode": "Non Secure"},
    {"name": "Cisco 8845 - Standard SIP Secure Profile", "deviceSecurityMode": "Encrypted"},
    {"name": f"secure-phones.{DOMAIN}", "deviceSecurityMode": "Encrypted"},
)
"""Phone security profiles of the cluster: two that come with it, and the one that the Expressway-C's names hold."""


class Unavailable(Exception):
    """The node can't write, because the publisher's database is away; the text is the reason."""


class Node:
    """Be one simulated node. Every method is safe for threads.

    The cluster sets `distribute`, called for each certificate that came into a store here; `writable`, which tells
    whether the publisher's database can be written; `delete`, which takes one out of a store, on every node where it
    replicates; `database`, which returns what is in it; and `members`, which
    returns the cluster's nodes with their roles. `profiles` are the phone security profiles.
    """

    def __init__(
        self,
        name: str,
        hostname: str,
        release: str,
        identity: Identity,
        trusted: Sequence[x509.Certificate],
        accounts: tuple[Account, Account],
        effects: Effects,
        settings: Settings,
        clock: Callable[[], datetime],
        *,
        restart_seconds: float,
        kind: str = "cucm",
    ) -> None:
        self.kind, self.name, self.hostname, self.release, self.identity = kind, name, hostname, release, identity
        self.account, self.soap_account = accounts
        self.effects, self.settings, self._clock = effects, settings, clock
        own = {XMPP: trusted} if kind == "imp" else {CALLMANAGER: trusted, CAPF: trusted[-1:]}
        self.stores = Stores({TOMCAT: trusted, **own})
        self.faults = Ordered()
        late = settings["restart_status"] == "late"
        self.services = Services(
            name,
            _services(settings, self.stores),
            self.trusted,
            effects,
            self.faults,
            seconds=restart_seconds,
            late=late,
        )
        tftp = self.services.find("Cisco Tftp")
        if tftp and settings["tftp"] == "off":
            tftp.activated = False
        self.lock = threading.RLock()
        self.up = False
        self.distribute: Callable[[str, x509.Certificate], None] = lambda _store, _certificate: None
        self.writable: Callable[[], bool] = lambda: True
        self.database: Callable[[], list[x509.Certificate]] = list
        self.delete: Callable[[str, x509.Certificate], None] = lambda _store, _certificate: None
        self.members: Callable[[], dict[str, str]] = dict
        self.profiles: list[dict[str, str]] = [dict(profile) for profile in PROFILES]

    @property
    def has_rest(self) -> bool:
        """Tell whether this release has the certificate management API."""
        return int(self.release.partition(".")[0]) >= REST_SINCE

    def service(self, name: str) -> Service:
        """Return a service that is there. Raises KeyError."""
        found = self.services.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def trusted(self, store: str) -> list[x509.Certificate]:
        """Return what a store holds now."""
        with self.lock:
            return self.stores.of(store)

    def units(self) -> dict[str, str]:
        """Return the stores by the names that an upload calls them by."""
        named = {"tomcat": TOMCAT, self.settings["callmanager_service"]: CALLMANAGER, "CAPF": CAPF, "cup-xmpp": XMPP}
        return {unit: store for unit, store in named.items() if store in self.stores}

    def check_stores(self, store: str) -> list[str]:
        """Return the store of this name, or all for no name. Raises UsageError."""
        if store and store not in self.stores:
            raise UsageError(f"A CUCM node has no store {escape(store)}.", todo=f"Stores: {', '.join(self.stores)}.")
        return [store] if store else list(self.stores)

    def upload(self, stores: Sequence[str], certificates: Sequence[x509.Certificate]) -> None:
        """Put certificates into stores, one after the other; what came before a refusal stays.

        Raises Refusal with the reason, Unavailable while the publisher is away: the entry in the database goes to it
        from every node (210541, confirmed in a log).
        """
        if not self.writable():
            raise Unavailable("Unable to connect to the publisher database")
        for certificate in certificates:
            for store in stores:
                self._take(store, certificate)

    def _take(self, store: str, certificate: x509.Certificate) -> None:
        with self.lock:
            try:
                self.stores.check(store, certificate, self._clock())
                if certificate in self.stores.of(store) and self.settings["duplicate_upload"] == "refused":
                    raise Refusal("Certificate already exists")
            except Refusal as refusal:
                self.effects.add(self.name, "trust-refused", store=store, reason=str(refusal))
                raise
            stored = self._put(store, certificate, "trust-appended")
        if stored:
            self.distribute(store, certificate)

    def _put(self, store: str, certificate: x509.Certificate, kind: str) -> bool:
        """Store a certificate, or not, and log which; an older namesake is dropped without a word (confirmed)."""
        placed = self.stores.put(store, certificate)
        told = {"store": store, "fingerprint": fingerprint(certificate)}
        if placed.outcome in ("older", "present"):
            self.effects.add(self.name, "trust-ignored", **told, reason=placed.outcome)
        elif placed.evicted:
            self.effects.add(self.name, "trust-replaced", **told, evicted=fingerprint(placed.evicted))
        else:
            self.effects.add(self.name, kind, **told)
        return placed.outcome in ("added", "replaced")

    def receive(self, store: str, certificate: x509.Certificate) -> None:
        """Take what came from another node by Certificate Change Notification."""
        with self.lock:
            if certificate not in self.stores.of(store):
                self._put(store, certificate, "trust-replicated")

    def forget(self, fingerprints: Iterable[str], stores: Iterable[str]) -> None:
        """Delete certificates from stores of this node; services keep what they have loaded."""
        wanted = list(fingerprints)
        with self.lock:
            for store in stores:
                for gone in self.stores.remove(store, wanted):
                    self.effects.add(self.name, "trust-removed", store=store, fingerprint=fingerprint(gone))


def _services(settings: Settings, stores: Stores) -> list[str]:
    """Name the services of a node that has these stores."""
    absent = {"Cisco HAProxy"} if settings["haproxy"] == "absent" else set()
    return [name for name, kind in KINDS.items() if kind.store in stores and name not in absent]
