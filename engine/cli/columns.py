"""Lay out text in columns without `rich`, for a command that must start fast."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

from engine.cli.render import WIDTH, localised
from engine.text import escape

LEAST = 40
"""Below this many columns lines get longer than the terminal rather than useless."""
_COLOURS = {"FAIL": 31, "NOT OK": 31, "LOST": 31, "warn": 33, "ADDED": 33, "pass": 32, "OK": 32}


def width() -> int:
    """Return how wide a line may be: at most 80 columns, less on a narrower terminal."""
    return max(LEAST, min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)) if sys.stdout.isatty() else WIDTH


def word(text: str) -> str:
    """Colour a word of judgement where the terminal shows colours and NO_COLOR is not set; it stays a word."""
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or text not in _COLOURS else f"\x1b[{_COLOURS[text]}m{text}\x1b[0m"


def cells(text: str) -> int:
    """Return how many columns a text takes: East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


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


def beside(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Set texts side by side in columns of these widths, two blanks between them; each wraps in its own column."""
    wrapped = [wrap(text, columns) for text, columns in zip(texts, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    padded = [
        [line + " " * (columns - cells(line)) for line in [*lines, *[""] * (height - len(lines))]]
        for lines, columns in zip(wrapped, widths, strict=True)
    ]
    return ["  ".join(parts).rstrip() for parts in zip(*padded, strict=True)]


def say(text: str, indent: int = 0) -> None:
    """Print a sentence, escaped, its times in the reader's zone, and in lines that fit."""
    for line in wrap(localised(escape(text)), width() - indent):
        print(" " * indent + line)


def _fitting(text: str, columns: int) -> int:
    """Return how many characters fit, at least one."""
    used = 0
    for number, one in enumerate(text):
        used += cells(one)
        if used > columns:
            return max(number, 1)
    return len(text)
