"""Show a plan as a person decides about it."""

from datetime import datetime
from typing import TYPE_CHECKING

from engine.cli import views
from engine.cli.columns import say
from engine.cli.render import pairs, print_json, put
from engine.errors import UsageError
from engine.model import Effect, Json
from engine.text import escape, named, numbers, spell, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from engine.model import Change, Plan, Renewal
    from engine.runner import Runner
    from engine.store import Document


def plan(runner: "Runner", renewal: str, *, everything: bool, export: "Path | None", as_json: bool) -> None:
    """Make and show the next plan, or every one from here, and write the next into a file where one is named."""
    made = runner.plans_ahead(renewal) if everything else [one for one in [runner.plan(renewal)] if one]
    document = runner.store.load(renewal)
    if export is not None and made:
        from engine.cli.export import write

        write(runner, document, made, export)
    if as_json:
        shown = [views.plan_view(one, runner.case(document, one)) for one in made]
        print_json(shown if everything else next(iter(shown), None))
        return
    for number, one in enumerate(made):
        if number:
            print()
        show_plan(one)
        _standing(views.standing_view(runner.case(document, one)), one)
        if closed := window_of(runner, document, one):
            say(f"Window: {closed}")
    if not made:
        _nothing_planned(document.renewal)
    elif len(made) > 1:
        print()
        say(f"Approve all {len(made)} plans: certrenew approve {renewal} --all")


def window_of(runner: "Runner", document: "Document", made: "Plan") -> str:
    """Say when what serves may be done, where it may not be now; "" where no window or freeze is in the way."""
    from engine.runner.judging import out_of_window

    first = next((change for change in made.changes if change.effect is Effect.SERVE), None)
    closed = out_of_window(runner.site, document.renewal, made, first) if first else None
    return closed.what if closed else ""


def _nothing_planned(one: "Renewal") -> None:
    say(f"Nothing is left to change for {one.id} in {one.state}. Next: {views.next_command(one) or 'nothing'}")


def show_plan(made: "Plan") -> None:
    """Print a plan as a person decides about it."""
    under = f", change {made.change}" if made.change else ""
    what = f"{named(made.step, made.phase)}, effect {made.effect.value}"
    say(f"Plan {made.digest[:12]} of renewal {made.renewal}{under}: {what}")
    ahead = [("Comes after", f"plan {made.after[:12]}, in state {made.expects}")] if made.after else []
    put(pairs([*ahead, *views.summary(made)]))
    for number, change in enumerate(made.changes, 1):
        put(pairs([(f"{number:>3}.", escape(change.what)), *(("", line) for line in _consequences(change))]))
    for note, lines in _notes(made).items():
        put(pairs([("Note", f"{escape(note)} ({numbers(lines)})")]))
    print(f"Digest {made.digest}")


def _notes(made: "Plan") -> dict[str, list[int]]:
    """Return each note once, with the numbers of the lines that it is for."""
    notes: dict[str, list[int]] = {}
    for number, change in enumerate(made.changes, 1):
        for note in change.notes:
            notes.setdefault(note, []).append(number)
    return notes


def _consequences(change: "Change") -> list[str]:
    told = [f"{change.target}: {change.effect.value}", f"impact {change.severity}"]
    told += [f"takes up to {spell(change.duration)}"] if change.duration else []
    told += ["can NOT be undone"] if change.effect.weight and not change.reversible else []
    return ["; ".join(told), *([f"active there now: {change.activity}"] if change.activity else [])]


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
