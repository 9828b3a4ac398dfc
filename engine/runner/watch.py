"""Carry on every open renewal that is due: one pass is made for cron and timers, pass after pass for a terminal.

When to look at which renewal again is kept in ``HOME/watch.json``. It holds nothing that matters: without it
everything is looked at once more.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace as replace_wait

from engine.errors import CertrenewError, Failed, HeldElsewhere, Refused, Waiting
from engine.model import Renewal, Value
from engine.runner.observers import deliver_due
from engine.runner.pace import pause
from engine.runner.runner import Runner
from engine.store import files
from engine.text import moment, stamp

AT_ONCE = 64
"""How many boxes are asked at the same time, each for one renewal; the rest wait their turn."""

DAY_LOOK = 4 * 3600
"""How often a renewal is looked at that waits for a person, in seconds: its box may have lost the CSR meanwhile."""

TICK = 5
"""How often a running watch looks for new decisions and files, in seconds."""

FILE = "watch.json"


class Due(Value, frozen=True, kw_only=True):
    """Be when to look at a renewal again: at `at` (RFC 3339, UTC), or as soon as its `mark` is another."""

    mark: str = ""
    at: str = ""


class Looked(Value, frozen=True, kw_only=True):
    """Say what came of one look: the states before and after, and what the renewal waits for now."""

    id: str
    certificates: list[str]
    before: str
    state: str
    waits_for: str
    what: str
    changed: bool


Told = Callable[[Looked], None]


def once(runner: Runner, tell: Told) -> int:
    """Carry on what is due, each renewal as far as it goes; return in how many seconds to look again.

    What stands in one renewal's way is stored with it and told, and holds up no other. Raises HeldElsewhere when
    another watch works on this home.
    """
    with runner.store.node_lock("watch", runner.site.actor, runner.site.at(), "watch"):
        known, now = _read(runner), runner.site.clock.now()
        dues = {id: known.get(id, Due()) for id in runner.store.ids()}
        due = [id for id, one in dues.items() if _is_due(one, runner.store.mark(id), now)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for looks in pool.map(lambda ids: [(id, *_look(runner, id)) for id in ids], _by_box(runner, due)):
                for id, told, next_ in looks:
                    dues[id] = next_
                    if told is not None:
                        tell(told)
        if dues != known:
            _write(runner, dues)
        deliver_due(runner.site)
        return _rest(dues, runner.site.clock.now())


def forever(runner: Runner, tell: Told) -> Iterator[None]:
    """Make one pass after another; yields after each, so that the caller decides when it is enough."""
    while True:
        seconds = once(runner, tell)
        yield
        runner.site.clock.wait(min(seconds, TICK))


def _is_due(one: Due, mark: str, now: datetime) -> bool:
    if one.mark != mark:
        return True
    return bool(one.at) and moment(one.at) <= now


def _by_box(runner: Runner, ids: Iterable[str]) -> list[list[str]]:
    """Put together the renewals that share a box: they are carried on one after the other, and it has one at a time."""
    above: dict[str, str] = {}

    def top(box: str) -> str:
        while above.setdefault(box, box) != box:
            box = above[box]
        return box

    firsts = {}
    for id in ids:
        first, *more = _boxes(runner, id)
        firsts[id] = first
        for box in more:
            above[top(box)] = top(first)
    groups: dict[str, list[str]] = {}
    for id, box in firsts.items():
        groups.setdefault(top(box), []).append(id)
    return list(groups.values())


def _boxes(runner: Runner, id: str) -> list[str]:
    """Return the boxes that a renewal is for; one that can't be read has none in common with others."""
    with suppress(CertrenewError):
        return sorted(runner.store.summary(id).renewal.boxes) or [f"/{id}"]
    return [f"/{id}"]


def _look(runner: Runner, id: str) -> tuple[Looked | None, Due]:
    """Carry one renewal on, silently, and say what came of it and when to look again."""
    quiet = Runner(replace(runner.site, tell=lambda _kind, _text: None), runner.new_id)
    failure: CertrenewError | None = None
    try:
        before = quiet.store.load(id).renewal
        if before.ended:
            return None, Due(mark=quiet.store.mark(id))
        try:
            quiet.run(id)
        except (Waiting, Refused, Failed) as error:
            failure = error
        after = quiet.store.load(id).renewal
    except CertrenewError as error:  # one that can't be read or used is told by `list` and `doctor`
        return _unusable(id, error), Due(mark=quiet.store.mark(id))
    wait = _seconds(after, failure)
    at = stamp(quiet.site.clock.now() + timedelta(seconds=wait)) if wait else ""
    return _told(before, after, failure), Due(mark=quiet.store.mark(id), at=at)


def _seconds(renewal: Renewal, failure: CertrenewError | None) -> float:
    """Return in how many seconds to look again, 0 when only a person or a new decision can change something."""
    if isinstance(failure, HeldElsewhere):
        return pause(60, 0, renewal.id)
    if isinstance(failure, Waiting) and failure.on == "window" and failure.poll_after:
        return failure.poll_after  # a window is used from its beginning
    if isinstance(failure, Waiting):
        return pause(failure.poll_after or DAY_LOOK, 0, renewal.id)
    return failure.poll_after if isinstance(failure, Failed) else 0


def _told(before: Renewal, after: Renewal, failure: CertrenewError | None) -> Looked:
    changed = before.state != after.state or (after.wait is not None and _about(after) != _about(before))
    return Looked(
        id=after.id,
        certificates=[item.certificate for item in after.items],
        before=before.state,
        state=after.state,
        waits_for=after.wait.on if after.wait else "",
        what=failure.what if failure else "",
        changed=changed,
    )


def _about(renewal: Renewal) -> object:
    """Return what a renewal waits for, without when, and how often it was tried."""
    return renewal.wait and replace_wait(renewal.wait, since="", tries=0, poll_after=0, again="")


def _unusable(id: str, error: CertrenewError) -> Looked:
    return Looked(
        id=id, certificates=[], before="", state="", waits_for="person", what=f"{error.what} {error.todo}", changed=True
    )


def _rest(dues: dict[str, Due], now: datetime) -> int:
    ahead = [moment(one.at) for one in dues.values() if one.at]
    return max(int((min(ahead) - now).total_seconds()), 1) if ahead else DAY_LOOK


def _read(runner: Runner) -> dict[str, Due]:
    with suppress(FileNotFoundError, ValueError, RecursionError, CertrenewError):
        return msgspec.json.decode(files.read(runner.store.home / FILE), type=dict[str, Due])
    return {}


def _write(runner: Runner, dues: dict[str, Due]) -> None:
    files.replace(runner.store.home / FILE, msgspec.json.encode(dues), durable=False)
