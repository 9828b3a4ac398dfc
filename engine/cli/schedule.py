"""Show by when what must happen: rows for people, plain values for scripts. Pure but for the reader's time zone."""

from datetime import datetime

from engine.model import Json
from engine.planning import Milestone, Remedy, length
from engine.runner.ahead import Schedule
from engine.text import escape, spell, stamp
from engine.windows import names_at


def view(schedule: Schedule | None, now: datetime) -> dict[str, Json]:
    """Return the schedule as ``show --json`` and ``why --json`` print it; times are RFC 3339 in UTC."""
    if schedule is None:
        return {"schedule": [], "late": False, "would_help": []}
    milestones = [
        {
            "step": one.leg.step,
            "kind": one.leg.kind,
            "who": one.leg.who,
            "nodes": one.leg.nodes,
            "under_way": one.leg.under_way,
            "begin_by": stamp(one.begin) if one.begin else "",
            "over_by": stamp(one.end),
            "windows": _names(schedule, one),
            "missed": one.begin is None or one.begin < now,
        }
        for one in schedule.milestones
    ]
    return {"schedule": milestones, "late": schedule.late, "would_help": would_help(schedule)}


def rows(schedule: Schedule | None, renewal: str, now: datetime) -> list[tuple[str, str]]:
    """Return the schedule as rows for people: what others must do, and what needs a window; then whether it is late."""
    if schedule is None:
        return []
    if schedule.end <= now:
        late = "The old certificate has ended, so nothing is in time any more. Go on: everything still works."
        return [("Late", late)]
    lines = [_line(schedule, one, now) for one in schedule.milestones if one.leg.kind != "work"]
    told = _labelled("By when", lines)
    if not schedule.late:
        windows = any(_names(schedule, one) for one in schedule.milestones)
        missed = "later, and the last window before the old certificate ends is missed"
        return [*told, *([("", missed)] if windows else [])]
    going = f"Going on is right in any case: certrenew run {renewal}"
    begin = f"As things usually go the old certificate ends ({_day(schedule.end)}) before this is over."
    help_ = [f"- {line}" for line in would_help(schedule)]
    return [*told, *_labelled("Late", [f"{begin} What would make it possible:", *help_, going])]


def _labelled(label: str, lines: list[str]) -> list[tuple[str, str]]:
    """Return a row for each line, the first one with the label."""
    return [(label if number == 0 else "", line) for number, line in enumerate(lines)]


def _line(schedule: Schedule, one: Milestone, now: datetime) -> str:
    leg = one.leg
    if one.begin is None:
        return f"{leg.step}: nothing is open long enough before then (it needs {_needed(one)})"
    past = "" if one.begin >= now else " (it usually takes longer)" if leg.under_way else " (too late)"
    if leg.kind == "authority":
        here = f"the certificate from {escape(leg.who)} here by {_day(one.end)}"
        return (here if leg.under_way else f"submit to {escape(leg.who)} by {_day(one.begin)}; {here}") + past
    if leg.kind == "approval":
        return f"approvals by {_day(one.end)}" + ("" if leg.under_way else f", asked for by {_day(one.begin)}") + past
    names = ", ".join(f"`{escape(name)}`" for name in _names(schedule, one))
    return f"begin {leg.step} by {_day(one.begin)}{f', in window {names}' if names else ''}{past}"


def would_help(schedule: Schedule) -> list[str]:
    """Say what would make a late schedule possible, a line each; empty where it is not late."""
    if not schedule.late:
        return []
    remedies = [one for one in schedule.remedies if one.kind != "emergency" or schedule.emergency]
    alone = "nothing alone: only several of a quicker certificate, quicker approvals and other windows, if any"
    return [_remedy(schedule, one) for one in remedies] or [alone]


def _remedy(schedule: Schedule, one: Remedy) -> str:
    if one.kind == "authority":
        who = next(mile.leg.who for mile in schedule.milestones if mile.leg.kind == "authority")
        return f"the certificate from {escape(who)} by {_day(one.by)}"
    if one.kind == "approval":
        return f"approvals by {_day(one.by)}"
    if one.kind == "emergency":
        return f"the emergency path, by two people or more, which opens windows and freezes, by {_day(one.by)}"
    needs = [f"{mile.leg.step} ({_needed(mile)})" for mile in schedule.milestones if mile.leg.kind == "window"]
    return f"other windows before {_day(schedule.end)}: {', '.join(needs)}"


def _needed(one: Milestone) -> str:
    return spell(int(length(one.leg).total_seconds()))


def _names(schedule: Schedule, one: Milestone) -> list[str]:
    if one.begin is None or one.leg.kind != "window":
        return []
    return [window.name for window in names_at(schedule.calendars, one.leg.step, one.leg.nodes, one.begin)]


def _day(at: datetime) -> str:
    return f"{at.astimezone():%a %Y-%m-%d %H:%M %Z}"
