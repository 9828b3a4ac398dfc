"""Record what a program asks of a disk, and say what a power cut may leave of it.

A disk promises only what was synced: a file's data up to its last fsync, a folder's entries at its last fsync. What
came since may be there or not: each entry for itself, in order within its folder; the data whole, in part, not at all,
or as zeros of the right length. File systems of today promise more (here even a rename may come in halves), so what
survives here survives there.
"""

import itertools
import math
import os
import random
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

Image = dict[str, bytes | None]
"""What is in a folder after a power cut: the bytes of each file by its path, None for a folder."""


class Write(NamedTuple):
    """Be bytes added to a file."""

    inode: int
    content: bytes


class Entry(NamedTuple):
    """Be one entry of a folder set to a file or folder, or taken away (None)."""

    folder: int
    name: str
    inode: int | None


class Sync(NamedTuple):
    """Be an fsync that returned."""

    inode: int


class Said(NamedTuple):
    """Be something that was acknowledged: what, and its value."""

    what: tuple[str, ...]
    value: object


Op = Write | Entry | Sync | Said


class Recorder:
    """Write down the system calls that this thread makes below `watched` folders, none of which is there yet.

    `root` is there, and holds them. Files and folders are known by numbers, as a disk knows them; `root` is 0.
    """

    def __init__(self, root: Path, *watched: str) -> None:
        self.ops: list[Op] = []
        self.folders: dict[int, dict[str, int]] = {0: {}}
        self._root, self._watched = str(root), tuple(f"{root}/{name}" for name in watched)
        self._opened: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self._thread = threading.get_ident()

    def without(self, *, files: bool) -> list[Op]:
        """Return what was recorded as if files, or else folders, had never been synced."""
        return [op for op in self.ops if not isinstance(op, Sync) or (op.inode in self.folders) is files]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record for as long as the block runs."""
        with ExitStack() as patches:
            for name in CALLS:
                patches.enter_context(patch.object(os, name, self._noting(name)))
            yield

    def _noting(self, name: str) -> Callable[..., Any]:
        call, note = getattr(os, name), getattr(self, f"_{name}")

        def noting(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            if threading.get_ident() == self._thread:
                note(result, *args)
            return result

        return noting

    # ---- what each call does ----

    def _open(self, descriptor: int, path: Any, flags: int, *_mode: int) -> None:
        if flags & os.O_CREAT and self._inode(path) is None:
            self._set(path, next(self._numbers))
        inode = self._inode(path)
        if inode is not None:
            self._opened[descriptor] = inode

    def _close(self, _result: None, descriptor: int) -> None:
        self._opened.pop(descriptor, None)

    def _write(self, written: int, descriptor: int, content: bytes) -> None:
        if descriptor in self._opened:
            self.ops.append(Write(self._opened[descriptor], bytes(content[:written])))

    def _fsync(self, _result: None, descriptor: int) -> None:
        if descriptor in self._opened:
            self.ops.append(Sync(self._opened[descriptor]))

    def _mkdir(self, _result: None, path: Any, *_mode: int) -> None:
        inode = next(self._numbers)
        if self._set(path, inode):
            self.folders[inode] = {}

    def _link(self, _result: None, source: Any, target: Any) -> None:
        self._set(target, self._inode(source))

    def _unlink(self, _result: None, path: Any) -> None:
        self._set(path, None)

    def _replace(self, _result: None, source: Any, target: Any) -> None:
        self._set(target, self._inode(source))
        self._set(source, None)

    def _inode(self, path: Any) -> int | None:
        inode: int | None = 0
        for name in Path(os.path.relpath(path, self._root)).parts:
            inode = self.folders.get(inode, {}).get(name) if inode is not None else None
        return inode

    def _set(self, path: Any, inode: int | None) -> bool:
        """Set an entry, and tell whether it is below a watched folder."""
        full = os.path.abspath(path)
        if not full.startswith(self._watched):
            return False
        above, _, name = full.rpartition("/")
        folder = self._inode(above)
        assert folder is not None, f"{above} was not recorded"
        self.ops.append(Entry(folder, name, inode))
        self.folders[folder] = {old: at for old, at in self.folders[folder].items() if old != name}
        self.folders[folder] |= {} if inode is None else {name: inode}
        return True


CALLS = ("open", "close", "write", "fsync", "mkdir", "link", "unlink", "replace")
"""The system calls that the store makes."""


# ---- what a power cut leaves ----


@dataclass
class Disk:
    """Be a disk in the middle of what was recorded: what is kept for sure, and what may be."""

    data: dict[int, bytes] = field(default_factory=dict)
    synced: dict[int, int] = field(default_factory=dict)
    entries: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    pending: dict[int, list[Entry]] = field(default_factory=dict)

    def do(self, op: Op) -> None:
        """Take one call."""
        if isinstance(op, Write):
            self.data[op.inode] = self.data.get(op.inode, b"") + op.content
        elif isinstance(op, Entry):
            self.pending.setdefault(op.folder, []).append(op)
        elif isinstance(op, Sync):
            self.synced[op.inode] = len(self.data.get(op.inode, b""))
            self.entries[op.inode] = self._after(op.inode, self.pending.pop(op.inode, []))

    def _after(self, folder: int, kept: Iterable[Entry]) -> dict[str, int]:
        entries = dict(self.entries.get(folder, {}))
        for entry in kept:
            entries.pop(entry.name, None)
            entries |= {} if entry.inode is None else {entry.name: entry.inode}
        return entries

    def images(self, folders: Collection[int], most: int, chance: random.Random) -> Iterator[Image]:
        """Return what may be left: all of it when that is at most `most`, else so many by chance.

        Nothing and everything that was pending is always among them.
        """
        pending = [entry for entries in self.pending.values() for entry in entries]
        named = {inode for entries in self.entries.values() for inode in entries.values()}
        named |= {entry.inode for entry in pending if entry.inode is not None}
        unsure = [inode for inode in named & self.data.keys() if self.synced.get(inode, 0) < len(self.data[inode])]
        choices = [*((False, True) for _ in pending), *(self._variants(inode) for inode in unsure)]
        for chosen in _chosen(choices, most, chance):
            kept = [entry for entry, keep in zip(pending, chosen, strict=False) if keep]
            data = {**self.data, **dict(zip(unsure, chosen[len(pending) :], strict=True))}
            yield self._image(folders, kept, data)

    def _variants(self, inode: int) -> tuple[bytes, ...]:
        """Return what of a file's data may be there: what was synced; all; half of the rest; zeros for the rest."""
        whole, sure = self.data[inode], self.data[inode][: self.synced.get(inode, 0)]
        rest = len(whole) - len(sure)
        return sure, whole, whole[: len(sure) + rest // 2], sure + bytes(rest)

    def _image(self, folders: Collection[int], kept: Sequence[Entry], data: dict[int, bytes]) -> Image:
        image: Image = {}

        def fill(folder: int, path: str) -> None:
            entries = self._after(folder, (entry for entry in kept if entry.folder == folder))
            for name, inode in entries.items():
                image[path + name] = None if inode in folders else data.get(inode, b"")
                if inode in folders:
                    fill(inode, f"{path}{name}/")

        fill(0, "")
        return image


def _chosen(choices: Sequence[Sequence[Any]], most: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    if math.prod(map(len, choices)) <= most:
        yield from itertools.product(*choices)
        return
    yield tuple(choice[0] for choice in choices)
    yield tuple(choice[1] for choice in choices)
    for _ in range(most - 2):
        yield tuple(chance.choice(choice) for choice in choices)


def build(image: Image, root: Path) -> None:
    """Make files and folders as they are in an image, below a folder that is there."""
    for path, content in sorted(image.items()):
        if content is None:
            (root / path).mkdir(0o700)
        else:
            (root / path).write_bytes(content)
