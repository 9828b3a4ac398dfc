"""Hold that no change to a journal goes unnoticed."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import Refused, UsageError
from engine.model import Event, fold
from engine.store import Store, chain
from tests.engine.store.samples import AT, BY, Record, document_of, edit, renewal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, "begun")
    with made.hold("r1", BY, AT, "test") as handle:
        handle.append(
            "seen", 'a "quoted" \x1b[31m té\u202ext 😀', at=AT, by=BY, data={"n": 120, "ok": True, "no": None}
        )
        handle.append("state", "on", at=AT, by=BY, step="inspect", values={"state": "Inspected", "items/0/csr": "ab"})
        handle.append("before", "kept", at=AT, by=BY, values={"before": {"zones": {"t": "up"}}})
        handle.append("inside", "changed", at=AT, by=BY, values={"before/zones/t": "down"})
    return made


def test_a_whole_journal_has_no_problems(store: Store) -> None:
    """An untouched journal verifies, however often, also where one event set values inside another's."""
    assert [store.verify("r1") for _ in range(2)] == [[], []]


def _found(content: bytes, path: Path) -> bool:
    try:
        return chain.problems(content, path) != []
    except UsageError:
        # The flip turned the schema into a newer one's.
        return True


def test_a_flipped_bit_anywhere_is_found(store: Store) -> None:
    """Every byte of the file matters: with one bit flipped, it does not verify."""
    path, whole = document_of(store), document_of(store).read_bytes()
    bits = random.Random(8)  # noqa: S311
    assert not _found(whole, path)
    for place in range(len(whole)):
        for bit in {bits.randrange(8), 5}:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            assert _found(bytes(flipped), path), (place, bit, bytes(flipped[place - 20 : place + 20]))


def _swap(record: Record) -> None:
    journal = record["journal"]
    journal[1], journal[2] = journal[2], journal[1]


def _renumber_without_second(record: Record) -> None:
    del record["journal"][1]
    for number, event in enumerate(record["journal"], 1):
        event["seq"] = number
    record["revision"] -= 1


CHANGES: dict[str, tuple[Callable[[Record], Any], str]] = {
    "the last event removed": (lambda record: record["journal"].pop(), "the revision is 5"),
    "the first event removed": (lambda record: record["journal"].pop(0), "missing, added or moved"),
    "an event removed": (lambda record: record["journal"].pop(2), "missing, added or moved"),
    "an event removed, all renumbered": (_renumber_without_second, "was altered"),
    "two events swapped": (_swap, "does not follow"),
    "an event twice": (lambda record: record["journal"].insert(2, record["journal"][1]), "missing, added or moved"),
    "a text changed": (lambda record: record["journal"][1].update(text="nothing"), r"event 2 \(seen\) was altered"),
    "a number changed": (lambda record: record["journal"][1]["data"].update(n=121), "was altered"),
    "a fraction smuggled in": (lambda record: record["journal"][1]["data"].update(n=0.5), "was altered"),
    "a name changed": (lambda record: record["journal"][3]["by"].update(person="bob"), "was altered"),
    "a path changed": (lambda record: record["journal"][4].update(values={"lost/x": 1}), "can't be followed"),
    "the state changed": (lambda record: record["values"].update(state="Restarted"), "the values differ .* state"),
    "the revision changed": (lambda record: record.update(revision=6), "the revision is 6"),
    "all events removed": (lambda record: record["journal"].clear(), "its journal is empty"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_named(store: Store, name: str) -> None:
    """What was done to a journal is found, said in plain words, and nothing on disk changes by looking."""
    change, words = CHANGES[name]
    edit(store, lambda record: None)
    assert store.verify("r1") == []
    edit(store, change)
    before = document_of(store).read_bytes()
    problems = store.verify("r1")
    assert any(re.search(words, problem) for problem in problems), problems
    assert document_of(store).read_bytes() == before


@pytest.mark.parametrize(
    "name",
    ["the last event removed", "the state changed", "the revision changed", "a path changed", "all events removed"],
)
def test_nobody_writes_on_top_of_damage(store: Store, name: str) -> None:
    """A renewal whose values do not follow from its journal can't be advanced."""
    edit(store, CHANGES[name][0])
    before = document_of(store).read_bytes()
    with pytest.raises(Refused, match="is damaged"), store.hold("r1", BY, AT, "test"):
        pass
    assert document_of(store).read_bytes() == before


def test_a_changed_last_event_is_not_built_upon(store: Store) -> None:
    """The chain is not continued from an event that was altered."""
    edit(store, lambda record: record["journal"][-1].update(text="other"))
    with pytest.raises(Refused, match="last event was altered"), store.hold("r1", BY, AT, "test"):
        pass


def test_other_spelling_is_found(store: Store) -> None:
    """The same values in other bytes are told apart: only certrenew writes this file."""
    document_of(store).write_bytes(msgspec.json.format(document_of(store).read_bytes(), indent=1))
    assert store.verify("r1") == ["the file was not written by certrenew: it spells the same values differently"]
    assert store.load("r1").revision == 5


# ---- an end that was cut off ---------------------------------------------------------------------------------------


def _cut_off(record: Record) -> None:
    """Leave the last two events out, as whoever may write the file can: the rest fits together."""
    record["journal"] = record["journal"][:-2]
    record["revision"] -= 2
    record["values"] = fold(msgspec.convert(record["journal"], list[Event]))


def test_a_journal_that_was_cut_off_is_found_by_a_noted_head(store: Store) -> None:
    """A journal cut off whole verifies by itself; by the head that was noted before, the loss is found."""
    heads = [event.hash for event in store.load("r1").journal]
    assert [store.verify("r1", head) for head in heads] == [[]] * 5
    edit(store, _cut_off)
    assert store.verify("r1") == []
    assert [store.verify("r1", head) == [] for head in heads] == [True, True, True, False, False]
    assert "cut off" in store.verify("r1", heads[-1])[0]


def test_what_is_no_hash_is_no_head(store: Store) -> None:
    """A head that is no whole SHA-256 is refused: its beginning alone could be met by chance or on purpose."""
    with pytest.raises(UsageError, match="the hash of an event"):
        store.verify("r1", store.load("r1").journal[-1].hash[:12])
