"""Measure the store beside the disk: what a durable event costs, and what reading many renewals costs."""

import os
import statistics
from collections.abc import Callable
from pathlib import Path

from engine.model import Actor, Found, Item, Renewal
from engine.store import Handle, Store
from tests.bench.figures import Figure, duration, folder, in_turn, rate, taken

AT = "2026-11-23T16:00:00Z"
BY = Actor(person="ann", uid=1000, account="ann", host="ops1")
FLOOR = "write, fsync, rename, fsync folder"
SPANS = ((2, 41), (81, 120), (161, 200))
"""First and last event of the journals that are measured."""

FEW, SOME, MANY = 10, 1_000, 100_000
"""How many renewals are in the home."""

ROUNDS = 5
LONG = 1_000
FOUND = Found(
    certificate="ab" * 32,
    wire={"https": "ab" * 32, "sip": "ab" * 32},
    subject="CN=expc.example.org,O=Example",
    issuer="CN=Example Issuing CA,O=Example",
    sans=[f"DNS:{name}.example.org" for name in ("expc", "cluster", "xmpp", "chat")],
    eku=["serverAuth", "clientAuth"],
    key="RSA 2048",
    not_before="2026-01-20T12:00:00Z",
    not_after="2027-01-20T12:00:00Z",
    release="X14.3",
    trusted=["cd" * 32, "ef" * 32],
)


def figures() -> list[Figure]:
    """Measure everything about the store, in temporary homes. Takes about three minutes, most of it making renewals."""
    return [*_by_journal(), *_by_population(), _short(SOME), _hold()]


# ---- homes ---------------------------------------------------------------------------------------------------------


def populate(home: Path, count: int, events: int = 20) -> None:
    """Fill a home with renewals of so many events each, without waiting for the disk at each of them."""
    store = Store(home)
    begin(store, "copy-0")
    with store.hold("copy-0", BY, AT, "populate") as handle:
        handle.append("read", "read", at=AT, by=BY, values={"items/0/found": FOUND.plain()})
    lengthen(home, events)
    content = (home / "renewals" / "copy-0" / "renewal.json").read_bytes()
    for number in range(1, count):
        place = home / "renewals" / f"copy-{number}"
        place.mkdir()
        (place / "renewal.json").write_bytes(content.replace(b'"copy-0"', f'"copy-{number}"'.encode()))
    os.sync()


def lengthen(home: Path, events: int) -> None:
    """Let the first renewal's journal have so many events."""
    with Store(home).hold("copy-0", BY, AT, "populate") as handle:
        while len(handle.document.journal) < events:
            _append(handle)


def begin(store: Store, id: str) -> None:
    """Begin a renewal."""
    item = Item(certificate="expc", node="expc", slots=["server"], authority="corp")
    renewal = Renewal(id=id, workflow="renewal", state="New", created=AT, since=AT, requester=BY, items=[item])
    store.create(renewal, BY, AT, "begun")


def _append(handle: Handle) -> None:
    """Append an event of an ordinary size: about 500 bytes."""
    number = handle.document.revision
    text = f"expc: trust store holds the certificate, read back ({number})"
    data = {"change": f"trust:expc:{number}", "round": 0, "target": "expc", "sha256": "ab" * 32}
    handle.append("done", text, at=AT, by=BY, step="propagate", data=data, values={"since": AT})


# ---- a durable event -----------------------------------------------------------------------------------------------


def _by_journal() -> list[Figure]:
    """Append events of those numbers and write the same bytes barely, in turn."""
    found = []
    for first, last in SPANS:
        with folder() as place:
            ours, floor = _medians(place, [place / "home"], first, last)
        found.append(rate(f"durable event, journal of {first}..{last}", ours, floor, FLOOR, at_most=1.5))
    return found


def _by_population() -> list[Figure]:
    """Append in homes of different sizes, in turn; each is held to the floor and to the smallest home."""
    found = []
    with folder() as place:
        homes = {count: place / str(count) for count in (FEW, SOME, MANY)}
        for count, home in homes.items():
            populate(home, count, events=2)
        *ours, floor = _medians(place, list(homes.values()), *SPANS[0])
    for count, took in zip(homes, ours, strict=True):
        found.append(rate(f"durable event, {count:,} renewals in the home", took, floor, FLOOR, at_most=1.5))
    for count, took in list(zip(homes, ours, strict=True))[1:]:
        found.append(rate(f"durable event, {count:,} renewals in the home", took, ours[0], f"with {FEW}", at_most=1.2))
    return found


def _medians(place: Path, homes: list[Path], first: int, last: int) -> list[float]:
    """Return the median seconds of an event in each home, then of the bare write: in turn, so that all see one disk."""
    rounds = [
        _round(place, [Store(home) for home in homes], f"bench-{number}", first, last) for number in range(ROUNDS)
    ]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def _round(place: Path, stores: list[Store], id: str, first: int, last: int) -> list[float]:
    bare = place / "bare"
    bare.mkdir(exist_ok=True)
    held = []
    for store in stores:
        begin(store, id)
        held.append(store.hold(id, BY, AT, "bench"))
    handles = [one.__enter__() for one in held]
    try:
        for _ in range(first - 2):
            for handle in handles:
                _append(handle)
        document = stores[0].home / "renewals" / id / "renewal.json"
        works: list[Callable[[], object]] = [lambda handle=handle: _append(handle) for handle in handles]  # type: ignore[misc]
        # The floor reads the bytes outside its time, and fresh ones each time: a disk takes the same again faster.
        times = [[*map(taken, works), _bare(bare, document.read_bytes())] for _ in range(first, last + 1)]
    finally:
        for one in held:
            one.__exit__(None, None, None)
    return [statistics.median(column) for column in zip(*times, strict=True)]


def _bare(place: Path, content: bytes) -> float:
    """Do the least that makes a file durable, and return how long it took."""

    def least() -> None:
        temporary = f"{place}/temporary"
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.write(descriptor, content)
        os.fsync(descriptor)
        os.close(descriptor)
        os.rename(temporary, f"{place}/file")
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    return taken(least)


# ---- reading -------------------------------------------------------------------------------------------------------


def _short(count: int) -> Figure:
    """Read all renewals in short, beside reading the same files."""
    with folder() as home:
        populate(home, count)
        store = Store(home)
        paths = [f"{home}/renewals/{id}/renewal.json" for id in store.ids()]
        ours, floor = in_turn(7, store.summaries, lambda: [Path(path).read_bytes() for path in paths])
    return duration(f"{count:,} renewals in short", ours, floor, "read the same files")


def _hold() -> Figure:
    """Take the lock of a renewal with a long journal, which is checked, beside reading its file."""
    with folder() as home:
        populate(home, 1, LONG)
        store, document = Store(home), home / "renewals" / "copy-0" / "renewal.json"

        def held() -> None:
            with store.hold("copy-0", BY, AT, "bench"):
                pass

        ours, floor = in_turn(15, held, document.read_bytes)
    return duration(f"hold, journal of {LONG:,}", ours, floor, "read the file")
