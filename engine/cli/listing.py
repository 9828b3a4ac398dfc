"""Show many renewals; reads the store alone, so it works without site and plugins."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.cli import views

BRIEF = 60
"""Longest command that stands in a list."""

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.model import Renewal


def show(settings: "Settings", *, everything: bool, as_json: bool) -> None:
    """Print the renewals that are open, or all; those that can't be read are told on standard error."""
    from engine.cli.render import print_json, show_error

    renewals, problems = settings.store.listed()
    now = datetime.now(UTC)
    shown = [one for one in renewals if everything or not one.ended]
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
    from engine.cli.columns import fitted, put, table, width
    from engine.cli.times import ago, days
    from engine.text import escape

    rows = []
    for one in shown:
        since = one.wait.since if one.wait else one.since
        names = escape(", ".join(item.certificate for item in one.items))
        names += f" ({escape(one.workflow)})" if one.follows else ""
        told = escape(views.waits_for(one))
        rows.append((one.id, names, one.state, told, ago(since, now), days(views.days_left(one, now))))
    put(table(("ID", "Certificate", "State", "Waits for", "Since", "Old ends in"), rows, whole=("ID", "State")))
    columns, todo = width(), [f"{one.id}  next: {escape(_brief(one))}" for one in shown if not one.ended]
    put(["", *(line for text in todo for line in fitted(text, columns))])


def _brief(renewal: "Renewal") -> str:
    """Return what to type next when that is one command, else the command that explains."""
    todo = views.next_command(renewal)
    return todo if todo.startswith("certrenew ") and len(todo) < BRIEF else f"certrenew why {renewal.id}"
