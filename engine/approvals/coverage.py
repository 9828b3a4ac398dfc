"""Tell whether an approved plan still covers what would be done now (invariant 4 of the design). Pure."""

from collections.abc import Collection, Iterable, Mapping

from engine.canonical import canonical
from engine.model import Change, Json, Plan
from engine.text import escape


def differences(approved: Plan, now: Plan, ours: Collection[str]) -> list[str]:
    """Say, a line each, how what would be done now differs from an approved plan; empty when it is still covered.

    Covered means: every change that remains was approved, and every approved change that is gone was made by us
    (invariant 4 of the design).
    """
    told = [
        f"{name} was {_short(before)}, is {_short(after)}"
        for name, before, after in _pairs(_frame(approved), _frame(now))
        if before != after
    ]
    if not told and canonical(_frame(approved)) != canonical(_frame(now)):
        told.append("what the plan rests on is another")  # such as 1 for true, which Python calls equal
    approved_keys = {change.key for change in approved.changes}
    remaining = {change.key for change in now.changes}
    told += [f"not approved: {line(change)}" for change in now.changes if change.key not in approved_keys]
    told += [
        f"no longer so, and not by us: {line(change)}"
        for change in approved.changes
        if change.key not in remaining and change.key not in ours
    ]
    return told


def _frame(plan: Plan) -> dict[str, Json]:
    ahead = ("after", "expects")  # judged by whether the plan before was carried out (counting.drifted)
    return {key: value for key, value in plan.digested().items() if key not in ("changes", *ahead)}


def _pairs(before: Json, after: Json, path: str = "") -> Iterable[tuple[str, Json, Json]]:
    """Walk two JSON values side by side and yield (path, before, after) for every leaf."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _pairs(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _pairs(one, other, f"{path}.{number}")
    else:
        yield path, before, after


def _short(value: Json) -> str:
    return escape(value, 40) if value not in (None, "", []) else "nothing"


def line(change: Change) -> str:
    """Name a change for a person in a few words, escaped."""
    return escape(f"{change.target}: {change.what or change.action}", 120)
