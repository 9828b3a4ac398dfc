"""Show one renewal, its plan, what it waits for and its journal; each as text for people or as JSON."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from engine.cli import views
from engine.cli.columns import say
from engine.cli.render import ago, console, days, local, pairs, print_json
from engine.errors import Refused, UsageError
from engine.model import Actor, Json
from engine.text import escape, stamp

if TYPE_CHECKING:
    from engine.model import Change, Item, Plan, Renewal
    from engine.runner import Runner
    from engine.store import Document


# ---- a renewal -----------------------------------------------------------------------------------------------------


def renewal(runner: "Runner", document: "Document", *, as_json: bool) -> None:
    """Show where a renewal is and what to type next."""
    one, now = document.renewal, runner.site.clock.now()
    unsigned = [decision.plain() for decision in runner.store.decisions(one.id) if not decision.signed]
    if as_json:
        print_json({**views.view(one, now), "unsigned_approvals": unsigned})
        return
    since = one.wait.since if one.wait else one.since
    rows = [
        (f"Renewal {one.id}", ", ".join(f"{item.certificate} on {item.node}" for item in one.items)),
        ("State", _path(runner, one)),
        ("Waits for", f"{views.waits_for(one)}, since {local(since)} ({ago(since, now)})"),
    ]
    if one.wait:
        rows.append(("", one.wait.what))
    rows.append(("Next", views.next_command(one) or "nothing"))
    rows.append(("Old ends in", f"{days(views.days_left(one, now))} ({local(views.not_after(one))})"))
    if until := min((item.until for item in one.items if item.until), default=""):
        rows.append(("New ends", local(until)))
    rows += [row for item in one.items for row in _item(item)]
    rows += [("Override", f"{o.check}: {o.reason} ({_who(o.by)})") for o in one.overrides]
    rows += [("Approved", _approved(decision)) for decision in unsigned]
    rows.append(("Started", f"{local(one.created)} by {_who(one.requester)}"))
    console().print(pairs(rows))


def _approved(decision: "dict[str, Json]") -> str:
    told = f"{decision['step']} by {decision['person']}, UNSIGNED, plan {decision['plan'][:12]}"
    bounds = decision["not_before"], decision["not_after"]
    return f"{told}, {_window(*bounds)}" if any(bounds) else told


def _path(runner: "Runner", one: "Renewal") -> str:
    workflow = runner.workflow(one.workflow)
    main = [workflow.initial]
    while (arrow := workflow.forward(main[-1])) is not None:
        main.append(arrow.to)
    if one.state not in main:
        return one.state
    at = main.index(one.state)
    return f"{one.state} ({at} of {len(main) - 1}: {' → '.join([*main[:at], f'[{one.state}]', *main[at + 1 :]])})"


def _item(item: "Item") -> list[tuple[str, str]]:
    found = item.found
    if found is None:
        return []
    same = {True: "same CA", False: "another CA", None: ""}[item.same_ca]
    lines = [f"old {found.certificate[:12]}… {found.subject}, {len(found.sans)} names, by {found.issuer}"]
    if item.csr:
        lines.append(f"CSR {item.csr[:12]}…")
    if item.leaf:
        lines.append(f"new {item.leaf[:12]}…{', ' + same if same else ''}{', judged' if item.judged else ''}")
    return [(item.certificate, lines[0]), *(("", line) for line in lines[1:])]


def _who(who: Actor) -> str:
    account = f"{who.account} (uid {who.uid}) on {who.host}"
    return f"{who.person}, as {account}" if who.person else f"{account}, nobody the site knows"


def left_behind(document: "Document") -> None:
    """Say what a cancelled renewal leaves on boxes, from its journal."""
    done = {e.data.get("change"): e for e in document.journal if e.kind == "done"}
    lines = [e.text for e in done.values() if e.data.get("action") in ("generate-csr", "trust", "upload")]
    say("Left on the boxes, as it is:" if lines else "Nothing was changed on any box.")
    for line in lines:
        say(line, indent=2)


# ---- a plan --------------------------------------------------------------------------------------------------------


def plan(runner: "Runner", renewal: str, *, as_json: bool) -> None:
    """Make and show the next plan."""
    made = runner.plan(renewal)
    if made is None:
        _nothing_planned(runner, renewal, as_json=as_json)
        return
    case = runner.case(runner.store.load(renewal), made)
    if as_json:
        print_json(views.plan_view(made, case))
        return
    show_plan(made)
    _standing(views.standing_view(case), made)


def _nothing_planned(runner: "Runner", renewal: str, *, as_json: bool) -> None:
    one = runner.store.load(renewal).renewal
    if as_json:
        print_json(None)
    else:
        say(f"Nothing is left to change for {renewal} in {one.state}. Next: {views.next_command(one) or 'nothing'}")


def show_plan(made: "Plan") -> None:
    """Print a plan as a person decides about it."""
    out = console()
    out.print(
        f"Plan {made.digest[:12]} of renewal {made.renewal}: {made.step} ({made.phase}), effect {made.effect.value}"
    )
    for number, change in enumerate(made.changes, 1):
        out.print(pairs([(f"{number:>3}.", escape(change.what)), *(("", line) for line in _consequences(change))]))
    for note, numbers in _notes(made).items():
        out.print(pairs([("Note", f"{escape(note)} (line {', '.join(map(str, numbers))})")]))
    out.print(f"Digest {made.digest}", soft_wrap=True)


def _notes(made: "Plan") -> dict[str, list[int]]:
    """Return each note once, with the numbers of the lines that it is for."""
    notes: dict[str, list[int]] = {}
    for number, change in enumerate(made.changes, 1):
        for note in change.notes:
            notes.setdefault(note, []).append(number)
    return notes


def _consequences(change: "Change") -> list[str]:
    lines = [f"{change.target}: {change.effect.value}; impact: {escape(change.impact)}"]
    if change.activity:
        lines.append(f"active there now: {change.activity}")
    if change.effect.weight:
        undo = "can be undone" if change.reversible else "can NOT be undone"
        lines.append(f"{undo}; way back: {change.way_back}")
    if change.duration:
        lines.append(f"takes up to {change.duration} s")
    return lines


def _standing(rules: "list[dict[str, Json]]", made: "Plan") -> None:
    if not rules:
        say("No approval is needed." if made.changes else "")
    for rule in rules:
        say(_standing_line(rule))
    if any(rule["missing"] for rule in rules):
        say(f"Approve: certrenew approve {made.renewal} --plan {made.digest[:12]}")


def _standing_line(rule: "dict[str, Json]") -> str:
    def listed(key: str) -> str:
        return ", ".join(rule[key]) or "nobody"

    return f"Approvals: {rule['needed']} needed, by {listed('approved_by')} so far; could: {listed('could')}."


def moment_of(text: str) -> str:
    """Read a time as a person types it, in the local zone unless it names one; "" stays "". Raises UsageError."""
    try:
        return stamp(datetime.fromisoformat(text).astimezone()) if text else ""
    except (ValueError, OverflowError):
        raise UsageError(f"`{escape(text, 40)}` is no time.", todo="Write it like 2026-11-24T02:00.") from None


def approval(
    runner: "Runner",
    renewal: str,
    digest: str,
    person: str | None,
    window: tuple[str, str],
    *,
    ask: bool,
    as_json: bool,
) -> None:
    """Show the plan that would be approved, ask on a terminal, record the decision."""
    from engine.runner.people import approve, plan_to_approve

    made = plan_to_approve(runner, renewal, digest)
    if not as_json:
        show_plan(made)
        if ask and sys.stdin.isatty() and not typer.confirm("Approve exactly this plan?"):
            raise Refused("You said no.", untouched="Nothing was approved.", todo=f"certrenew why {renewal}")
    decision = approve(runner, renewal, made, person, not_before=window[0], not_after=window[1])
    if as_json:
        print_json({"plan": made.plain(), "decision": decision.plain()})
        return
    say(f"Approved by {decision.person}, UNSIGNED (typed by {_who(decision.by)}).")
    if decision.not_before or decision.not_after:
        say(f"It counts {_window(decision.not_before, decision.not_after)}.")
    say(f"Next: certrenew run {renewal}")


def _window(not_before: str, not_after: str) -> str:
    begin = f"from {local(not_before)}" if not_before else "from now"
    return f"{begin} until {local(not_after)}" if not_after else begin


# ---- waiting -------------------------------------------------------------------------------------------------------


def why(runner: "Runner", renewal: str, *, as_json: bool) -> None:
    """Say what a renewal waits for, who can unblock it, and how; from what is stored, no box is contacted."""
    one = runner.store.load(renewal).renewal
    waiting = one.wait
    rules = _open_rules(runner, one) if waiting and waiting.on == "approval" else []
    who = _unblocker(one, rules)
    if as_json:
        told = {"id": one.id, "state": one.state, "waits_for": views.waits_for(one), "who": who, "rules": rules}
        print_json({**told, "wait": waiting.plain() if waiting else None, "how": views.next_command(one)})
        return
    now = runner.site.clock.now()
    since = waiting.since if waiting else one.since
    rows = [
        ("What", waiting.what if waiting else f"Nothing is in the way; the renewal is {one.state}."),
        *([("Left alone", waiting.untouched)] if waiting and waiting.untouched else []),
        ("Who", who),
        ("How", views.next_command(one) or "nothing is left to do"),
        ("Since", f"{local(since)} ({ago(since, now)})"),
        ("Old ends in", days(views.days_left(one, now))),
    ]
    rows += [("Can't", f"{why}") for rule in rules for why in rule["cannot"].values() if rule["missing"]]
    console().print(pairs(rows))


def _open_rules(runner: "Runner", one: "Renewal") -> "list[dict[str, Json]]":
    from engine.runner.people import shown_plans

    document = runner.store.load(one.id)
    shown = shown_plans(runner, document)
    return views.standing_view(runner.case(document, shown[0])) if shown else []


def _unblocker(one: "Renewal", rules: "list[dict[str, Json]]") -> str:
    if rules:
        return ", ".join(dict.fromkeys(escape(name) for rule in rules for name in rule["could"])) or "nobody"
    if one.ended:
        return "nobody has to"
    if one.wait is None:
        return "you"
    authorities = ", ".join(dict.fromkeys(escape(item.authority) for item in one.items))
    return {
        "person": f"whoever gets the certificate from {authorities}",
        "authority": authorities,
        "check": "you, with whoever made what failed the check",
        "fault": "whoever looks after the box that failed",
    }.get(one.wait.on, "you")


# ---- the journal ---------------------------------------------------------------------------------------------------


def journal(runner: "Runner", renewal: str, *, verify: bool, as_json: bool) -> None:
    """Print the journal, or check it; a broken one is refused."""
    if verify:
        _verify(runner, renewal, as_json=as_json)
        return
    events = runner.store.load(renewal).journal
    if as_json:
        print_json([event.plain() for event in events])
        return
    out = console()
    for event in events:
        by = event.by.person or event.by.account
        out.print(pairs([(f"{event.seq:>3} {local(event.at)}", f"{event.kind}, {by}: {event.text}")]))


def _verify(runner: "Runner", renewal: str, *, as_json: bool) -> None:
    problems = runner.store.verify(renewal)
    events = runner.store.load(renewal).journal if not problems else ()
    if as_json:
        print_json({"id": renewal, "whole": not problems, "problems": problems, "events": len(events)})
    if problems:
        raise Refused(
            f"The journal of {renewal} was changed or damaged: {'; '.join(problems)}.",
            untouched="Nothing was repaired.",
            todo="Keep the file as it is and compare it with your backup.",
        )
    if not as_json:
        say(f"The journal of {renewal} is whole: {len(events)} events, head {events[-1].hash}.")
