"""Write stored times and durations for people, in the reader's own zone."""

import re
from datetime import datetime

from engine.text import counted, moment

_STAMP = re.compile(r"(?<![\w=-])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def local(text: str) -> str:
    """Write a stored time in the reader's zone, with the zone named; "" stays "-"."""
    return moment(text).astimezone().strftime("%Y-%m-%d %H:%M %Z") if text else "-"


def localised(text: str) -> str:
    """Write every stored time in a sentence as `local` does; one that is no time stays. What is stored is unchanged."""

    def written(found: "re.Match[str]") -> str:
        try:
            return local(found[0])
        except (ValueError, OverflowError):
            return found[0]

    return _STAMP.sub(written, text)


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
