"""Show what a step does meanwhile, on standard error: a line per act and proof, a spinner while waiting."""

import re
from typing import TYPE_CHECKING

from engine.text import escape

if TYPE_CHECKING:
    from rich.status import Status

MARKS = {"step": "▶", "act": "→", "proved": "✔", "note": "!", "state": "■", "wait": "…"}
"""What each kind of progress begins with; the words after it say the same without the sign."""

STYLES = {"step": "bold", "act": "yellow", "proved": "green", "state": "bold green"}


class Progress:
    """Be called with a kind and a text; repeats of the same wait are shown once where there is no terminal."""

    def __init__(self) -> None:
        from engine.cli.render import console

        self._console = console(stderr=True)
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
        from rich.table import Table
        from rich.text import Text

        from engine.cli.render import localised, put

        line = Table.grid(padding=(0, 1))
        mark = MARKS[kind] if kind in ("step", "state") else f"  {MARKS[kind]}"
        line.add_row(Text(mark), Text(localised(escape(text)), STYLES.get(kind, "")))
        put(line, self._console)

    def _wait(self, text: str) -> None:
        from rich.text import Text

        if self._console.is_terminal and not self._console.is_dumb_terminal:
            shown = Text(escape(text))  # a plain string would be read as markup here, whatever the console says
            if self._status is None:
                self._status = self._console.status(shown)
                self._status.start()
            self._status.update(shown)
        elif (kind := re.sub(r"\d+", "", text)) != self._waited:
            self._waited = kind
            self._line("wait", text)

    def end_wait(self) -> None:
        """Take away what is shown as waited for."""
        self._waited = ""
        if self._status is not None:
            self._status.stop()
            self._status = None
