"""Hold the cache of a list to what it may be: quick, never the truth, and gone without loss."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import SCHEMA
from engine.store import Store, cache
from engine.store.home import Store as Home
from tests.engine.store.samples import AT, BY, renewal

KEEN = {"WORTH": 1, "SETTLED": -(10**18)}
"""Remember everything at once, so that the cache is used wherever it could mislead."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Make a home with three renewals, whose cache is used for each of them."""
    for name, value in KEEN.items():
        monkeypatch.setattr(cache, name, value)
    store = Store(tmp_path / "home")
    for id in ("r1", "r2", "r3"):
        store.create(renewal(id), BY, AT, "begun")
    return store


def _document(store: Store, id: str = "r1") -> Path:
    return store.home / "renewals" / id / "renewal.json"


def _advance(store: Store, state: str, id: str = "r1") -> None:
    with store.hold(id, BY, AT, "test") as handle:
        handle.append("x", "y", at=AT, by=BY, values={"state": state})


def _states(store: Store) -> dict[str, str]:
    """List, and hold the list to what the files say."""
    found, problems = store.listed()
    summaries, told = store.summaries()
    assert found == [one.renewal for one in summaries]
    assert [str(one) for one in problems] == [str(one) for one in told]
    return {one.id: one.state for one in found}


def test_what_did_not_change_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second list reads no renewal's file, after a change one, and shows the change."""
    read: list[str] = []
    load = Home.summary

    def noted(self: Store, id: str) -> object:
        read.append(id)
        return load(self, id)

    monkeypatch.setattr(Home, "summary", noted)
    store.listed()
    assert read == ["r1", "r2", "r3"], "control: at first all are"
    read.clear()
    store.listed()
    assert read == []
    _advance(store, "Changed", "r2")
    assert [one.state for one in store.listed()[0]] == ["New", "Changed", "New"]
    assert read == ["r2"]


def test_a_damaged_document_is_never_hidden(store: Store) -> None:
    """A file that is damaged, replaced or gone after it was remembered is told as if there were no cache."""
    assert set(_states(store)) == {"r1", "r2", "r3"}
    content = _document(store).read_bytes()
    for broken in (b"{", content[:-1], content.replace(b'"New"', b'"Now"'), b"x" * len(content)):
        _document(store).write_bytes(broken)
        _states(store)
    assert len(store.listed()[1]) == 1
    _document(store).unlink()
    assert set(_states(store)) == {"r2", "r3"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"New"', b'"Old"', 1),
        lambda content: b"[" * 100_000,
        lambda content: b"\xff" * 100,
        lambda content: _sealed(b"[]"),
        lambda content: _sealed(msgspec.json.encode({"schema": SCHEMA + 1, "entries": {}})),
    ],
)
def test_a_spoilt_cache_is_no_cache(store: Store, spoil: Callable[[bytes], bytes]) -> None:
    """Cut off, altered, foreign or of another version: the files are read, and the list is right."""
    store.listed()
    path = store.home / cache.NAME
    path.write_bytes(spoil(path.read_bytes()))
    assert _states(store) == dict.fromkeys(("r1", "r2", "r3"), "New")
    path.unlink()
    assert _states(store) == dict.fromkeys(("r1", "r2", "r3"), "New")


def _sealed(content: bytes) -> bytes:
    return cache._checksum(content) + b"\n" + content


def test_it_is_private_and_leaves_nothing_else(store: Store) -> None:
    """The cache is 0600, and the only thing that a list adds to a home."""
    before = set(os.listdir(store.home))
    store.listed()
    assert set(os.listdir(store.home)) - before == {cache.NAME}
    assert stat.S_IMODE((store.home / cache.NAME).stat().st_mode) == 0o600


def test_a_home_that_can_not_be_written_is_listed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache can't be kept, the list is none the worse."""
    (store.home / cache.NAME).mkdir()
    assert _states(store) == dict.fromkeys(("r1", "r2", "r3"), "New")


def test_a_small_home_has_none(tmp_path: Path) -> None:
    """Reading few files costs less than a cache; and a home that is not there is not made."""
    store = Store(tmp_path / "home")
    assert store.listed() == ([], [])
    assert not store.home.exists()
    store.create(renewal(), BY, AT, "begun")
    assert [one.id for one in store.listed()[0]] == ["r1"]
    assert not (store.home / cache.NAME).exists()


def test_what_has_just_changed_is_not_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a tick of the kernel's clock two changes look alike, so a file must have been at rest for a while."""
    monkeypatch.setattr(cache, "SETTLED", 2_000_000_000)
    store.listed()
    assert cache.read(store.home) == {}
    at = cache.now() + 3_000_000_000
    monkeypatch.setattr(cache, "now", lambda: at)
    store.listed()
    assert set(cache.read(store.home)) == {"r1", "r2", "r3"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["advance", "list", "damage", "remove", "begin", "mend"]), max_size=12))
def test_it_agrees_with_the_files_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """After any series of changes, also without the lock, a list is what reading all the files gives."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in KEEN.items():
            patched.setattr(cache, name, value)
        store = Store(tmp_path_factory.mktemp("home"))
        store.create(renewal("r0"), BY, AT, "begun")
        whole = _document(store, "r0").read_bytes()
        for number, step in enumerate(steps, 1):
            there = _document(store, "r0").exists()
            if step == "advance" and _states(store).get("r0"):
                _advance(store, f"S{number}", "r0")
                whole = _document(store, "r0").read_bytes()
            elif step == "damage" and there:
                _document(store, "r0").write_bytes(whole[:-number])
            elif step == "remove" and there:
                _document(store, "r0").unlink()
            elif step == "begin":
                store.create(renewal(f"r{number}"), BY, AT, "begun")
            elif step == "mend":
                _document(store, "r0").write_bytes(whole)
            _states(store)


def _list_on(home: Path, stop: "multiprocessing.synchronize.Event") -> None:
    while not stop.is_set():
        Store(home).listed()


def test_others_that_list_meanwhile_hide_no_event(store: Store) -> None:
    """While two processes list and rewrite the cache, an event that was acknowledged is in the next list."""
    fork = multiprocessing.get_context("fork")
    stop = fork.Event()
    others = [fork.Process(target=_list_on, args=(store.home, stop)) for _ in range(2)]
    for one in others:
        one.start()
    try:
        for number in range(60):
            _advance(store, f"S{number}")
            assert next(one.state for one in store.listed()[0] if one.id == "r1") == f"S{number}"
    finally:
        stop.set()
        for one in others:
            one.join(30)
    assert [one.exitcode for one in others] == [0, 0]
