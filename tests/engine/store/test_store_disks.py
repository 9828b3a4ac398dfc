"""Hold that bad disks, rights and hands end in a clear error and lose nothing."""

import errno
import fcntl
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from engine.errors import Refused, UsageError
from engine.store import Store, files
from tests.engine.store.samples import AT, BY, decision, plan, renewal

WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "quota",
    errno.EROFS: "read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EIO: "Input/output error",
}


NOBODY = 65534
"""The account that owns nothing, on Debian and elsewhere."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, "begun")
    return made


def _temporary(home: Path) -> list[Path]:
    return list(home.rglob(".tmp-*"))


@contextmanager
def _failing(name: str, number: int, *, writing: bool = False) -> Iterator[None]:
    """Let a system call fail; `writing` spares the opening of what exists."""
    original = getattr(os, name)

    def failing(*args: Any, **kwargs: Any) -> Any:
        if writing and not args[1] & os.O_CREAT:
            return original(*args, **kwargs)
        raise OSError(number, os.strerror(number), "somewhere")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, failing)
        yield


@pytest.mark.parametrize("number", WORDS)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_write_that_fails_changes_nothing(store: Store, call: str, number: int) -> None:
    """A disk that says no ahead of the rename: a clear error, the old document, no remains, and the next try works."""
    with store.hold("r1", BY, AT, "test") as handle:
        before = store.load("r1")
        with _failing(call, number, writing=call == "open"), pytest.raises(UsageError, match=WORDS[number]) as caught:
            handle.append("x", "y", at=AT, by=BY)
        assert caught.value.untouched == "Nothing was changed."
        assert caught.value.todo
        assert handle.document == store.load("r1") == before
        assert _temporary(store.home) == []
        handle.append("x", "z", at=AT, by=BY)
    assert [event.text for event in store.load("r1").journal] == ["begun", "z"]
    assert store.verify("r1") == []


def test_a_folder_that_is_not_synced_is_not_acknowledged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the folder's sync fails, the error says that it is unknown, and this handle writes no more."""
    original = files.sync_folder

    def failing(folder: Path | str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with store.hold("r1", BY, AT, "test") as handle:
        monkeypatch.setattr(files, "sync_folder", failing)
        with pytest.raises(UsageError) as caught:
            handle.append("x", "y", at=AT, by=BY)
        monkeypatch.setattr(files, "sync_folder", original)
        assert "not known" in caught.value.untouched
        with pytest.raises(Refused, match="changed under us"):
            handle.append("x", "z", at=AT, by=BY)
    assert store.verify("r1") == []


def test_a_write_cut_short_is_not_taken_for_whole(store: Store) -> None:
    """A disk that takes a part of the bytes and then no more leaves the old document (tried with a real limit)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = store.load("r1")
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with store.hold("r1", BY, AT, "test") as handle:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
            with pytest.raises(UsageError, match="larger than this account may write"):
                handle.append("x", "y" * 8192, at=AT, by=BY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert store.load("r1") == before
        handle.append("x", "y" * 8192, at=AT, by=BY)
    assert store.verify("r1") == []
    assert _temporary(store.home) == []


def test_a_write_taken_in_pieces_is_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes ten bytes at a time still gets the whole document."""
    original = os.write
    with store.hold("r1", BY, AT, "test") as handle:
        monkeypatch.setattr(os, "write", lambda descriptor, content: original(descriptor, bytes(content[:10])))
        handle.append("x", "y" * 100, at=AT, by=BY)
    monkeypatch.undo()
    assert store.verify("r1") == []
    assert store.load("r1").revision == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_every_writer_explains_a_bad_disk(store: Store, number: int) -> None:
    """Whatever is to be written where nothing can be, the error is for people."""
    attempts = (
        lambda: store.create(renewal("r2"), BY, AT, "begun"),
        lambda: store.put_artefact("r1", b"x", "bin"),
        lambda: store.put_plan("r1", plan()),
        lambda: store.add_decision(decision()),
        lambda: store.write_paper("r1", "x", b"x"),
        lambda: store.hold("r1", BY, AT, "test").__enter__(),
        lambda: store.node_lock("expc", BY, AT, "test").__enter__(),
    )
    with _failing("mkdir", number), _failing("open", number, writing=True):
        for attempt in attempts:
            with pytest.raises(UsageError, match=WORDS[number]) as caught:
                attempt()
            assert caught.value.todo
    assert store.ids() == ["r1"]
    assert store.verify("r1") == []


@contextmanager
def _as_nobody(folder: Path) -> Iterator[None]:
    """Be an account without root's rights, which owns `folder`; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_home_without_the_right_to_write() -> None:
    """A home that this account may read but not write is shown, and not changed."""
    with TemporaryDirectory() as outer:
        Path(outer).chmod(0o711)
        home = Path(outer) / "home"
        Store(home).create(renewal(), BY, AT, "begun")
        folder = home / "renewals" / "r1" / "papers"
        folder.chmod(0o500)
        with _as_nobody(home):
            assert Store(home).load("r1").revision == 1
            with pytest.raises(UsageError, match="permission denied"):
                Store(home).write_paper("r1", "x", b"x")
        folder.chmod(0o700)


@pytest.mark.parametrize(
    ("module", "call", "number"),
    [
        (os, "link", errno.EPERM),
        (os, "link", errno.EOPNOTSUPP),
        (fcntl, "flock", errno.ENOLCK),
        (os, "fsync", errno.EINVAL),
    ],
)
def test_a_file_system_that_can_not_hold_a_home(tmp_path: Path, module: Any, call: str, number: int) -> None:
    """Without hard links (FAT), locks (some NFS) or fsync of folders: named at the first write, nothing left behind."""

    def lacking(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    store = Store(tmp_path / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, call, lacking)
        with pytest.raises(UsageError, match="file system lacks what a home needs") as caught:
            store.create(renewal(), BY, AT, "begun")
    assert "ext4" in caught.value.todo
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    store.create(renewal(), BY, AT, "begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, call, lacking)
        with pytest.raises(UsageError, match="file system lacks what a home needs"):
            store.add_decision(decision())
    assert _temporary(store.home) == []


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no second file system to write to")  # noqa: S108
def test_a_home_on_another_file_system() -> None:
    """A home in memory (tmpfs) is as good as one on a disk while the machine runs; also when copied there, whole."""
    with TemporaryDirectory() as here, TemporaryDirectory(dir="/dev/shm") as there:
        assert os.stat(here).st_dev != os.stat(there).st_dev
        Store(Path(here) / "home").create(renewal(), BY, AT, "begun")
        moved = Store(shutil.copytree(Path(here) / "home", Path(there) / "home"))
        moved.add_decision(decision())
        with moved.hold("r1", BY, AT, "go on") as handle:
            handle.append("x", "y", at=AT, by=BY)
        assert (moved.verify("r1"), moved.decisions("r1")) == ([], [decision()])
        assert Store(Path(here) / "home").load("r1").revision == 1


def test_a_home_under_a_file_is_explained(tmp_path: Path) -> None:
    """A home that can't be one is a usage error, for readers as for writers."""
    (tmp_path / "file").write_bytes(b"")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError):
            Store(home).create(renewal(), BY, AT, "begun")
        with pytest.raises(UsageError):
            Store(home).load("r1")


def test_folders_and_files_are_private(store: Store) -> None:
    """Only the owner can read what the store makes, whatever the umask says."""
    before = os.umask(0)
    try:
        store.create(renewal("r2"), BY, AT, "begun")
        store.add_decision(decision())
        store.put_artefact("r2", b"x", "bin")
        store.write_paper("r2", "x", b"x")
        store.put_plan("r1", plan())
        with store.node_lock("expc", BY, AT, "test"), store.hold("r2", BY, AT, "test"):
            modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in [store.home, *store.home.rglob("*")]}
    finally:
        os.umask(before)
    assert modes == {(True, 0o700), (False, 0o600)}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o720])
def test_a_home_that_others_can_write_is_refused(store: Store, mode: int) -> None:
    """A home that group or others can write is refused by readers and writers; readable for others is fine."""
    store.home.chmod(mode)
    for attempt in (store.ids, lambda: store.load("r1"), lambda: store.add_decision(decision())):
        with pytest.raises(UsageError, match="Others can write") as caught:
            attempt()
        assert "chmod go-w" in caught.value.todo
    store.home.chmod(0o755)
    assert store.ids() == ["r1"]


def test_a_home_of_somebody_else_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that belongs to another account is refused, and nothing is made in it."""
    before = sorted(store.home.rglob("*"))
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    for attempt in (store.ids, lambda: store.load("r1"), lambda: store.create(renewal("r2"), BY, AT, "begun")):
        with pytest.raises(UsageError, match="belongs to uid"):
            attempt()
    assert sorted(store.home.rglob("*")) == before


def test_the_next_writer_sweeps_what_a_crash_left(store: Store) -> None:
    """Temporary files of the dead are removed under the lock; one that is being written stays."""
    folder = store.home / "renewals" / "r1"
    dead = [folder / ".tmp-1-dead", folder / "plans" / ".tmp-1-dead", folder / "decisions" / ".tmp-1-dead"]
    for path in dead:
        path.write_bytes(b"half a fi")
    living = folder / "plans" / ".tmp-2-living"
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert store.load("r1").revision == 1
        assert all(path.exists() for path in dead)
        with store.hold("r1", BY, AT, "test"):
            assert _temporary(store.home) == [living]
    with store.hold("r1", BY, AT, "test"):
        assert _temporary(store.home) == []


def test_a_sweep_between_open_and_lock_does_no_harm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweeper that takes a fresh temporary file for a dead one's makes the writer begin again, and no more."""
    original = fcntl.flock
    swept: list[int] = []

    def sweeping(descriptor: int, how: int) -> None:
        if not swept and how == fcntl.LOCK_EX:
            swept.append(descriptor)
            files.sweep(store.home / "renewals" / "r1" / "decisions")
        original(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", sweeping)
    store.add_decision(decision())
    assert swept
    assert store.decisions("r1") == [decision()]
