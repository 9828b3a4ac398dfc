"""Say what a renewal's file must hold by its journal alone. Pure.

Values and revision follow from the journal, so damage to them can be put right as long as the chain of hashes is whole.
The journal itself follows from nothing: where an event was changed, or its end may be missing, nothing is guessed.
"""

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.model import SCHEMA, Event, Json, fold
from engine.store.chain import BAD_PATH, broken_links
from engine.store.documents import DOC_ID, TABLE, UNREADABLE, damaged, newer
from engine.store.migrations import renewal
from engine.text import escape

_HEAD = re.compile(rb'\{"renewal":\{"1":\{"revision":(\d{1,9}),"values":')
_JOURNAL, _TAIL = b',"journal":', b"}}}"


class Rebuilt(NamedTuple):
    """Be what a journal leads to, and what in its file does not follow from it: nothing when the file is whole."""

    wrong: tuple[str, ...]
    values: dict[str, Json]
    journal: tuple[Event, ...]


class _Kept(msgspec.Struct):
    revision: int
    journal: tuple[Event, ...]
    values: dict[str, Json] | None = None


_kept = msgspec.json.Decoder(dict[str, dict[int, _Kept]])
_events = msgspec.json.Decoder(tuple[Event, ...])


def rebuild(content: bytes, path: Path) -> Rebuilt:
    """Return what the journal in a file leads to. Read-only.

    Raises Refused when the journal does not prove it, UsageError when the file is of a newer certrenew.
    """
    kept = _read(content, path)
    if broken := broken_links(kept.journal):
        raise damaged(path, broken[0])
    if kept.revision > len(kept.journal) or not kept.journal:
        reason = f"its revision is {kept.revision}, and its journal has {len(kept.journal)} events: some may be missing"
        raise damaged(path, reason)
    values = _followed(kept.journal, path)
    wrong = _differences(kept, values)
    if not wrong and msgspec.json.encode(written(values, kept.journal)) != content:
        wrong = ["certrenew writes the same values in other bytes"]
    return Rebuilt(tuple(wrong), values, kept.journal)


def written(values: dict[str, Json], journal: tuple[Event, ...]) -> Json:
    """Return the tables of a file with these values and this journal."""
    return {TABLE: {str(DOC_ID): {"revision": len(journal), "values": values, "journal": journal}}}


def _read(content: bytes, path: Path) -> _Kept:
    try:
        return _kept.decode(content)[TABLE][DOC_ID]
    except UNREADABLE as error:
        if (kept := _around(content)) is None:
            raise damaged(path, f"its journal can't be read: {error}") from error
        return kept


def _around(content: bytes) -> _Kept | None:
    """Return revision and journal from where certrenew writes them, whatever became of the values between them."""
    head = _HEAD.match(content)
    place = content.find(_JOURNAL) if head and content.endswith(_TAIL) else -1
    while head and place >= 0:
        with suppress(*UNREADABLE):
            return _Kept(int(head[1]), _events.decode(content[place + len(_JOURNAL) : -len(_TAIL)]))
        place = content.find(_JOURNAL, place + 1)
    return None


def _followed(journal: tuple[Event, ...], path: Path) -> dict[str, Json]:
    try:
        values = fold(journal)
        if values["schema"] > SCHEMA:
            raise newer(path, values["schema"])
        told = renewal(values)
    except BAD_PATH as error:
        raise damaged(path, f"the journal can't be followed: {error}") from error
    if told.id != path.parent.name:
        raise damaged(path, f"it holds the renewal {told.id}")
    return values


def _differences(kept: _Kept, values: dict[str, Json]) -> list[str]:
    found = []
    if kept.revision != len(kept.journal):
        found.append(f"its revision is {kept.revision}, and its journal has {len(kept.journal)} events")
    if kept.values is None:
        return [*found, "its values can't be read"]
    for name in sorted(values.keys() | kept.values.keys()):
        stored, led = kept.values.get(name, ...), values.get(name, ...)
        if stored != led:
            found.append(f"{escape(name, 40)} is {_shown(stored)}, and the journal leads to {_shown(led)}")
    return found


def _shown(value: Json) -> str:
    return "absent" if value is ... else escape(msgspec.json.encode(value).decode(), 80)
