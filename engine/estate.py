"""Describe the estate as values: nodes, connections, authorities, certificates, people and approval rules.

`engine.site` reads them from the site file; nothing here does I/O.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from engine.canonical import digest
from engine.model import Json, Severity, Value

Kind = Literal["expressway-c", "expressway-e", "cucm", "imp", "external"]
"""What a node is; VCS Control and VCS Expressway are older names of the first two, `imp` is IM and Presence. An
`external` one is looked after by others and only has to trust: a Cisco Meeting Server, a federation neighbour, a cloud
service."""

KINDS = {
    "expressway-c": "Expressway-C",
    "expressway-e": "Expressway-E",
    "cucm": "Unified CM",
    "imp": "IM and Presence",
    "external": "looked after by others",
}
"""What each kind of node is called, ours as the vendor does."""

WITH_SLOTS = ("expressway-c", "expressway-e")
"""The kinds of node whose certificates are renewed here."""

Slot = Literal["server", "client"]
"""One place for a certificate on a node; `client` exists from X15.5 (docs/reference/expressway.md)."""

ConnectionKind = Literal["traversal", "neighbor", "cluster", "mra", "secure-zone"]
"""Why two nodes talk TLS; who must trust whom follows from it (engine/relations.py)."""


Topic = Literal[
    "all",
    "approval",
    "window",
    "person",
    "authority",
    "box",
    "holder",
    "check",
    "fault",
    "state",
    "created",
    "supplied",
    "confirmed",
    "override",
    "emergency",
    "resubmit",
    "restage",
    "cancel",
]
"""What an observer can be told of: what a renewal waits for, what stopped it, or the kind of an event."""

TOPICS: tuple[Topic, ...] = (
    *("approval", "person", "check", "fault", "state"),
    *("override", "emergency", "resubmit", "restage", "cancel"),
)
"""What people must know; not what only takes time."""

Excluded = Literal["requester", "operator"]
"""Who may not approve: who began the renewal or set an override, and who carries the step out."""

EXCLUDED: tuple[Excluded, ...] = ("requester", "operator")


class Node(Value, frozen=True, kw_only=True):
    """Be one box. `address` is its API's HOST:PORT; `tls` maps endpoint names to HOST:PORT where its slot is served.

    `password` is a reference, never the secret. Its TLS certificate is verified against `ca` (a PEM file; without one
    the system's store) and `hostname`, or against `pin` (SHA-256 of the DER, as a person confirmed it). A CUCM
    subscriber names its `publisher`, and so does an IM and Presence node the CUCM that it belongs to; connections name
    the publisher and mean the whole cluster. `server_eku_upload` says that the switch of that name is on, on an
    Expressway-E of X15.4 (docs/reference/certificates.md). `phone_roots` are PEM files with the CA certificates that
    phones outside trust by their firmware, for an Expressway-E with MRA. With `maintenance_mode` a person is asked to
    put the box into that mode ahead of its restart, and its calls are waited for (docs/reference/expressway.md).
    """

    name: str
    kind: Kind
    driver: str
    address: str
    hostname: str
    username: str = ""
    password: str | list[str] = ""
    ca: Path | None = None
    pin: str = ""
    publisher: str = ""
    server_eku_upload: bool = False
    phone_roots: list[Path] = []
    maintenance_mode: bool = False
    tls: dict[str, str] = {}
    options: dict[str, Json] = {}


class Connection(Value, frozen=True, kw_only=True):
    """Be one TLS relation: `client` opens it towards `server` (for `neighbor` and `cluster` both do)."""

    kind: ConnectionKind
    client: str
    server: str


class AuthorityEntry(Value, frozen=True, kw_only=True):
    """Be a certification authority by name; `roots` are PEM files with CA certificates that the site has of it.

    `lead_hours` is how long it usually takes to sign, in place of the site's `lead_times.authority`.
    """

    name: str
    plugin: str
    roots: list[Path] = []
    lead_hours: int | None = None
    options: dict[str, Json] = {}


class CertificateEntry(Value, frozen=True, kw_only=True):
    """Be a certificate by name: the slot it is for, who signs it, and names it must carry besides the old ones.

    With `also_client` a certificate of the server slot goes into the client slot, too, in one upload (from X15.5). With
    `cluster_name` all peers of the node's cluster share it, with one private key: that name is its common name, and
    every peer's name stands in it.
    """

    name: str
    node: str
    slot: Slot = "server"
    authority: str
    names: list[str] = []
    also_client: bool = False
    cluster_name: str = ""

    @property
    def slots(self) -> list[str]:
        """Return the slots that it goes into."""
        return [self.slot, *(["client"] if self.also_client else [])]

    @property
    def judged_for(self) -> str:
        """Return the slot whose rules it is judged by; empty for those of both."""
        return "" if self.also_client else self.slot


class KeyCustody(Value, frozen=True, kw_only=True):
    """Say what keeps a private key that peers share, for as long as it is here.

    `secret` is where the secret is that its encryption is derived from, as a reference like a node's `password`.
    """

    secret: str | list[str] = ""


class ObserverEntry(Value, frozen=True, kw_only=True):
    """Be somebody or something that is told of events, by name.

    `events` says of which: ``approval``, ``window``, ``person``, ``authority``, ``box`` and ``holder`` when a renewal
    begins to wait for that; ``check`` when a safety check says no and ``fault`` when another system fails; ``state``
    when a state is reached (one of `states`, empty: any); ``created``, ``supplied``, ``confirmed``, ``override``,
    ``emergency``, ``resubmit``, ``restage`` and ``cancel`` when a person did that; ``all`` for every event.
    """

    name: str
    plugin: str
    events: list[Topic] = msgspec.field(default_factory=lambda: list(TOPICS))
    states: list[str] = []
    options: dict[str, Json] = {}


class Person(Value, frozen=True, kw_only=True):
    """Be somebody who may decide; `uid` maps the local account to the person."""

    id: str
    name: str
    uid: int | None = None
    roles: list[str] = []


class Rule(Value, frozen=True, kw_only=True):
    """Ask for `people` approvals, by holders of one of `roles`, none of them in `exclude`.

    It applies to plans with a change whose effect is in `effects` and one whose severity is in `impacts`, and whose
    step is in `steps` (each empty: any).
    """

    effects: list[Literal["read", "stage", "serve"]] = []
    impacts: list[Severity] = []
    steps: list[str] = []
    people: int = 1
    roles: list[str] = []
    exclude: list[Excluded] = msgspec.field(default_factory=lambda: list(EXCLUDED))


class Policy(Value, frozen=True, kw_only=True):
    """Be the approval policy. Where `rules` is not given, what serves needs one other person and the rest is free.

    `rules = []` frees everything. An unsigned approval counts for the person whose account typed it; with
    `approve_for_others` for whoever is named, which proves nothing and is for labs. With `change_required` every
    renewal names the change record that it is done under. With `separate_persons` who approved one step may not approve
    another one of the same renewal. An approval that is older than `max_age_hours` (0: any age) does not count. In an
    emergency `emergency_people` people of the site carry a plan, each with a reason, whatever the rules; 0 closes that
    path. `allowed_signers` and `revoked_keys` are files of OpenSSH beside the site file: whose key is whose, and which
    no longer count (ssh-keygen(1)).
    """

    unsigned_approvals: bool = False
    approve_for_others: bool = False
    change_required: bool = False
    separate_persons: bool = False
    max_age_hours: int = 0
    emergency_people: int = 2
    allowed_signers: str = ""
    revoked_keys: str = ""
    rules: list[Rule] = msgspec.field(default_factory=lambda: [Rule(effects=["serve"])])

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the policy's canonical JSON; part of every plan's digest."""
        return digest(self.plain())


class Window(Value, frozen=True, kw_only=True):
    """Be a maintenance window: the times in which what serves may be done, on `nodes` and in `steps` (empty: all).

    The times stand in exactly one of `weekly` (such as ``Sat 22:00 - Sun 06:00``, or ``Tue 01:00 - 04:00``), `cron`
    (five fields, when it opens) with `hours` (how long it stays open), and `dates` (such as
    ``2026-12-05T22:00 - 2026-12-06T04:00``), by the clock of `zone`, an IANA time zone. A CUCM publisher stands for
    its whole cluster. What daylight saving does to a window: docs/explanation/windows.md.
    """

    name: str
    zone: str
    weekly: list[str] = []
    cron: str = ""
    hours: int = 0
    dates: list[str] = []
    nodes: list[str] = []
    steps: list[str] = []


class Freeze(Value, frozen=True, kw_only=True):
    """Be a time in which nothing that serves is done on `nodes` (empty: all), whatever the windows say.

    `from` and `until` are written like ``2026-12-18T18:00``, by the clock of `zone`; `until` no longer belongs to it.
    """

    from_: str = msgspec.field(name="from")
    until: str
    zone: str
    reason: str
    nodes: list[str] = []


class Calendar(Value, frozen=True, kw_only=True):
    """Be windows and freezes together: without windows what serves is limited by freezes alone."""

    windows: list[Window] = []
    freezes: list[Freeze] = []

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON; part of every plan's digest."""
        return digest(self.plain())


class LeadTimes(Value, frozen=True, kw_only=True):
    """Be how many hours others usually need, for schedules: an authority to sign, the approvers to decide.

    A schedule never stops anything; it says by when what must happen, and what is late.
    """

    authority: int = 72
    approval: int = 24


class CleanUp(Value, frozen=True, kw_only=True):
    """Be how old CA certificates are cleaned out of trust stores after a renewal (docs/how-to/clean-up.md).

    `after_days` is how long they stay at least once the renewal is over. `keep` are PEM files with CA certificates that
    stay wherever they are, because something needs them that certrenew does not see, such as a directory server.
    """

    after_days: int = 14
    keep: list[Path] = []


class Estate(Value, frozen=True, kw_only=True):
    """Be the whole site as values; the mappings are keyed by name, `signers` is the text of `allowed_signers`."""

    file: Path
    distributions: list[str]
    nodes: Mapping[str, Node]
    connections: list[Connection]
    authorities: Mapping[str, AuthorityEntry]
    certificates: Mapping[str, CertificateEntry]
    people: Mapping[str, Person]
    policy: Policy
    signers: str = ""
    windows: Mapping[str, Window] = {}
    freezes: list[Freeze] = []
    lead_times: LeadTimes = LeadTimes()
    clean_up: CleanUp = CleanUp()
    observers: Mapping[str, ObserverEntry] = {}
    shared_keys: KeyCustody = KeyCustody()

    @property
    def calendar(self) -> Calendar:
        """Return the site's windows and freezes."""
        return Calendar(windows=list(self.windows.values()), freezes=self.freezes)

    def terms(self) -> dict[str, Json]:
        """Return policy, people, signing keys and calendar as JSON: what a renewal keeps of them when it begins."""
        people = {name: person.plain() for name, person in self.people.items()}
        calendar = self.calendar.plain()
        return {"policy": self.policy.plain(), "people": people, "signers": self.signers, "calendar": calendar}
