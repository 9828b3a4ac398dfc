"""Say what a certification authority's backend must do, and a solver that proves control of a name to one.

The engine journals that it will submit before it does; an outcome that never came is shown to a person with what
`Authority.trace` says, and is not repeated unless `Authority.repeatable`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from engine.contracts.boxes import no_secret
from engine.errors import UsageError
from engine.model import Json, Value

if TYPE_CHECKING:
    from cryptography import x509


class SigningRequest(Value, frozen=True, kw_only=True):
    """Be what an authority is asked to sign: the CSR as PEM, and what the certificate is expected to carry.

    `eku` are the usages that the CSR asks for, `needed` those of them without which the place refuses the certificate.
    `current` is the certificate that will be replaced, as PEM. `trusted` holds the SHA-256 fingerprints of the CA
    certificates that every box which will have to trust the new chain trusts already; empty unless the authority
    `chooses_chain`.
    """

    renewal: str
    certificate: str
    node: str
    csr: str
    subject: str
    names: list[str]
    eku: list[str]
    needed: list[str] = msgspec.field(default_factory=lambda: ["serverAuth", "clientAuth"])
    key: str
    current: str = ""
    trusted: list[str] = []


class Issued(Value, frozen=True, kw_only=True):
    """Answer that the certificate is there: `content` is whatever the authority gave, in any form `check` can read."""

    content: bytes


class Pending(Value, frozen=True, kw_only=True):
    """Answer that it takes longer: a normal answer, not an error.

    `ticket` is plain JSON, stored and given back to `collect`, opaque to the engine; where `collect` answers with
    another one, that one is stored in its place. `poll_after` is in seconds, 0 when asking again is useless because a
    person brings the answer. `papers` (name to text) are written into the renewal's folder for people; `todo` tells
    them what to do.
    """

    ticket: dict[str, Json]
    poll_after: int = 0
    papers: Mapping[str, str] = {}
    todo: str = ""


class Rejected(Value, frozen=True, kw_only=True):
    """Answer that the authority says no, and why, in its own words."""

    reason: str


Answer = Issued | Pending | Rejected


class Suggestion(Value, frozen=True, kw_only=True):
    """Say when an authority would like a certificate to be renewed (RFC 9773): between `start` and `end`.

    Times are RFC 3339 in UTC; `url` may explain.
    """

    start: str
    end: str
    url: str = ""


class Authority(ABC):
    """Sign a CSR, now or weeks later.

    `repeatable` is True when a second `submit` of the same request does no harm; where it is False, a submission whose
    outcome never came is shown to a person and not repeated. `chooses_chain` is True when it can choose among chains,
    `numbered` when a person can find a request there by a number that `adopt` takes.

    Every method raises NotSent where certainly nothing reached the authority, Unreachable where no answer came, Failed
    for an answer that can't be read, LoginRefused, or Refused where it may not be asked.
    """

    repeatable: ClassVar[bool] = False
    chooses_chain: ClassVar[bool] = False
    numbered: ClassVar[bool] = False

    @abstractmethod
    def submit(self, request: SigningRequest) -> Answer:
        """Hand over the request, once. Nothing may be sent twice by itself, whatever went wrong."""

    @abstractmethod
    def collect(self, ticket: dict[str, Json]) -> Answer:
        """Ask for the outcome of an earlier `submit`, in any process; may be called any number of times."""

    @abstractmethod
    def cancel(self, ticket: dict[str, Json]) -> None:
        """Withdraw a pending request where the authority knows such a thing; otherwise do nothing. Idempotent.

        Called when a person cancels a renewal, or begins it again, while the request waits. What it raises is told and
        journalled, and stops nothing.
        """

    def cautions(self, request: SigningRequest) -> Sequence[str]:
        """Say, a sentence each, what a person should know before this is submitted: usages that will lack.

        Read-only. Raises Refused for what the authority can't carry, which saves a submission.
        """
        return ()

    def trace(self, request: SigningRequest) -> str:
        """Say what a person can look for at the authority when no answer came to a `submit`. Contacts nobody."""
        return "a request with the key of this CSR"

    def adopt(self, reference: str) -> dict[str, Json]:
        """Return the ticket of a request that a person found at the authority. Contacts nobody.

        `reference` is what the authority's own tools call it, such as a request number. Raises UsageError for one that
        can't be, or where requests have no such name.
        """
        raise UsageError(
            "Requests of this authority have no number to take up.",
            untouched="Nothing was recorded.",
            todo="Hand in what it issued with `certrenew supply`.",
        )

    def suggested(self, certificate: "x509.Certificate") -> Suggestion | None:
        """Ask when this certificate should be renewed; None where the authority does not say. Read-only."""
        return None


class Solver(ABC):
    """Prove control of names by TXT records in the DNS (RFC 8555 section 8.4).

    `name` is a full name such as ``_acme-challenge.box.example``; several values may stand there at once.
    """

    @abstractmethod
    def present(self, name: str, value: str) -> None:
        """Add one value, beside others of the name. Idempotent. Raises like `Authority.submit`."""

    @abstractmethod
    def missing_on(self, name: str, value: str) -> Sequence[str]:
        """Name the servers that must show the value and don't yet; empty when all do. Read-only."""

    @abstractmethod
    def remove(self, name: str, value: str) -> None:
        """Delete this one value and no other. Idempotent."""


def _no_solver(_name: str, _options: Mapping[str, Json]) -> Solver:
    raise UsageError("No solver can be had here.", todo="Run it through certrenew.")


def _no_roots() -> "list[x509.Certificate]":
    return []


@dataclass(frozen=True)
class Office:
    """Give an authority's backend what it needs; `name` is the authority's name in the site.

    `roots` reads the CA certificates that the site has of it. `secret` fetches a secret by its reference when it is
    needed and raises UsageError when it can't; keep what it returns out of attributes, logs, tickets and errors.
    `now` tells the present in UTC. `solver` makes a solver by the name that a plugin registered, from its settings.
    """

    name: str
    now: Callable[[], datetime] = field(repr=False)
    roots: "Callable[[], list[x509.Certificate]]" = field(default=_no_roots, repr=False)
    secret: Callable[[str | list[str]], str] = field(default=no_secret, repr=False)
    solver: Callable[[str, Mapping[str, Json]], Solver] = field(default=_no_solver, repr=False)
    folder: Path = Path()


@dataclass(frozen=True)
class AuthorityPlugin:
    """Register an authority: its name, the settings it takes (a Value class, self-describing) and its maker.

    A member of type Path is taken relative to the site file.
    """

    name: str
    options: type[Value]
    connect: Callable[[Office, Any], Authority]


@dataclass(frozen=True)
class SolverPlugin:
    """Register a DNS solver: its name, the settings it takes and its maker, which is given the office it works for."""

    name: str
    options: type[Value]
    connect: Callable[[Office, Any], Solver]
