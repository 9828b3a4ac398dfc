"""Be a Unified CM node in the words of `engine.contracts.TrustStore`; sources in docs/reference/cucm.md."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.contracts import Access, Namesakes, Service, ServiceState, TrustStore
from engine.errors import Failed, Refused, UsageError
from engine.text import escape
from plugins.cucm import Options, services, soap, wire
from plugins.cucm.cautions import cautions
from plugins.cucm.client import Account, Rest, Soap

if TYPE_CHECKING:
    from cryptography import x509

FRESH = timedelta(seconds=10)
"""How old a snapshot may be when another store is read from it."""


class Cucm(TrustStore):
    """Drive the trust stores and services of one node, of release 14 and later; its cluster is not its business.

    No write is repeated, and nothing is taken for "is there already": the caller looks. Raises, besides what each
    method says: LoginRefused, ApiDisabled, Unreachable, Untrusted, Failed; and Waiting where SOAP is used.
    """

    def __init__(self, access: Access, options: Options) -> None:
        self._node, self._options, self._now = access.node, options, access.now
        self._publisher, self._name = access.publisher, options.node_name or access.hostname
        account = Account(access, access.username)
        other = options.soap_username not in ("", access.username) or bool(options.soap_password)
        self._rest = Rest(access, account)
        self._soap = Soap(access, options, self._control_account(access, options) if other else account)
        self._last: tuple[datetime, wire.Snapshot] | None = None
        self._looked: set[str] = set()

    @staticmethod
    def _control_account(access: Access, options: Options) -> Account:
        return Account(access, options.soap_username or access.username, options.soap_password)

    @property
    def stores(self) -> tuple[str, ...]:
        """Name ``tomcat-trust`` and ``CallManager-trust``; never CAPF-trust."""
        return wire.STORES

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
        """Return the setting `replication` for a subscriber, in seconds; 0 for the publisher."""
        return 0 if self._publisher else self._options.replication

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Read a store from the node's snapshot, or from its own list where the snapshot lacks the store. Read-only.

        One snapshot serves one look at each store within ten seconds; a second look, and one after a write, is a new
        request.
        """
        self._only_known(store)
        texts = self._view(store).store(store)
        if texts is None:
            texts = self._listed(store)
        return wire.certificates(texts, self._node, store)

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Upload one CA certificate to one store; only HTTP 200 and 201 mean that it was taken (seen).

        The node may replace an older namesake, or drop the certificate silently when it is the older one: look after.
        """
        from engine.certificates import to_pem

        self._only_known(store)
        body = wire.upload_body([self._upload_name(store)], [to_pem(certificate)])
        self._last = None
        answer = self._rest.post(wire.UPLOAD, body)
        if answer.status not in wire.SUCCESS:
            raise wire.refusal(self._node, store, answer.status, answer.body)

    def check_writable(self) -> None:
        """Raise Refused when the account may only read. Changes nothing.

        No function of the API tells the privilege. Unless the setting `write_probe` says ``none``, an upload of no
        certificate to no store is sent: a reader is refused with 403, and any other answer proves nothing and passes.
        """
        if self._options.write_probe == "empty-upload":
            self._rest.post(wire.UPLOAD, wire.upload_body([], []))

    def cautions(self, certificate: "x509.Certificate") -> Sequence[str]:
        """Warn of large keys, mixed mode and the backup that the vendor asks for. Sends nothing."""
        return cautions(certificate)

    def services(self) -> Sequence[Service]:
        """Name those of the four services that run here now, in the vendor's order; one SOAP request. Read-only."""
        answer = self._answered(self._soap.call(soap.STATUS, soap.status_request()))
        return services.running(answer.items, self._now(), by_people=self._by_people)

    def service(self, name: str) -> ServiceState:
        """Read how a service stands; one SOAP request. Read-only.

        `since` is our clock at the answer less `UpTime`: the box's own `StartTime` names no time zone. It is off by
        no more than the answer took, and by up to a second later than the truth; a service that restarts moves it by
        all the time it ran before.
        """
        service = self._known(name)
        answer = self._answered(self._soap.call(soap.STATUS, soap.status_request([service.name])))
        at, item = self._now(), answer.of(service.name)
        if item is None:
            raise Failed(
                f"{escape(self._node)} says nothing of its service {service.name}.",
                untouched="Nothing was changed.",
                todo="See in Cisco Unified Serviceability > Tools > Control Center whether this node has it.",
            )
        return services.state_of(item, at)

    def restart_service(self, name: str) -> None:
        """Ask the Control Center for a restart; it goes on after the answer, and shows in `since`.

        Raises Refused for a service that a person restarts, and Failed with the node's own words.
        """
        service = self._known(name)
        if service.guided:
            raise Refused(
                f"{service.name} on {escape(self._node)} is restarted by a person.",
                untouched="It was left as it was.",
                todo=service.todo,
            )
        answer = self._soap.call(soap.CONTROL, soap.restart_request(self._name, service.name))
        if refusal := soap.refusal(self._node, service.name, answer):
            raise refusal

    @property
    def _by_people(self) -> bool:
        return self._options.restarts == "people"

    def _known(self, name: str) -> Service:
        service = services.known(name)
        if service is None:
            raise Failed(
                f"This driver knows no service {escape(name, 60)} on {escape(self._node)}.",
                untouched="Nothing was sent.",
                todo=f"It knows: {', '.join(one.name for one in services.TABLE)}.",
            )
        return services.as_set(service, by_people=self._by_people)

    def _answered(self, answer: soap.Answer) -> soap.Answer:
        """Return an answer that is good. Raises Failed for a fault or another return code."""
        if answer.fault is None and answer.code == soap.DONE:
            return answer
        why = answer.fault if answer.fault is not None else f"{answer.code}, {answer.reason}"
        raise Failed(
            f"{escape(self._node)} did not say how its services stand: '{escape(why, soap.SHOWN)}'.",
            untouched="Nothing was changed.",
            todo="If the node is starting, wait some minutes; then run the same command again.",
        )

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
        answer = self._rest.get(wire.SNAPSHOT)
        snapshot = wire.read_snapshot(answer.body, self._node)
        self._last, self._looked = (self._now(), snapshot), set()
        return snapshot

    def _listed(self, store: str) -> list[str]:
        """Read a store's own list, for a snapshot that lacks it. Raises Failed that says both."""
        try:
            answer = self._rest.get(f"{wire.TRUST}?service={wire.read_name(store)}")
            return wire.read_list(answer.body, self._node, store)
        except Failed as error:
            if type(error) is not Failed:
                raise
            raise Failed(
                f"The snapshot of {escape(self._node)} lists no {store}, and its own list can't be had: {error.what}",
                untouched="Nothing was changed.",
                todo=error.todo,
            ) from None

    def _upload_name(self, store: str) -> str:
        setting = self._options.callmanager_service
        needs = store == wire.CALLMANAGER and setting == "auto"
        return wire.upload_name(store, setting, self._snapshot() if needs else wire.Snapshot({}))

    def _only_known(self, store: str) -> None:
        if store not in wire.STORES:
            raise UsageError(
                f"This driver reaches {' and '.join(wire.STORES)} of {escape(self._node)}, not '{escape(store, 40)}'.",
                untouched="Nothing was changed.",
                todo="Name one of these.",
            )
