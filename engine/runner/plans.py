"""Make plans: what a phase would do now, and what those after it will do once it is done. Changes nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.canonical import digest
from engine.model import Found, Item, Json, Plan, Renewal
from engine.runner.live import LiveWork
from engine.runner.site import Site
from engine.text import stamp
from engine.workflow import Phase, Step, Workflow

if TYPE_CHECKING:
    from engine.store import Document


def make(site: Site, work: LiveWork, step: Step, phase: Phase, *, ahead: bool = False) -> Plan:
    """Return the plan of a phase, by looking at the boxes; `ahead` of its turn by what can be foreseen."""
    renewal, look = work.renewal, phase.foresee if ahead and phase.foresee else phase.plan
    return Plan(
        renewal=renewal.id,
        step=step.name,
        phase=phase.name,
        round=renewal.round,
        basis={
            "items": [_basis(item, step.rests_on) for item in renewal.items],
            "overrides": [{"check": one.check, "reason": one.reason} for one in renewal.overrides],
            "policy": site.estate.policy.digest,
            "terms": digest(renewal.terms),
            "calendar": site.estate.calendar.digest,
        },
        changes=look(work),
        change=renewal.change,
        made_at=stamp(site.clock.now()),
    )


def foreseen(site: Site, workflow: Workflow, document: "Document", first: Plan | None) -> list[Plan]:
    """Return every plan after `first` that can be foreseen, each naming the one before; none without changes."""
    made: list[Plan] = []
    reached, before = first is None, first
    for renewal, arrow in workflow.way(document.renewal):
        step = workflow.steps[arrow.step]
        work = LiveWork(site, document, step=step.name)
        for phase in step.phases:
            if not reached:
                reached = first is not None and (first.step, first.phase) == (step.name, phase.name)
                continue
            if phase.foresee is None or not _established(renewal, step):
                return made
            plan = _after(before, renewal.state, make(site, work, step, phase, ahead=True))
            if plan.changes:
                made.append(plan)
                before = plan
    return made


def _after(before: Plan | None, state: str, plan: Plan) -> Plan:
    return replace(plan, after=before.digest, expects=state) if before else plan


def _established(renewal: Renewal, step: Step) -> bool:
    """Tell whether what a step rests on is known already."""
    return all(getattr(item, name) for item in renewal.begun for name in step.rests_on)


def _basis(item: Item, fields: Sequence[str]) -> dict[str, Json]:
    """Return what a plan rests on for one item, digests only."""
    basis: dict[str, Json] = {"certificate": item.certificate, "node": item.node, "slots": list(item.slots)}
    if "found" in fields and item.found is not None:
        basis |= _held(item.found)
        copies = {node: one for node, one in item.copies.items() if one is not None}
        basis |= {"copies": {node: _held(one) for node, one in copies.items()}} if copies else {}
    for name in ("csr", "leaf", "chain"):
        if name in fields:
            basis[name] = getattr(item, name)
    return basis


def _held(found: Found) -> dict[str, Json]:
    return {"slot_certificate": found.certificate, "release": found.release}
