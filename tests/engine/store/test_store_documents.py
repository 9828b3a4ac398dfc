"""Hold what a renewal's document promises: one write is one truth, and reading touches nothing."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB

from engine.errors import CertrenewError, Refused, UsageError
from engine.store import AtomicStorage, Store, files
from tests.engine.store.samples import AT, BY, renewal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, "begun")
    return made


def _document(store: Store) -> Path:
    return store.home / "renewals" / "r1" / "renewal.json"


def _tree(home: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in home.rglob("*"))


def test_create_writes_the_first_event(store: Store) -> None:
    """A new renewal's first event sets all its values."""
    document = store.load("r1")
    assert document.renewal == renewal()
    assert [event.kind for event in document.journal] == ["created"]
    assert document.journal[0].values == {"": renewal().plain()}
    assert document.revision == 1


def test_create_refuses_an_id_that_is_taken(store: Store) -> None:
    """A second renewal of the same id is refused, and the first stays as it is."""
    before = store.load("r1")
    with pytest.raises(UsageError, match="r1 already"):
        store.create(renewal(), BY, AT, "again")
    assert store.load("r1") == before
    assert store.create(renewal("r2"), BY, AT, "another").revision == 1


def test_append_sets_values_and_journal_together(store: Store) -> None:
    """An event and the values it sets are one write: what the handle shows is what a reader loads."""
    with store.hold("r1", BY, AT, "test") as handle:
        event = handle.append("csr", "made", at=AT, by=BY, step="request", values={"items/0/csr": "ab", "state": "X"})
        assert handle.document == store.load("r1")
    document = store.load("r1")
    assert (document.renewal.items[0].csr, document.renewal.state) == ("ab", "X")
    assert document.journal[1] == event
    assert event.previous == document.journal[0].hash
    assert document.revision == 2


def test_the_file_is_one_tinydb_document(store: Store) -> None:
    """TinyDB reads the file: one table, one document with the id 1, and one write an event."""
    with store.hold("r1", BY, AT, "test") as handle:
        handle.append("x", "y", at=AT, by=BY)
    database = TinyDB(_document(store), storage=AtomicStorage)
    assert database.tables() == {"renewal"}
    found = database.table("renewal").all()
    assert [(document.doc_id, document["revision"]) for document in found] == [(1, 2)]


def test_an_event_is_one_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event puts one file in place, once."""
    put: list[Path] = []
    original = files.replace

    def counted(path: Path, content: bytes, *, durable: bool = True) -> files.Identity:
        put.append(path)
        return original(path, content, durable=durable)

    with store.hold("r1", BY, AT, "test") as handle:
        monkeypatch.setattr(files, "replace", counted)
        handle.append("x", "y", at=AT, by=BY)
        handle.append("x", "y", at=AT, by=BY)
    assert put == [_document(store)] * 2


def test_file_and_folder_are_synced_around_the_rename(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is on disk before it gets its name, and its folder before `append` returns."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def recorded(*args: Any, name: str = name, original: Any = original) -> Any:
            folder = name == "fsync" and os.path.isdir(f"/proc/self/fd/{args[0]}")
            calls.append("sync folder" if folder else name)
            return original(*args)

        monkeypatch.setattr(os, name, recorded)
    with store.hold("r1", BY, AT, "test") as handle:
        calls.clear()
        handle.append("x", "y", at=AT, by=BY)
        assert calls == ["fsync", "replace", "sync folder"]


def test_create_syncs_every_folder_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new renewal's folders are synced up to the home's parent, so that a power cut can't take them away."""
    synced: list[Path] = []
    original = files.sync_folder

    def recorded(folder: Path | str) -> None:
        synced.append(Path(folder))
        original(folder)

    (tmp_path / "home" / "renewals").mkdir(parents=True)
    monkeypatch.setattr(files, "sync_folder", recorded)
    Store(tmp_path / "home").create(renewal(), BY, AT, "begun")
    home = tmp_path / "home"
    assert {tmp_path, home, home / "renewals", home / "renewals" / "r1"} <= set(synced)


def test_a_change_without_the_lock_is_noticed(store: Store) -> None:
    """A writer whose file was changed under it refuses to write over it."""
    with store.hold("r1", BY, AT, "test") as handle:
        handle.append("x", "y", at=AT, by=BY)
        old = _document(store).read_bytes()
        handle.append("x", "y", at=AT, by=BY)
        files.replace(_document(store), old)
        with pytest.raises(Refused, match="changed under us"):
            handle.append("x", "z", at=AT, by=BY)
    assert _document(store).read_bytes() == old


def test_a_file_that_vanished_is_not_written_anew(store: Store) -> None:
    """A writer whose file was taken away says so and writes no empty one."""
    with store.hold("r1", BY, AT, "test") as handle:
        _document(store).unlink()
        with pytest.raises(Refused, match="it is gone"):
            handle.append("x", "y", at=AT, by=BY)
    assert not _document(store).exists()


@pytest.mark.parametrize(
    ("values", "data"),
    [
        ({"items.7.csr": "ab"}, {}),
        ({"items.x": "ab"}, {}),
        ({"nothing.below": 1}, {}),
        ({"misspelt": "ab"}, {}),
        ({"state": 7}, {}),
        ({"state.deeper": 7}, {}),
        ({}, {"share": 0.5}),
        ({}, {"share": float("nan")}),
        ({}, {"large": 2**60}),
        ({}, {"text": "\ud800"}),
        ({}, {"object": object()}),
    ],
)
def test_what_does_not_fit_is_a_bug_and_not_written(store: Store, values: dict[str, Any], data: dict[str, Any]) -> None:
    """Values that make no renewal, and data that is no plain JSON, are refused before anything is written."""
    before = _document(store).read_bytes()
    with store.hold("r1", BY, AT, "test") as handle:
        with pytest.raises(CertrenewError) as caught:
            handle.append("x", "y", at=AT, by=BY, values=values, data=data)
        assert caught.value.exit_code == 1
        assert _document(store).read_bytes() == before
        handle.append("x", "fits", at=AT, by=BY, values={"state": "X"}, data={"share": 1})
    assert store.verify("r1") == []


def test_nothing_is_appended_after_the_lock(store: Store) -> None:
    """A handle that outlived its lock writes nothing."""
    with store.hold("r1", BY, AT, "test") as handle:
        pass
    with pytest.raises(CertrenewError, match="after the lock"):
        handle.append("x", "y", at=AT, by=BY)
    assert store.load("r1").revision == 1


def test_documents_and_events_do_not_change_later(store: Store) -> None:
    """Neither a document that was read nor an event that was written changes when later values are set inside it."""
    with store.hold("r1", BY, AT, "test") as handle:
        first: dict[str, Any] = {"zones": {"a": "up"}}
        event = handle.append("x", "y", at=AT, by=BY, values={"before": first, "before/node": {"b": 1}})
        document = handle.document
        first["zones"]["a"] = "changed by the caller"
        handle.append("x", "y", at=AT, by=BY, values={"before/zones/a": "down"})
    assert document.renewal.before == {"zones": {"a": "up"}, "node": {"b": 1}}
    assert event.values["before"] == {"zones": {"a": "up"}}
    assert event.computed() == event.hash
    assert store.load("r1").renewal.before["zones"] == {"a": "down"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=20), data=st.dictionaries(st.text(max_size=4), _json, max_size=3))
def test_any_json_comes_back_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: dict[str, Any]
) -> None:
    """Whatever text and plain JSON an event holds, it is read back equal, and the chain holds."""
    store = Store(tmp_path_factory.mktemp("home"))
    store.create(renewal(), BY, AT, "begun")
    with store.hold("r1", BY, AT, "test") as handle:
        event = handle.append("x", text, at=AT, by=BY, data=data, values={"before": data})
    document = store.load("r1")
    assert document.journal[1] == event
    assert (event.text, event.data, document.renewal.before) == (text, data, data)
    assert store.verify("r1") == []


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """Every reading call leaves the disk as it was, also where there is no home yet."""
    empty = Store(tmp_path / "nowhere")
    assert (empty.ids(), empty.load_all(), empty.summaries()) == ([], [], ([], []))
    with pytest.raises(UsageError, match="no renewal r1"):
        empty.load("r1")
    assert not empty.home.exists()
    full = Store(tmp_path / "home")
    full.create(renewal(), BY, AT, "begun")
    before = _tree(full.home)
    full.ids(), full.load("r1"), full.load_all(), full.summaries(), full.verify("r1")
    full.decisions("r1"), full.plans("r1"), full.paper_folder("r1")
    assert _tree(full.home) == before


def test_summaries_tell_of_the_damaged_and_show_the_rest(store: Store) -> None:
    """One damaged renewal hides no other: it is named, and the others are listed."""
    store.create(renewal("r2"), BY, AT, "begun")
    _document(store).write_bytes(b"{")
    found, problems = store.summaries()
    assert [summary.renewal.id for summary in found] == ["r2"]
    assert found[0].last.kind == "created"
    assert len(problems) == 1
    assert "r1" in str(problems[0])
    with pytest.raises(Refused):
        store.load_all()


def test_summaries_agree_with_documents(store: Store) -> None:
    """A summary's values, revision and last event are the document's."""
    with store.hold("r1", BY, AT, "test") as handle:
        handle.append("x", "y", at=AT, by=BY, values={"state": "X"})
    (summary,), _ = store.summaries()
    document = store.load("r1")
    assert (summary.renewal, summary.revision) == (document.renewal, document.revision)
    assert summary.last == document.journal[-1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"renewal":{}}',
        b'{"renewal":{"1":{}}}',
        b'{"renewal":{"1":7}}',
        b'{"_default":{"1":{"name":"somebody else\'s"}}}',
        b"\x00" * 100,
        b'"\xff"',
        b"[" * 100_000,
        b"<html>",
    ],
)
def test_what_is_no_document_is_named(store: Store, content: bytes) -> None:
    """A file that is cut off, foreign or hostile is refused by name, with what to do, and left as it is."""
    _document(store).write_bytes(content)
    for attempt in (lambda: store.load("r1"), lambda: store.hold("r1", BY, AT, "test").__enter__()):
        with pytest.raises(Refused, match=r"r1/renewal\.json is damaged") as caught:
            attempt()
        assert caught.value.todo
    assert len(store.summaries()[1]) == 1
    assert store.verify("r1") != []
    assert _document(store).read_bytes() == content


def test_a_file_cut_off_anywhere_is_refused(store: Store) -> None:
    """Every proper beginning of a document is refused; the whole is not."""
    whole = _document(store).read_bytes()
    for length in range(0, len(whole), 7):
        _document(store).write_bytes(whole[:length])
        with pytest.raises(Refused):
            store.load("r1")
    _document(store).write_bytes(whole)
    assert store.load("r1").revision == 1


def test_a_newer_schema_is_refused_untouched(store: Store) -> None:
    """A document of a newer certrenew is refused by every call, as that and not as damage, and left as it is."""
    tables = msgspec.json.decode(_document(store).read_bytes())
    tables["renewal"]["1"]["values"] |= {"schema": 99, "unheard_of": True}
    newer = msgspec.json.encode(tables)
    _document(store).write_bytes(newer)
    attempts = (
        lambda: store.load("r1"),
        lambda: store.verify("r1"),
        lambda: store.hold("r1", BY, AT, "test").__enter__(),
    )
    for attempt in attempts:
        with pytest.raises(UsageError, match="newer certrenew"):
            attempt()
    assert "newer" in str(store.summaries()[1][0])
    assert _document(store).read_bytes() == newer


def test_a_file_over_the_cap_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than anything of ours is refused ahead of reading it."""
    monkeypatch.setattr(files.read, "__defaults__", (100,))
    with pytest.raises(Refused, match="bytes; nothing of certrenew's is over 100"):
        store.load("r1")


def test_a_copied_folder_is_not_taken_for_another_renewal(store: Store) -> None:
    """A document in a folder that does not bear its id is refused."""
    copy = store.home / "renewals" / "r2"
    copy.mkdir()
    (copy / "renewal.json").write_bytes(_document(store).read_bytes())
    with pytest.raises(Refused, match="holds the renewal r1"):
        store.load("r2")
    assert store.verify("r2") != []
    assert store.load("r1").renewal.id == "r1"


@pytest.mark.parametrize("name", ["", ".", "..", "../r1", "a/b", "/etc", "r\0", "r\n", "-rf", ".hidden", "x" * 200])
def test_hostile_ids_lead_nowhere(store: Store, name: str) -> None:
    """An id that could lead out of its folder is refused by every call."""
    for attempt in (store.load, store.verify, store.plans, store.decisions, store.paper_folder):
        with pytest.raises(UsageError, match="can't be a renewal id"):
            attempt(name)
    with pytest.raises(UsageError, match="can't be a renewal id"):
        store.create(renewal(name), BY, AT, "begun")
    assert store.ids() == ["r1"]
