"""Reckon with spans of time: join, intersect, take away; and find when a clock in some zone shows a time. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)


class Span(NamedTuple):
    """Be the time from `begin` up to, but without, `end`; both in UTC."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return self.end - self.begin


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as spans in order that neither overlap nor touch; empty ones are dropped."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.begin < span.end):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the time that both have; both are as `joined` returns them."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        both = Span(max(one[i].begin, other[j].begin), min(one[i].end, other[j].end))
        if both.begin < both.end:
            found.append(both)
        if one[i].end < other[j].end:
            i += 1
        else:
            j += 1
    return found


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """Return the time that `spans` have and `holes` do not; both are as `joined` returns them."""
    if not spans:
        return []
    edges = [spans[0].begin, *(edge for hole in holes for edge in hole), spans[-1].end]
    return common(spans, joined(Span(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True)))


def reached(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock in `zone` shows `wall` (naive, to the second) or a later time for the first time, in UTC.

    Clocks that are put back show some times twice: it is the first of the two. Clocks that are put forward leave some
    out: it is the moment at which they are.
    """
    first, _ = _shown(wall, zone)
    return first or _put_forward(wall, zone)


def passed(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock in `zone` has shown a time before `wall` for the last time, in UTC; see `reached`."""
    _, last = _shown(wall - SECOND, zone)
    return last + SECOND if last else _put_forward(wall - SECOND, zone)


def _shown(wall: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Return when a clock shows a time first and last, the same where it does so once; None where it is left out."""
    first, last = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, last) if first.astimezone(zone).replace(tzinfo=None) == wall else (None, None)


def _put_forward(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which clocks are put forward past a time that they leave out."""
    before, after = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    offset = before.astimezone(zone).utcoffset()
    while after - before > SECOND:  # they are put forward after `before`, and not after `after`
        middle = before + (after - before) // 2 // SECOND * SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
