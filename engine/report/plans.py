"""Show plans and decisions: what was decided by whom, what it is worth, and what was done under it. Pure."""

from collections.abc import Iterator, Sequence

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
    mark, colon, rest = told.partition(":")
    return join([word(mark), colon, rest]) if mark.isupper() else join([told])


# ---- plans ---------------------------------------------------------------------------------------------------------


def plans(found: Evidence) -> Html:
    """Show the plans that something was done under; one that only repeats what was left of another is named."""
    begun = {str(event.data.get("plan")): event.seq for event in reversed(found.journal) if event.kind == "intent"}
    used = sorted((one for one in found.plans if one.digest in begun), key=lambda one: begun[one.digest])
    seen: set[tuple[int, str]] = set()
    whole: list[Html] = []
    rest: list[Sequence[object]] = []
    for plan in [*used, *(one for one in found.plans if one.digest not in begun)]:
        changes = {(plan.round, change.key) for change in plan.changes}
        if plan.digest in begun and not changes <= seen:
            whole.append(_plan(found, plan))
            seen |= changes
        else:
            why = f"what was left, from event {begun[plan.digest]}" if plan.digest in begun else "only shown"
            rest.append((code(plan.digest), f"{plan.step} ({plan.phase})", when(plan.made_at), why))
    others = [el("h3", "Other plans"), table(["Plan", "Step", "Made", "What"], rest)] if rest else []
    return section("Plans", *whole, *others)


def _plan(found: Evidence, plan: Plan) -> Html:
    title = el("h3", f"{plan.step} ({plan.phase}): {plan.effect.value}")
    made = el("p", "Plan ", code(plan.digest), ", made ", when(plan.made_at), "; ", *_carried(found, plan))
    lines = [
        (number, change.target, change.what or change.action, change.impact, _outcome(found, plan, change))
        for number, change in enumerate(plan.changes, 1)
    ]
    notes = [el("li", text) for text in _notes(plan)]
    told = table(["No", "Where", "What", "Impact", "Outcome"], lines)
    return el("div", title, made, told, *([el("ul", *notes)] if notes else []))


def _notes(plan: Plan) -> Iterator[str]:
    """Return what the plan said besides, each text once with the lines that it is of."""
    noted: dict[str, list[int]] = {}
    for number, change in enumerate(plan.changes, 1):
        back = [f"Way back: {change.way_back}"] if change.way_back else []
        final = ["Can't be undone"] if not change.reversible else []
        for text in (*change.notes, *back, *final):
            noted.setdefault(text, []).append(number)
    for text, lines in noted.items():
        yield text if len(lines) == len(plan.changes) else f"{text} (line {', '.join(map(str, lines))})"


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
        yield join([", decision ", code(", ".join(ids))])


def _outcome(found: Evidence, plan: Plan, change: Change) -> Html:
    """Say how a change ended in the round of its plan: the event that proved it, its step as a whole, or nothing."""
    mine = [event for event in found.journal if _is_of(event, change.key, plan.round)]
    if not mine:
        return Html("not begun")
    proven = next((event for event in mine if event.kind == "done"), None)
    if proven is not None:
        return join(["proven ", when(proven.at), f" (event {proven.seq})"])
    later = (event for event in found.journal[mine[-1].seq :] if event.kind == "state" and event.step == plan.step)
    if (ended := next(later, None)) is not None:
        return join([f"begun (event {mine[-1].seq}); its step was proven as a whole (event {ended.seq})"])
    return join([word("NOT PROVEN"), f" {mine[-1].kind} (event {mine[-1].seq})"])


def _is_of(event: Event, key: str, number: int) -> bool:
    return bool(event.data.get("change") == key and event.data.get("round") == number)
