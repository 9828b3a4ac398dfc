"""Say what a driver must do: of a box with slots and a trust store, or of a peer that only trusts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from engine.contracts.desks import Brought, Desk
from engine.contracts.keys import KeyHolder
from engine.errors import Failed, Refused, UsageError, Waiting
from engine.model import Severity, Value
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.https import Exchange
    from engine.net import TlsTrust


class CsrSpec(Value, frozen=True, kw_only=True):
    """Say what a CSR must carry: `names` such as ``DNS:a.example``, `subject` as (short name, value) pairs in order.

    `key` is ``RSA 4096`` or ``EC P-256``; `digest` is ``sha256``, ``sha384`` or ``sha512``.
    """

    names: list[str]
    subject: list[tuple[str, str]]
    key: str
    digest: str = "sha256"


class BoxStatus(Value, frozen=True, kw_only=True):
    """Be what a box says of itself now.

    `uptime` is in seconds, None where nobody can tell; `zones` maps a zone's name to ``Active`` or to its state with
    the cause; `calls` and `registrations` are counts, None where the box does not say; `peers` maps the other peers of
    its cluster to ``Active`` or to their state, empty where the box has none or does not say; `clock` is the time by
    its own clock (RFC 3339, UTC), empty where it does not say; `maintenance` is whether it says that it is in
    maintenance mode, False also where it does not say.
    """

    release: str
    uptime: int | None
    zones: dict[str, str] = {}
    alarms: list[str] = []
    calls: int | None = None
    registrations: int | None = None
    clock: str = ""
    peers: dict[str, str] = {}
    maintenance: bool = False


def no_secret(_reference: str | list[str]) -> str:
    """Stand for a secret store where there is none. Raises UsageError."""
    raise UsageError("No secret can be fetched here.", todo="Run it through certrenew.")


@dataclass(frozen=True)
class Access:
    """Give a driver what it needs to reach one box.

    `address` is HOST:PORT. `password` fetches the secret when it is needed and raises UsageError when it can't;
    keep what it returns out of attributes, logs and errors. `trust` says which certificates the box may show.
    `now` tells the present in UTC, by the clock that the step's times are taken from.
    `secret` does the same for a reference that stands in the node's options.
    `publisher` is False for a node that gets what it trusts from another node by replication. `record` takes each
    exchange with the box for the renewal's transcript: hand it to `HttpsClient`. `desk` is where people hand in what
    they saw, for a driver whose box they work by hand; None outside a renewal.
    """

    node: str
    kind: str
    address: str
    hostname: str
    username: str
    password: Callable[[], str] = field(repr=False)
    trust: "TlsTrust"
    now: Callable[[], datetime] = field(repr=False)
    publisher: bool = True
    secret: Callable[[str | list[str]], str] = field(default=no_secret, repr=False)
    record: "Callable[[Exchange], None]" = field(default=lambda _exchange: None, repr=False)
    desk: Desk | None = field(default=None, repr=False)


class TrustStore(ABC):
    """Be the trusted CA certificates of some box, in one list or in several named stores."""

    @property
    def stores(self) -> tuple[str, ...]:
        """Name the stores that must hold a chain which the box has to trust; ``("",)`` where there is one list."""
        return ("",)

    @property
    def by_hand(self) -> bool:
        """Tell whether people work this box, because nothing else can.

        Then what would write raises Waiting with the steps to do, and what reads returns what people brought last, or
        what can be seen from outside; it raises Waiting where that is not there or no longer counts.
        """
        return False

    @property
    def trust_needs_restart(self) -> bool:
        """Tell whether an added certificate counts only after a restart of the box; False where it counts at once."""
        return False

    @property
    def poll_interval(self) -> int:
        """Return how long to wait between two looks at something that restarts, in seconds."""
        return 10

    @property
    def namesakes(self) -> "Namesakes":
        """Say what the box makes of two CA certificates with one subject in a store."""
        return "first-wins"

    @property
    def replication(self) -> int:
        """Return how long another node's upload may take to arrive here, in seconds; 0 where each is fed directly."""
        return 0

    @abstractmethod
    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Read every certificate in a store. Read-only. Raises Failed or Refused (engine.errors)."""

    @abstractmethod
    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Add one CA certificate; never removes one, though a box may evict a namesake (`namesakes`).

        The caller looks before and after; this may therefore simply send it. A refusal by the box raises Failed with
        the box's own words.
        """

    @property
    def removal_by_hand(self) -> bool:
        """Tell whether people have to take a CA certificate out of a store, because no other way is known here."""
        return True

    def remove_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Take one CA certificate out of a store, and no other one; nothing where it is not there.

        The caller looks before and after, and says what needs it. Where `removal_by_hand`, Waiting is raised with the
        steps that people do, and nothing is sent; that is so unless a driver says otherwise.
        """
        from engine.certificates import fingerprint

        where = escape(store) or "the list of trusted CA certificates"
        step = f"Take the CA certificate with the SHA-256 {fingerprint(certificate)} out of {where}, and no other one."
        what = "People have to take CA certificates out."
        raise Waiting(what, on="person", todo="When it is done, run the same command again.").asking(steps=[step])

    def restore_trusted(self, evicted: "x509.Certificate", newer: "x509.Certificate", store: str = "") -> None:
        """Put a CA certificate back that had to go when `newer`, of the same subject, was added; `newer` is taken out.

        Raises Refused, with nothing changed, where the box can't; that is so unless a driver says otherwise.
        """
        raise Refused("Its driver can't take a CA certificate out of a trust store.", todo="Put it back by hand.")

    def take(self, content: bytes, name: str) -> Brought:
        """Say what a file shows that a person brought from this box, where people work it by hand. Sends nothing.

        Raises UsageError for what it can't be, Refused for what is certainly not of this box; `name` is for messages.
        """
        raise UsageError(
            "This box is not worked by hand, so nothing is brought from it.",
            untouched=f"Nothing was taken from {escape(name, 200)}.",
            todo="Hand it in without --node.",
        )

    def origin(self, certificate: "x509.Certificate") -> str:
        """Say how it is known that this box holds a certificate, in a slot or a store; "" where it was asked itself."""
        return ""

    def check_writable(self) -> None:
        """Raise Refused when the account may read but not write, where that can be told before writing. Read-only."""
        return

    def cautions(self, certificate: "x509.Certificate") -> Sequence[str]:
        """Say, a sentence each, what a person should know before this certificate is added here. Read-only."""
        return ()

    def required_names(self) -> Sequence[str]:
        """Name what a certificate must carry that is presented here for MRA, such as ``DNS:a.example``. Read-only.

        Empty where the box does not say.
        """
        return ()

    def members(self) -> Sequence[str]:
        """Name the nodes of the box's cluster, itself among them, as it knows them. Read-only; empty if not said."""
        return ()

    def services(self) -> "Sequence[Service]":
        """Name the services that load a store when they start, in the vendor's order. Read-only; empty for none."""
        return ()

    def service(self, name: str) -> "ServiceState":
        """Read how a service stands. Read-only. Raises Failed, also for a name that `services` does not have."""
        raise no_service(name)

    def restart_service(self, name: str) -> str:
        """Ask for the restart of a service that is not `guided`, and return once the box has taken the request.

        Where the whole restart was watched, return a moment after which whatever runs started (RFC 3339, UTC); empty
        where it goes on by itself and shows in `since`.
        """
        raise no_service(name)


def no_service(name: str) -> Failed:
    """Say that a box has no service of this name."""
    return Failed(
        f"This box has no service {escape(name, 80)}.",
        untouched="Nothing was restarted.",
        todo="Look in the plan which services it has: certrenew plan ID",
    )


Namesakes = Literal["first-wins", "newer-replaces"]
"""Two CA certificates of one subject in one store: the first is used and the other ignored, or the one whose validity
begins later replaces the other."""


class ServiceState(Value, frozen=True, kw_only=True):
    """Say how a service stands: whether it runs, and since when (RFC 3339, UTC; empty where the box does not say)."""

    running: bool
    since: str = ""
    text: str = ""


class Service(Value, frozen=True, kw_only=True):
    """Be a service that loads trusted CA certificates when it starts.

    `guided` says that only a person can restart it; `todo` tells that person how. `impact` and
    `severity` of its restart are for the plan. `duration` is how long that takes, in seconds, `state` how it stands.
    """

    name: str
    stores: list[str]
    impact: str
    severity: Severity = "brief"
    guided: bool = False
    todo: str = ""
    duration: int = 120
    state: ServiceState = ServiceState(running=True)


class Device(TrustStore, KeyHolder):
    """Be a box with certificate slots: it makes its own keys and CSRs, takes certificates and can be restarted.

    Reads have no effect. A login that the box refused is never sent again (lockout): every later call of the same
    object raises LoginRefused.
    """

    @property
    @abstractmethod
    def restart_timeout(self) -> int:
        """Return how long a restart may take, in seconds."""

    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Name the slots this driver can renew on this box's release. Read-only."""

    @abstractmethod
    def certificate(self, slot: str) -> "x509.Certificate":
        """Read the certificate that the box holds in a slot; served only after a restart. Read-only."""

    @abstractmethod
    def pending_csr(self) -> "x509.CertificateSigningRequest | None":
        """Read the pending CSR, or None when there is none. Read-only."""

    @abstractmethod
    def csr_limits(self, spec: CsrSpec) -> Sequence[str]:
        """Say, a sentence each, what of `spec` this box's API can't express; empty when it can do all. Read-only."""

    @abstractmethod
    def generate_csr(self, spec: CsrSpec) -> None:
        """Have the box make a key and a CSR.

        Raises Refused when one is pending, which is never discarded or replaced, and for what `csr_limits` names.
        """

    @abstractmethod
    def install(self, slot: str, leaf: "x509.Certificate") -> None:
        """Upload a leaf certificate, alone, as Base64 PEM; it belongs to the pending CSR's key."""

    def install_in_both(self, leaf: "x509.Certificate") -> None:
        """Upload a leaf as server certificate, and have the box copy it into its client slot in the same go.

        Raises Refused where that is not known to be possible, as here.
        """
        raise Refused(
            "No way is known to have this box take a certificate as server and client certificate in one upload.",
            untouched="Nothing was uploaded.",
            todo="Renew the two slots with a certificate each; or upload it by hand, on the box's page.",
        )

    @abstractmethod
    def restart(self) -> None:
        """Ask the box to restart its software, and return once it has taken the request."""

    @abstractmethod
    def status(self) -> BoxStatus:
        """Read release, uptime, zones, alarms and activity. Read-only."""


@dataclass(frozen=True)
class TrustDriver:
    """Register a driver for peers that only trust (no slots): its name, the settings it takes and its maker."""

    name: str
    options: type[Value]
    connect: Callable[[Access, Any], TrustStore]


@dataclass(frozen=True)
class DeviceDriver:
    """Register a driver: its name, the settings it takes (a Value class, self-describing) and its maker."""

    name: str
    options: type[Value]
    connect: Callable[[Access, Any], Device]
