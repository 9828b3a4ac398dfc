"""Show many renewals; reads the store alone, so it works without site and plugins."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.cli import views

BRIEF = 60
"""Longest command that stands in a list."""

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.model import Renewal


def renewals(settings: "Settings", *, everything: bool, as_json: bool) -> None:
    """Print the renewals that are open, or all; those that can't be read are told on standard error."""
    from engine.cli.render import print_json, show_error

    summaries, problems = settings.store.summaries()
    now = datetime.now(UTC)
    shown = [one.renewal for one in summaries if everything or not one.renewal.ended]
    for problem in problems:
        show_error(problem)
    if as_json:
        print_json([views.view(renewal, now) for renewal in shown])
    elif not shown:
        from engine.cli.columns import say

        say("No renewal is open that can be read." if problems else "No renewal is open.")
        say("Begin one: certrenew start CERTIFICATE. All that ever were: certrenew list --all")
    else:
        _table(shown, now)


def _table(shown: "list[Renewal]", now: datetime) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from engine.cli.render import ago, console, days, put
    from engine.text import escape

    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("ID", "Certificate", "State", "Waits for", "Since", "Old ends in"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("ID", "State"))
    for renewal in shown:
        since = renewal.wait.since if renewal.wait else renewal.since
        names = ", ".join(item.certificate for item in renewal.items)
        cells = [renewal.id, names, renewal.state, views.waits_for(renewal), ago(since, now)]
        table.add_row(*(Text(escape(cell)) for cell in cells), Text(days(views.days_left(renewal, now))))
    out = console()
    put(table, out)
    print()
    for renewal in shown:
        if not renewal.ended:
            out.print(Text(f"{renewal.id}  next: {escape(_brief(renewal))}"))


def _brief(renewal: "Renewal") -> str:
    """Return what to type next when that is one command, else the command that explains."""
    todo = views.next_command(renewal)
    return todo if todo.startswith("certrenew ") and len(todo) < BRIEF else f"certrenew why {renewal.id}"
