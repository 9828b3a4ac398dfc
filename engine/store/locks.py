"""Let one process at a time advance a renewal or touch a box, and tell the second who holds it.

The lock is the kernel's (flock): it goes with its holder, however that one ends. The note beside it only tells
people; one that a dead holder left behind stops nobody, and tells the next one that it died.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from engine.errors import CertrenewError, HeldElsewhere
from engine.model import Actor
from engine.store import files
from engine.text import escape


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Be the note that a holder leaves for whoever comes second; `since` is RFC 3339 in UTC."""

    pid: int
    host: str
    account: str
    since: str
    purpose: str


@contextmanager
def held(lock: Path, holder: Path, what: str, by: Actor, at: str, purpose: str) -> Iterator[str]:
    """Hold the lock file for as long as the block runs; never waits. Raises HeldElsewhere, naming who holds `what`.

    Gives who held it last and ended without giving it back, in words; "" when nobody did. Not reentrant: a second
    attempt in the same process is refused like anybody's.
    """
    with files.explaining(lock, "locked"):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, lock, holder, what)
        died = _who(holder) if os.path.lexists(holder) else ""
        me = Holder(pid=os.getpid(), host=by.host, account=by.account, since=at, purpose=purpose)
        files.replace(holder, msgspec.json.encode(me), durable=False)
        try:
            yield died
        finally:
            with suppress(OSError):
                holder.unlink()
    finally:
        os.close(descriptor)


def _take(descriptor: int, lock: Path, holder: Path, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HeldElsewhere(
            f"{escape(what)} is held by {_who(holder)}.",
            todo="Wait until that process has finished. If it hangs, end it: the lock goes with it.",
        ) from None
    except OSError as error:
        raise files.explained(error, lock, "locked") from error


def _who(holder: Path) -> str:
    try:
        note = msgspec.json.decode(files.read(holder, 65536), type=Holder)
    except (FileNotFoundError, CertrenewError, ValueError):
        return "another process, which has not said yet who it is"
    who = f"{note.account} on {note.host}, process {note.pid}, since {note.since}, to {note.purpose}"
    return escape(who, 400)
