"""Hold invariant 8: one writer, and the second is told who holds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import HeldElsewhere
from engine.store import Store
from tests.engine.store.samples import AT, BY, decision, renewal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, "begun")
    return made


def _writer(store: Store, id: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.engine.store.writer", str(store.home), id, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_second_process_is_told_who_holds_it(store: Store) -> None:
    """Another process is told at once who holds the renewal, where, since when and why; then it is free again."""
    with _writer(store, "r1", 1_000_000) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with pytest.raises(HeldElsewhere) as caught, store.hold("r1", BY, AT, "approve"):
            pass
        writer.kill()
    words = f"Renewal r1 is held by ann on ops1, process {writer.pid}, since {AT}, to write events."
    assert str(caught.value) == words
    assert caught.value.exit_code == 3
    assert caught.value.todo
    with store.hold("r1", BY, AT, "approve") as handle:
        assert handle.document.revision >= 1


def test_a_dead_holder_holds_nothing(store: Store) -> None:
    """A holder that was killed leaves its note, and the note stops nobody."""
    with _writer(store, "r1", 1_000_000) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    note = store.home / "renewals" / "r1" / "holder.json"
    assert str(writer.pid) in note.read_text()
    with store.hold("r1", BY, AT, "test"):
        assert str(os.getpid()) in note.read_text()
    assert not note.exists()


def test_a_holder_that_died_is_journalled_by_the_next(store: Store) -> None:
    """The next process journals who died in the middle, once; of one that gave it back nothing is said."""
    with _writer(store, "r1", 1_000_000) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    words = f"Its last holder died in the middle: ann on ops1, process {writer.pid}, since {AT}, to write events."
    for _ in range(2):
        with store.hold("r1", BY, AT, "test") as handle:
            assert (handle.document.journal[-1].kind, handle.document.journal[-1].text) == ("interrupted", words)
    assert [event.kind for event in store.load("r1").journal].count("interrupted") == 1
    assert store.verify("r1") == []


@pytest.mark.parametrize("note", [b"", b"\xff", b'{"pid":7,"host":"ops2","account":"bob","since":"x","purpose":"y"}'])
def test_a_note_without_its_lock_is_a_dead_holders(store: Store, note: bytes) -> None:
    """Also one of another host, and one that a power cut left empty: the lock is gone, so whoever wrote it is dead."""
    (store.home / "renewals" / "r1" / "holder.json").write_bytes(note)
    with store.hold("r1", BY, AT, "test") as handle:
        said = handle.document.journal[-1].text
    assert said.startswith("Its last holder died in the middle: ")
    assert ("bob on ops2, process 7" if b"ops2" in note else "another process") in said


def test_the_lock_is_not_reentrant(store: Store) -> None:
    """The same process is refused like any other, and the first hold goes on."""
    with store.hold("r1", BY, AT, "first") as handle:
        with pytest.raises(HeldElsewhere, match=f"process {os.getpid()}.* to first"), store.hold("r1", BY, AT, "2nd"):
            pass
        handle.append("x", "y", at=AT, by=BY)
    assert store.load("r1").revision == 2


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 9, None])
def test_an_unreadable_note_is_no_error(store: Store, note: bytes | None) -> None:
    """Whatever the note beside the lock says or lacks, the lock itself decides."""
    path = store.home / "renewals" / "r1" / "holder.json"
    with store.hold("r1", BY, AT, "first"):
        path.unlink() if note is None else path.write_bytes(note)
        with pytest.raises(HeldElsewhere, match="another process"), store.hold("r1", BY, AT, "second"):
            pass
    with store.hold("r1", BY, AT, "third"):
        pass


def test_a_hostile_note_is_escaped(store: Store) -> None:
    """What the note says is shown with its control characters made visible."""
    held = store.hold("r1", BY, AT, "clear \x1b[2J the screen")
    with held, pytest.raises(HeldElsewhere) as caught, store.hold("r1", BY, AT, "second"):
        pass
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[2J" in str(caught.value)


def test_an_error_gives_the_lock_back(store: Store) -> None:
    """A hold that ends by an exception leaves nothing locked."""
    with pytest.raises(ZeroDivisionError), store.hold("r1", BY, AT, "fail"):
        raise ZeroDivisionError
    with store.hold("r1", BY, AT, "again"):
        pass


def test_reading_and_deciding_need_no_lock(store: Store) -> None:
    """While somebody advances a renewal, others read it and decide."""
    with store.hold("r1", BY, AT, "advance"):
        assert store.load("r1").revision == 1
        store.add_decision(decision())
        assert store.decisions("r1") == [decision()]


def test_a_node_is_locked_for_all_renewals(store: Store) -> None:
    """What renewals share of a box is held by one at a time, per box, whatever its name holds."""
    with store.node_lock("exp/c 1", BY, AT, "restart it"):
        said = pytest.raises(HeldElsewhere, match="Node exp/c 1 is held by ann")
        with said, store.node_lock("exp/c 1", BY, AT, "make a CSR"):
            pass
        with store.node_lock("exp%2Fc 1", BY, AT, "restart another"), store.node_lock("..", BY, AT, "and a third"):
            pass
    with store.node_lock("exp/c 1", BY, AT, "make a CSR"):
        pass
    assert {path.parent for path in store.home.rglob("*.lock")} == {store.home / "locks"}
