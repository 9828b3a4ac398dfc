"""Plan backwards from the old certificate's end: by when what must happen, what is late, and what would help. Pure.

A schedule informs; nothing is refused because of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from engine.estate import Calendar
from engine.model import Value
from engine.windows import Span, allowed, need

NEAR = timedelta(days=35)
"""How far back from a deadline its last window is looked for at first."""

Kind = Literal["work", "authority", "approval", "window"]
"""What a leg takes: our own looking and uploading, an authority, the approvers, or a window in which it serves."""


class Leg(Value, frozen=True, kw_only=True):
    """Be one part of the way that is left: `step` takes `seconds`, because of `kind`.

    In a window: on `nodes`, one change after another; the margin comes on top. `who` is the authority, `under_way`
    says that it, or the approvers, were asked already; then `seconds` is what is left of the usual time.
    """

    step: str
    kind: Kind
    seconds: int
    nodes: list[str] = []
    who: str = ""
    under_way: bool = False


@dataclass(frozen=True)
class Milestone:
    """Say by when a leg must begin, and be over; `begin` is None where no opening is left in which it fits.

    `opening` is the time that windows and freezes leave around it.
    """

    leg: Leg
    begin: datetime | None
    end: datetime
    opening: Span | None = None


Help = Literal["authority", "approval", "window", "emergency"]
"""What may help: a quicker authority, quicker approvals, another window, or the emergency path."""

WITHOUT: dict[Help, set[Kind]] = {
    "authority": {"authority"},
    "approval": {"approval"},
    "window": {"window"},
    "emergency": {"approval", "window"},
}
"""What each of them takes out of the way."""


@dataclass(frozen=True)
class Remedy:
    """Be one thing that alone would make a late schedule possible: its `kind`, and by when it must be there."""

    kind: Help
    by: datetime


def backward(legs: Sequence[Leg], calendars: Sequence[Calendar], now: datetime, end: datetime) -> list[Milestone]:
    """Return by when each leg must begin and be over so that all are over at `end`, in their order.

    Each begins as late as it may. Where a leg fits into no opening that is left, those before it are reckoned as if it
    needed none.
    """
    found: list[Milestone] = []
    for leg in reversed(legs):
        found.append(_latest(leg, calendars, now, end))
        end = found[-1].begin or end - length(leg)
    return found[::-1]


def length(leg: Leg) -> timedelta:
    """Return how long a leg takes, with its margin where it serves."""
    return need(leg.seconds) if leg.kind == "window" else timedelta(seconds=leg.seconds)


def _latest(leg: Leg, calendars: Sequence[Calendar], now: datetime, end: datetime) -> Milestone:
    if leg.kind != "window":
        return Milestone(leg, end - length(leg), end)
    for start in (max(now, end - NEAR), now):
        fitting = [s for s in allowed(calendars, leg.step, leg.nodes, start, end) if s.length >= length(leg)]
        if fitting:
            return Milestone(leg, fitting[-1].end - length(leg), fitting[-1].end, fitting[-1])
    return Milestone(leg, None, end)


def late(milestones: Sequence[Milestone], now: datetime) -> bool:
    """Tell whether the schedule can't be met any more: a leg has no opening left, or had to begin before now."""
    return any(one.begin is None or one.begin < now for one in milestones)


def remedies(legs: Sequence[Leg], calendars: Sequence[Calendar], now: datetime, end: datetime) -> list[Remedy]:
    """Return what would make a late schedule possible, each by itself; empty where nothing would alone."""
    found = []
    for kind, without in WITHOUT.items():
        quick = [replace(leg, seconds=0) if leg.kind in without - {"window"} else leg for leg in legs]
        milestones = backward(quick, [] if "window" in without else calendars, now, end)
        theirs = [one.end for one in milestones if one.leg.kind in without]
        if theirs and not late(milestones, now):
            found.append(Remedy(kind, theirs[0]))
    return found
