"""Compare the names of a new certificate with those that must be in it (section C.1 of the procedure). Read-only."""

from collections.abc import Iterable, Sequence

from engine.certificates.extensions import Item
from engine.certificates.naming import names, names_are_whole, normal_name
from engine.model import escape


def lost_names(what: str, before: Item | None, after: Item) -> list[str]:
    """Return sentences about names of `before` that `after` lacks or has under another type; none without `before`.

    When the names of `before` can't all be read nothing can be shown to be kept, which is said, too.
    """
    if before is None:
        return []
    found = [] if names_are_whole(before) else [f"The names of the {what} can't all be read, so some may be lost."]
    held = {normal_name(name) for name in names(after)}
    values = {_value(name): name for name in sorted(held)}
    for name in dict.fromkeys(names(before)):
        wanted = normal_name(name)
        if wanted not in held:
            other = values.get(_value(wanted))
            changed = f' It is there as "{escape(other, 120)}", which is another type.' if other else ""
            found.append(f'The name "{escape(name, 120)}" of the {what} is lost.{changed}')
    return found


def new_names(after: Item, before: Iterable[Item]) -> list[str]:
    """Return one sentence about the names that nobody had and nobody asked for, or nothing."""
    expected = {normal_name(name) for one in before for name in names(one)}
    added = [escape(name, 120) for name in dict.fromkeys(names(after)) if normal_name(name) not in expected]
    return [f"These names are new and were not asked for: {', '.join(added)}."] if added else []


def missing_for_role(needed: Sequence[str], after: Item) -> list[str]:
    """Return a sentence for each needed name that is absent; ``a|b`` is satisfied by either."""
    held = {normal_name(name) for name in names(after)}
    absent = [
        one for one in dict.fromkeys(needed) if not any(normal_name(way.strip()) in held for way in one.split("|"))
    ]
    return [f"It lacks the name {' or '.join(escape(way.strip(), 120) for way in one.split('|'))}." for one in absent]


def _value(name: str) -> str:
    return name.partition(":")[2]
