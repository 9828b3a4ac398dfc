"""Hold schedules to their word: who follows one is over in time, and late is just what can't be over in time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.estate import Calendar, Freeze, Window
from engine.planning import Leg, backward, late, length, remedies
from engine.windows import Span, allowed, need

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 10, 20, 9, 30, tzinfo=UTC)

LEGS = st.lists(
    st.builds(Leg, step=st.just("wait"), kind=st.sampled_from(["work", "authority"]), seconds=st.integers(0, 400_000))
    | st.builds(
        Leg,
        step=st.sampled_from(["install", "restart"]),
        kind=st.just("window"),
        seconds=st.integers(0, 20_000),
        nodes=st.lists(st.sampled_from(["expc", "expe"]), min_size=1, max_size=2, unique=True),
    ),
    min_size=1,
    max_size=5,
)
WINDOWS = st.lists(
    st.builds(
        Window,
        name=st.just("w"),
        zone=st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe"]),
        weekly=st.lists(
            st.sampled_from(
                ["Sat 22:00 - Sun 06:00", "Tue 01:00 - 04:00", "Sun 00:30 - 02:15", "Mon 00:00 - Thu 12:00"]
            ),
            min_size=1,
            max_size=2,
        ),
        nodes=st.sampled_from([[], ["expc"], ["expc", "expe"]]),
        steps=st.sampled_from([[], ["restart"]]),
    ),
    max_size=3,
)
FREEZES = st.lists(
    st.builds(
        lambda begin, days, nodes: Freeze(
            from_=f"{NOW + begin * HOUR:%Y-%m-%dT%H:%M}",
            until=f"{NOW + begin * HOUR + days * DAY:%Y-%m-%dT%H:%M}",
            zone="UTC",
            reason="r",
            nodes=nodes,
        ),
        st.integers(-100, 900),
        st.integers(1, 9),
        st.sampled_from([[], ["expe"]]),
    ),
    max_size=2,
)
CALENDARS = st.lists(st.builds(Calendar, windows=WINDOWS, freezes=FREEZES), max_size=2)
ENDS = st.integers(-100, 70 * 24).map(lambda hours: NOW + hours * HOUR)


def over_at(legs: list[Leg], calendars: list[Calendar], end: datetime, *, since: datetime = NOW) -> datetime | None:
    """Go forward, each leg as early as it may, and return when all is over; None when that is not before `end`."""
    at = since
    for leg in legs:
        if leg.kind == "window":
            spans = allowed(calendars, leg.step, leg.nodes, at, max(end, at))
            fitting = [span for span in spans if span.length >= need(leg.seconds)]
            if not fitting:
                return None
            at = fitting[0].begin
        at += length(leg)
    return at if at <= end else None


@given(LEGS, CALENDARS, ENDS)
@settings(deadline=None, max_examples=300)
def test_late_is_what_can_not_be_over_in_time(legs: list[Leg], calendars: list[Calendar], end: datetime) -> None:
    """A schedule is late if, and only if, going forward as fast as windows and people allow is not over in time."""
    assert late(backward(legs, calendars, NOW, end), NOW) == (over_at(legs, calendars, end) is None)


@given(LEGS, CALENDARS, ENDS)
@settings(deadline=None, max_examples=200)
def test_who_follows_a_schedule_is_over_in_time(legs: list[Leg], calendars: list[Calendar], end: datetime) -> None:
    """Begun at the last moments it names, each leg is over before the next must begin, in an opening, and in time."""
    milestones = backward(legs, calendars, NOW, end)
    assert [one.leg for one in milestones] == legs
    if late(milestones, NOW):
        return
    at = NOW
    for one in milestones:
        assert one.begin is not None
        assert at <= one.begin
        at = one.begin + length(one.leg)
        if one.leg.kind == "window":
            whole = Span(one.begin, at)
            assert allowed(calendars, one.leg.step, one.leg.nodes, *whole) == [whole]
    assert at <= end


@given(LEGS, CALENDARS, ENDS)
@settings(deadline=None, max_examples=150)
def test_what_is_said_to_help_helps(legs: list[Leg], calendars: list[Calendar], end: datetime) -> None:
    """A certificate that is there by the moment that is said, or no windows, make a late schedule possible."""
    for one in remedies(legs, calendars, NOW, end):
        if one.kind in ("window", "emergency"):
            assert over_at(legs, [], end) is not None
            continue
        number = next(number for number, leg in enumerate(legs) if leg.kind == one.kind)
        rest = [replace(leg, seconds=0) if leg.kind == one.kind else leg for leg in legs[number + 1 :]]
        assert over_at(legs[:number], calendars, one.by) is not None
        assert over_at(rest, calendars, end, since=one.by) is not None


WEEKEND = Calendar(windows=[Window(name="weekend", zone="Europe/London", weekly=["Sat 22:00 - Sun 06:00"])])
WAY = [
    Leg(step="sign", kind="authority", seconds=72 * 3600, who="corp"),
    Leg(step="restart", kind="approval", seconds=24 * 3600),
    Leg(step="install", kind="window", seconds=30, nodes=["expc"]),
    Leg(step="restart", kind="window", seconds=900, nodes=["expc"]),
]


def test_the_last_window_before_expiry_decides() -> None:
    """With a certificate that ends on a Friday the last weekend counts back to when the CSR must be submitted."""
    end = datetime(2026, 11, 27, 12, tzinfo=UTC)
    sign, approval, install, restart = backward(WAY, [WEEKEND], NOW, end)
    assert restart.begin == datetime(2026, 11, 22, 5, 40, tzinfo=UTC)  # 15 min and 5 min margin before 06:00
    assert install.begin == restart.begin - need(30)
    assert approval.begin == install.begin - DAY
    assert sign.begin == approval.begin - 3 * DAY
    assert not late(backward(WAY, [WEEKEND], NOW, end), NOW)
    assert remedies(WAY, [WEEKEND], sign.begin, end) != []


def test_late_from_the_first_second_with_what_would_help() -> None:
    """A second after the last moment it is late, and each thing that would help by itself is named with how quick."""
    end = datetime(2026, 11, 27, 12, tzinfo=UTC)
    last = backward(WAY, [WEEKEND], NOW, end)[0].begin
    assert last is not None
    assert not late(backward(WAY, [WEEKEND], last, end), last)
    now = last + timedelta(seconds=1)
    assert late(backward(WAY, [WEEKEND], now, end), now)
    found = {one.kind: one.by for one in remedies(WAY, [WEEKEND], now, end)}
    assert found["authority"] == last + 3 * DAY
    assert found["approval"] == last + 4 * DAY
    assert {"window", "emergency"} <= found.keys()
    assert remedies(WAY, [WEEKEND], end - HOUR, end) == []
