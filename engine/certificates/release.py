"""Put releases of Expressway in order: ``X8.11.3`` before ``X12.5`` before ``X14.3.1`` before ``X15.5``."""

import re
from dataclasses import dataclass, field

from engine.errors import UsageError
from engine.text import escape


@dataclass(frozen=True, order=True)
class Release:
    """Be one release; compares by number, so that ``X14.3`` equals ``X14.3.0`` and follows ``X8.11``.

    `text` is as it was written and takes no part in comparisons.
    """

    numbers: tuple[int, ...]
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> "Release":
        """Read ``X14.3.1``, ``x14.3`` or ``14.3``; what follows a space is ignored. Raises UsageError."""
        found = re.fullmatch(r"[Xx]?([0-9]{1,3}(?:\.[0-9]{1,5}){0,4})(?:[ _-].*)?", text.strip(), re.DOTALL)
        if not found:
            raise UsageError(f"{escape(text, 40)!r} is no release.", todo="Write it as X14.3 or X15.5.1.")
        numbers = [int(part) for part in found[1].split(".")]
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        return cls(tuple(numbers), "X" + found[1])

    def __str__(self) -> str:
        return self.text or "X" + ".".join(map(str, self.numbers))
