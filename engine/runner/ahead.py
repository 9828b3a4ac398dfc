"""Look ahead: which parts of the way are left to a renewal, and the schedule that follows. Contacts no box."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine import planning
from engine.errors import CertrenewError
from engine.estate import Calendar
from engine.model import Item
from engine.planning import Leg, Milestone, Remedy
from engine.runner import judging
from engine.runner.live import LiveWork
from engine.runner.runner import Runner
from engine.text import moment
from engine.workflow import Step

if TYPE_CHECKING:
    from engine.store import Document

OWN_WORK = 600
"""What a step that nobody notices is reckoned with, in seconds: looking, adding CAs, waiting for replication."""


@dataclass(frozen=True)
class Schedule:
    """Be by when what must happen so that a renewal is over before the old certificate's `end`.

    `remedies` say what would make it possible where it is `late`; `emergency` tells whether the site has that path.
    """

    end: datetime
    milestones: list[Milestone]
    late: bool
    remedies: list[Remedy]
    calendars: list[Calendar]
    emergency: bool


def schedule(runner: Runner, document: "Document") -> Schedule | None:
    """Plan a renewal backwards; None once nothing is left, before the old certificate was read, or where it can't be.

    Read-only. What is wrong with the site or a driver is told by the commands that need them.
    """
    renewal, now = document.renewal, runner.site.clock.now()
    end = min((moment(item.found.not_after) for item in renewal.items if item.found), default=None)
    if end is None or not {node for item in renewal.items for node in item.nodes} <= runner.estate.nodes.keys():
        return None
    try:
        legs = legs_left(runner, document, now)
    except CertrenewError:
        return None
    if not legs:
        return None
    calendars = judging.calendars(runner.site, renewal)
    milestones = planning.backward(legs, calendars, now, end)
    late = planning.late(milestones, now)
    return Schedule(
        end=end,
        milestones=milestones,
        late=late,
        remedies=planning.remedies(legs, calendars, now, end) if late else [],
        calendars=calendars,
        emergency=all(one.policy.emergency_people for one in judging.terms(runner.estate, renewal)),
    )


def legs_left(runner: Runner, document: "Document", now: datetime) -> list[Leg]:
    """Return what is left of the way, in order; the approvers are reckoned with once, before the first that serves."""
    workflow = runner.workflow(document.renewal.workflow)
    legs = []
    for renewal, arrow in workflow.way(document.renewal):
        work = LiveWork(runner.site, replace(document, renewal=renewal))
        legs += _of_step(work, document, workflow.steps[arrow.step], now)
    first = next((number for number, leg in enumerate(legs) if leg.kind == "window"), None)
    if first is not None and (asked := _approval(runner, document, legs[first].step, now)):
        legs.insert(first, asked)
    return legs


def _of_step(work: LiveWork, document: "Document", step: Step, now: datetime) -> list[Leg]:
    if step.takes_files:
        return _signing(work, document, step, now)
    own = Leg(step=step.name, kind="work", seconds=OWN_WORK)
    serves = step.serves(work)
    if not serves:
        return [own]
    nodes, seconds = [node for node, _ in serves], sum(seconds for _, seconds in serves)
    window = Leg(step=step.name, kind="window", seconds=seconds, nodes=nodes)
    return [own, window] if len(step.phases) > 1 else [window]


def _signing(work: LiveWork, document: "Document", step: Step, now: datetime) -> list[Leg]:
    """Return the leg of the authorities that still owe a certificate: the one that takes longest counts."""
    owed = [item for _, item in work.renewal.in_turn if not item.leaf]
    since = max((event.at for event in document.journal if event.kind == "submitted"), default="")
    passed = {item.certificate: (now - moment(since)) if item.ticket and since else timedelta() for item in owed}
    seconds = max((_left(_lead(work, item), passed[item.certificate]) for item in owed), default=0)
    who = ", ".join(dict.fromkeys(item.authority for item in owed))
    asked = all(item.ticket for item in owed)
    return [Leg(step=step.name, kind="authority", seconds=seconds, who=who, under_way=asked)] if owed else []


def _lead(work: LiveWork, item: Item) -> int:
    entry = work.estate.authorities.get(item.authority)
    return work.estate.lead_times.authority if entry is None or entry.lead_hours is None else entry.lead_hours


def _left(hours: int, passed: timedelta) -> int:
    return max(int((timedelta(hours=hours) - passed).total_seconds()), 0)


def _approval(runner: Runner, document: "Document", step: str, now: datetime) -> Leg | None:
    """Return the approvers' leg where a rule asks for them; what waits for its window has their word already."""
    renewal, wait = document.renewal, document.renewal.wait
    rules = [rule for one in judging.terms(runner.estate, renewal) for rule in one.policy.rules if rule.people]
    if not any(not rule.effects or "serve" in rule.effects for rule in rules) or (wait and wait.on == "window"):
        return None
    next_ = runner.next_step(document)
    asked = wait is not None and wait.on == "approval" and next_ is not None and next_.name == step
    passed = now - moment(wait.since) if wait and asked else timedelta()
    seconds = _left(runner.estate.lead_times.approval, passed)
    return Leg(step=step, kind="approval", seconds=seconds, under_way=asked)
