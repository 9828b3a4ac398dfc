"""Hold that a repair restores what a journal proves, says so first, and touches nothing else."""

import errno
import fcntl
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CertrenewError, HeldElsewhere, Refused, UsageError
from engine.model import Event
from engine.store import Store
from engine.store.outbox import Outbox
from engine.store.rebuild import rebuild, written
from engine.store.repair import Repair, repairs
from tests.engine.store.samples import AT, BY, Record, decision, document_of, edit, plan, renewal

LATER = "2026-11-24T08:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal, whose values hold what could be taken for the journal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, 'begun ,"journal":[]')
    with made.hold("r1", BY, AT, "test") as handle:
        handle.append("before", "kept", at=AT, by=BY, values={"before": {"a": 1, "journal": [{"seq": 1}]}})
        handle.append("state", "on", at=AT, by=BY, step="inspect", values={"state": "Inspected", "items/0/csr": "ab"})
    return made


def _only(store: Store) -> Repair:
    (one,) = repairs(store)
    return one


def test_a_whole_home_needs_no_repair(store: Store) -> None:
    """Where nothing is wrong, nothing would be done, also with an observer that was told and one that never was."""
    Outbox(store.home, "mail").open(AT, AT)
    outbox = Outbox(store.home, "hook")
    with outbox.hold(BY, AT):
        outbox.write(outbox.open(AT, AT))
    assert repairs(store) == []
    assert repairs(Store(store.home / "absent")) == []


def test_a_flipped_bit_is_put_right_or_left(store: Store, record_property: Callable[[str, object], None]) -> None:
    """Whatever bit of a document is flipped: its journal leads to what was there, or nothing is offered."""
    path, content = document_of(store), document_of(store).read_bytes()
    whole = rebuild(content, path)
    assert whole.wrong == ()
    bits, right, left = random.Random(8), 0, 0  # noqa: S311
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bits.randrange(8)
        try:
            told = rebuild(bytes(flipped), path)
        except CertrenewError:
            left += 1
            continue
        assert told.wrong, (place, bytes(flipped[place - 20 : place + 20]))
        assert (told.values, told.journal) == (whole.values, whole.journal)
        right += 1
    values = len(msgspec.json.encode(whole.values))
    assert right >= values
    assert left > 0
    record_property("flipped bits put right from the journal", right)
    record_property("flipped bits left untouched", left)


def test_a_document_that_was_cut_off_is_left(store: Store) -> None:
    """Cut off anywhere, nothing proves what the end of the journal was."""
    path, content = document_of(store), document_of(store).read_bytes()
    for length in range(len(content)):
        with pytest.raises(Refused):
            rebuild(content[:length], path)


PIECES = st.one_of(st.binary(max_size=30), st.sampled_from([b',"journal":[', b"[" * 100_000, b"]}}}", b'"', b"1e999"]))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), piece=PIECES)
def test_no_bytes_bring_about_another_renewal(data: st.DataObject, piece: bytes) -> None:
    """Whatever replaces a part of a document: it is refused, or leads to what was there; there is no other error."""
    event = Event(seq=1, at=AT, kind="created", text="begun", by=BY, values={"": renewal().plain()}).sealed()
    content, path = msgspec.json.encode(written(renewal().plain(), (event,))), Path("home/renewals/r1/renewal.json")
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, len(content)))
    try:
        told = rebuild(content[:begin] + piece + content[end:], path)
    except CertrenewError:
        return
    assert (told.values, told.journal) == (renewal().plain(), (event,))


LEFT: dict[str, Callable[[Record], Any]] = {
    "the last event is gone": lambda record: record["journal"].pop(),
    "the revision counts more events": lambda record: record.update(revision=9),
    "an event is gone": lambda record: record["journal"].pop(1),
    "an event was changed": lambda record: record["journal"][1].update(text="other"),
    "all events are gone": lambda record: record.update(journal=[], revision=0),
    "it is newer": lambda record: record["journal"][0]["values"][""].update(schema=99),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_the_journal_does_not_prove_is_left(store: Store, name: str) -> None:
    """A journal that lacks something, or that was changed, is not made to look whole."""
    content = edit(store, LEFT[name])
    assert repairs(store) == []
    assert store.verify("r1") != []
    assert document_of(store).read_bytes() == content


def test_another_renewal_s_file_is_left(store: Store) -> None:
    """A file that was copied from another renewal is no damage of its values."""
    store.create(renewal("r2"), BY, AT, "begun")
    (store.home / "renewals" / "r2" / "renewal.json").write_bytes(document_of(store).read_bytes())
    assert repairs(store) == []


RIGHT: dict[str, tuple[Callable[[Record], Any], str]] = {
    "a value": (
        lambda record: record["values"].update(state="Restarted"),
        'state is "Restarted".*leads to "Inspected"',
    ),
    "a value lost": (lambda record: record["values"].pop("state"), "state is absent"),
    "a value too many": (lambda record: record["values"].update(x=1), "x is 1, and the journal leads to absent"),
    "no values": (lambda record: record.update(values=[]), "its values can't be read"),
    "its revision": (lambda record: record.update(revision=1), "its revision is 1, and its journal has 3 events"),
    "a member too many": (lambda record: record.update(x=1), "in other bytes"),
    "its schema": (lambda record: record["values"].update(schema=2), "schema is 2, and the journal leads to 1"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_journal_proves_is_restored(store: Store, name: str) -> None:
    """It says what is wrong and what it will do, does just that, keeps a copy, journals it, and the renewal goes on."""
    change, words = RIGHT[name]
    before = store.load("r1")
    damaged = edit(store, change)
    one = _only(store)
    assert one.path == document_of(store)
    assert re.search(words, one.wrong)
    assert document_of(store).read_bytes() == damaged
    one.carry_out(BY, LATER)
    after = store.load("r1")
    assert (after.renewal, after.journal[:-1]) == (before.renewal, before.journal)
    assert (after.journal[-1].kind, after.journal[-1].at) == ("repaired", LATER)
    copy = after.journal[-1].data["copy"]
    assert copy in one.will
    assert document_of(store).with_name(copy).read_bytes() == damaged
    assert store.verify("r1") == []
    assert repairs(store) == []
    with store.hold("r1", BY, LATER, "go on") as handle:
        handle.append("x", "y", at=LATER, by=BY)


def test_only_what_was_shown_is_repaired(store: Store) -> None:
    """A file that changed since it was looked at is left, and so is a renewal that somebody holds."""
    edit(store, lambda record: record["values"].update(state="Restarted"))
    one = _only(store)
    again = edit(store, lambda record: record["values"].update(state="Signed"))
    with pytest.raises(Refused, match="changed since"):
        one.carry_out(BY, LATER)
    assert document_of(store).read_bytes() == again
    one = _only(store)
    descriptor = os.open(document_of(store).with_name("lock"), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(HeldElsewhere):
        one.carry_out(BY, LATER)
    os.close(descriptor)
    assert document_of(store).read_bytes() == again
    one.carry_out(BY, LATER)


def test_a_repair_that_was_interrupted_is_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full after the copy was made, the damaged file stays, and the next try repairs it."""
    damaged = edit(store, lambda record: record["values"].update(state="Restarted"))
    one = _only(store)
    replace = os.replace

    def full(source: str, target: str) -> None:
        if target.endswith("renewal.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(UsageError, match="disk is full"):
            one.carry_out(BY, LATER)
    assert document_of(store).read_bytes() == damaged
    _only(store).carry_out(BY, LATER)
    assert store.verify("r1") == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"begun":"x"}', b"[" * 100_000])
def test_a_damaged_observer_begins_anew(store: Store, content: bytes) -> None:
    """It begins with now and says so; what it was told before is kept beside it."""
    outbox = Outbox(store.home, "mail")
    with outbox.hold(BY, AT):
        outbox.write(outbox.open(AT, AT))
    path = store.home / "observers" / "mail.json"
    path.write_bytes(content)
    _only(store).carry_out(BY, LATER)
    position = outbox.position()
    assert position is not None
    assert position.begun == LATER
    assert "damaged" in position.lost[0].what
    assert [one.read_bytes() for one in path.parent.glob("*.old")] == [content]
    assert repairs(store) == []


def test_remains_of_commands_are_removed(store: Store) -> None:
    """Temporary files that nobody writes are removed wherever they are; one that is being written stays."""
    (store.home / "locks").mkdir()
    dead = [store.home / part / ".tmp-1-x" for part in ("", "locks", "renewals/r1", "renewals/r1/plans")]
    for path in dead:
        path.write_bytes(b"half")
    living = store.home / "renewals" / "r1" / ".tmp-2-y"
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        one = _only(store)
        assert one.wrong.startswith("4 temporary files")
        one.carry_out(BY, LATER)
        assert list(store.home.rglob(".tmp-*")) == [living]


def test_what_lies_beside_is_named_and_left(store: Store) -> None:
    """A damaged decision, plan or artefact is nothing that a journal proves."""
    store.add_decision(decision())
    store.put_plan("r1", plan())
    store.put_artefact("r1", b"artefact", "bin")
    for part in ("decisions", "plans", "artefacts"):
        for path in (store.home / "renewals" / "r1" / part).iterdir():
            path.write_bytes(b"{}")
    assert repairs(store) == []
