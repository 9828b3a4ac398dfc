"""Show one renewal, what it waits for and its journal; each as text for people or as JSON."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.cli import views
from engine.cli.columns import say
from engine.cli.render import ago, days, local, numbered, pairs, print_json, put
from engine.errors import Drift, Refused, Waiting
from engine.model import Actor, Json
from engine.text import escape, named

if TYPE_CHECKING:
    from engine.model import Decision, Item, Renewal
    from engine.runner import Runner
    from engine.store import Document


# ---- a renewal -----------------------------------------------------------------------------------------------------


def renewal(runner: "Runner", document: "Document", *, as_json: bool) -> None:
    """Show where a renewal is and what to type next."""
    from engine.cli import schedule
    from engine.runner.ahead import schedule as ahead

    one, now = document.renewal, runner.site.clock.now()
    decisions, planned = runner.store.decisions(one.id), ahead(runner, document)
    if as_json:
        decided_ = [decision.plain() for decision in decisions]
        print_json({**views.view(one, now), **schedule.view(planned, now), "decisions": decided_})
        return
    since = one.wait.since if one.wait else one.since
    rows = [
        ("Renewal", f"{one.id}: {', '.join(map(_aim, one.items))}"),
        *([("Follows", f"renewal {one.follows}; this is its {one.workflow}")] if one.follows else []),
        *([("Change", one.change)] if one.change else []),
        ("State", _path(runner, one)),
        *([("Turn", _turn(one))] if one.items[-1].turn else []),
        ("Waits for", f"{views.waits_for(one)}, since {local(since)} ({ago(since, now)})"),
    ]
    if one.wait:
        rows += [("", line) for line in (one.wait.what, one.wait.tried(), *one.wait.drift) if line]
        rows += numbered(one.wait.steps)
    rows.append(("Next", views.next_command(one) or "nothing"))
    end = views.not_after(one)
    rows += [("Old ends in", days(views.days_left(one, now)) + (f" ({local(end)})" if end else ""))] * (not one.follows)
    rows += schedule.rows(planned, one.id, now)
    rows += [("CA suggests", f"renewing at {local(item.suggested)}") for item in one.items if item.suggested]
    if until := min((item.until for item in one.items if item.until), default=""):
        rows.append(("New ends", local(until)))
    rows += [row for item in one.items for row in _item(item)]
    rows += [("Saved", _saved(runner, one))] if one.saved else []
    rows += [("Override", f"{o.check}: {o.reason} ({who(o.by)})") for o in one.overrides]
    rows += [("Decided", decided(decision)) for decision in decisions]
    rows.append(("Started", f"{local(one.created)} by {who(one.requester)}"))
    put(pairs(rows))


def _aim(item: "Item") -> str:
    """Name a certificate, and the nodes that it is for."""
    return f"{item.certificate} on {', '.join(item.nodes)}"


def decided(decision: "Decision") -> str:
    """Say in a line who decided what of which plan, and on what it rests."""
    told = f"{decision.person}: {decision.verb} {named(decision.step, decision.phase)}, plan {decision.plan[:12]}"
    told += f", decision {decision.id}, {'signed' if decision.signed else 'UNSIGNED'}"
    told += f", {window(decision.not_before, decision.not_after)}" if decision.not_before or decision.not_after else ""
    told += f", takes back {decision.withdraws}" if decision.withdraws else ""
    return f"{told}: {decision.reason}" if decision.reason else told


def _path(runner: "Runner", one: "Renewal") -> str:
    workflow = runner.workflow(one.workflow)
    main = [workflow.initial]
    while (arrow := workflow.forward(main[-1])) is not None:
        main.append(arrow.to)
    if one.state not in main:
        return one.state
    at = main.index(one.state)
    return f"{one.state} ({at} of {len(main) - 1}: {' → '.join([*main[:at], f'[{one.state}]', *main[at + 1 :]])})"


def _turn(one: "Renewal") -> str:
    """Say whose turn it is: a box holds one pending CSR, so its certificates are renewed one after the other."""
    now = ", ".join(item.certificate for _, item in one.in_turn)
    return f"{one.turn + 1} of {one.items[-1].turn + 1}: {now}"


def _saved(runner: "Runner", one: "Renewal") -> str:
    """Say what was saved before it was changed, and where the files are."""
    places = [place.split(":") for place in one.saved]
    told = ", ".join(f"{name or 'trusted CAs'} of {node}" for node, _, name in places)
    return f"{escape(told)}; as files saved-… in {escape(runner.store.paper_folder(one.id))}"


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


def who(actor: Actor) -> str:
    """Name who ran a command."""
    account = f"{actor.account} (uid {actor.uid}) on {actor.host}"
    return f"{actor.person}, as {account}" if actor.person else f"{account}, nobody the site knows"


def window(not_before: str, not_after: str) -> str:
    """Say when an approval counts."""
    begin = f"from {local(not_before)}" if not_before else "from now"
    return f"{begin} until {local(not_after)}" if not_after else begin


def left_behind(document: "Document") -> None:
    """Say what a cancelled renewal leaves on boxes, from its journal."""
    done = {e.data.get("change"): e for e in document.journal if e.kind == "done"}
    undone = {e.data["undoes"] for e in document.journal if e.kind == "restored"}
    lines = [e.text for e in done.values() if e.data.get("action") in ("generate-csr", "trust", "upload")]
    lines = [text for text in lines if text not in undone]
    lines += [e.text for e in document.journal if e.kind == "restored"]
    say("Left on the boxes, as it is:" if lines else "Nothing was changed on any box.")
    for line in lines:
        say(line, indent=2)


# ---- waiting -------------------------------------------------------------------------------------------------------


def why(runner: "Runner", renewal: str, *, as_json: bool) -> None:
    """Say what a renewal waits for, who can unblock it, and how; from what is stored, no box is contacted."""
    from engine.cli import schedule
    from engine.runner.ahead import schedule as ahead

    document, now = runner.store.load(renewal), runner.site.clock.now()
    planned = ahead(runner, document)
    one, rules, unblocker = _judged(runner, document)
    waiting = one.wait
    if as_json:
        told = {"id": one.id, "state": one.state, "waits_for": views.waits_for(one), "who": unblocker, "rules": rules}
        wait: Json = waiting.plain() if waiting else None
        print_json({**told, "wait": wait, "how": views.next_command(one), **schedule.view(planned, now)})
        return
    since = waiting.since if waiting else one.since
    rows = [
        ("What", waiting.what if waiting else f"Nothing is in the way; the renewal is {one.state}."),
        *(("", line) for line in ((waiting.tried(), *waiting.drift) if waiting else ()) if line),
        *numbered(waiting.steps if waiting else ()),
        *([("Left alone", waiting.untouched)] if waiting and waiting.untouched else []),
        ("Who", unblocker),
        ("How", views.next_command(one) or "nothing is left to do"),
        ("Since", f"{local(since)} ({ago(since, now)})"),
        *([] if one.follows else [("Old ends in", days(views.days_left(one, now)))]),
        *schedule.rows(planned, one.id, now),
    ]
    rows += [("Can't", f"{why}") for rule in rules for why in rule["cannot"].values() if rule["missing"]]
    put(pairs(rows))


def _judged(runner: "Runner", document: "Document") -> "tuple[Renewal, list[dict[str, Json]], str]":
    """Return the renewal with what it waits for now, how the rules stand, and who can unblock it.

    What was decided since the last run counts: people ask `why` right after they approved or rejected.
    """
    from engine import approvals
    from engine.runner.deciding import shown_plans

    one = document.renewal
    shown = shown_plans(runner, document) if _asks_for_decisions(runner, one) else []
    if one.wait is None or not shown:
        return one, [], _unblocker(one)
    case = runner.case(document, shown[0])
    rules = views.standing_view(case)
    could = ", ".join(dict.fromkeys(escape(name) for rule in rules for name in rule["could"] if rule["missing"]))
    error = approvals.objected(case)
    if error is None:
        return replace(one, wait=None), rules, "you"
    if isinstance(error, Drift):  # told line by line in what is stored
        return one, rules, could or "nobody"
    wait = replace(one.wait, what=error.what, todo=error.todo)
    if isinstance(error, Waiting):
        return replace(one, wait=replace(wait, on=error.on)), rules, could if error.on == "approval" else "you"
    return replace(one, wait=wait), [], "you, with whoever said no"


def _asks_for_decisions(runner: "Runner", one: "Renewal") -> bool:
    """Tell whether what a renewal waits for is a matter of decisions: an approval, a window, a rejection taken back."""
    if one.wait is None or one.wait.on in ("approval", "window"):
        return one.wait is not None
    return any(
        decision.verb == "reject" and decision.id in one.wait.todo for decision in runner.store.decisions(one.id)
    )


def _unblocker(one: "Renewal") -> str:
    if one.ended:
        return "nobody has to"
    if one.wait is None:
        return "you"
    if one.wait.steps:
        return f"whoever works {', '.join(dict.fromkeys(ask.node for ask in one.wait.asks)) or 'the box'} by hand"
    authorities = ", ".join(dict.fromkeys(escape(item.authority) for item in one.items))
    signed = all(item.leaf for _, item in one.in_turn)
    return {
        "person": "whoever can do what is asked" if signed else f"whoever gets the certificate from {authorities}",
        "authority": authorities,
        "window": "nobody has to" if one.wait.poll_after else "whoever plans the windows",
        "check": "you, with whoever made what failed the check",
        "fault": "whoever looks after the box that failed",
    }.get(one.wait.on, "you")


# ---- the journal ---------------------------------------------------------------------------------------------------


def journal(runner: "Runner", renewal: str, *, verify: bool, as_json: bool, head: str = "") -> None:
    """Print the journal, or check it; a broken one, or one that lacks the event with the hash `head`, is refused."""
    if verify:
        _verify(runner, renewal, head.strip().lower(), as_json=as_json)
        return
    events = runner.store.load(renewal).journal
    if as_json:
        print_json([event.plain() for event in events])
        return
    for event in events:
        by = event.by.person or event.by.account
        put(pairs([(f"{event.seq:>3} {local(event.at)}", f"{event.kind}, {by}: {event.text}")]))


def _verify(runner: "Runner", renewal: str, head: str, *, as_json: bool) -> None:
    problems = runner.store.verify(renewal, head)
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
