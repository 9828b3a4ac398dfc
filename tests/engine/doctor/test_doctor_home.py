"""Hold what is said of the home: rights, room, and what a crash left."""

import errno
import fcntl
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from engine.doctor import home
from engine.model import Item, Renewal
from engine.store import Store
from engine.text import moment
from tests.engine.doctor.conftest import Make, run, told
from tests.engine.samples import AT, actor


def _renewal(store: Store) -> Path:
    item = Item(certificate="expc-server", node="expc", slots=["server"], authority="corp")
    renewal = Renewal(
        id="r1", workflow="renewal", state="New", since=AT, created=AT, requester=actor("ann"), items=[item]
    )
    store.create(renewal, actor("ann"), AT, "begun")
    return store.home / "renewals" / "r1"


@pytest.mark.parametrize("ended", [True, False])
def test_a_private_key_that_is_left_of_a_renewal_is_told(make: Make, ended: bool) -> None:
    """Of one that is over it fails, with what to delete; of one that goes on it is where it should be."""
    one = make()
    folder = _renewal(one.store)
    keys = one.store.sealed_keys("r1", lambda: "a secret of the site")
    with one.store.hold("r1", actor("ann"), AT, "end it") as handle:
        handle.append("state", "over", at=AT, by=actor("ann"), values={"ended": ended})
    assert told(run("renewals", one)) == [("pass", 0)]
    keys.put("ab" * 32, b"a key")
    found = run("renewals", one)
    assert [f"rm -r {folder / 'keys'}" in each.todo for each in found] == ([True, False] if ended else [False])
    assert found[0].exit_code == (4 if ended else 0)


def test_a_home_that_is_not_there_is_made_when_needed(make: Make) -> None:
    """An absent home passes and says so, and looking at it makes nothing."""
    one = make()
    assert told(run("home", one)) == [("pass", 0)]
    assert "not there yet" in run("home", one)[0].message
    assert not one.store.home.exists()


def test_a_home_that_can_not_be_made_fails(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this account may not write, it fails with 2 and names the folder that stands in the way."""
    one = make()
    monkeypatch.setattr(os, "access", lambda path, mode: path != one.store.home.parent)
    (found,) = run("home", one)
    assert (found.outcome, found.exit_code) == ("fail", 2)
    assert str(one.store.home.parent) in found.message


def test_a_renewal_that_others_can_write_fails(make: Make) -> None:
    """A folder inside the home is held to the same as the home; closing it mends it."""
    one = make()
    folder = _renewal(one.store)
    assert told(run("home", one)) == [("pass", 0)]
    folder.chmod(0o770)
    (found,) = run("home", one)
    assert (found.outcome, found.exit_code) == ("fail", 2)
    assert str(folder) in found.todo


@pytest.mark.parametrize(
    ("free", "outcome"),
    [(home.FULL - 1, "fail"), (home.FULL, "warn"), (home.LOW - 1, "warn"), (home.LOW, "pass")],
)
def test_too_little_room_is_told(make: Make, monkeypatch: pytest.MonkeyPatch, free: int, outcome: str) -> None:
    """Below one bound it fails, below the other it warns, above both it passes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(1, 1, free))
    assert told(run("home", make()))[0] == (outcome, 2 if outcome == "fail" else 0)


def test_what_a_crash_left_is_told_and_left(make: Make) -> None:
    """An abandoned temporary file is a warning and stays; one that somebody is writing is none."""
    one = make()
    left = _renewal(one.store) / "plans" / ".tmp-1-x"
    left.write_bytes(b"half")
    assert ("warn", 0) in told(run("renewals", one))
    assert left.exists()
    with left.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert told(run("renewals", one)) == [("pass", 0)]


def test_a_decision_that_was_changed_is_found(make: Make) -> None:
    """What lies beside a renewal is read, too."""
    one = make()
    (_renewal(one.store) / "decisions" / "d1.json").write_text("{}")
    (found,) = [found for found in run("renewals", one) if found.outcome == "fail"]
    assert found.exit_code == 4
    assert "d1.json" in found.message


def test_a_file_system_without_hard_links_fails(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home moved to a file system that cannot hold it fails with 2; the look leaves nothing behind."""
    one = make()
    _renewal(one.store)
    before = sorted(one.store.home.rglob("*"))
    assert told(run("home", one)) == [("pass", 0)]

    def lacking(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", lacking)
    (found,) = run("home", one)
    assert (found.outcome, found.exit_code) == ("fail", 2)
    assert "hard links" in found.message
    assert sorted(one.store.home.rglob("*")) == before


def test_an_artefact_that_is_altered_or_absent_is_found(make: Make) -> None:
    """Each large file of an open renewal is read, and each that it names is there."""
    one = make()
    folder = _renewal(one.store)
    name = one.store.put_artefact("r1", b"artefact", "cer")
    assert ("pass", 0) in told(run("renewals", one))
    (folder / "artefacts" / f"{name}.cer").write_bytes(b"other")
    assert name in next(found.message for found in run("renewals", one) if found.outcome == "fail")
    (folder / "artefacts" / f"{name}.cer").unlink()
    item = Item(certificate="expc-server", node="expc", slots=["server"], authority="corp", csr="0" * 64)
    with one.store.hold("r1", actor("ann"), AT, "test") as handle:
        handle.append("x", "y", at=AT, by=actor("ann"), values={"items": [item.plain()]})
    assert "has no artefact" in next(found.message for found in run("renewals", one) if found.outcome == "fail")


def test_a_clock_that_was_set_back_is_told(make: Make) -> None:
    """A journal that goes on later than now is a warning, as long as it is open; at the same moment it is none."""
    one = make()
    _renewal(one.store)
    one.now = moment(AT)
    assert told(run("clock", one)) == [("pass", 0)]
    one.now -= timedelta(seconds=1)
    (found,) = run("clock", one)
    assert (found.outcome, found.exit_code) == ("warn", 0)
    assert AT in found.message
    assert "clock right" in found.todo


def test_an_observer_that_tells_nobody_is_told(make: Make) -> None:
    """The doctor says of each observer what the next command would warn of."""
    options = 'url = "https://chat.example/hook"\nsecret = "env:HOOK"'
    one = make(more=f'[observers.chat]\nplugin = "webhook"\n[observers.chat.options]\n{options}\n')
    assert one.fault is None
    assert run("observers", one) == []
    (one.store.home / "observers").mkdir(parents=True, mode=0o700)
    (one.store.home / "observers" / "chat.json").write_bytes(b"{")
    (found,) = run("observers", one)
    assert found.outcome == "warn"
    assert "chat.json is damaged" in found.message
