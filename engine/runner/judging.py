"""Collect what decides about a plan, as it is stored and written in the site at this moment."""

from typing import TYPE_CHECKING

import msgspec

from engine import signatures
from engine.approvals import Case, Terms
from engine.errors import Waiting
from engine.estate import Calendar, Person, Policy
from engine.model import Change, Decision, Effect, Plan, Renewal
from engine.runner.live import open_intents
from engine.runner.site import Site

if TYPE_CHECKING:
    from engine.estate import Estate
    from engine.store import Document


def case(site: Site, document: "Document", plan: Plan) -> Case:
    """Return everything that decides about a plan now. Read-only.

    Ours are the changes that we proved, and those that we began and whose outcome nobody recorded yet. Signatures are
    judged here, each time: a key may have been revoked since.
    """
    renewal, decisions = document.renewal, site.store.decisions(document.renewal.id)
    return Case(
        plan=plan,
        terms=terms(site.estate, renewal),
        requester=renewal.requester,
        operator=site.actor,
        decisions=decisions,
        plans={shown.digest: shown for shown in site.store.plans(renewal.id)},
        ours={*renewal.done, *open_intents(document)},
        done=_done(document),
        overriders=[one.by.person for one in renewal.overrides],
        earlier=_earlier(document),
        void={one.id: why for one in decisions if one.signed and (why := fault(site, renewal, one))},
        now=site.at(),
    )


def terms(estate: "Estate", renewal: Renewal) -> list[Terms]:
    """Return the terms that must be met: those of the renewal's start, and those of the site now where they differ."""
    now = Terms(estate.policy, estate.people)
    if not renewal.terms or renewal.terms == estate.terms():
        return [now]
    then = renewal.terms
    people = {name: msgspec.convert(person, Person) for name, person in then["people"].items()}
    return [Terms(msgspec.convert(then["policy"], Policy), people), now]


def calendars(site: Site, renewal: Renewal) -> list[Calendar]:
    """Return the windows and freezes that must be kept: those of the start, and those of now where they differ."""
    now = site.estate.calendar
    then = msgspec.convert(renewal.terms.get("calendar", now.plain()), Calendar)
    return [then, now] if then != now else [now]


def out_of_window(site: Site, renewal: Renewal, plan: Plan, change: Change) -> Waiting | None:
    """Say why a change that serves may not be begun now: it and what follows it in its plan fits into no window."""
    kept = calendars(site, renewal)
    if change.effect is not Effect.SERVE or not any(one.windows or one.freezes for one in kept):
        return None
    from engine import windows

    left = plan.changes[plan.changes.index(change) :]
    emergency = all(one.policy.emergency_people for one in terms(site.estate, renewal))
    return windows.closed(kept, plan, left, site.clock.now(), emergency=emergency)


def fault(site: Site, renewal: Renewal, decision: Decision) -> str:
    """Say why a decision's signature does not count now; empty when it does.

    The key must be the person's both by the signers of the renewal's start and by those of the site now.
    """
    estate = site.estate
    revoked = estate.file.parent / estate.policy.revoked_keys if estate.policy.revoked_keys else None
    pinned = str(renewal.terms.get("signers", estate.signers))
    return signatures.fault(decision, [pinned, estate.signers], at=site.at(), revoked=revoked)


def _done(document: "Document") -> dict[str, str]:
    """Return when each change was last proven, by key."""
    return {str(event.data["change"]): event.at for event in document.journal if event.kind == "done"}


def _earlier(document: "Document") -> dict[str, set[str]]:
    """Return whose approvals carried which step since the renewal last began again, over all turns."""
    found: dict[str, set[str]] = {}
    for event in document.journal:
        if event.kind == "intent":
            found.setdefault(event.step, set()).update(event.data["approved_by"])
        elif "round" in event.values and "turn" not in event.values:
            found.clear()
    return found
