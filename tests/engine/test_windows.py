"""Hold windows and freezes: when they are open, by the clock and through daylight saving, and what fits into them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import Waiting
from engine.estate import Calendar, Freeze, Window
from engine.model import Plan
from engine.windows import Span, allowed, check_freeze, check_window, closed, need
from engine.windows.calendar import DAYS, NotReadable, openings
from engine.windows.spans import common, joined, without
from tests.engine.samples import change, plan

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC"]
TURNS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # London forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # London back
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York forward
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe back, by half an hour
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe forward
    datetime(2026, 2, 15, 2, tzinfo=UTC),  # Casablanca back, for Ramadan
    datetime(2026, 3, 22, 2, tzinfo=UTC),  # Casablanca forward
]
NEAR_TURNS = st.builds(
    lambda turn, minutes: turn + minutes * MINUTE, st.sampled_from(TURNS), st.integers(-3 * 1440, 3 * 1440)
)
CLOCKS = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
WEEKDAYS = st.sampled_from(["Sat", "Sun", "Mon", "Wed"])
WEEKLY = st.builds(
    lambda on, begin, to, end: f"{on} {begin} - {f'{to} ' if to and (to != on or begin < end) else ''}{end}",
    WEEKDAYS,
    CLOCKS,
    WEEKDAYS | st.none(),
    CLOCKS,
)


def window(*weekly: str, name: str = "w", zone: str = "Europe/London", **more: object) -> Window:
    """Make a window that can be read."""
    made = Window(name=name, zone=zone, weekly=list(weekly), **more)  # type: ignore[arg-type]
    check_window(made)
    return made


def freeze(begin: str, end: str, *nodes: str, zone: str = "UTC") -> Freeze:
    """Make a freeze that can be read."""
    made = Freeze(from_=begin, until=end, zone=zone, reason="year end", nodes=list(nodes))
    check_freeze(made)
    return made


def at(text: str, zone: str = "UTC") -> datetime:
    """Return a moment by the clock of a zone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def is_open(one: Window, moment: datetime) -> bool:
    """Tell whether a window is open at a moment."""
    return bool(openings(one, moment, moment + timedelta(seconds=1)))


def only(one: Window, day: str) -> Span:
    """Return the one opening in the three days around a day."""
    (found,) = openings(one, at(day) - DAY, at(day) + 2 * DAY)
    return found


# ---- by the clock --------------------------------------------------------------------------------------------------


def _clock(zone: ZoneInfo, moment: datetime) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _by_the_clock(text: str, zone: ZoneInfo, moment: datetime) -> bool:
    """Say by another way whether a weekly window is open: by what the clock showed before, and shows afterwards."""
    highest = max(_clock(zone, moment - number * MINUTE) for number in range(181))
    lowest = min(_clock(zone, moment + number * MINUTE) for number in range(181))
    words = text.replace("-", " ").split()
    on, begin, to, end = words if len(words) == 4 else (words[0], words[1], "", words[2])
    for back in range(16):
        day = (_clock(zone, moment) + 7 * DAY).date() - back * DAY
        if DAYS[day.weekday()] != on.lower():
            continue
        start = datetime.fromisoformat(f"{day} {begin}")
        stop = datetime.fromisoformat(f"{day} {end}")
        while stop <= start or (to and DAYS[stop.weekday()] != to.lower()):
            stop += DAY
        if start <= highest and lowest < stop:
            return True
    return False


@given(st.lists(WEEKLY, min_size=1, max_size=2), st.sampled_from(ZONES), NEAR_TURNS)
@example(["Sun 01:30 - 04:00"], "Europe/London", TURNS[0])
@example(["Sun 01:30 - 04:00"], "Europe/London", TURNS[0] - MINUTE)
@example(["Sat 22:00 - Sun 01:00"], "Europe/London", TURNS[1] - HOUR)
@example(["Sat 22:00 - Sun 01:30"], "Europe/London", TURNS[1] + 29 * MINUTE)
@settings(deadline=None, max_examples=250)
def test_a_weekly_window_is_open_as_the_clock_says(weekly: list[str], zone: str, moment: datetime) -> None:
    """At any minute it is open if, and only if, the clock reached its begin and still shows a time before its end."""
    told = any(_by_the_clock(text, ZoneInfo(zone), moment) for text in weekly)
    assert is_open(window(*weekly, zone=zone), moment) == told


@given(st.lists(WEEKLY, min_size=1, max_size=3), st.sampled_from(ZONES), NEAR_TURNS, st.integers(1, 40))
@settings(deadline=None)
def test_openings_are_in_order_and_apart(weekly: list[str], zone: str, start: datetime, days: int) -> None:
    """Openings lie between the two moments, in order, with time between them, and none is empty."""
    found = openings(window(*weekly, zone=zone), start, start + days * DAY)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(set(edges))
    assert all(start <= edge <= start + days * DAY for edge in edges)


def test_clocks_that_are_put_forward_past_the_begin_open_a_window_then() -> None:
    """On 29 March 2026 London has no 01:30: a window from then on opens as clocks jump to 02:00, and is shorter."""
    found = only(window("Sun 01:30 - 04:00"), "2026-03-29")
    assert found == (at("2026-03-29T01:00"), at("2026-03-29T03:00"))
    assert only(window("Sun 01:30 - 04:00"), "2026-03-22").length == 2.5 * HOUR


def test_a_window_that_is_left_out_does_not_open() -> None:
    """A window that lies wholly in the hour that is left out does not open that day."""
    assert openings(window("Sun 01:15 - 01:45"), at("2026-03-28"), at("2026-03-30")) == []
    assert only(window("Sun 01:15 - 01:45"), "2026-03-22").length == 30 * MINUTE


def test_an_hour_that_is_gone_through_twice_belongs_to_the_window_twice() -> None:
    """On 25 October 2026 London goes through 01:00 to 02:00 twice; a window before that hour does not grow."""
    assert only(window("Sun 00:30 - 03:00"), "2026-10-25").length == 3.5 * HOUR
    assert only(window("Sun 01:00 - 02:00"), "2026-10-25").length == 2 * HOUR
    assert only(window("Sun 00:00 - 01:00"), "2026-10-25").length == HOUR
    assert only(window("Sun 02:00 - 03:00"), "2026-10-25").length == HOUR


@given(st.integers(0, 23), st.sampled_from([0, 15, 30, 59]), st.integers(1, 20), st.sampled_from(ZONES), NEAR_TURNS)
@settings(deadline=None)
def test_what_cron_opens_stays_open_for_its_hours(hour: int, minute: int, hours: int, zone: str, day: datetime) -> None:
    """Each opening lasts just its hours, and begins when the clock shows the time, or jumps past it."""
    one = Window(name="w", zone=zone, cron=f"{minute} {hour} * * *", hours=hours)
    check_window(one)
    for span in openings(one, day, day + 4 * DAY)[1:-1]:
        clock, before = _clock(ZoneInfo(zone), span.begin), _clock(ZoneInfo(zone), span.begin - timedelta(seconds=1))
        wanted = clock.replace(hour=hour, minute=minute)
        assert span.length == hours * HOUR
        assert clock == wanted or before < wanted < clock


def test_a_cron_window_is_open_from_its_time_for_its_hours() -> None:
    """Saturdays at 22:00 for eight hours; when clocks are put back, an hour earlier by them."""
    one = Window(name="w", zone="Europe/London", cron="0 22 * * 6", hours=8)
    assert only(one, "2026-11-28") == (at("2026-11-28T22:00"), at("2026-11-29T06:00"))
    assert only(one, "2026-10-24").end == at("2026-10-25T05:00", "Europe/London")
    assert not is_open(one, at("2026-11-27T23:00"))


def test_dates_are_open_once() -> None:
    """A one-off window is open between its two times by the clock of its zone, and never again."""
    one = Window(name="w", zone="America/New_York", dates=["2026-12-05T22:00 - 2026-12-06T04:00"])
    check_window(one)
    assert openings(one, at("2026-01-01"), at("2029-01-01")) == [(at("2026-12-06T03:00"), at("2026-12-06T09:00"))]


# ---- reckoning -----------------------------------------------------------------------------------------------------

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SPANS = st.lists(
    st.builds(lambda b, n: Span(EPOCH + b * MINUTE, EPOCH + (b + n) * MINUTE), st.integers(0, 30), st.integers(0, 9)),
    max_size=6,
)


def _minutes(spans: list[Span]) -> set[int]:
    return {n for n in range(60) if any(span.begin <= EPOCH + n * MINUTE < span.end for span in spans)}


@given(SPANS, SPANS)
def test_time_is_joined_shared_and_taken_away(one: list[Span], other: list[Span]) -> None:
    """Joining, sharing and taking away are those of sets, and leave no two spans that touch."""
    assert _minutes(joined(one)) == _minutes(one)
    for found, wanted in (
        (joined(one + other), _minutes(one) | _minutes(other)),
        (common(joined(one), joined(other)), _minutes(one) & _minutes(other)),
        (without(joined(one), joined(other)), _minutes(one) - _minutes(other)),
    ):
        assert _minutes(found) == wanted
        assert all(span.begin < span.end for span in found)
        assert all(before.end < after.begin for before, after in pairwise(found))


def test_each_node_needs_a_window_and_no_freeze() -> None:
    """What touches two nodes may run when a window is open for each, and neither is frozen; by every calendar."""
    c = window("Sat 22:00 - Sun 04:00", name="c", zone="UTC", nodes=["expc"])
    e = window("Sun 00:00 - 06:00", name="e", zone="UTC", nodes=["expe"])
    night = (at("2026-11-28T12:00"), at("2026-11-29T12:00"))
    both = Calendar(windows=[c, e])
    assert allowed([both], "restart", ["expc"], *night) == [(at("2026-11-28T22:00"), at("2026-11-29T04:00"))]
    assert allowed([both], "restart", ["expc", "expe"], *night) == [(at("2026-11-29T00:00"), at("2026-11-29T04:00"))]
    frozen = Calendar(windows=[c, e], freezes=[freeze("2026-11-29T01:00", "2026-11-29T02:00", "expe")])
    assert [span.length for span in allowed([frozen], "restart", ["expc", "expe"], *night)] == [HOUR, 2 * HOUR]
    assert allowed([frozen], "restart", ["expc"], *night) == allowed([both], "restart", ["expc"], *night)
    assert allowed([both, frozen], "restart", ["expe"], *night) == allowed([frozen], "restart", ["expe"], *night)


def test_a_window_is_for_its_steps_and_a_calendar_without_windows_for_everything() -> None:
    """A step that no window is for has no time where there are windows; where there are none it has all of it."""
    night = (at("2026-11-28T12:00"), at("2026-11-29T12:00"))
    kept = Calendar(windows=[window("Sat 22:00 - Sun 04:00", zone="UTC", steps=["restart"])])
    assert allowed([kept], "install", ["expc"], *night) == []
    assert len(allowed([kept], "restart", ["expc"], *night)) == 1
    assert allowed([Calendar()], "install", ["expc"], *night) == [night]


# ---- what fits -----------------------------------------------------------------------------------------------------

SATURDAY = Calendar(windows=[window("Sat 22:00 - Sun 06:00", name="weekend")])
OPEN, CLOSE = at("2026-11-28T22:00"), at("2026-11-29T06:00")


def restarts(*seconds: int) -> Plan:
    """Make a plan of restarts, one after another."""
    return plan(*(change(target=f"exp{number}", duration=one) for number, one in enumerate(seconds)))


def judge(now: datetime, *seconds: int, calendar: Calendar = SATURDAY) -> Waiting | None:
    """Judge whether a plan of restarts may be begun."""
    made = restarts(*seconds)
    return closed([calendar], made, made.changes, now, emergency=True)


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (OPEN - timedelta(seconds=1), False),
        (OPEN, True),
        (CLOSE - need(1800), True),
        (CLOSE - need(1800) + timedelta(seconds=1), False),
        (CLOSE, False),
    ],
)
def test_a_plan_fits_to_the_second(now: datetime, fits: bool) -> None:
    """It may begin from the second that a window opens to the last one that leaves its time and margin."""
    assert (judge(now, 900, 900) is None) == fits


def test_the_margin_is_a_fifth_and_at_least_five_minutes() -> None:
    """What takes 100 seconds needs 400, what takes an hour needs 72 minutes."""
    assert need(100) == timedelta(seconds=400)
    assert need(3600) == timedelta(minutes=72)


def test_waiting_for_a_window_says_which_and_until_when() -> None:
    """Outside it names the next opening by its own clock, how long is needed, and when to look again."""
    waiting = judge(OPEN - 600 * MINUTE, 900)
    assert waiting is not None
    assert (waiting.on, waiting.poll_after, waiting.plan) == ("window", 3600, restarts(900).digest)
    assert "restart (restart) needs 20 min" in waiting.what
    assert "none is open" in waiting.what
    assert "Next: Sat 2026-11-28 22:00 GMT to Sun 2026-11-29 06:00 GMT, window `weekend`." in waiting.what
    assert "--emergency" in waiting.todo
    short = judge(OPEN - 10 * MINUTE, 900)
    assert short is not None
    assert short.poll_after == 600


def test_what_no_longer_fits_waits_for_the_next_window() -> None:
    """In an open window that ends too soon the next one is named, and when this one ends."""
    waiting = judge(CLOSE - 10 * MINUTE, 900)
    assert waiting is not None
    assert "ends at Sun 2026-11-29 06:00 GMT" in waiting.what
    assert "Next: Sat 2026-12-05 22:00 GMT" in waiting.what


def test_a_freeze_holds_without_windows_and_inside_them() -> None:
    """A freeze stops what serves, with and without windows, says until when and why, and what follows it must fit."""
    for windows in ([], SATURDAY.windows):
        calendar = Calendar(windows=windows, freezes=[freeze("2026-11-28T23:00", "2026-11-29T01:00")])
        assert judge(OPEN, 900, calendar=calendar) is None
        for now in (at("2026-11-28T22:41"), at("2026-11-28T23:00"), at("2026-11-29T00:59")):
            waiting = judge(now, 900, calendar=calendar)
            assert waiting is not None
            assert "Next: Sun 2026-11-29 01:00" in waiting.what
            assert ("a freeze holds until Sun 2026-11-29 01:00 UTC (year end)" in waiting.what) == (now.minute != 41)
        assert judge(at("2026-11-29T01:00"), 900, calendar=calendar) is None
    other = Calendar(freezes=[freeze("2026-11-28T23:00", "2026-11-29T01:00", "expx")])
    assert judge(at("2026-11-28T23:30"), 900, calendar=other) is None


def test_what_fits_into_no_window_says_what_would_help() -> None:
    """A plan that is longer than every window waits for people: a longer window, or the emergency path."""
    waiting = judge(OPEN, 8 * 3600)  # nine and a half with the margin; nine on the night that clocks are put back
    assert waiting is not None
    assert (waiting.on, waiting.poll_after) == ("window", 0)
    assert "the longest lasts 9.0 h" in waiting.what
    assert "window that is long enough" in waiting.todo
    assert "--emergency" in waiting.todo
    made = restarts(900)
    nobody = Calendar(windows=[window("Sat 22:00 - 23:00", nodes=["other"])])
    waiting = closed([nobody], made, made.changes, OPEN, emergency=False)
    assert waiting is not None
    assert "no window of the site is for restart of exp0" in waiting.what
    assert "--emergency" not in waiting.todo


@given(
    NEAR_TURNS,
    st.lists(WEEKLY, min_size=1, max_size=2),
    st.sampled_from(ZONES),
    st.integers(0, 9000),
    st.integers(0, 9000),
)
@settings(deadline=None, max_examples=60)
def test_what_fits_lies_in_an_opening_and_less_fits_too(
    now: datetime, weekly: list[str], zone: str, seconds: int, less: int
) -> None:
    """Something may begin only if its whole time is open; then anything shorter may; else waiting helps."""
    calendar = Calendar(windows=[window(*weekly, zone=zone)])
    waiting = judge(now, seconds, calendar=calendar)
    whole = Span(now, now + need(seconds))
    assert (waiting is None) == (allowed([calendar], "restart", ["exp0"], *whole) == [whole])
    if waiting is None:
        assert judge(now, min(seconds, less), calendar=calendar) is None
        return
    for _ in range(2 * 24 * 14):
        if not waiting.poll_after:
            return
        now += timedelta(seconds=waiting.poll_after)
        waiting = judge(now, seconds, calendar=calendar)
        if waiting is None:
            return
    raise AssertionError("waiting as told never ends")


# ---- what can't be read --------------------------------------------------------------------------------------------


@given(st.text(max_size=20) | st.lists(st.sampled_from([*"0123456789*/,-L#W ", "MON", "1-5"])).map("".join))
@settings(deadline=None)
def test_no_text_makes_the_reader_crash(text: str) -> None:
    """Whatever stands where a time, zone or cron expression should, it is read or named as not readable."""
    for one in (
        Window(name="w", zone="UTC", weekly=[text]),
        Window(name="w", zone="UTC", cron=text, hours=1),
        Window(name="w", zone="UTC", dates=[text]),
        Window(name="w", zone=text, dates=["2026-12-05T22:00 - 2026-12-06T04:00"]),
    ):
        try:
            check_window(one)
        except NotReadable:
            continue
        assert all(span.begin < span.end for span in openings(one, OPEN, OPEN + DAY))
