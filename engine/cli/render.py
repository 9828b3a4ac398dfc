"""Show values and errors: plain JSON for scripts, and for people what happened and what to do."""

import re
import sys
from typing import TYPE_CHECKING

from engine.cli.columns import pairs as pairs
from engine.cli.columns import put as put
from engine.cli.times import ago as ago
from engine.cli.times import days as days
from engine.cli.times import local as local
from engine.errors import CertrenewError, CheckFailed, Drift, Failed, Refused, UsageError, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model import Json


def print_json(value: "Json") -> None:
    """Print one JSON value on standard output; characters beyond ASCII are escaped, so no terminal is fooled."""
    sys.stdout.write(_json(value) + "\n")


def _json(value: "Json") -> str:
    """Write JSON as `json.dumps` does with two blanks a level; forty times as fast, which 10,000 renewals need."""
    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # half a surrogate pair, such as in a file name that is no UTF-8
        import json

        return json.dumps(value, indent=2)
    return text if text.isascii() and "\x7f" not in text else _BEYOND.sub(_escaped, text)


_BEYOND = re.compile(r"[^\n -~]")


def _escaped(found: "re.Match[str]") -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


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
    put(pairs(rows, sys.stderr), sys.stderr)
