"""Say when what could not be told is tried again. Reads the site file's age and chance, nothing else."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.store.outbox import Retry
from engine.text import moment, stamp

FIRST, LONGEST = 60, 3600
"""How long to wait after the first failure, and at most, in seconds; doubled each time between."""


def failed(old: Retry | None, seq: int, why: str, now: datetime, *, much_later: bool = False) -> Retry:
    """Return what is kept of a failure; `old` is what was kept of the one before.

    Jitter keeps many homes from asking one server at the same moment.
    """
    attempts = 1 + (old.attempts if old and old.seq == seq else 0)
    wait = LONGEST if much_later else min(FIRST * 2 ** min(attempts - 1, 10), LONGEST)
    jitter = random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, guards nothing
    due = now + timedelta(seconds=wait * jitter)
    return Retry(seq=seq, attempts=attempts, at=stamp(now), next=stamp(due), why=why)


def is_due(retry: Retry, now: datetime, site: Path) -> bool:
    """Tell whether to try again: its time has come, the site file was changed since, or the clock was set back."""
    due = moment(retry.next)
    return due <= now or due > now + timedelta(seconds=2 * LONGEST) or moment(retry.at) < _changed(site)


def _changed(site: Path) -> datetime:
    """Return when the file was changed last, to the second before, because that is how exact times are stored."""
    return datetime.fromtimestamp(int(site.stat().st_mtime), UTC)
