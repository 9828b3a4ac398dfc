"""Write times, and make text from outside safe to show. Pure."""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the second: ``2026-11-23T16:00:00Z``."""
    # Not strftime: it writes the year 999, which a certificate may claim, with three digits.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def moment(text: str) -> datetime:
    """Read what `stamp` wrote."""
    return datetime.fromisoformat(text)


def named(step: str, phase: str) -> str:
    """Name a phase of a step for people: ``propagate (services)``; a step's only phase bears its name: ``install``."""
    return step if step == phase else f"{step} ({phase})"


def spell(seconds: int) -> str:
    """Write a duration for people: seconds up to two minutes, then minutes, hours and days."""
    if seconds <= 120:
        return f"{seconds} s"
    if seconds <= 7200:
        return f"{-(-seconds // 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds <= 172800 else f"{seconds / 86400:.1f} days"


def counted(count: int, what: str) -> str:
    """Write a number with what it counts: ``1 node``, ``2 nodes``."""
    return f"{count} {what}{'s' if count != 1 else ''}"


def numbers(given: Sequence[int]) -> str:
    """Name lines by their numbers, shortly: ``line 2``, ``lines 1 to 3, 5``."""
    runs: list[list[int]] = []
    for one in sorted(set(given)):
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    told = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"line{'s' if len(given) > 1 else ''} {', '.join(told)}"


PILED = 4
"""How many combining marks one letter may carry; written languages need up to three or four."""

_MARKS = {"Mn", "Me"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def escape(text: object, limit: int = 0) -> str:
    r"""Make text from outside safe to show: control, ANSI and bidirectional characters become ``\x1b``-like escapes.

    So do marks piled on one letter beyond `PILED`, which would run over the lines around it. A `limit` above 0 cuts to
    that many characters, the last one an ellipsis. Idempotent but for the backslash, which stays as it is. Read-only.
    """
    plain = str(text)
    shown = plain if plain.isascii() and plain.isprintable() else "".join(_each(plain))
    return shown[: limit - 1] + "…" if limit and len(shown) > limit else shown


def _each(text: str) -> Iterator[str]:
    piled = 0
    for character in text:
        kind = unicodedata.category(character)
        piled = piled + 1 if kind in _MARKS else 0
        yield _coded(character) if kind in _HIDDEN or piled > PILED else character


def _coded(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
