"""The command line: what people type, and how it is shown. It decides nothing; `engine.runner` does."""

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

GLOBAL = ("--site", "--home")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code (docs/reference/exit-codes.md)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from engine.cli.app import OWN, app
        from engine.cli.streams import tolerant

        tolerant()

        narrowed(app, given)(args=globals_first(given, OWN), prog_name="certrenew")
    except KeyboardInterrupt:  # while the command was still being loaded
        from engine.cli.group import INTERRUPTED, interrupted

        interrupted()
        sys.exit(INTERRUPTED)


def narrowed(app: "typer.Typer", given: list[str]) -> "typer.Typer":
    """Return the application with only the commands that may be meant: building all of them takes longer than most.

    When no word is the name of a command (help, completion, a typing error, a plugin's command) all are kept.
    """
    from copy import copy

    from engine.cli.app import name_of

    meant = [one for one in app.registered_commands if name_of(one) in given]
    if not meant:
        return app
    small = copy(app)
    small.registered_commands = meant
    return small


def globals_first(given: list[str], own: Collection[str]) -> list[str]:
    """Move ``--site FILE`` and ``--home DIR`` to the front, so that they may stand anywhere in a command. Pure.

    Only for commands in `own`: a group that a plugin adds may have options of these names. What stands behind ``--``
    stays where it is.
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(given)
    for word in words:
        if word == "--" or (word not in own and not word.startswith("-") and not rest):
            return [*front, *rest, word, *words]
        if word in GLOBAL:
            front += [word, *[value for value in (next(words, None),) if value is not None]]
        elif word.startswith(tuple(f"{option}=" for option in GLOBAL)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest
