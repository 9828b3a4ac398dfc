"""Show what a step does meanwhile, on standard error: a line per act and proof, a spinner while waiting."""

import os
import re
import sys
from typing import TYPE_CHECKING

from engine.cli.columns import BOLD, BOLD_GREEN, GREEN, YELLOW, put, styled, width, wrap
from engine.cli.times import localised
from engine.text import escape

if TYPE_CHECKING:
    from rich.status import Status

MARKS = {"step": "▶", "act": "→", "proved": "✔", "note": "!", "state": "■", "wait": "…"}
"""What each kind of progress begins with; the words after it say the same without the sign."""

STYLES = {"step": BOLD, "act": YELLOW, "proved": GREEN, "state": BOLD_GREEN}


class Progress:
    """Be called with a kind and a text; repeats of the same wait are shown once where there is no terminal."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._waited = ""
        self._step = ""

    def __call__(self, kind: str, text: str) -> None:
        """Show one piece of progress."""
        if kind == "wait":
            self._wait(text)
            return
        if kind == "step":
            if text == self._step:  # the same step again, after waiting: nothing new to say
                return
            self._step = text
        self.end_wait()
        self._line(kind, text)

    def _line(self, kind: str, text: str) -> None:
        lead = MARKS[kind] if kind in ("step", "state") else f"  {MARKS[kind]}"
        lines = wrap(localised(escape(text)), width(sys.stderr) - len(lead) - 1)
        leads = [lead, *[" " * len(lead)] * (len(lines) - 1)]
        shown = [styled(line, STYLES.get(kind, ""), sys.stderr) for line in lines]
        put([f"{before} {line}" for before, line in zip(leads, shown, strict=True)], sys.stderr)

    def _wait(self, text: str) -> None:
        if _live():
            self._turn(text)
        elif (kind := re.sub(r"\d+", "", text)) != self._waited:
            self._waited = kind
            self._line("wait", text)

    def _turn(self, text: str) -> None:
        """Show what is waited for behind a spinner."""
        from rich.console import Console
        from rich.text import Text

        shown = Text(escape(text))  # a plain string would be read as markup
        if self._status is None:
            self._status = Console(stderr=True, width=width(sys.stderr)).status(shown)
            self._status.start()
        self._status.update(shown)

    def end_wait(self) -> None:
        """Take away what is shown as waited for."""
        self._waited = ""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _live() -> bool:
    """Tell whether somebody watches a terminal on which a line can be written anew."""
    return os.environ.get("TERM") != "dumb" and bool(sys.stderr.isatty() or os.environ.get("FORCE_COLOR"))
