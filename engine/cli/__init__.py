"""The command line: what people type, and how it is shown. It decides nothing; `engine.runner` does."""

import gc
import sys
from collections.abc import Collection, Sequence

GLOBAL = ("--site", "--home")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code (docs/reference/exit-codes.md)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(100_000)  # what is loaded stays; looking for garbage in it took a tenth of the start
    try:
        from engine.cli.app import app
        from engine.cli.group import Group
        from engine.cli.streams import tolerant

        tolerant()
        app(args=globals_first(given, Group.own), prog_name="certrenew")
    except KeyboardInterrupt:  # while the command was still being loaded
        from engine.cli.group import INTERRUPTED, interrupted

        interrupted()
        sys.exit(INTERRUPTED)


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
