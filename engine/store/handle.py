"""Append events to a renewal while its lock is held."""

from pathlib import Path
from typing import cast

import msgspec
from tinydb import TinyDB
from tinydb.table import Document as TinyDocument

from engine.errors import CertrenewError, Refused
from engine.model import Actor, Event, Json, Renewal, set_path
from engine.store.atomic import AtomicStorage
from engine.store.documents import DOC_ID, TABLE, Document, Record
from engine.text import escape


def begin(path: Path, renewal: Renewal, *, by: Actor, at: str, text: str) -> Document:
    """Write the first event, which sets all values, and with it the renewal's file. The lock must be held."""
    event, raw = _sealed(Event(seq=1, at=at, kind="created", text=text, by=by, values={"": renewal.plain()}))
    values, stored = _applied(msgspec.Raw(b"{}"), raw)
    record = Record(revision=1, values=values, journal=[raw])
    TinyDB(path, storage=AtomicStorage, new=True).table(TABLE).insert(TinyDocument(record, doc_id=DOC_ID))
    return Document(renewal=stored, journal=(event,), revision=1)


class Handle:
    """Be the right to advance one renewal; `Store.hold` gives it and takes it back. For one thread."""

    def __init__(self, path: Path, document: Document) -> None:
        self._path, self._document, self._held = path, document, True
        self._table = TinyDB(path, storage=AtomicStorage).table(TABLE)

    @property
    def document(self) -> Document:
        """Return the renewal as it is after the last durable event."""
        return self._document

    def append(
        self,
        kind: str,
        text: str,
        *,
        at: str,
        by: Actor,
        step: str = "",
        data: dict[str, Json] | None = None,
        values: dict[str, Json] | None = None,
    ) -> Event:
        """Append one event and set its values; return only when both are on disk.

        Not idempotent. Raises Refused when somebody changed the file without the lock, UsageError when it can't be
        written, CertrenewError (a bug) for values that are no plain JSON or do not fit a renewal: then nothing changed.
        """
        last = self._document.journal[-1]
        event, raw = _sealed(
            Event(
                seq=last.seq + 1,
                at=at,
                kind=kind,
                text=text,
                by=by,
                step=step,
                data=data or {},
                values=values or {},
                previous=last.hash,
            )
        )
        renewal = self._write(raw)
        journal = (*self._document.journal, event)
        self._document = Document(renewal=renewal, journal=journal, revision=self._document.revision + 1)
        return event

    def release(self) -> None:
        """Refuse what is appended from now on: the lock is given back. Idempotent."""
        self._held = False

    def _write(self, raw: msgspec.Raw) -> Renewal:
        if not self._held:
            raise CertrenewError("An event was appended after the lock was given back.", untouched="Nothing changed.")
        after: list[Renewal] = []
        # One read and one write of the file. TinyDB skips a document that is not there, so look whether it was.
        self._table.update(lambda record: after.append(self._apply(cast(Record, record), raw)), doc_ids=[DOC_ID])
        if not after:
            raise self._changed()
        return after[0]

    def _apply(self, record: Record, raw: msgspec.Raw) -> Renewal:
        if record["revision"] != self._document.revision:
            raise self._changed()
        record["values"], renewal = _applied(record["values"], raw)
        record["revision"] += 1
        record["journal"].append(raw)
        return renewal

    def _changed(self) -> Refused:
        return Refused(
            f"{escape(self._path)} changed under us: somebody wrote it without holding the lock.",
            untouched="The event was not written.",
            todo="Find out who writes there (a restored backup, a second program), then repeat the command.",
        )


def _applied(values: msgspec.Raw, event: msgspec.Raw) -> tuple[msgspec.Raw, Renewal]:
    """Return the values after the event, and the renewal that they make.

    Bytes in, bytes out: setting a path inside an earlier value changes that value in place, and neither the event
    nor a document that somebody still holds may change with it.
    """
    changes: dict[str, Json] = msgspec.json.decode(event)["values"]
    try:
        after: dict[str, Json] = msgspec.json.decode(values)
        for path, value in changes.items():
            set_path(after, path, value)
        raw = msgspec.json.encode(after)
        return msgspec.Raw(raw), msgspec.json.decode(raw, type=Renewal)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        paths = escape(", ".join(changes), 200)
        raise CertrenewError(
            f"An event sets values that do not fit a renewal ({paths}): {escape(error, 200)}.",
            untouched="The event was not written.",
        ) from error


def _sealed(event: Event) -> tuple[Event, msgspec.Raw]:
    """Return the event as it will be read back, and its bytes. Raises CertrenewError for what is no plain JSON."""
    try:
        raw = msgspec.json.encode(event.sealed())
        return msgspec.json.decode(raw, type=Event), msgspec.Raw(raw)
    except (ValueError, TypeError, RecursionError) as error:
        raise CertrenewError(
            f"The event {escape(event.kind, 40)} can't be stored: {escape(error, 200)}.",
            untouched="The event was not written.",
        ) from error
