"""Keep the short forms of a large home's renewals in one file, so that a list need not read thousands.

    HOME/list.cache    a checksum, then per renewal what its file was (device, inode, size, change time), and its values

It is never the truth: an entry counts only while the renewal's file is the very file that was read, and whatever is
wrong with the cache, the files are read. Remove it at any time. It is written by whoever lists, without a lock: each
writes a whole one of what it has seen, and the last one stays.
"""

import time
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import CertrenewError
from engine.model import SCHEMA, Renewal
from engine.store import files

NAME = "list.cache"

WORTH = 64
"""From how many files on that had to be read a new cache is worth its writing; a small home never has one."""

SETTLED = 2_000_000_000
"""How long ago a file must have changed to be remembered, in nanoseconds.

Within one tick of the kernel's clock a second change looks like the first.
"""

Entries = dict[str, tuple[files.Identity, Renewal]]


class _Cache(msgspec.Struct):
    schema: int
    entries: Entries


def read(home: Path) -> Entries:
    """Return what is remembered by renewal; nothing where the cache is absent, damaged or another version's."""
    with suppress(FileNotFoundError, CertrenewError, ValueError, RecursionError):
        checksum, _, content = files.read(home / NAME).partition(b"\n")
        if checksum == _checksum(content):
            cache = msgspec.json.decode(content, type=_Cache)
            return cache.entries if cache.schema == SCHEMA else {}
    return {}


def write(home: Path, seen: Entries, began: int) -> None:
    """Remember what was seen since `began` (nanoseconds since 1970); where it can't be written, there is no error."""
    settled = {id: one for id, one in seen.items() if one[0][3] < began - SETTLED}
    with suppress(CertrenewError, ValueError):
        content = msgspec.json.encode(_Cache(schema=SCHEMA, entries=settled))
        files.sweep(home)
        files.replace(home / NAME, _checksum(content) + b"\n" + content, durable=False)


def now() -> int:
    """Return the time as the kernel stamps files with it, in nanoseconds since 1970."""
    return time.time_ns()


def _checksum(content: bytes) -> bytes:
    return f"{zlib.crc32(content):08x}".encode()
