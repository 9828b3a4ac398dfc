"""Say what a box can tell of the estate around it; a driver offers it or not."""

from abc import ABC, abstractmethod
from typing import Literal

from engine.model import Value

ZoneKind = Literal["traversal-client", "traversal-server", "neighbor"]
"""What a zone is, as this box sees it: it opens TLS, takes it, or either."""

Use = Literal["sip", "mra", "federation"]
"""What a domain is for: SIP on the box itself, registrations of phones outside (MRA), or XMPP federation."""


class Zone(Value, frozen=True, kw_only=True):
    """Be one zone: `peers` are host names or addresses as somebody typed them, `verify` is the name that the peer's
    certificate must carry where the box checks it ("TLS verify subject name"), `port` 0 where it does not say.
    """

    name: str
    kind: ZoneKind
    peers: list[str] = []
    port: int = 0
    verify: str = ""


class Publisher(Value, frozen=True, kw_only=True):
    """Be a Unified CM or an IM and Presence publisher that the box was given; `host` is a name or an address."""

    kind: Literal["cucm", "imp"]
    host: str


class Domain(Value, frozen=True, kw_only=True):
    """Be a domain with what it is used for."""

    name: str
    uses: list[Use] = []


class Survey(Value, frozen=True, kw_only=True):
    """Be what a box says of the estate. All of it is text from outside.

    `kind` is empty where it can't be told, `hostname` the box's own full name, `peers` the other members of its
    cluster, `mra` whether phones outside may register, None where the box does not say. `sip_tls` is its SIP TLS port,
    0 where that is off or not told. `unread` maps what could not be read to the reason.
    """

    release: str
    kind: Literal["", "expressway-c", "expressway-e"] = ""
    hostname: str = ""
    zones: list[Zone] = []
    peers: list[str] = []
    publishers: list[Publisher] = []
    domains: list[Domain] = []
    mra: bool | None = None
    sip_tls: int = 0
    unread: dict[str, str] = {}


class Surveyor(ABC):
    """Be a driver that can tell what a box knows of the estate around it."""

    @abstractmethod
    def survey(self) -> Survey:
        """Read zones, cluster, publishers and domains. Read-only; what a box does not offer is said in `unread`.

        Raises LoginRefused, ApiDisabled, Unreachable, Untrusted or Failed where the box as a whole can't be read.
        """
