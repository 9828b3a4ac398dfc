"""Read a renewal's document: its current values, its journal and its revision, in one TinyDB file.

The file is ``{"renewal": {"1": {"revision": n, "values": {...}, "journal": [...]}}}``: TinyDB's table and its one
document. Readers decode it directly, so that a reading command needs neither TinyDB nor a lock.
"""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypedDict, TypeVar, cast

import msgspec

from engine.errors import CertrenewError, Refused, UsageError
from engine.model import SCHEMA, Event, Json, Renewal, fold
from engine.store.migrations import migrate
from engine.text import escape

T = TypeVar("T")

TABLE = "renewal"
"""The TinyDB table that holds the document."""

DOC_ID = 1
"""The document's id in it; always given, because TinyDB's own counting is not safe between processes."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Be a renewal as it is stored: current values, whole journal, and the revision that counts its writes."""

    renewal: Renewal
    journal: tuple[Event, ...]
    revision: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Be what a list shows of a renewal: current values, revision and the journal's last event."""

    renewal: Renewal
    revision: int
    last: Event


class Record(TypedDict):
    """Be the stored document as writers handle it; what is not changed stays the bytes it is."""

    revision: int
    values: msgspec.Raw
    journal: list[msgspec.Raw]


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    revision: int
    values: Renewal
    journal: tuple[Event, ...]


class _Brief(msgspec.Struct, forbid_unknown_fields=True):
    revision: int
    values: Renewal
    journal: list[msgspec.Raw]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    revision: int
    values: msgspec.Raw
    journal: list[msgspec.Raw]


class _Step(msgspec.Struct):
    values: dict[str, Json]


class Story(msgspec.Struct):
    """Be what a file says twice: its values, and the journal's steps that must lead to them."""

    values: dict[str, Json]
    journal: list[_Step]

    def told(self) -> dict[str, Json]:
        """Return the values that the journal leads to. For once: setting a path inside a value changes the step."""
        return fold(cast(list[Event], self.journal))


class _Members(msgspec.Struct):
    values: dict[str, msgspec.Raw]


class _Peek(msgspec.Struct):
    schema: int = SCHEMA


class _Glance(msgspec.Struct):
    values: _Peek = msgspec.field(default_factory=_Peek)


@cache
def _table_of(kind: type[T]) -> msgspec.json.Decoder[dict[str, dict[int, T]]]:
    """Return what decodes a file whose document is of that kind; made when first used, which takes a millisecond."""
    return msgspec.json.Decoder(dict[str, dict[int, kind]])  # type: ignore[valid-type]


UNREADABLE = (ValueError, RecursionError, KeyError)
"""What decoding raises for bytes that are no document, or a table without one."""


def decode(content: bytes, path: Path) -> Document:
    """Return the document that a file holds, with values of this schema.

    Raises Refused when it is damaged, UsageError when it is newer.
    """
    try:
        whole = _table_of(_Whole).decode(content)[TABLE][DOC_ID]
        _check(path, whole.values, len(whole.journal))
    except UNREADABLE as error:
        return decode(_migrated(content, path, error), path)
    return Document(renewal=whole.values, journal=whole.journal, revision=whole.revision)


def decode_summary(content: bytes, path: Path) -> Summary:
    """Return the short form of what a file holds, without reading all of its journal. Raises as `decode` does."""
    try:
        brief = _table_of(_Brief).decode(content)[TABLE][DOC_ID]
        _check(path, brief.values, len(brief.journal))
        last = msgspec.json.decode(brief.journal[-1], type=Event)
        return Summary(renewal=brief.values, revision=brief.revision, last=last)
    except UNREADABLE as error:
        return decode_summary(_migrated(content, path, error), path)


def decode_record(content: bytes, path: Path) -> dict[str, dict[str, Record]]:
    """Return the file as TinyDB's tables, for a writer. Raises as `decode` does."""
    try:
        tables = msgspec.json.decode(content, type=dict[str, dict[str, _Stored]])
    except UNREADABLE as error:
        raise _refusal(content, path, str(error)) from error
    return {
        name: {
            doc_id: Record(revision=stored.revision, values=stored.values, journal=stored.journal)
            for doc_id, stored in table.items()
        }
        for name, table in tables.items()
    }


def decode_story(content: bytes) -> Story:
    """Return the values and the steps of a file that `decode` has read."""
    story: Story = _table_of(Story).decode(content)[TABLE][DOC_ID]
    return story


def damaged(path: Path, reason: str) -> Refused:
    """Make the error for a file that can't be relied on; the reason is escaped."""
    return Refused(
        f"{escape(path)} is damaged: {escape(reason, 300)}.",
        untouched="It was left as it is.",
        todo="See what can be put right: certrenew doctor --repair. Else keep a copy of the file and restore it from "
        "a backup; the boxes still know their state.",
    )


def is_older(content: bytes) -> bool:
    """Tell whether a file that `decode` has read holds values of an older schema, or lacks some that came since."""
    stored: dict[str, msgspec.Raw] = _table_of(_Members).decode(content)[TABLE][DOC_ID].values
    return len(stored) < len(Renewal.__struct_fields__) or msgspec.json.decode(stored["schema"], type=int) < SCHEMA


def _check(path: Path, values: Renewal, events: int) -> None:
    """Raise ValueError for what no certrenew of this schema writes, Refused for a file in the wrong place."""
    if values.schema != SCHEMA:
        raise ValueError(f"its schema is {values.schema}")
    if not events:
        raise ValueError("its journal is empty")
    if values.id != path.parts[-2]:
        raise damaged(path, f"it holds the renewal {values.id}")


def _migrated(content: bytes, path: Path, error: Exception) -> bytes:
    """Return an older file with its values brought to this schema. Raises what fits any other: newer, or damaged."""
    if _schema(content) < SCHEMA:
        with suppress(*UNREADABLE, TypeError):
            record: dict[str, Json] = msgspec.json.decode(content)[TABLE][str(DOC_ID)]
            return msgspec.json.encode({TABLE: {DOC_ID: {**record, "values": migrate(record["values"])}}})
    raise _refusal(content, path, str(error)) from error


def _refusal(content: bytes, path: Path, reason: str) -> CertrenewError:
    """Make the error that fits a file which can't be used: it is newer than this program, or damaged."""
    schema = _schema(content)
    return newer(path, schema) if schema > SCHEMA else damaged(path, reason)


def _schema(content: bytes) -> int:
    try:
        glance: _Glance = _table_of(_Glance).decode(content)[TABLE][DOC_ID]
        return glance.values.schema
    except UNREADABLE:
        return SCHEMA


def newer(path: Path, schema: int) -> UsageError:
    """Make the error for a file of a newer certrenew."""
    return UsageError(
        f"{escape(path)} was written by a newer certrenew (schema {schema}; this one knows {SCHEMA}).",
        untouched="It was left as it is.",
        todo="Use the newer version.",
    )
