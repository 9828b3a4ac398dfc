"""Hold what a benchmark found: each figure stands beside its floor, measured in the same run."""

import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Be one measured value and the least that anybody could reach, in the same unit.

    `ratio` says how many times the floor's effort ours takes: 1.0 is the floor, whatever the unit. The project may
    promise that it is `at_most` so much, or that the value is within `limit`.
    """

    name: str
    value: float
    unit: str
    floor: float
    floor_name: str
    ratio: float
    at_most: float | None = None
    limit: float | None = None

    @property
    def kept(self) -> bool:
        """Tell whether the promise, if there is one, is kept."""
        return (self.at_most is None or self.ratio <= self.at_most) and (self.limit is None or self.value <= self.limit)

    @property
    def promise(self) -> str:
        """Write the promise, "" where there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most} ×"
        return f"≤ {shown(self.limit, self.unit)}" if self.limit is not None else ""


def shown(number: float, unit: str) -> str:
    """Write a number with its unit."""
    return f"{number:,.{0 if number >= 100 else 1 if number >= 10 else 2}f} {unit}"


def duration(
    name: str, ours: float, floor: float, floor_name: str, at_most: float | None = None, limit: float | None = None
) -> Figure:
    """Make a figure of two durations in seconds, shown in milliseconds; `limit` is in milliseconds."""
    return _figure(name, "ms", ours * 1e3, floor * 1e3, floor_name, at_most, limit)


def size(name: str, ours: float, floor: float, floor_name: str) -> Figure:
    """Make a figure of two sizes in bytes, shown in MB."""
    return _figure(name, "MB", ours / 1e6, floor / 1e6, floor_name)


def count(name: str, ours: int, floor: int, floor_name: str, at_most: float | None = None) -> Figure:
    """Make a figure of two numbers of things."""
    return _figure(name, "", ours, floor, floor_name, at_most)


def rate(name: str, ours: float, floor: float, floor_name: str, at_most: float | None = None) -> Figure:
    """Make a figure of two durations in seconds, shown as how many fit into a second."""
    return Figure(
        name=name,
        value=1 / ours,
        unit="/s",
        floor=1 / floor,
        floor_name=floor_name,
        ratio=ours / floor,
        at_most=at_most,
    )


def _figure(
    name: str,
    unit: str,
    value: float,
    floor: float,
    floor_name: str,
    at_most: float | None = None,
    limit: float | None = None,
) -> Figure:
    return Figure(
        name=name,
        value=value,
        unit=unit,
        floor=floor,
        floor_name=floor_name,
        ratio=value / floor,
        at_most=at_most,
        limit=limit,
    )


def taken(work: Callable[[], object]) -> float:
    """Return how long the work takes, in seconds."""
    begun = perf_counter()
    work()
    return perf_counter() - begun


def in_turn(times: int, *works: Callable[[], object]) -> list[float]:
    """Return the median durations in seconds, done in turn so that a busy disk or processor slows all of them."""
    rounds = [[taken(work) for work in works] for _ in range(times)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def run(command: list[str], *codes: int) -> None:
    """Run a whole process; it must end with 0 or one of these codes."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, *codes):
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.decode()}")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a temporary folder below the working folder, where the disk is a disk and not memory."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        yield Path(name)
