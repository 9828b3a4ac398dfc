"""Read what the site says of windows and freezes, and say which time they leave. Pure."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from engine.estate import Calendar, Freeze, Window
from engine.text import escape
from engine.windows.spans import Span, common, joined, passed, reached, without

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = 168
"""Longest window by cron, in hours: a week."""

YEARS = range(1990, 2200)
"""Years that a date may be in; others are misspelt, and some can't be reckoned with."""

_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_WEEKLY = re.compile(rf"(?P<on>[a-z]{{3}}) {_CLOCK} ?- ?(?:(?P<to>[a-z]{{3}}) )?{_CLOCK}", re.ASCII)
_DATE = re.compile(r"(\d{4})-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)


class NotReadable(ValueError):
    """A window or freeze can't be meant as it is written: `key` says where, `what` what is wrong, `todo` what to do."""

    def __init__(self, key: str, what: str, todo: str) -> None:
        super().__init__(what)
        self.key, self.what, self.todo = key, what, todo


# ---- reading -------------------------------------------------------------------------------------------------------


def check_window(window: Window) -> None:
    """Raise NotReadable for a window that says no time, several kinds of them, or one that can't be read."""
    zone_of(window.zone)
    given = [name for name in ("weekly", "cron", "dates") if getattr(window, name)]
    if len(given) != 1:
        told = f"{' and '.join(f'`{name}`' for name in given)} are given" if given else "it says no times"
        raise NotReadable("", told, "Give exactly one of `weekly`, `cron` with `hours`, and `dates`.")
    if bool(window.cron) != bool(window.hours) or not 0 <= window.hours <= LONGEST:
        raise NotReadable(
            "hours", f"must be from 1 to {LONGEST} with `cron`, and is not for others", "Say how long it stays open."
        )
    for number, text in enumerate(window.weekly):
        _week_of(text, f"weekly[{number}]")
    for number, text in enumerate(window.dates):
        _dates_of(text, f"dates[{number}]")
    if window.cron:
        _cron(window.cron, datetime(2026, 1, 1))


def check_freeze(freeze: Freeze) -> None:
    """Raise NotReadable for a freeze whose times can't be read, or that ends before it begins."""
    zone_of(freeze.zone)
    if _moment(freeze.from_, "from") >= _moment(freeze.until, "until"):
        raise NotReadable("until", "is not after `from`", "Give a later end.")


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises NotReadable with the nearest known name."""
    try:
        if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    near = difflib.get_close_matches(name[:80], sorted(available_timezones()), n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    raise NotReadable(
        "zone", f"`{escape(name, 80)}` is no time zone", f"{hint}Name it as IANA does: Europe/London, UTC."
    )


def _week_of(text: str, key: str) -> tuple[int, int]:
    """Return begin and end in minutes since Monday 00:00; the end may lie in the next week."""
    found = _WEEKLY.fullmatch(" ".join(text.lower().split()))
    if not found or found["on"] not in DAYS or found["to"] not in (None, *DAYS):
        raise NotReadable(
            key, f"`{escape(text, 80)}` can't be read", "Write it like `Sat 22:00 - Sun 06:00` or `Tue 01:00 - 04:00`."
        )
    _, hour, minute, _, to_hour, to_minute = found.groups()
    begin = DAYS.index(found["on"]) * 1440 + int(hour) * 60 + int(minute)
    end = DAYS.index(found["to"] or found["on"]) * 1440 + int(to_hour) * 60 + int(to_minute)
    if found["to"] == found["on"] and end <= begin:
        raise NotReadable(key, f"`{escape(text, 80)}` ends before it begins", "Name the day on which it ends.")
    if end <= begin:
        end += 7 * 1440 if found["to"] else 1440
    return begin, end


def _dates_of(text: str, key: str) -> tuple[datetime, datetime]:
    begin, dash, end = text.partition(" - ")
    if not dash:
        raise NotReadable(
            key, f"`{escape(text, 80)}` can't be read", "Write it like `2026-12-05T22:00 - 2026-12-06T04:00`."
        )
    found = _moment(begin.strip(), key), _moment(end.strip(), key)
    if found[0] >= found[1]:
        raise NotReadable(key, f"`{escape(text, 80)}` ends before it begins", "Give a later end.")
    return found


def _moment(text: str, key: str) -> datetime:
    try:
        if (found := _DATE.fullmatch(text)) and int(found[1]) in YEARS:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise NotReadable(
        key, f"`{escape(text, 80)}` is no time", "Write it like `2026-12-05T22:00`; the zone stands in `zone`."
    )


def _cron(text: str, after: datetime) -> Iterator[datetime]:
    """Return the times by the clock (naive) at which a cron expression falls due after a moment."""
    try:
        fields = text.split()
        if len(fields) == 5 and fields[0].isdecimal():  # what opens each minute would take seconds to reckon with
            return CronSim(text, after)
    except CronSimError:
        pass
    todo = "Five fields: minute (a number) hour day month weekday, as `0 22 * * 6`."
    raise NotReadable("cron", f"`{escape(text, 80)}` can't be read", todo)


# ---- which time is left --------------------------------------------------------------------------------------------


def openings(window: Window, start: datetime, end: datetime) -> list[Span]:
    """Return when a window is open between two moments, in order.

    It opens when the clock of its zone first reaches its begin, and closes when that clock has shown a time before its
    end for the last time: clocks that are put forward past its begin open it at that moment, and an hour that is gone
    through twice belongs to it twice. What cron opens stays open for its hours as they pass.
    """
    found = [*_weekly(window, start, end), *_by_cron(window, start, end), *_dated(window)]
    return common(joined(found), [Span(start, end)])


def _weekly(window: Window, start: datetime, end: datetime) -> Iterator[Span]:
    zone = zone_of(window.zone)
    first = (start.astimezone(zone) - timedelta(days=14)).replace(
        tzinfo=None, hour=0, minute=0, second=0, microsecond=0
    )
    monday = first - timedelta(days=first.weekday())
    weeks = [monday + timedelta(days=7 * number) for number in range((end - start).days // 7 + 5)]
    for text in window.weekly:
        begin, until = (timedelta(minutes=minutes) for minutes in _week_of(text, "weekly"))
        for week in weeks:
            yield Span(reached(week + begin, zone), passed(week + until, zone))


def _by_cron(window: Window, start: datetime, end: datetime) -> Iterator[Span]:
    if not window.cron:
        return
    zone, length = zone_of(window.zone), timedelta(hours=window.hours)
    after = (start - length - timedelta(days=2)).astimezone(zone).replace(tzinfo=None, microsecond=0)
    for wall in _cron(window.cron, after):
        begin = reached(wall, zone)
        if begin >= end:
            return
        yield Span(begin, begin + length)


def _dated(window: Window) -> Iterator[Span]:
    zone = zone_of(window.zone)
    for text in window.dates:
        begin, end = _dates_of(text, "dates")
        yield Span(reached(begin, zone), passed(end, zone))


def frozen(freeze: Freeze) -> Span:
    """Return the time of a freeze."""
    zone = zone_of(freeze.zone)
    return Span(reached(_moment(freeze.from_, "from"), zone), passed(_moment(freeze.until, "until"), zone))


def windows_for(calendar: Calendar, step: str, node: str) -> list[Window]:
    """Return the windows that are for a step and a node."""
    return [
        window
        for window in calendar.windows
        if (not window.nodes or node in window.nodes) and (not window.steps or step in window.steps)
    ]


def freezes_for(calendar: Calendar, nodes: Iterable[str]) -> list[Freeze]:
    """Return the freezes that hold for one of these nodes."""
    wanted = set(nodes)
    return [freeze for freeze in calendar.freezes if not freeze.nodes or wanted & set(freeze.nodes)]


def allowed(
    calendars: Sequence[Calendar], step: str, nodes: Iterable[str], start: datetime, end: datetime
) -> list[Span]:
    """Return the time between two moments in which a step may serve on all of these nodes, by all of these calendars.

    For each node some window that is for it and the step must be open, and no freeze of it may hold. Without any
    window in a calendar that one holds by its freezes alone.
    """
    left = joined([Span(start, end)])
    for calendar in calendars:
        for node in dict.fromkeys(nodes) if calendar.windows else ():
            theirs = [span for one in windows_for(calendar, step, node) for span in openings(one, start, end)]
            left = common(left, joined(theirs))
        left = without(left, joined(map(frozen, freezes_for(calendar, nodes))))
    return left


def names_at(calendars: Sequence[Calendar], step: str, nodes: Iterable[str], at: datetime) -> list[Window]:
    """Return the windows for a step and one of these nodes that are open at a moment, each name once."""
    found = {
        window.name: window
        for calendar in calendars
        for node in nodes
        for window in windows_for(calendar, step, node)
        if openings(window, at, at + timedelta(seconds=1))
    }
    return list(found.values())
