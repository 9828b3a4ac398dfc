"""Check a whole journal: each event's number, link and hash, and that it leads to the stored values."""

from pathlib import Path

import msgspec

from engine.errors import Refused
from engine.model import Event
from engine.store.documents import Document, damaged, decode, decode_story
from engine.text import escape

BAD_PATH = (LookupError, ValueError, TypeError, AttributeError)
"""What `set_path` raises for a path or a value that does not fit."""


def check(content: bytes, path: Path) -> Document:
    """Return a renewal's document for a writer, or refuse it: its values and last event must fit its journal.

    Cheaper than `problems`, which computes every hash. Raises Refused, or UsageError for a newer file. Read-only.
    """
    document = decode(content, path)
    found = _wrong_revision(document) + _wrong_values(content)
    if found:
        raise damaged(path, found[0])
    if _computed(document.journal[-1]) != document.journal[-1].hash:
        raise damaged(path, "its last event was altered")
    return document


def problems(content: bytes, path: Path, head: str = "") -> list[str]:
    """Return what is wrong with a renewal's file, in plain words; an empty list when it is whole. Read-only.

    With `head` an event of that hash must be in its journal.

    Raises UsageError for a file of a newer certrenew.
    """
    try:
        document = decode(content, path)
    except Refused as error:
        return [error.what]
    found = broken_links(document.journal) + _wrong_revision(document) + _wrong_values(content)
    if head and head not in (event.hash for event in document.journal):
        found.append(f"no event has the hash {head[:12]}… that was noted: its end was cut off, or it was written anew")
    if not found and msgspec.json.encode(msgspec.json.decode(content)) != content:
        # For example a hexadecimal escape in capitals, or a member written twice: the same values, other bytes.
        found.append("the file was not written by certrenew: it spells the same values differently")
    return found


def broken_links(journal: tuple[Event, ...]) -> list[str]:
    """Return what is wrong with the numbers, links and hashes of a journal, in plain words."""
    found = []
    previous = "0" * 64
    for number, event in enumerate(journal, 1):
        name = f"event {number} ({escape(event.kind, 40)})"
        if event.seq != number:
            found.append(f"{name} bears the number {event.seq}: an event is missing, added or moved")
        if event.previous != previous:
            found.append(f"{name} does not follow the event before it")
        if _computed(event) != event.hash:
            found.append(f"{name} was altered: its hash does not fit")
        previous = event.hash
    return found


def _computed(event: Event) -> str:
    try:
        return event.computed()
    except ValueError as error:
        return f"not to be had: {error}"


def _wrong_revision(document: Document) -> list[str]:
    if document.revision == len(document.journal):
        return []
    return [f"the revision is {document.revision}, and the journal has {len(document.journal)} events"]


def _wrong_values(content: bytes) -> list[str]:
    story = decode_story(content)
    try:
        told, stored = story.told(), story.values
    except BAD_PATH as error:
        return [f"the journal can't be followed: {escape(error, 200)}"]
    wrong = sorted(name for name in told.keys() | stored.keys() if told.get(name, ...) != stored.get(name, ...))
    return [f"the values differ from what the journal leads to: {escape(', '.join(wrong))}"] if wrong else []
