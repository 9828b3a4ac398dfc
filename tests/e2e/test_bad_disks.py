"""Bad disks: a home that is full, that can't be written or is not there; whatever fails to be stored is done once.

Root may write everywhere and no test may fill a real disk, so a full one is played in three ways: the system call that
fails (every write of a renewal in turn), a real process under a real limit, and a home where there can be none.
"""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runner.live import open_intents
from engine.runner.runner import BEGUN
from engine.store import Store
from tests.e2e.desk import Desk
from tests.e2e.story import CERTIFICATE

NOBODY = 65534
LAST = re.compile(rb'"kind":"(\w+","text":"[^"]{0,60})')
WORDS = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space"),
    errno.EROFS: ("the file system is read-only", "Mount it for writing"),
    errno.EACCES: ("permission denied", "Run as the account that owns the home"),
}


class FullDisk:
    """Refuse each write of the store once: the next try of the same write, in a later command, is let through."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
        self._desk, self._number = desk, number
        self.refused: set[tuple[str, str]] = set()
        self._write = os.write
        monkeypatch.setattr(os, "write", self._refusing)

    def _refusing(self, descriptor: int, content: Any) -> int:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if place.name.startswith(".tmp-") and self._desk.story.lab.home in place.parents:
            write = (place.parent.name, self._kind(bytes(content)))
            if write not in self.refused:
                self.refused.add(write)
                raise OSError(self._number, os.strerror(self._number))
        return self._write(descriptor, content)

    def _kind(self, content: bytes) -> str:
        """Tell writes apart: a holder's note, a document by its last event, anything else by how it begins."""
        if b'"purpose"' in content[:400]:
            return "holder"
        events = LAST.findall(content)
        return events[-1].decode() if events else content[:8].hex()


@pytest.fixture
def runs(desk: Desk) -> Callable[[], Iterator[Any]]:
    """Return what types `run` again and again, doing what people do in between, until the renewal is over."""

    def typing() -> Iterator[Any]:
        for _ in range(90):
            told = desk.type("run", CERTIFICATE)
            yield told
            if told.code == 0:
                return
            wait = desk.story.renewal.wait
            if told.code == 3 and wait and wait.on == "person":
                path = desk.story.sign()
                while desk.type("supply", CERTIFICATE, str(path)).code:
                    pass
            elif told.code == 3 and wait and wait.on == "approval":
                while desk.type("approve", CERTIFICATE, "--as", "change-manager", "--yes").code:
                    pass
        raise AssertionError(f"it never came to an end: {told}")

    return typing


def test_a_disk_that_is_full_at_every_single_write(
    desk: Desk, runs: Callable[[], Iterator[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refused write ends with 2 and says what is full; freed, the renewal goes on, and no effect is repeated."""
    desk.story.begin()
    disk = FullDisk(desk, monkeypatch)
    for told in runs():
        if told.code == 2:
            assert "can't be written: the disk is full." in told.parts["Not usable"]
            begun = "→" in told.err and open_intents(desk.story.document)
            assert told.parts["Left alone"] in ([BEGUN] if begun else [BEGUN, "Nothing was changed."])
            assert told.parts["Next"] == "Free some space, then repeat the command."
        assert desk.story.whole()
    assert len([what for _, what in disk.refused if '","text":"' in what]) > 20
    assert desk.story.renewal.state == "Restarted"
    desk.story.once()


@pytest.mark.parametrize("number", WORDS)
def test_nothing_is_begun_where_nothing_can_be_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """`start` and `run` end with 2, say why in words, and contact no box for anything that they could not record."""
    what, todo = WORDS[number]
    desk.story.begin()
    desk.story.aside("cancel", "only so that there is a home")
    desk.story.id = ""
    FullDisk(desk, monkeypatch, number)
    desk.fails("start", CERTIFICATE, code=2, what=what, left="Nothing was changed", todo=todo)
    assert desk.type("list").out.startswith("No renewal is open.")
    monkeypatch.undo()
    desk.story.begin()
    FullDisk(desk, monkeypatch, number)
    desk.fails("run", CERTIFICATE, code=2, what=what, left="Nothing was changed", todo=todo)
    monkeypatch.undo()
    assert desk.story.until("CSRPending").state == "CSRPending"
    desk.nothing_repeated()


def test_a_process_that_may_write_no_more(desk: Desk) -> None:
    """A real process under a real limit (RLIMIT_FSIZE): told, nothing lost, and without the limit it goes on."""
    story = desk.story
    story.begin()
    story.until("CSRPending")
    size = (story.lab.home / "renewals" / story.id / "renewal.json").stat().st_size
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, -1))"
    limited = f"{limit}; from engine.cli import main; main()"
    where = ["--site", str(story.lab.site_file), "--home", str(story.lab.home)]
    done = subprocess.run(
        [sys.executable, "-c", limited, *where, "run", CERTIFICATE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "larger than this account may write" in " ".join(done.stderr.split())
    assert "ulimit -f" in done.stderr
    assert story.again().state == "Restarted"
    story.once()


@pytest.mark.parametrize("home", ["/proc/certrenew", "/dev/null", "/dev/null/below"])
def test_a_home_where_there_can_be_none(desk: Desk, home: str) -> None:
    """Every command that needs the home says so, for root too."""
    told = desk.fails(
        "--home", home, "start", CERTIFICATE, code=2, what=home, left="Nothing was changed", todo="home|folder|chmod"
    )
    assert "can't be" in told.parts["Not usable"]


def test_a_home_that_this_account_may_not_write(desk: Desk) -> None:
    """Readable and not writable: everything is shown, nothing is begun, and the way out is named."""
    story = desk.story
    story.begin()
    folder = story.lab.home / "renewals" / story.id
    paths = [story.lab.home, *story.lab.home.rglob("*"), folder]
    for above in story.lab.home.parents:
        if "pytest-of-" in str(above):
            above.chmod(0o711)
    for path in paths:
        os.chown(path, NOBODY, -1) if os.geteuid() == 0 else None
    folder.chmod(0o500)
    (folder / "lock").chmod(0o400)
    if os.geteuid() == 0:
        for file in (story.lab.site_file, story.lab.home / "signers"):
            os.chown(file, 0, -1)
            file.chmod(0o644)
        os.seteuid(NOBODY)
    try:
        assert desk.type("show", CERTIFICATE).code == 0
        told = desk.type("cancel", CERTIFICATE)
    finally:
        os.seteuid(os.getuid())
        folder.chmod(0o700)
        (folder / "lock").chmod(0o600)
        for path in paths:
            os.chown(path, os.getuid(), -1)
    assert told.code == 2
    assert "permission denied" in told.parts["Not usable"]
    assert told.parts["Left alone"] == "Nothing was changed."
    assert "Run as the account that owns the home" in told.parts["Next"]
    assert Store(story.lab.home).load(story.id).renewal.state == "New"
    assert story.until("Inspected").state == "Inspected"


# ---- a damaged home ------------------------------------------------------------------------------------------------


def _refuses(desk: Desk) -> None:
    what, left = "is damaged", "It was left as it is"
    told = desk.type("run", desk.story.id)
    assert (told.code, what in told.parts["Refused"], left in told.parts["Left alone"]) == (4, True, True)


def test_damaged_values_are_repaired_and_the_renewal_goes_on(desk: Desk) -> None:
    """Nothing is done on damage; repaired from the journal, it goes on where it was, and no effect is repeated."""
    story = desk.story
    story.begin()
    story.until("TrustPropagated")
    file = story.lab.home / "renewals" / story.id / "renewal.json"
    file.write_bytes(file.read_bytes().replace(b'"state":"TrustPropagated"', b'"state":"TrustPropageted"', 1))
    _refuses(desk)
    told = desk.type("doctor", "--repair", "--yes")
    assert (told.code, "repaired." in told.out) == (0, True), told.out
    assert story.events("repaired")
    assert story.again().state == "Restarted"
    story.once()


def test_a_lost_journal_is_restored_from_an_older_copy(desk: Desk) -> None:
    """What was done after the copy was made is found on the boxes, and not done again."""
    story = desk.story
    story.begin()
    story.until("Validated")
    file = story.lab.home / "renewals" / story.id / "renewal.json"
    copy = file.read_bytes()
    story.until("Installed")
    file.write_bytes(file.read_bytes()[:-1000])
    _refuses(desk)
    assert desk.type("doctor", "--repair", "--yes").code == 4
    _refuses(desk)
    file.write_bytes(copy)
    assert story.again().state == "Restarted"
    story.once()
