"""Measure the store beside the disk: what a durable event costs, and what reading many renewals costs."""

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.model import Actor, Item, Renewal
from engine.store import Handle, Store
from tests.bench.figures import Figure, alternately, duration, rate, taken

AT = "2026-11-23T16:00:00Z"
BY = Actor(person="ann", uid=1000, account="ann", host="ops1")
FLOOR = "write, fsync, rename, fsync folder"
SPANS = ((2, 41), (81, 120), (161, 200))
"""First and last event of the journals that are measured."""

POPULATIONS = (10, 1_000)
ROUNDS = 3
LONG = 1_000


def figures() -> list[Figure]:
    """Measure everything about the store, in temporary homes. Takes about ten seconds."""
    found = [_events(f"durable event, journal of {first}..{last}", first, last, 0) for first, last in SPANS]
    found += [_events(f"durable event, {count:,} renewals in the home", 2, 41, count) for count in POPULATIONS]
    return [*found, _short(POPULATIONS[-1]), _resume()]


@contextmanager
def _home(renewals: int = 0) -> Iterator[Store]:
    """Give a temporary home below the working folder, where the disk is a disk and not memory."""
    home = Path(tempfile.mkdtemp(prefix=".bench-", dir=Path.cwd()))
    try:
        store = Store(home)
        if renewals:
            _populate(store, renewals)
        yield store
    finally:
        shutil.rmtree(home)


def populate(home: Path, count: int) -> None:
    """Fill a home with renewals of twenty events each."""
    _populate(Store(home), count)


def _populate(store: Store, count: int) -> None:
    """Fill the home without waiting for the disk at each renewal."""
    _create(store, "copy-0")
    with store.hold("copy-0", BY, AT, "populate") as handle:
        for _ in range(19):
            _append(handle)
    content = (store.home / "renewals" / "copy-0" / "renewal.json").read_bytes()
    for number in range(1, count):
        folder = store.home / "renewals" / f"copy-{number}"
        folder.mkdir()
        (folder / "renewal.json").write_bytes(content.replace(b'"copy-0"', f'"copy-{number}"'.encode()))
    os.sync()


def _create(store: Store, id: str) -> None:
    item = Item(certificate="expc", node="expc", slots=["server"], authority="corp")
    renewal = Renewal(id=id, workflow="renewal", state="New", created=AT, requester=BY, items=[item])
    store.create(renewal, BY, AT, "begun")


def _append(handle: Handle) -> None:
    """Append an event of an ordinary size: about 500 bytes."""
    text = f"expc: trust store holds the certificate, read back ({handle.document.revision})"
    handle.append(
        "done", text, at=AT, by=BY, step="propagate", data={"target": "expc", "sha256": "ab" * 32}, values={"since": AT}
    )


def _events(name: str, first: int, last: int, renewals: int) -> Figure:
    """Append events of those numbers and write the same bytes barely, in turn."""
    with _home(renewals) as store:
        medians = [_event_round(store, f"bench-{number}", first, last) for number in range(ROUNDS)]
    ours = statistics.median(pair[0] for pair in medians)
    floor = statistics.median(pair[1] for pair in medians)
    return rate(name, ours, floor, FLOOR, at_most=1.5)


def _event_round(store: Store, id: str, first: int, last: int) -> tuple[float, float]:
    _create(store, id)
    document = store.home / "renewals" / id / "renewal.json"
    bare = store.home / "bare"
    bare.mkdir(exist_ok=True)
    with store.hold(id, BY, AT, "bench") as handle:
        for _ in range(first - 2):
            _append(handle)
        ours, floors = [], []
        for _ in range(first, last + 1):
            ours.append(taken(lambda: _append(handle)))
            # Fresh bytes each time: a disk takes the same ones again faster.
            content = document.read_bytes()
            floors.append(taken(lambda content=content: _bare(bare, content)))  # type: ignore[misc]
    return statistics.median(ours), statistics.median(floors)


def _bare(folder: Path, content: bytes) -> None:
    """Do the least that makes a file durable."""
    temporary = f"{folder}/temporary"
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename(temporary, f"{folder}/file")
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _short(count: int) -> Figure:
    """Read all renewals in short, beside reading the same files."""
    with _home(count) as store:
        paths = [f"{store.home}/renewals/{id}/renewal.json" for id in store.ids()]
        ours, floor = alternately(store.summaries, lambda: [Path(path).read_bytes() for path in paths], 7)
    return duration(f"{count:,} renewals in short", ours, floor, "read the same files")


def _resume() -> Figure:
    """Take the lock of a renewal with a long journal, beside reading its file."""
    with _home() as store:
        _create(store, "long")
        with store.hold("long", BY, AT, "bench") as handle:
            for _ in range(LONG - 1):
                _append(handle)
        document = store.home / "renewals" / "long" / "renewal.json"
        ours, floor = alternately(lambda: _held(store), document.read_bytes, 15)
    return duration(f"hold, journal of {LONG:,}", ours, floor, "read the file")


def _held(store: Store) -> None:
    with store.hold("long", BY, AT, "bench"):
        pass
