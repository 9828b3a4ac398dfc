"""Compare the names of a new certificate with those that must be in it (section C.1 of the procedure). Read-only."""

import re
from collections.abc import Iterable, Sequence

from engine.certificates.extensions import Item
from engine.certificates.facts import Decoded
from engine.certificates.naming import names, names_are_whole, normal_name
from engine.certificates.release import Release
from engine.text import escape

FQDN_SINCE = Release.parse("X12.6")
_FQDN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
"""Letters, digits and hyphens, at least two labels, the last one beginning with a letter."""


def held_names(one: Item | Decoded) -> tuple[list[str], bool]:
    """Return the alternative names, and whether these are all."""
    if isinstance(one, Decoded):
        return one.description.sans, one.whole
    return names(one), names_are_whole(one)


def lost_names(what: str, before: Item | Decoded | None, after: Item) -> list[str]:
    """Return sentences about names of `before` that `after` lacks or has under another type; none without `before`.

    When the names of `before` can't all be read nothing can be shown to be kept, which is said, too.
    """
    if before is None:
        return []
    wanted_names, whole = held_names(before)
    found = [] if whole else [f"The names of the {what} can't all be read, so some may be lost."]
    held = {normal_name(name) for name in names(after)}
    values = {_value(name): name for name in sorted(held)}
    for name in dict.fromkeys(wanted_names):
        wanted = normal_name(name)
        if wanted not in held:
            other = values.get(_value(wanted))
            changed = f' It is there as "{escape(other, 120)}", which is another type.' if other else ""
            found.append(f'The name "{escape(name, 120)}" of the {what} is lost.{changed}')
    return found


def new_names(after: Item, before: Iterable[Item | Decoded]) -> list[str]:
    """Return one sentence about the names that nobody had and nobody asked for, or nothing."""
    expected = {normal_name(name) for one in before for name in held_names(one)[0]}
    added = [escape(name, 120) for name in dict.fromkeys(names(after)) if normal_name(name) not in expected]
    return [f"These names are new and were not asked for: {', '.join(added)}."] if added else []


def missing_for_role(needed: Sequence[str], after: Item) -> list[str]:
    """Return a sentence for each needed name that is absent; ``a|b`` is satisfied by either."""
    held = {normal_name(name) for name in names(after)}
    absent = [
        one for one in dict.fromkeys(needed) if not any(normal_name(way.strip()) in held for way in one.split("|"))
    ]
    return [f"It lacks the name {' or '.join(escape(way.strip(), 120) for way in one.split('|'))}." for one in absent]


def unfit_for_role(needed: Sequence[str], release: Release | None) -> list[str]:
    """Return a sentence for each needed host name of which the box can't make a CSR, from X12.6 on.

    Cisco's guide says so of the names of phone security profiles, which need not be host names on Unified CM.
    """
    if release is not None and release < FQDN_SINCE:
        return []
    hosts = [normal_name(way.strip()) for one in dict.fromkeys(needed) for way in one.split("|")]
    odd = [name.removeprefix("DNS:") for name in hosts if name.startswith("DNS:") and not _FQDN.fullmatch(name[4:])]
    return [
        f'"{escape(name, 120)}" is no full host name: from {FQDN_SINCE} on the box makes no CSR with such a name, so'
        " rename it (a phone security profile, on Unified CM)."
        for name in odd
    ]


def _value(name: str) -> str:
    return name.partition(":")[2]
