"""Show plans and decisions: what was decided by whom, what it is worth, and what was done under it. Pure."""

from collections.abc import Iterator

from engine.model import Change, Decision, Event, Plan
from engine.report.gather import Evidence, carried_by, noted_in
from engine.report.markup import Html, code, el, join, section, table, when, word


def person(found: Evidence, name: str | None) -> str:
    """Name a person as the site did at the start."""
    known = found.names.get(str(name), "")
    return f"{known} ({name})" if known not in ("", name) else str(name)


# ---- decisions -----------------------------------------------------------------------------------------------------


def decisions(found: Evidence) -> Html:
    """Show every decision, also those that never counted."""
    rows = [
        (
            code(one.id),
            when(one.at),
            person(found, one.person),
            _said(one),
            join([f"{one.step} ({one.phase}), plan ", code(one.plan[:12])]),
            _worth(found.judged[one.id]),
        )
        for one in found.decisions
    ]
    return section("Decisions", table(["Decision", "When", "Who", "What", "Of", "Signature"], rows))


def _said(one: Decision) -> Html:
    verb = word(one.verb.upper()) if one.verb in ("emergency", "reject") else one.verb
    more: list[object] = [f" {one.withdraws}"] if one.withdraws else []
    if one.not_before or one.not_after:
        more += ["; counts from ", when(one.not_before or one.at), " until ", when(one.not_after)]
    more += [f"; change {one.change}"] if one.change else []
    more += [f"; reason: {one.reason}"] if one.reason else []
    return join([verb, *more, el("small", f"typed in by {one.by.account} (uid {one.by.uid}) on {one.by.host}")])


def _worth(told: str) -> Html:
    good = told.startswith("signed, good")
    return join([told]) if good else word(told)


# ---- plans ---------------------------------------------------------------------------------------------------------


def plans(found: Evidence) -> Html:
    """Show the plans that something was done under whole, and name those that were only shown."""
    used = {event.data.get("plan") for event in found.journal if event.kind == "intent"}
    whole = [_plan(found, plan) for plan in found.plans if plan.digest in used]
    rest = [
        (code(plan.digest), f"{plan.step} ({plan.phase})", when(plan.made_at))
        for plan in found.plans
        if plan.digest not in used
    ]
    others = join([el("h3", "Shown, and nothing done under them"), table(["Plan", "Step", "Made"], rest)])
    return section("Plans", *whole, *([others] if rest else []))


def _plan(found: Evidence, plan: Plan) -> Html:
    title = el("h3", f"{plan.step} ({plan.phase}): {plan.effect.value}")
    made = el("p", "Plan ", code(plan.digest), ", made ", when(plan.made_at), "; ", *_carried(found, plan))
    lines = [
        (number, change.target, _what(change), change.impact, _outcome(found, plan, change))
        for number, change in enumerate(plan.changes, 1)
    ]
    return el("div", title, made, table(["No", "Where", "What", "Impact", "Outcome"], lines))


def _what(change: Change) -> Html:
    notes = [el("small", note) for note in change.notes]
    back = [el("small", f"way back: {change.way_back}")] if change.way_back else []
    final = [el("small", "can't be undone")] if not change.reversible else []
    return join([change.what or change.action, *notes, *back, *final])


def _carried(found: Evidence, plan: Plan) -> Iterator[object]:
    """Name whose decisions carried a plan, as the journal noted it before each change."""
    intents = [event for event in found.journal if event.kind == "intent" and event.data.get("plan") == plan.digest]
    people = dict.fromkeys(name for event in intents for name in carried_by(event))
    ids = dict.fromkeys(noted.id for event in intents for noted in noted_in(event))
    if not people:
        yield "by the site's rules it needed no approval."
        return
    yield f"carried by {', '.join(person(found, name) for name in people)}"
    if ids:
        yield join([", decision ", *(code(f"{id} ") for id in ids)])


def _outcome(found: Evidence, plan: Plan, change: Change) -> Html:
    """Say how a change ended in the round of its plan: the event that proved it, or that nothing did."""
    mine = [event for event in found.journal if _is_of(event, change.key, plan.round)]
    proven = next((event for event in mine if event.kind == "done"), None)
    if proven is not None:
        return join(["proven ", when(proven.at), f" (event {proven.seq})"])
    return join([word("NOT PROVEN"), f" {mine[-1].kind} (event {mine[-1].seq})"]) if mine else Html("not begun")


def _is_of(event: Event, key: str, number: int) -> bool:
    return bool(event.data.get("change") == key and event.data.get("round") == number)
