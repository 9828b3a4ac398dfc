"""Say how long to wait before looking again: ever longer while something is down, and never all at the same moment."""

import zlib

LONGEST = 3600
"""Longest pause between two tries at something that is down, in seconds; an authority's own interval may be longer."""

SPREAD = 0.2
"""By which part a pause may be longer, so that many renewals don't ask at once."""


def pause(seconds: float, failures: int, key: str) -> float:
    """Return how long to wait, in seconds, after so many failures in a row (0 or 1 for the first).

    Doubles with each failure up to `LONGEST`. What is added to spread renewals follows from `key` and `failures`, so
    that the same question has the same answer.
    """
    doubled = seconds * float(1 << min(max(failures - 1, 0), 20))
    grown = min(doubled, max(float(LONGEST), seconds))
    return grown * (1 + SPREAD * zlib.crc32(f"{key}:{failures}".encode()) / 2**32)
