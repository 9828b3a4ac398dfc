"""Set an old and a new certificate side by side, as values: what a person wants to see changed or not. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from cryptography import x509

from engine.certificates.facts import Decoded, describe, key_usages, name_fields
from engine.certificates.leaf import same_key
from engine.certificates.naming import normal_fields, normal_name
from engine.text import moment

KEPT, LOST, ADDED = "kept", "LOST", "ADDED"


class Row(NamedTuple):
    """Be one property of both certificates; `old` is empty when there is none to compare with."""

    label: str
    old: str
    new: str
    same: bool


class Name(NamedTuple):
    """Be one name: its type, its value, and whether it was kept, lost or added."""

    mark: str
    kind: str
    value: str


class _Side(NamedTuple):
    """Be one certificate by label: the text to show, and a value that is equal when the property is."""

    shown: dict[str, str]
    value: dict[str, object]


def rows(old: x509.Certificate | Decoded | None, new: x509.Certificate) -> list[Row]:
    """Return subject, issuer, usages, key, identifiers and lifetime of both, for a person. Texts are not escaped."""
    ours = _side(new)
    theirs = _side(old) if old is not None else _Side({}, {})
    theirs.value["key"] = None  # the same kind of key is not the same key
    if isinstance(old, x509.Certificate):
        ours.shown["key"] += ", the same key" if same_key(old, new) else ", a new key"
    return [
        Row(label, theirs.shown.get(label, ""), shown, theirs.value.get(label) == ours.value[label])
        for label, shown in ours.shown.items()
    ]


def names(before: Sequence[str], after: Sequence[str]) -> list[Name]:
    """Return every name by type: kept in the old order, then lost, then added. Equality is `normal_name`'s."""
    had, has = {normal_name(one) for one in before}, {normal_name(one) for one in after}
    kept = [_named(KEPT, one) for one in dict.fromkeys(before) if normal_name(one) in has]
    lost = [_named(LOST, one) for one in dict.fromkeys(before) if normal_name(one) not in has]
    added = [_named(ADDED, one) for one in dict.fromkeys(after) if normal_name(one) not in had]
    return [*sorted(kept, key=lambda one: one.kind), *lost, *added]


def _named(mark: str, name: str) -> Name:
    kind, _, value = name.partition(":")
    return Name(mark, kind, value)


def _side(one: x509.Certificate | Decoded) -> _Side:
    if isinstance(one, Decoded):
        told, subject, issuer, usages = one.description, list(one.subject), list(one.issuer), list(one.usages)
    else:
        told, usages = describe(one), key_usages(one)
        subject, issuer = name_fields(one.subject), name_fields(one.issuer)
    shown = {
        "subject": _fields(subject),
        "issuer": _fields(issuer),
        "serial": told.serial,
        "key": told.key,
        "usages": ", ".join(told.eku),
        "key usage": ", ".join(usages),
        "authority key": told.aki,
        "valid from": told.not_before,
        "valid until": told.not_after,
        "lifetime": _lifetime(told.not_before, told.not_after),
    }
    compared = {"subject": normal_fields(subject), "issuer": normal_fields(issuer)}
    sets = {"usages": set(told.eku), "key usage": set(usages)}
    return _Side({label: text or "(none)" for label, text in shown.items()}, {**shown, **compared, **sets})


def _fields(fields: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{short}={value}" for short, value in fields)


def _lifetime(start: str, end: str) -> str:
    if not (start and end):
        return ""
    days = (moment(end) - moment(start) + timedelta(seconds=1)).days
    return f"{days} day{'s' if days != 1 else ''}"
