"""`watch`: every open renewal goes on when it is due, and is left in peace until then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import HeldElsewhere, Unreachable
from engine.runner import Runner, watch
from engine.runner.pace import LONGEST, pause
from engine.runner.site import Clock
from engine.runner.watch import Looked
from plugins.lab.lab import Lab
from tests.e2e.story import Story
from tests.e2e.test_sign import Desk, with_desk


class Moved(Clock):
    """Be a clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def wait(self, seconds: float) -> None:
        """Let no time pass."""


@pytest.fixture
def desk(labs: Callable[..., Lab]) -> tuple[Story, Desk, Moved]:
    """Return a story that waits for an authority which asks to be asked again in 60 s."""
    story, desk = with_desk(Story(labs()))
    desk.looks = 1000
    return story, desk, Moved()


def _pass(story: Story, clock: Clock) -> list[Looked]:
    """Make one pass, as a cron job of its own would, and return what was looked at."""
    runner: Runner = story.as_("engineer")
    runner.site.clock = clock
    told: list[Looked] = []
    watch.once(runner, told.append)
    return told


def test_a_pending_request_is_asked_for_as_often_as_the_authority_wants(desk: tuple[Story, Desk, Moved]) -> None:
    """Between two looks lies at least what the authority said, however often a pass is made."""
    story, ca, clock = desk
    assert [one.state for one in _pass(story, clock)] == ["CSRPending"]
    asked = ca.asked
    assert _pass(story, clock) == []
    clock.ahead = timedelta(seconds=59)
    assert _pass(story, clock) == []
    assert ca.asked == asked
    clock.ahead = timedelta(seconds=73)
    assert [one.changed for one in _pass(story, clock)] == [False]
    assert ca.asked == asked + 1


def test_what_is_down_is_asked_ever_more_rarely(desk: tuple[Story, Desk, Moved]) -> None:
    """A CA that is down is tried again after a minute, then two, four ..., at most an hour; passes remember that."""
    story, ca, clock = desk
    _pass(story, clock)
    gaps = []
    for _ in range(9):
        ca.broken = Unreachable("the CA is down")
        before = clock.ahead
        while not _pass(story, clock):
            clock.ahead += timedelta(seconds=30)
        gaps.append((clock.ahead - before).total_seconds())
    assert gaps[1] < gaps[2] < gaps[3] < gaps[4]
    assert max(gaps) <= LONGEST * 1.2 + 30
    assert len(ca.taken) == 1


def test_an_approval_is_seen_at_once(desk: tuple[Story, Desk, Moved]) -> None:
    """A renewal that waits for people is looked at again as soon as somebody approved, and not before."""
    story, ca, clock = desk
    ca.looks = 0
    assert _pass(story, clock)[0].waits_for == "approval"
    assert _pass(story, clock) == []
    story.approve()
    assert _pass(story, clock)[0].state == "Installed"


def test_a_csr_that_is_gone_is_told_the_same_day(desk: tuple[Story, Desk, Moved]) -> None:
    """While a person has the CSR, its box is still looked at several times a day."""
    story, ca, clock = desk
    ca.by_people = True
    assert _pass(story, clock)[0].waits_for == "person"
    story.lab.order("expc", "discard-csr")
    assert _pass(story, clock) == []
    clock.ahead = timedelta(hours=6)
    (told,) = _pass(story, clock)
    assert told.waits_for == "check"
    assert "is gone from expc" in told.what


def test_a_failed_check_is_not_repeated(desk: tuple[Story, Desk, Moved]) -> None:
    """What a safety check refused waits for people, however long."""
    story, _, clock = desk
    _pass(story, clock)
    story.lab.order("expc", "discard-csr")
    clock.ahead = timedelta(seconds=100)
    assert _pass(story, clock)[0].waits_for == "check"
    clock.ahead = timedelta(days=3)
    assert _pass(story, clock) == []


def test_losing_the_schedule_loses_nothing(desk: tuple[Story, Desk, Moved]) -> None:
    """Without its file, or with a broken one, a watch looks at everything once more."""
    story, _, clock = desk
    _pass(story, clock)
    for content in (None, b"{broken", b'{"\xe1": 1}', b"[" * 100_000):
        path = story.lab.home / watch.FILE
        path.unlink() if content is None else path.write_bytes(content)
        assert len(_pass(story, clock)) == 1
        assert _pass(story, clock) == []


def test_two_watches_do_not_share_a_home(desk: tuple[Story, Desk, Moved]) -> None:
    """A second watch is told who holds the home."""
    story, _, clock = desk
    runner = story.as_("engineer")
    held = runner.store.node_lock("watch", runner.site.actor, runner.site.at(), "watch")
    with held, pytest.raises(HeldElsewhere, match="watch"):
        _pass(story, clock)
    assert len(_pass(story, clock)) == 1


def test_pauses_grow_and_differ() -> None:
    """A pause doubles with each failure up to an hour, is never shorter than asked for, and differs by renewal."""
    assert [round(pause(60, n, "")) // 60 for n in (0, 1, 2, 3)] == [1, 1, 2, 4]
    assert LONGEST <= pause(60, 50, "a") <= LONGEST * 1.2
    assert pause(86400, 9, "a") >= 86400
    assert len({pause(60, 0, f"r{n}") for n in range(50)}) == 50
