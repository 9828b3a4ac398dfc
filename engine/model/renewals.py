"""Hold the current values of a renewal: its items, what it waits for, what people said."""

from collections.abc import Iterable

import msgspec

from engine.canonical import Json
from engine.model.values import SCHEMA, Actor, Value


class Found(Value, frozen=True, kw_only=True):
    """Be what `inspect` found in a slot: fingerprints are SHA-256 of the DER, times RFC 3339 in UTC.

    `certificate` is what the box's API says, `wire` maps each TLS endpoint to what it serves: they differ while a
    restart is outstanding. `ahead` is how far the box's clock is ahead of ours, in seconds; 0 when that may be the way.
    `wire` is empty for a slot that no port of the box presents; `others` maps the box's other slots that could be read
    to what they hold.
    """

    certificate: str
    wire: dict[str, str]
    subject: str
    issuer: str
    sans: list[str]
    eku: list[str]
    key: str
    not_before: str
    not_after: str
    release: str
    trusted: list[str]
    aki: str = ""
    pending: str = ""
    zones: dict[str, str] = {}
    alarms: list[str] = []
    ahead: int = 0
    others: dict[str, str] = {}


class Item(Value, frozen=True, kw_only=True):
    """Be one certificate of a renewal: where its CSR is made, where it goes and how far it is.

    `csr` is the SHA-256 of the CSR's DER, `key` of its public key (SPKI DER), `leaf` and `chain` (issuer first, root
    last) of certificates' DER; the files themselves are artefacts named by these digests. `supplied` holds what came
    back besides the leaf, `judged` the leaf that passed every check, `until` its end. `suggested` is the moment chosen
    from those at which the authority would like the old certificate to be renewed (RFC 9773), "" where it does not say.
    `turn` is when it goes: a box holds one pending CSR, so of several items on a box each waits until the one before it
    is installed. A certificate that a cluster shares goes into the same slots of further nodes, too: `copies` maps each
    to what was found there.
    """

    certificate: str
    node: str
    slots: list[str]
    authority: str
    found: Found | None = None
    csr: str = ""
    key: str = ""
    ticket: dict[str, Json] | None = None
    leaf: str = ""
    supplied: list[str] = []
    chain: list[str] = []
    same_ca: bool | None = None
    judged: str = ""
    until: str = ""
    suggested: str = ""
    turn: int = 0
    copies: dict[str, Found | None] = {}

    @property
    def nodes(self) -> list[str]:
        """Return every node that it goes to, the one that made the CSR first."""
        return [self.node, *self.copies]

    @property
    def places(self) -> list["Item"]:
        """Return it as it stands on each of its nodes, the one that made the CSR first."""
        return [self.at(node) for node in self.nodes]

    def at(self, node: str) -> "Item":
        """Return it as it stands on one of its nodes: that node alone, with what was found there."""
        found = self.found if node == self.node else self.copies[node]
        return msgspec.structs.replace(self, node=node, found=found, copies={})


class Override(Value, frozen=True, kw_only=True):
    """Be a failed check that a person decided to accept, with the reason; part of every later plan's digest."""

    check: str
    reason: str
    by: Actor


class Ask(Value, frozen=True, kw_only=True):
    """Be one thing that people are to bring from a box, or to say of it.

    `what` names it among those of `node`, in the words of the driver that takes it; `text` names it for people. It
    comes as a file (`supply`), unless `word` is what a person says with `confirm`, where nothing else can show it;
    `shows` is what that word then stands for. `step` is the step that ends with it.
    """

    node: str
    what: str
    text: str
    step: str = ""
    word: str = ""
    shows: dict[str, Json] = {}


class Sighting(Value, frozen=True, kw_only=True):
    """Be what a person saw on a box: who handed it in, when and in which round, and what it shows.

    `file` is the SHA-256 of the file that it was read from, "" where it rests on the person's word alone.
    """

    by: str
    at: str
    round: int
    shows: dict[str, Json] = {}
    file: str = ""

    @property
    def origin(self) -> str:
        """Say for a proof where it comes from."""
        return f"{'as' if self.file else 'by the word of'} {self.by}{' showed' if self.file else ''} at {self.at}"


class Wait(Value, frozen=True, kw_only=True):
    """Say why a renewal does not go on: since when, and what to do or type next.

    `on` is ``approval``, ``window``, ``person``, ``authority``, ``box`` or ``holder``; ``check`` when a safety check
    said no and ``fault`` when the other end failed. `poll_after` is in seconds, 0 when asking again by itself is
    useless. `tries` counts how often in a row the other end failed, and `again` is when it is tried again by itself
    (RFC 3339, UTC; empty for never, and where nothing failed). `plan` is the digest of the plan that has to be
    approved.
    `drift` says, a line each, how what would be done differs from what was approved, `untouched` what was left as it
    was. `steps` are what people have to do on a box, one after the other, and `asks` what they are to bring or to say
    afterwards.
    """

    on: str
    what: str
    todo: str
    since: str
    poll_after: int = 0
    plan: str = ""
    drift: list[str] = []
    untouched: str = ""
    steps: list[str] = []
    asks: list[Ask] = []
    tries: int = 0
    again: str = ""

    def tried(self) -> str:
        """Say how often in a row it failed, and when it is tried again by itself; empty where nothing failed."""
        if not self.tries:
            return ""
        failed = "The last try failed" if self.tries == 1 else f"The last {self.tries} tries failed"
        by_itself = "`watch` and `run --wait` try again"
        return f"{failed}; {by_itself} at {self.again}." if self.again else f"{failed}; nothing tries again by itself."


class Renewal(Value, frozen=True, kw_only=True):
    """Be the current values of one way through the workflow.

    `ended` is true in a final state; `items` are in the order of their turns, and `turn` is the one that it is now;
    `round` counts how often it began again or came to another turn; `done` holds the keys of the changes we made;
    `pins` maps a node to the fingerprints that its own connection may show because of this renewal; `before`
    keeps per node what was up before its restart; `restarts` says per peer whether a trust store change of ours still
    needs one (`due` or `done`); `under_way` holds services that are restarting (null once proven); `spread` says since
    when a certificate is awaited by replication ("" once it came), `due` since when a store holds something new,
    `confirmed` which changes a person says they made, `evicted` which CA certificates had to go for one that we added.
    `asked` says in which round people were asked to make a change by hand, `brought` what they saw of a box
    (``NODE:WHAT``). `saved` maps what was saved before it was changed (``NODE:slot:SLOT``, ``NODE:store:STORE``) to the
    SHA-256 of its PEM file. `follows` is the ID of the renewal that this one comes after, in a workflow of its own, and
    `removes` are the CA certificates that it may take out of stores. `change` names the change record it is done under.
    `terms` holds policy, people and signing keys as they were at the start, so that editing the site can't weaken them.
    """

    id: str
    workflow: str
    state: str
    created: str
    requester: Actor
    items: list[Item]
    schema: int = SCHEMA
    round: int = 0
    since: str = ""
    ended: bool = False
    adopt_csr: bool = False
    change: str = ""
    terms: dict[str, Json] = {}
    overrides: list[Override] = []
    wait: Wait | None = None
    done: list[str] = []
    pins: dict[str, list[str]] = {}
    before: dict[str, Json] = {}
    restarts: dict[str, str] = {}
    spread: dict[str, str] = {}
    due: dict[str, str] = {}
    confirmed: dict[str, str] = {}
    evicted: dict[str, list[str]] = {}
    asked: dict[str, int] = {}
    brought: dict[str, Sighting] = {}
    saved: dict[str, str] = {}
    follows: str = ""
    removes: list[str] = []
    under_way: dict[str, Json] = {}
    turn: int = 0

    @property
    def begun(self) -> list[Item]:
        """Return the items whose turn has come, the first of `items`: those of earlier turns are installed."""
        return [item for item in self.items if item.turn <= self.turn]

    @property
    def in_turn(self) -> list[tuple[int, Item]]:
        """Return the items whose turn it is now, each with its number."""
        return [(number, item) for number, item in enumerate(self.items) if item.turn == self.turn]

    @property
    def turns_left(self) -> bool:
        """Tell whether items wait for their turn."""
        return any(item.turn > self.turn for item in self.items)

    @property
    def boxes(self) -> frozenset[str]:
        """Return the nodes that it makes CSRs on and teaches pins of."""
        return frozenset([*(node for item in self.items for node in item.nodes), *self.pins])


def places(items: Iterable[Item]) -> list[Item]:
    """Return the items as they stand on each of their nodes, in their order."""
    return [place for item in items for place in item.places]
