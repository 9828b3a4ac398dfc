"""Lay out text in columns of at most 80 characters, and colour it where that is wanted, quickly.

`rich` does more, and importing it takes as long as half of Python with `typer`; here it only turns the spinner
(`engine.cli.progress`).
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TextIO

from engine.cli.times import localised
from engine.text import escape

WIDTH = 80
"""Widest line in columns; a terminal that is narrower gets less."""

LEAST = 40
"""Below this many columns lines get longer than the terminal rather than useless."""

LABEL = 40
"""Widest label in characters; what stands beside it needs the rest of the line."""

BETWEEN = 2
"""How many blanks stand between columns."""

NARROWEST = 6
"""Columns that a column of a table keeps, however long its neighbours are."""

_COLOURS = {"FAIL": 31, "NOT OK": 31, "LOST": 31, "warn": 33, "ADDED": 33, "pass": 32, "OK": 32}
BOLD, YELLOW, GREEN, BOLD_GREEN = "1", "33", "32", "1;32"


def width(out: TextIO | None = None) -> int:
    """Return how wide a line may be: at most 80 columns, less on a narrower terminal."""
    if not (out or sys.stdout).isatty():
        return WIDTH
    return max(LEAST, min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH))


def styled(text: str, style: str, out: TextIO | None = None) -> str:
    """Emphasise a text where a terminal shows it (or FORCE_COLOR is set) and NO_COLOR is not; the words stay."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    wanted = not plain and bool((out or sys.stdout).isatty() or os.environ.get("FORCE_COLOR"))
    return f"\x1b[{style}m{text}\x1b[0m" if wanted and style and text else text


def word(text: str) -> str:
    """Colour a word of judgement where the terminal shows colours and NO_COLOR is not set; it stays a word."""
    return styled(text, str(_COLOURS[text])) if text in _COLOURS else text


def cells(text: str) -> int:
    """Return how many columns a text takes: East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def padded(text: str, columns: int) -> str:
    """Fill a text up with blanks."""
    return text + " " * (columns - cells(text))


def wrap(text: str, columns: int) -> list[str]:
    """Break a text at blanks, and longer words anywhere, into lines of at most so many columns; at least one line."""
    lines, line = [], ""
    for piece in text.split():
        rest = piece
        while rest:
            joined = f"{line} {rest}" if line else rest
            if cells(joined) <= columns:
                line, rest = joined, ""
            elif line and (cells(rest) <= columns or columns - cells(line) < 8):
                lines.append(line)
                line = ""
            else:
                cut = _fitting(joined, columns)
                lines.append(joined[:cut])
                line, rest = "", joined[cut:]
    return [*lines, line] if line or not lines else lines


def fitted(text: str, columns: int) -> list[str]:
    """Return a text as it is where it fits, else wrapped."""
    return [text] if cells(text) <= columns else wrap(text, columns)


def beside(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Set texts side by side in columns of these widths, two blanks between them; each wraps in its own column."""
    return _joined([_block(text, columns) for text, columns in zip(texts, widths, strict=True)])


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], whole: Sequence[str] = ()) -> list[str]:
    """Lay out a table that fits; where it must be narrower the widest columns are, but for those named in `whole`.

    Cells are escaped already; a line end in one is obeyed.
    """
    columns = [dict.fromkeys(column) for column in zip(headings, *rows, strict=True)]
    widths = [max(cells(line) for cell in column for line in cell.split("\n")) for column in columns]
    _narrow(widths, [number for number, heading in enumerate(headings) if heading not in whole])
    # Cells of a column are often alike, and each is broken into lines once: that matters for 10,000 rows.
    blocks = [{cell: _block(cell, wide) for cell in column} for column, wide in zip(columns, widths, strict=True)]
    head, *lines = [
        _joined([block[cell] for block, cell in zip(blocks, row, strict=True)]) for row in (headings, *rows)
    ]
    rule = "─" * min(sum(widths) + BETWEEN * (len(widths) - 1), width())
    return [*(styled(line, BOLD) for line in head), rule, *(line for some in lines for line in some)]


def _block(text: str, columns: int) -> list[str]:
    """Return the lines of a text in a column, each filled up to its width."""
    if (spare := columns - cells(text)) >= 0 and "\n" not in text:
        return [text + " " * spare]
    return [padded(line, columns) for part in text.split("\n") for line in wrap(part, columns)]


def _joined(blocks: Sequence[list[str]]) -> list[str]:
    """Set blocks side by side; the shorter ones are filled up with empty lines."""
    if max(map(len, blocks)) == 1:
        return ["  ".join([block[0] for block in blocks]).rstrip()]
    empty = [" " * cells(block[0]) for block in blocks]
    lines = zip_longest(*blocks)
    return ["  ".join(map(lambda part, none: none if part is None else part, line, empty)).rstrip() for line in lines]


def _narrow(widths: list[int], breakable: Sequence[int]) -> None:
    """Take columns away from the widest, one by one, until the table fits or nothing can be taken any more."""
    over = sum(widths) + BETWEEN * (len(widths) - 1) - width()
    for _ in range(over):
        widest = max(breakable, key=lambda number: widths[number], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def pairs(rows: Sequence[tuple[str, str]], out: TextIO | None = None) -> list[str]:
    """Lay out labels and values in two columns; values wrap, and a line end in one is shown, not obeyed.

    Times in values are written in the reader's zone.
    """
    labels = [escape(label, LABEL) for label, _ in rows]
    wide = max(map(cells, labels), default=0)
    room = max(width(out) - wide - BETWEEN, NARROWEST)
    lines = []
    for label, (_, value) in zip(labels, rows, strict=True):
        first, *more = wrap(localised(escape(value)), room)
        lead = styled(label, BOLD, out) + " " * (wide - cells(label) + BETWEEN)
        lines += [f"{lead}{first}".rstrip(), *(" " * (wide + BETWEEN) + line for line in more)]
    return lines


def put(lines: Iterable[str], out: TextIO | None = None) -> None:
    """Print lines, at once: what is told on the other stream stays in its place."""
    stream = out or sys.stdout
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def say(text: str, indent: int = 0) -> None:
    """Print a sentence, escaped, its times in the reader's zone, and in lines that fit."""
    put(" " * indent + line for line in wrap(localised(escape(text)), width() - indent))


def _fitting(text: str, columns: int) -> int:
    """Return how many characters fit, at least one."""
    used = 0
    for number, one in enumerate(text):
        used += cells(one)
        if used > columns:
            return max(number, 1)
    return len(text)
