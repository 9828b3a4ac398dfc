"""Show text to people: escaped, 80 columns, local time with its zone, and never colour alone."""

import re
import shutil
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from engine.errors import CertrenewError, CheckFailed, Drift, Failed, Refused, UsageError, Waiting
from engine.model import Json
from engine.text import counted, escape, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table

WIDTH = 80
"""Widest line in columns; a terminal that is narrower gets less."""


LABEL = 40
"""Widest label in characters; what stands beside it needs the rest of the line."""


def console(*, stderr: bool = False) -> "Console":
    """Make a console that understands no markup in texts and honours NO_COLOR."""
    from rich.console import Console

    measured = Console(stderr=stderr)
    # rich takes every dumb terminal to have 80 columns, so the terminal itself is asked, too.
    asked = shutil.get_terminal_size((WIDTH, 24)).columns
    width = min(measured.width, asked, WIDTH) if measured.is_terminal else WIDTH
    return Console(stderr=stderr, width=width, height=measured.height, markup=False, highlight=False, emoji=False)


def print_json(value: Json) -> None:
    """Print one JSON value on standard output; characters beyond ASCII are escaped, so no terminal is fooled."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def local(text: str) -> str:
    """Write a stored time in the reader's zone, with the zone named; "" stays "-"."""
    return moment(text).astimezone().strftime("%Y-%m-%d %H:%M %Z") if text else "-"


_STAMP = re.compile(r"(?<![\w=-])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def localised(text: str) -> str:
    """Write every stored time in a sentence as `local` does; one that is no time stays. What is stored is unchanged."""

    def written(found: "re.Match[str]") -> str:
        try:
            return local(found[0])
        except (ValueError, OverflowError):
            return found[0]

    return _STAMP.sub(written, text)


def put(shown: "RenderableType", out: "Console | None" = None) -> None:
    """Print something of rich's without the blanks that it fills lines up with."""
    out = out or console()
    with out.capture() as caught:
        out.print(shown)
    out.file.write(re.sub(r" +$", "", caught.get(), flags=re.MULTILINE))
    out.file.flush()


def ago(text: str, now: datetime) -> str:
    """Say how long ago a stored time is, in the largest fitting unit."""
    seconds = int((now - moment(text)).total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return f"{counted(seconds // size, unit)} ago"
    return "just now"


def days(count: int | None) -> str:
    """Say how many days the old certificate has left."""
    if count is None:
        return "not read yet"
    return counted(count, "day") if count >= 0 else f"ended {counted(-count, 'day')} ago"


def pairs(rows: "list[tuple[str, str]]") -> "Table":
    """Lay out labels and values in two columns; values wrap, and a line end in one is shown, not obeyed.

    Times in values are written in the reader's zone.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(Text(escape(label, LABEL), style="bold"), Text(localised(escape(value))))
    return table


def word_for(error: CertrenewError) -> str:
    """Name the kind of an error in one word."""
    kinds = ((UsageError, "Not usable"), (Waiting, "Waiting"), (Refused, "Refused"), (Failed, "Failed"))
    return next((word for kind, word in kinds if isinstance(error, kind)), "Bug")


def _doubts(error: CheckFailed) -> "list[tuple[str, str]]":
    """Return what failed, then what warns, as rows."""
    order = ("fail", "warn")
    found = sorted((one for one in error.findings if one.outcome in order), key=lambda one: order.index(one.outcome))
    return [(f"  {one.outcome.value}", f"{one.check}: {one.message}") for one in found]


def numbered(steps: "Sequence[str]") -> "list[tuple[str, str]]":
    """Return what people have to do on a box as rows, one after the other."""
    return [(f"  {number}.", step) for number, step in enumerate(steps, 1)]


def show_error(error: CertrenewError) -> None:
    """Print one error on standard error: what happened, what was left untouched, what to do next."""
    out = console(stderr=True)
    rows = [(word_for(error), error.what)]
    if isinstance(error, Drift):
        rows = [(word_for(error), error.what.partition(": ")[0] + ":"), *(("", line) for line in error.differences)]
    if isinstance(error, CheckFailed):
        rows = [(word_for(error), error.what.partition(": ")[0] + ":"), *_doubts(error)]
    rows += numbered(error.steps)
    if error.untouched:
        rows.append(("Left alone", error.untouched))
    if error.todo:
        rows.append(("Next", error.todo))
    put(pairs(rows), out)
