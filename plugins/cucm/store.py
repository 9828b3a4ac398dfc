"""Be a Unified CM node in the words of `engine.contracts.TrustStore`; sources in docs/reference/cucm.md."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.contracts import Access, Namesakes, Service, ServiceState, TrustStore
from engine.errors import Refused, UsageError, Waiting
from engine.text import escape
from plugins.cucm import Options, wire
from plugins.cucm.account import Account
from plugins.cucm.axl import wire as axl
from plugins.cucm.axl.client import Axl
from plugins.cucm.cautions import cautions
from plugins.cucm.cli import stores
from plugins.cucm.cli.client import Cli
from plugins.cucm.client import Rest, Soap
from plugins.cucm.restarts import Restarts
from plugins.cucm.trust import ByCli, ByRest, Way

if TYPE_CHECKING:
    from cryptography import x509

FRESH = timedelta(seconds=10)
"""How old a snapshot may be when another store is read from it."""


class Cucm(TrustStore):
    """Drive the trust stores and services of one node, of any release; its cluster is not its business.

    No write is repeated, and nothing is taken for "is there already": the caller looks. Raises, besides what each
    method says: LoginRefused, ApiDisabled, Unreachable, Untrusted, Failed; and Waiting where SOAP is used.
    """

    def __init__(self, access: Access, options: Options) -> None:
        self._node, self._options, self._now = access.node, options, access.now
        self._publisher, self._is_imp = access.publisher, access.kind == "imp"
        account = Account(access, access.username)
        other = options.soap_username not in ("", access.username) or bool(options.soap_password)
        control = Soap(access, options, self._control_account(access, options) if other else account)
        self._cli = cli = Cli(access, options, account)
        self._restarts = Restarts(access, options, control, cli)
        self._way: Way = (
            ByCli(access.node, self.stores, cli)
            if options.certificates == "ssh"
            else ByRest(access.node, options, Rest(access, account))
        )
        self._axl = Axl(access, options) if options.axl_username else None
        self._last: tuple[datetime, wire.Snapshot] | None = None
        self._looked: set[str] = set()

    @staticmethod
    def _control_account(access: Access, options: Options) -> Account:
        return Account(access, options.soap_username or access.username, options.soap_password)

    @property
    def stores(self) -> tuple[str, ...]:
        """Name ``tomcat-trust`` and ``CallManager-trust``, of IM and Presence ``cup-xmpp-trust``; never CAPF-trust."""
        return wire.IMP_STORES if self._is_imp else wire.STORES

    @property
    def namesakes(self) -> Namesakes:
        """Say that the certificate whose validity begins later replaces its namesake (confirmed, Security Guide 14)."""
        return "newer-replaces"

    @property
    def poll_interval(self) -> int:
        """Return the setting `poll_interval`, in seconds."""
        return self._options.poll_interval

    @property
    def replication(self) -> int:
        """Return the setting `replication` for a subscriber, in seconds; 0 for a publisher, and for IM and Presence."""
        return 0 if self._publisher or self._is_imp else self._options.replication

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Read a store from the node's snapshot, or from its own list where the snapshot lacks the store. Read-only.

        One snapshot serves one look at each store within ten seconds; a second look, and one after a write, is a new
        request, or a new session at the command line.
        """
        self._only_known(store)
        texts = self._view(store).store(store)
        if texts is None:
            texts = self._way.listed(store)
        return wire.certificates(texts, self._node, store)

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Add one CA certificate to one store, and take only the node's own word of success for one.

        The node may replace an older namesake, or drop the certificate silently when it is the older one: look after.
        """
        self._only_known(store)
        last, self._last = self._last, None
        self._way.add(certificate, store, lambda: last[1] if last else self._way.snapshot())

    @property
    def removal_by_hand(self) -> bool:
        """Tell whether the command line is closed to us, without `ssh_host_key`: how the API deletes is unknown."""
        return not self._options.ssh_host_key

    def remove_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Delete one CA certificate at the command line, or have people do it on the node's page.

        The node deletes it from every node of the cluster that the store is replicated to (since 11.0, confirmed).
        """
        from engine.certificates import fingerprint, to_pem
        from engine.certificates.facts import label

        self._only_known(store)
        if self.removal_by_hand:
            named = f"{label(certificate)}, serial {certificate.serial_number:x}, SHA-256 {fingerprint(certificate)}"
            page = f"{escape(self._node)}, Cisco Unified OS Administration, Security > Certificate Management"
            step = f"{page}: find {named} in {store}, and press Delete Certificate. Take no other one out."
            raise Waiting(
                f"A person has to take CA certificates out of {escape(self._node)}.",
                on="person",
                todo="When it is done, run the same command again.",
            ).asking(steps=[step])
        self._last = None
        self._cli.play(stores.remove(self._node, store, to_pem(certificate), self._deletes_by(store)))

    def _deletes_by(self, store: str) -> str:
        """Return how the command that deletes is told a store."""
        return store if self._options.cert_delete == "store" else stores.unit(store)

    def restore_trusted(self, evicted: "x509.Certificate", newer: "x509.Certificate", store: str = "") -> None:
        """Delete the newer and import the other, at the command line, whichever way the store is read otherwise.

        Raises Refused without `ssh_host_key`: how the API deletes is not documented.
        """
        from engine.certificates import to_pem

        self._only_known(store)
        if not self._options.ssh_host_key:
            raise Refused(
                f"A CA certificate is taken out of {escape(self._node)} at its command line alone, which is not open.",
                untouched="The store was left as it was.",
                todo="Set `ssh_host_key` in the node's options.",
            )
        self._last = None
        swap = stores.swap(self._node, store, (to_pem(evicted), to_pem(newer)), self._deletes_by(store))
        self._cli.play(swap)

    def check_writable(self) -> None:
        """Raise Refused when the account may only read. Changes nothing."""
        self._way.check_writable()

    def cautions(self, certificate: "x509.Certificate") -> Sequence[str]:
        """Warn of large keys, mixed mode and the backup that the vendor asks for. Sends nothing."""
        return cautions(certificate)

    def required_names(self) -> Sequence[str]:
        """Name the security profiles with TLS, where `axl_username` is set."""
        if self._axl is None:
            return ()
        return axl.profile_names(self._axl.entries(axl.PROFILES), self._options.axl_left_out)

    def members(self) -> Sequence[str]:
        """Name the cluster's nodes, where `axl_username` is set."""
        return () if self._axl is None else axl.members(self._axl.entries(axl.NODES))

    def services(self) -> Sequence[Service]:
        """Name those of the four services that run here now, in the vendor's order. Read-only."""
        return self._restarts.services()

    def service(self, name: str) -> ServiceState:
        """Read how a service stands. Read-only."""
        return self._restarts.service(name)

    def restart_service(self, name: str) -> str:
        """Restart a service by the Control Center, or at the command line and watch it."""
        return self._restarts.restart(name)

    def _view(self, store: str) -> wire.Snapshot:
        """Return a snapshot that this store was not read from yet, and note that it was now."""
        if store in self._looked or not self._fresh():
            self._look()
        self._looked.add(store)
        return self._snapshot()

    def _fresh(self) -> bool:
        return self._last is not None and timedelta() <= self._now() - self._last[0] < FRESH

    def _snapshot(self) -> wire.Snapshot:
        return self._last[1] if self._last else self._look()

    def _look(self) -> wire.Snapshot:
        snapshot = self._way.snapshot()
        self._last, self._looked = (self._now(), snapshot), set()
        return snapshot

    def _only_known(self, store: str) -> None:
        if store not in self.stores:
            raise UsageError(
                f"This driver reaches {' and '.join(self.stores)} of {escape(self._node)}, not '{escape(store, 40)}'.",
                untouched="Nothing was changed.",
                todo="Name one of these.",
            )
