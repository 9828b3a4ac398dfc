"""Be an inventory: what `certrenew inventory --json` prints. Texts are those of boxes: escape them before showing."""

from typing import Literal

import msgspec

from engine.model import Value

State = Literal["ended", "soon", "good", "not-yet"]
"""How a certificate stands by its dates; `soon` as in `certrenew doctor`."""


class Place(Value, frozen=True, kw_only=True):
    """Be a place where a certificate was seen: ``slot server``, ``port sip``, a store, or an authority's roots.

    `node` is empty for what the site itself has.
    """

    node: str
    where: str


class Missing(Value, frozen=True, kw_only=True):
    """Be a name that a certificate needs and lacks; one of `names` is enough."""

    names: list[str]
    why: str


class Held(Value, frozen=True, kw_only=True):
    """Be one certificate or CA certificate, with all places where it was seen.

    `missing` and `unasked` are of certificates in slots: names that it lacks, and names that nothing known asks for,
    which may be needed all the same. `used` says of a CA certificate that something presented chains to it.
    """

    sha256: str
    name: str
    subject: str
    issuer: str
    not_before: str
    not_after: str
    days_left: int
    state: State
    sans: list[str]
    places: list[Place]
    missing: list[Missing] = []
    unasked: list[str] = []
    used: bool = True


class Presented(Value, frozen=True, kw_only=True):
    """Say that `from` presents the certificate of a slot to `to` in connections of these kinds, and what `to` makes
    of it.

    `sha256` is empty where the certificate is not known. `trusted` is None where that could not be compared, and `why`
    says so, or what lacks.
    """

    from_: str = msgspec.field(name="from")
    to: str
    slot: str
    kinds: list[str]
    sha256: str
    name: str
    trusted: bool | None
    why: str = ""


class Seen(Value, frozen=True, kw_only=True):
    """Be one node: what it is, and what of it could not be read; of one that is worked `by_hand` only ports are."""

    name: str
    kind: str
    release: str
    publisher: str
    by_hand: bool = False
    not_read: dict[str, str] = {}


class Inventory(Value, frozen=True, kw_only=True):
    """Be the whole estate at one moment (RFC 3339, UTC); certificates and CAs are in the order of their ends."""

    at: str
    nodes: list[Seen]
    certificates: list[Held]
    authorities: list[Held]
    presented: list[Presented]
