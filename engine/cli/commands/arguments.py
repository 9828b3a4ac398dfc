"""Share arguments that several commands take, and what each command begins with."""

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import completing
from engine.cli.context import Settings

if TYPE_CHECKING:
    from engine.runner import Runner

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A renewal: its ID, the beginning of it, or its certificate.",
        autocompletion=completing.renewals,
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the journal.")]
Change = Annotated[
    str, typer.Option(metavar="CHG", help="The change record it is done under; stands in plans and decisions.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, for scripts.")]


def runner_of(ctx: typer.Context) -> "Runner":
    """Return the runner for the site and home that were named, which shows progress."""
    from engine.cli.progress import Progress

    settings: Settings = ctx.obj
    return settings.runner(Progress())


def found(runner: "Runner", text: str) -> str:
    """Return the ID of the renewal that a person meant. Raises UsageError."""
    from engine.runner.people import find

    return find(runner, text)
