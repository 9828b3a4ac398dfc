"""Hold how events get to observers: once, in order, again after a failure, and no old ones to a new observer."""

import os
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from engine.errors import UsageError
from engine.estate import ObserverEntry, Person, Topic
from engine.model import Event, Json
from engine.registry import Registry
from engine.runner.observers import problems
from engine.runner.observers.backoff import FIRST, LONGEST
from engine.runner.observers.child import Answer
from engine.runner.observers.deliver import EXPIRES
from engine.runner.observers.wanted import told_of, topic, wants
from engine.runner.site import Site
from engine.store.outbox import Outbox, Position
from engine.text import moment
from tests.engine.observers.conftest import Home
from tests.engine.samples import AT, actor, change, plan

LATER = Answer("later", "the server is away")


def _outbox(home: Home) -> Outbox:
    return Outbox(home.store.home, "ops")


def _position(home: Home) -> Position:
    found = _outbox(home).position()
    assert found is not None
    return found


def _problems(home: Home) -> list[str]:
    return problems(Site(home.estate, Registry(), home.store, actor("ann"), home.clock))


# ---- once and in order ---------------------------------------------------------------------------------------------


def test_each_event_is_told_once_and_in_order(home: Home) -> None:
    """However often it is delivered, each event of each renewal is told once, a renewal's own in their order."""
    home.begin()
    home.happen()
    home.deliver()
    home.begin("r2")
    home.happen()
    home.deliver()
    home.deliver()
    assert home.told == [("r1", 1), ("r1", 2), ("r1", 3), ("r2", 1)]


def test_what_is_told_is_the_journal_and_the_renewal_then(home: Home) -> None:
    """The event is the journal's line; the renewal is as it was after that line, not as it is now."""
    home.begin()
    home.happen("state", state="Inspected")
    home.deliver()
    journal = home.store.load("r1").journal
    assert [event for _, _, event in home.heard] == [event.plain() for event in journal]
    assert [renewal["state"] for _, renewal, _ in home.heard] == ["New", "Inspected"]
    assert all(renewal["who"] == [] for _, renewal, _ in home.heard)


def test_who_could_approve_is_told(home: Home) -> None:
    """Of a renewal that waits for an approval, those who may give it are told by name; who began it is not."""
    people = {"ann": Person(id="ann", name="Ann"), "bob": Person(id="bob", name="Bob B.")}
    estate = msgspec.structs.replace(home.estate, people=people)
    home.begin()
    shown = plan(change())
    home.store.put_plan("r1", shown)
    wait: dict[str, Json] = {"on": "approval", "what": "w", "todo": "t", "since": AT, "plan": shown.digest}
    home.happen("stopped", wait=wait)
    assert told_of(home.store, estate, home.store.load("r1").journal)[0]["who"] == ["Bob B."]


def test_a_new_observer_begins_now(home: Home) -> None:
    """An observer that the home did not know is told nothing from before; neither later."""
    home.begin()
    home.happen()
    home.clock.move(hours=1)
    home.happen()
    home.deliver(since=home.now)
    home.deliver(since=AT)
    assert home.told == [("r1", 3)]


def test_a_restored_journal_is_no_news(home: Home) -> None:
    """After a journal grew shorter (a backup), what comes from then on is told, and nothing from before again."""
    home.begin()
    file = home.store.home / "renewals" / "r1" / "renewal.json"
    kept = file.read_bytes()
    home.happen()
    home.happen()
    home.deliver()
    file.write_bytes(kept)
    home.deliver()
    assert len(home.heard) == 3
    event = home.happen("state", state="Inspected")
    home.deliver()
    assert [one["hash"] for _, _, one in home.heard[3:]] == [event.hash]


# ---- which events --------------------------------------------------------------------------------------------------


def _stopped(on: str) -> Event:
    return Event(seq=1, at=AT, kind="stopped", text="", by=actor("ann"), values={"wait": {"on": on}})


def _kind(kind: str, **values: Json) -> Event:
    return Event(seq=1, at=AT, kind=kind, text="", by=actor("ann"), values=values)


@pytest.mark.parametrize("on", ["approval", "person", "check", "fault"])
def test_what_people_must_know_is_told_by_default(on: str) -> None:
    """Where nothing is said, waits for people, refusals, failures, states and overrides are told; routine is not."""
    default = ObserverEntry(name="ops", plugin="mail")
    assert wants(default, _stopped(on))
    assert all(wants(default, _kind(kind)) for kind in ("state", "override", "cancel", "restage", "resubmit"))
    assert not any(wants(default, _kind(kind)) for kind in ("intent", "done", "found", "created"))
    assert not any(wants(default, _stopped(other)) for other in ("authority", "box", "holder"))


def test_only_wanted_events_are_told() -> None:
    """A list of events means these and no others; `states` narrows states alone; `all` and no entry mean every one."""
    events: list[Topic] = ["person", "state"]
    entry = ObserverEntry(name="ops", plugin="mail", events=events, states=["Installed"])
    assert wants(entry, _stopped("person"))
    assert not wants(entry, _stopped("approval"))
    assert wants(entry, _kind("state", state="Installed"))
    assert not wants(entry, _kind("state", state="Inspected"))
    for every in (None, ObserverEntry(name="ops", plugin="mail", events=["all"])):
        assert wants(every, _kind("anything"))
    assert topic(_kind("stopped", wait=None)) == ""


def test_what_is_not_wanted_is_passed_over(home: Home) -> None:
    """An event that nobody wanted is not told later either, when the site asks for more."""
    home.begin()
    home.estate = msgspec.structs.replace(home.estate, observers={"ops": ObserverEntry(name="ops", plugin="mail")})
    home.deliver()
    home.estate = msgspec.structs.replace(
        home.estate, observers={"ops": ObserverEntry(name="ops", plugin="mail", events=["all"])}
    )
    home.deliver()
    assert home.told == []
    home.happen()
    home.deliver()
    assert home.told == [("r1", 2)]


# ---- failures ------------------------------------------------------------------------------------------------------


def test_back_off_survives_restarts(home: Home) -> None:
    """What failed is tried again when its time came, by whatever process is there then, and later events after it."""
    home.begin()
    home.happen()
    home.answers = [LATER]
    home.deliver()
    home.deliver()
    home.clock.move(seconds=FIRST * 0.7)
    home.deliver()
    assert home.told == [("r1", 1)], "not yet due"
    home.clock.move(seconds=FIRST)
    home.deliver()
    home.deliver()
    assert home.told == [("r1", 1), ("r1", 1), ("r1", 2)]
    assert home.heard[0] == home.heard[1], "the very same is told again"
    assert _position(home).retry == {}


def test_back_off_grows_and_is_bounded(home: Home) -> None:
    """The time between tries doubles up to an hour, give or take a quarter, and each failure is on disk."""
    home.begin()
    waits = []
    for attempt in range(1, 10):
        home.answers = [LATER]
        home.deliver()
        retry = _position(home).retry["r1"]
        assert (retry.attempts, retry.why) == (attempt, LATER.why)
        waits.append((moment(retry.next) - home.clock.now()).total_seconds())
        home.clock.at = moment(retry.next)
    for wait, expected in zip(waits, (min(FIRST * 2**n, LONGEST) for n in range(9)), strict=True):
        assert 0.74 * expected <= wait <= 1.26 * expected
    assert len({round(wait / min(FIRST * 2**n, LONGEST), 3) for n, wait in enumerate(waits)}) > 1, "there is jitter"


def test_a_refused_login_is_tried_much_later(home: Home) -> None:
    """A login that was refused waits the longest at once, so that no account is locked."""
    home.begin()
    home.answers = [Answer("much-later", "login refused")]
    home.deliver()
    wait = moment(_position(home).retry["r1"].next) - home.clock.now()
    assert wait >= timedelta(seconds=0.74 * LONGEST)


def test_a_clock_that_was_set_back_keeps_nobody_waiting(home: Home) -> None:
    """A retry that lies further ahead than any could is due."""
    home.begin()
    home.answers = [LATER]
    home.clock.move(days=3)
    home.deliver()
    home.clock.move(days=-3)
    home.deliver()
    assert len(home.heard) == 2


def test_a_changed_site_file_is_tried_at_once(home: Home) -> None:
    """Whoever mends the settings need not wait for the next try; one change means one try."""
    home.begin()
    home.answers = [Answer("much-later", "wrong password"), LATER]
    home.deliver()
    home.clock.move(seconds=5)
    changed = home.clock.now().timestamp()
    os.utime(home.estate.file, (changed, changed))
    home.clock.move(seconds=5)
    home.deliver()
    assert len(home.heard) == 2
    home.deliver()
    assert len(home.heard) == 2


def test_trouble_with_one_renewal_holds_up_no_other(home: Home) -> None:
    """While one renewal's event is tried again, the events of others are told."""
    home.begin()
    home.begin("r2")
    home.answers = [LATER]
    home.deliver()
    assert home.told == [("r1", 1), ("r2", 1)]


def test_an_event_that_is_refused_is_given_up(home: Home) -> None:
    """What the observer can never tell is given up, noted and shown; the next event is told."""
    home.begin()
    home.happen()
    home.answers = [Answer("never", "no such mailbox")]
    home.deliver()
    home.deliver()
    assert home.told == [("r1", 1), ("r1", 2)]
    assert _problems(home) == ["Observer ops: event 1 of renewal r1 was given up: no such mailbox."]
    home.clock.move(days=2)
    assert _problems(home) == []


def test_old_news_is_given_up(home: Home) -> None:
    """What could not be told within a week is given up with the last reason; news is told."""
    home.begin()
    home.answers = [LATER]
    home.deliver()
    home.clock.at += EXPIRES + timedelta(minutes=1)
    home.happen()
    home.deliver()
    assert home.told == [("r1", 1), ("r1", 2)]
    assert LATER.why in _position(home).lost[0].what


def test_a_failing_observer_is_a_problem(home: Home) -> None:
    """Who can't be told of what, why, how often it was tried and when next; nothing where all is well."""
    home.begin()
    home.deliver()
    assert _problems(home) == []
    home.happen()
    home.answers = [LATER]
    home.deliver()
    (problem,) = _problems(home)
    assert "Observer ops could not tell event 2 of renewal r1: the server is away. Tries so far: 1;" in problem


def test_one_observer_holds_up_no_other(home: Home) -> None:
    """While one observer hangs, another is told."""
    other = ObserverEntry(name="other", plugin="mail", events=["all"])
    home.estate = msgspec.structs.replace(home.estate, observers={**home.estate.observers, "other": other})
    home.begin()
    heard = threading.Event()

    def tell(observer: str, *_: object) -> Answer:
        if observer == "other":
            heard.set()
            return Answer("told")
        return Answer("told") if heard.wait(30) else LATER

    home.deliver(tell=tell)
    assert heard.is_set()
    assert _position(home).told == {"r1": 1}


def test_what_can_not_be_told_any_more_is_no_problem(home: Home) -> None:
    """A retry goes when its renewal left the home, when it is not wanted any more, or the journal grew shorter."""
    file = home.store.home / "renewals" / "r1" / "renewal.json"
    home.begin()
    kept = file.read_bytes()
    home.happen()
    home.answers = [Answer("told"), LATER]
    home.deliver()
    file.write_bytes(kept)
    home.happen("state", state="Inspected")
    file.write_bytes(kept)
    position = _position(home)
    position.told["r1"] = 2
    _outbox(home).write(position)
    assert _problems(home) != []
    home.deliver()
    assert _problems(home) == []
    home.begin("r2")
    home.answers = [LATER]
    home.deliver()
    assert _problems(home) != []
    (home.store.home / "renewals" / "r2").rename(home.store.home / "kept")
    home.deliver()
    assert _problems(home) == []
    home.happen()
    home.answers = [LATER]
    home.deliver()
    assert _problems(home) != []
    home.estate = msgspec.structs.replace(home.estate, observers={"ops": ObserverEntry(name="ops", plugin="mail")})
    home.clock.move(hours=2)
    home.deliver()
    assert _position(home).retry == {}


# ---- crashes and neighbours ----------------------------------------------------------------------------------------


def test_a_crash_between_telling_and_noting_repeats_the_same(home: Home) -> None:
    """A process that dies after it told and before it noted repeats that one event, under the same hash."""
    home.begin()

    def tell(*told: dict[str, Json]) -> Answer:
        home.tell(*told)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.deliver(tell=tell)
    home.deliver()
    home.deliver()
    assert home.told == [("r1", 1), ("r1", 1)]
    assert home.heard[0] == home.heard[1]


def test_nothing_is_told_where_it_can_not_be_noted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk nobody is told, because everybody would be told again and again."""
    home.begin()

    def full(*_: object) -> None:
        raise UsageError("the disk is full")

    monkeypatch.setattr(Outbox, "write", full)
    with pytest.raises(UsageError):
        home.deliver()
    assert home.heard == []


def test_two_at_once_tell_once(home: Home) -> None:
    """While one process tells, a second returns at once; what is new meanwhile is told by the first."""
    home.begin()
    telling, go_on = threading.Event(), threading.Event()

    def tell(observer: str, renewal: dict[str, Json], event: dict[str, Json]) -> Answer:
        telling.set()
        assert go_on.wait(30)
        return home.tell(observer, renewal, event)

    first = threading.Thread(target=home.deliver, kwargs={"tell": tell})
    first.start()
    assert telling.wait(30)
    home.begin("r2")
    home.deliver()
    assert home.heard == [], "the second told nothing and did not wait"
    go_on.set()
    first.join(30)
    assert home.told == [("r1", 1), ("r2", 1)]


def test_its_lifetime_is_bounded(home: Home) -> None:
    """When its time is over nothing new is begun; the next one goes on."""
    home.begin()
    assert not home.deliver(lifetime=-1)
    assert home.heard == []
    assert home.deliver()
    assert home.told == [("r1", 1)]


# ---- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"begun":"2026-11-23T16:00:00Z","told":{"r1":"x"}}',
        b'{"begun":"yesterday"}',
        b'{"begun":"2026-11-23T16:00:00Z","more":1}',
        b'{"begun":"2026-11-23T16:00:00Z","lost":[{"at":"2026-13-45","what":""}]}',
    ],
)
def test_a_damaged_file_is_begun_anew(home: Home, content: bytes) -> None:
    """A file that can't be read is replaced by one that begins now, with a warning; history is not told again."""
    home.begin()
    home.deliver()
    home.clock.move(minutes=1)
    (home.store.home / "observers" / "ops.json").write_bytes(content)
    assert len(_problems(home)) == 1
    event = home.happen()
    home.deliver(since=home.now)
    home.deliver(since=AT)
    assert [one["hash"] for _, _, one in home.heard[1:]] == [event.hash]
    assert "was damaged and is begun anew" in " ".join(_problems(home))


def test_a_newer_file_is_left_alone(home: Home) -> None:
    """What a newer certrenew wrote is neither replaced nor acted upon, and that is told."""
    home.begin()
    home.deliver()
    path = home.store.home / "observers" / "ops.json"
    path.write_bytes(b'{"schema":2}')
    home.happen()
    with pytest.raises(UsageError, match="newer"):
        home.deliver()
    assert path.read_bytes() == b'{"schema":2}'
    assert "newer certrenew" in _problems(home)[0]
    assert len(home.heard) == 1


def test_the_files_are_private(home: Home) -> None:
    """Only the owner can read how far observers were told; names with any character stay inside the folder."""
    home.begin()
    home.deliver()
    folder = home.store.home / "observers"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    hostile = Outbox(home.store.home, "../../x:y/z")
    with hostile.hold(actor("ann"), AT):
        hostile.write(Position(begun=AT))
    assert {path.parent for path in Path(folder).rglob("*x*json")} == {folder}
