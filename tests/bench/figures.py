"""Hold what a benchmark found: each figure stands beside its floor, measured in the same run."""

import statistics
from collections.abc import Callable
from time import perf_counter

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Be one measured value and the least that anybody could reach, in the same unit.

    `ratio` says how many times the floor's effort ours takes: 1.0 is the floor, whatever the unit. `at_most` is the
    ratio that the project promises, or none.
    """

    name: str
    value: float
    unit: str
    floor: float
    floor_name: str
    ratio: float
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        """Tell whether the promise, if there is one, is kept."""
        return self.at_most is None or self.ratio <= self.at_most


def duration(name: str, ours: float, floor: float, floor_name: str, at_most: float | None = None) -> Figure:
    """Make a figure of two durations in seconds, shown in milliseconds."""
    return Figure(
        name=name,
        value=ours * 1e3,
        unit="ms",
        floor=floor * 1e3,
        floor_name=floor_name,
        ratio=ours / floor,
        at_most=at_most,
    )


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


def taken(work: Callable[[], object]) -> float:
    """Return how long the work takes, in seconds."""
    begun = perf_counter()
    work()
    return perf_counter() - begun


def alternately(ours: Callable[[], object], floor: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the median durations of both in seconds, done in turn so that a busy disk or processor slows both."""
    pairs = [(taken(ours), taken(floor)) for _ in range(times)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
