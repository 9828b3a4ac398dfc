"""Judge whether what would be done fits into a window now, and else say when it would. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from engine.errors import Waiting
from engine.estate import Calendar
from engine.model import Change, Plan
from engine.text import escape, spell
from engine.windows.calendar import allowed, freezes_for, frozen, names_at, windows_for, zone_of
from engine.windows.spans import Span

MARGIN, LEAST_MARGIN = 0.2, 300
"""What must be left besides the expected time: this share of it, and at least so many seconds."""

AHEAD = (timedelta(days=35), timedelta(days=800))
"""How far is looked for the next opening: first a month, then a little over two years."""

LONGEST_POLL = 3600
"""Longest time until it is looked again whether a window is open, in seconds."""


def need(seconds: int) -> timedelta:
    """Return how much time must be left for what is expected to take so many seconds: it, and a margin."""
    return timedelta(seconds=seconds + max(ceil(seconds * MARGIN), LEAST_MARGIN))


def closed(
    calendars: Sequence[Calendar], plan: Plan, changes: Sequence[Change], now: datetime, *, emergency: bool
) -> Waiting | None:
    """Say why these changes of a plan, one after another, may not be begun now, and when they could; None if they may.

    `emergency` tells whether the site has an emergency path. Never a refusal: what fits no window waits for people.
    """
    nodes = list(dict.fromkeys(change.target for change in changes))
    wanted = need(sum(change.duration for change in changes))
    left: list[Span] = []
    for ahead in AHEAD:
        left = allowed(calendars, plan.step, nodes, now, now + ahead)
        fitting = next((span for span in left if span.length >= wanted), None)
        if fitting is not None:
            break
    if fitting is not None and fitting.begin <= now:
        return None
    open_until = left[0].end if left and left[0].begin <= now else None
    why = _why(calendars, plan.step, nodes, now, open_until)
    told = f"{plan.step} ({plan.phase}) needs {_short(wanted)} in a window, with the margin, and {why}."
    return Waiting(
        f"{told} {_when(calendars, plan.step, nodes, fitting, left)}",
        on="window",
        poll_after=min(ceil((fitting.begin - now).total_seconds()), LONGEST_POLL) if fitting else 0,
        plan=plan.digest,
        todo=_todo(plan, fitting, emergency=emergency),
        untouched="Nothing was changed.",
    )


def _why(
    calendars: Sequence[Calendar], step: str, nodes: Sequence[str], now: datetime, open_until: datetime | None
) -> str:
    for calendar in calendars:
        for freeze in freezes_for(calendar, nodes):
            if frozen(freeze).begin <= now < frozen(freeze).end:
                until = _local(frozen(freeze).end, zone_of(freeze.zone))
                return f"a freeze holds until {until} ({escape(freeze.reason, 80)})"
        for node in nodes if calendar.windows else ():
            if not windows_for(calendar, step, node):
                return f"no window of the site is for {step} of {escape(node)}"
    if open_until is None:
        return "none is open"
    return f"what is open now ends at {_local(open_until, _zone(calendars, step, nodes, open_until))}"


def _when(
    calendars: Sequence[Calendar], step: str, nodes: Sequence[str], fitting: Span | None, left: Sequence[Span]
) -> str:
    if fitting is not None:
        names = ", ".join(f"`{escape(one.name)}`" for one in names_at(calendars, step, nodes, fitting.begin))
        zone = _zone(calendars, step, nodes, fitting.begin)
        where = f"window {names}" if names else "outside the freeze"
        return f"Next: {_local(fitting.begin, zone)} to {_local(fitting.end, zone)}, {where}."
    if left:
        return (
            f"It fits into none within {AHEAD[-1].days} days: the longest lasts {_short(max(s.length for s in left))}."
        )
    return f"None opens within {AHEAD[-1].days} days."


def _todo(plan: Plan, fitting: Span | None, *, emergency: bool) -> str:
    id = plan.renewal
    told = (
        f"certrenew run {id} in the window; or: certrenew run {id} --wait."
        if fitting
        else "Give the site a window that is long enough; it counts for renewals that begin after it, such as: "
        f"certrenew cancel {id}, then start --adopt-csr."
    )
    by = f" In an emergency: certrenew approve {id} --plan {plan.digest[:12]} --emergency --reason TEXT"
    return told + (by if emergency else "")


def _zone(calendars: Sequence[Calendar], step: str, nodes: Sequence[str], at: datetime) -> ZoneInfo | None:
    """Return the zone in which a moment is told: that of a window, or freeze, that is there then or was just before."""
    found = names_at(calendars, step, nodes, at) or names_at(calendars, step, nodes, at - timedelta(seconds=1))
    freezes = [one for calendar in calendars for one in freezes_for(calendar, nodes) if at in frozen(one)]
    return next((zone_of(name) for name in [*(one.zone for one in found), *(one.zone for one in freezes)]), None)


def _local(at: datetime, zone: ZoneInfo | None) -> str:
    return f"{at.astimezone(zone or UTC):%a %Y-%m-%d %H:%M %Z}"


def _short(length: timedelta) -> str:
    return spell(ceil(length.total_seconds()))
