"""Fuzz every reader of outside bytes for a while: ``python -m tests.fuzz [SECONDS] [--reader NAME] [--seed NUMBER]``.

Each reader begins with what is made to hurt, of a size in bytes (``--size``), and goes on with damaged good inputs for
its share of the seconds. Prints a row for each reader: inputs, seconds, finds, the slowest input. Keeps the input of
each find in a folder, and ends with 1 when there is one. Memory is limited, so that an input that wants more is a find.
"""

import argparse
import hashlib
import random
import resource
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutate import hurtful, mutated
from tests.fuzz.readers import READERS, Reader, survives

MEMORY = 2 * 1024**3
"""How much address space the process may have, in bytes."""

SIZE = 256 * 1024
"""How large what is made to hurt is, where nothing else is said; readers take up to 4 MiB."""

SLOWEST = 5.0
"""How much of the processor one input may take for each mebibyte begun, in seconds."""


@dataclass
class Row:
    """Be what came of one reader: inputs, seconds, the slowest input in seconds, and what was found."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    finds: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        counted = f"{self.inputs:>9,} | {self.seconds:>6.1f} | {len(self.finds):>3} | {self.slowest:>5.2f}"
        return f"| {self.name:<24} | {counted} |"


def fuzz(name: str, reader: Reader, seconds: float, size: int, chance: random.Random) -> Row:
    """Have one reader read what hurts, and then damaged good inputs until its time is over."""
    row, began = Row(name), time.monotonic()
    for data in hurtful(min(size, reader.limit)):
        _one(row, reader, data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _one(row, reader, mutated(reader.seeds, chance)[: reader.limit])
    row.seconds = time.monotonic() - began
    return row


def _one(row: Row, reader: Reader, data: bytes) -> None:
    before = time.thread_time()
    try:
        survives(reader, data)
    except Exception as error:  # anything is a find here
        frame = traceback.extract_tb(error.__traceback__)[-1]
        row.finds.setdefault(f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}", data)
    took = time.thread_time() - before
    row.inputs, row.slowest = row.inputs + 1, max(row.slowest, took)
    if took > SLOWEST * (1 + len(data) // 2**20):
        row.finds.setdefault(f"{took:.1f} s for {len(data)} bytes that begin with {data[:30]!r}", data)


def main(arguments: list[str]) -> int:
    """Fuzz all readers, or the named ones, print the table and keep the finds; return the exit code."""
    wanted = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    wanted.add_argument("seconds", nargs="?", type=float, default=600.0)
    wanted.add_argument("--reader", action="append", choices=list(READERS))
    wanted.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    wanted.add_argument("--size", type=int, default=SIZE)
    wanted.add_argument("--keep", type=Path, default=Path(".fuzz"))
    given = wanted.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    names, chance = given.reader or list(READERS), random.Random(given.seed)  # noqa: S311  # nothing secret
    print(f"seed {given.seed}\n\n| {'reader':<24} | inputs | seconds | finds | slowest, s |\n|---|--:|--:|--:|--:|")
    rows = []
    for name in names:
        rows.append(fuzz(name, READERS[name], given.seconds / len(names), given.size, chance))
        print(rows[-1], flush=True)
    print(_all(rows))
    _keep(rows, given.keep)
    return 1 if any(row.finds for row in rows) else 0


def _all(rows: list[Row]) -> Row:
    finds = {f"{row.name}: {what}": data for row in rows for what, data in row.finds.items()}
    inputs, seconds = sum(row.inputs for row in rows), sum(row.seconds for row in rows)
    return Row("all", inputs, seconds, max(row.slowest for row in rows), finds)


def _keep(rows: list[Row], folder: Path) -> None:
    """Write the input of each find where it can be looked at and made a test."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MiB")
    for row in rows:
        for what, data in row.finds.items():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{row.name.replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            print(f"{row.name}: {what}\n  in {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
