"""Write files so that they stay, and read them without trusting them.

Every durable write of the store goes through this module: a temporary file in the same folder, fsync, rename (or a
hard link where an existing file must not be replaced), fsync of the folder. A temporary file is flocked while it is
being written, so whoever sweeps can tell a crash's remains from another process's work in progress, on any host.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import Refused, UsageError
from engine.text import escape

CAP = 64 * 1024 * 1024
"""The largest file, in bytes, that the store reads; its own are a thousand times smaller."""

Identity = tuple[int, int, int, int]
"""Device, inode, size and change time of a file."""

_TEMPORARY = ".tmp-"
_UNTOUCHED = "Nothing was changed."
_UNSURE = "It is not known whether the change survives a power cut; nothing further was done."
_SYSTEM = (
    "its file system lacks what a home needs: hard links, flock and fsync of folders",
    "Choose a home on ext4, XFS, Btrfs, ZFS or NFS version 4 with --home; copy what is there, whole.",
)
_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, then repeat the command."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, then repeat the command."),
    errno.EFBIG: ("it would be larger than this account may write", "Raise the limit (ulimit -f); repeat the command."),
    errno.EROFS: ("the file system is read-only", "Mount it for writing or choose another home with --home."),
    errno.EACCES: ("permission denied", "Run as the account that owns the home, or choose another with --home."),
    errno.EPERM: ("permission denied", "Run as the account that owns the home, or choose another with --home."),
    errno.ENOLCK: _SYSTEM,
    errno.EOPNOTSUPP: _SYSTEM,
    errno.ENOSYS: _SYSTEM,
    errno.EINVAL: _SYSTEM,
}


@contextmanager
def explaining(path: Path, verb: str) -> Iterator[None]:
    """Turn the operating system's errors about `path` into a UsageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise explained(error, path, verb) from error


def explained(error: OSError, path: Path, verb: str, untouched: str = _UNTOUCHED) -> UsageError:
    """Make the error that tells a person why `path` can't be written, read, ... and what to do."""
    unknown = (error.strerror or str(error), "Look at the disk and the folder, then repeat the command.")
    reason, todo = _REASONS.get(error.errno or 0, unknown)
    return UsageError(f"{escape(path)} can't be {verb}: {reason}.", untouched=untouched, todo=todo)


def read(path: Path, cap: int = CAP) -> bytes:
    """Return the whole file. Raises FileNotFoundError, Refused when it is over `cap` bytes, else UsageError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size <= cap:
                return _all(descriptor, size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise explained(error, path, "read") from error
    raise Refused(
        f"{escape(path)} holds {size} bytes; nothing of certrenew's is over {cap}.",
        untouched="It was not read.",
        todo="Find out who wrote it, and restore the file from a backup.",
    )


def _all(descriptor: int, size: int) -> bytes:
    """Read a file to its end; most take one call, and a third of what `open` takes."""
    content = os.read(descriptor, size + 1)
    while len(content) < size and (more := os.read(descriptor, size + 1 - len(content))):
        content += more
    return content


def replace(path: Path, content: bytes | bytearray, *, durable: bool = True) -> Identity:
    """Put the content in place of the file in one step: a reader sees the old or the new one, whole.

    Returns when file and folder are on disk; not `durable` is for what means nothing after a power cut.
    """
    return _put(path, content, os.replace, durable)


def append(path: Path, line: bytes, cap: int) -> bool:
    """Add a line to a file of notes and tell whether it was written; nothing is added beyond `cap` bytes.

    Not durable, and no error is raised: what is kept so must never stop what matters.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(line) <= cap:
                _write(descriptor, line)
                return True
        finally:
            os.close(descriptor)
    return False


def place(path: Path, content: bytes) -> None:
    """Write a new file, durably and in one step. Raises FileExistsError and leaves a file that is there as it is."""
    _put(path, content, _link, durable=True)


def _link(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)
    except PermissionError as error:
        if error.errno == errno.EPERM:  # what link(2) says where a file system has no hard links, such as FAT's
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from error
        raise
    os.unlink(temporary)


def check_system(folder: Path) -> None:
    """Refuse a folder on a file system that lacks what a home needs. Leaves nothing behind."""
    with explaining(folder, "used"):
        temporary, descriptor = _open_temporary(str(folder))
        linked = f"{temporary}-linked"
        try:
            _link(temporary, linked)
            sync_folder(folder)
        finally:
            os.close(descriptor)
            _unlink(temporary)
            _unlink(linked)


def _put(path: Path, content: bytes | bytearray, move: Callable[[str, str], None], durable: bool) -> Identity:
    """Write a temporary file, sync it, move it to its name, sync the folder. Each call here costs: see the bench."""
    target, moved = str(path), False
    folder = target.rpartition("/")[0]
    try:
        temporary, descriptor = _open_temporary(folder)
        try:
            _write(descriptor, content)
            if durable:
                os.fsync(descriptor)
            move(temporary, target)
            moved = True
            about = os.fstat(descriptor)
        finally:
            os.close(descriptor)
            if not moved:
                _unlink(temporary)
        if durable:
            sync_folder(folder)
    except FileExistsError:
        raise
    except OSError as error:
        raise explained(error, path, "written", _UNSURE if moved else _UNTOUCHED) from error
    return _identity(about)


def identity(path: Path | str) -> Identity | None:
    """Tell this file at this moment from any other and from itself after a change; None when absent. Read-only."""
    try:
        return _identity(os.stat(path))
    except OSError:
        return None


def _identity(about: os.stat_result) -> Identity:
    # Nobody can set the change time, and each write, rename or link sets it.
    return about.st_dev, about.st_ino, about.st_size, about.st_ctime_ns


def make_folder(folder: Path) -> None:
    """Make a private folder (0700) and what is missing above it, durably. Idempotent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with explaining(folder, "made"):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        sync_folder(folder.parent)


def sync_folder(folder: Path | str) -> None:
    """Wait until the folder's entries are on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_owner(folder: Path) -> None:
    """Refuse a folder that belongs to somebody else or that others can write. Read-only; an absent one is fine."""
    try:
        about = folder.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise explained(error, folder, "read") from error
    if about.st_uid != os.geteuid():
        raise UsageError(
            f"{escape(folder)} belongs to uid {about.st_uid}, and this command runs as uid {os.geteuid()}.",
            untouched=_UNTOUCHED,
            todo="Run as the account that owns the home, or choose another with --home.",
        )
    if about.st_mode & 0o022:
        raise UsageError(
            f"Others can write to {escape(folder)}, so what it says can't be relied on.",
            untouched=_UNTOUCHED,
            todo=f"Look at what is in it, then take the right away: chmod go-w {escape(folder)}",
        )


def sweep(folder: Path) -> None:
    """Remove temporary files that a crash left in the folder; those of live writers stay. Idempotent."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_TEMPORARY):
                _remove_abandoned(entry.path)


def abandoned(folder: Path) -> list[Path]:
    """Return the temporary files in the folder that nobody writes any more. Read-only; none where it can't be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        named = [Path(entry.path) for entry in entries if entry.name.startswith(_TEMPORARY)]
        return sorted(path for path in named if _with_lock(str(path), fcntl.LOCK_SH))
    return []


def _remove_abandoned(temporary: str) -> None:
    _with_lock(temporary, fcntl.LOCK_EX, os.unlink)


def _with_lock(temporary: str, kind: int, then: Callable[[str], None] = lambda _path: None) -> bool:
    """Do something with a temporary file while nobody writes it; tell whether that was so."""
    with suppress(OSError):
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            then(temporary)
            return True
        finally:
            os.close(descriptor)
    return False


def _open_temporary(folder: str) -> tuple[str, int]:
    while True:
        name = f"{folder}/{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            _unlink(name)
            raise
        if os.fstat(descriptor).st_nlink:
            return name, descriptor
        # A sweeper came between open and flock and took it for a crash's remains.
        os.close(descriptor)


def _write(descriptor: int, content: bytes | bytearray) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        # A signal or an almost full disk cut the write short.
        written += os.write(descriptor, content[written:])


def _unlink(temporary: str) -> None:
    with suppress(OSError):
        os.unlink(temporary)
