"""Read and write what is kept beside a renewal's document: plans, decisions, artefacts. None of them ever changes."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.canonical import sha256
from engine.errors import Refused
from engine.model import SCHEMA, Decision, Plan
from engine.store import files
from engine.store.documents import damaged, newer

Kept = TypeVar("Kept", Plan, Decision)


class _Schema(msgspec.Struct):
    schema: int = SCHEMA


def keep(path: Path, content: bytes, whole: Callable[[bytes], bool]) -> None:
    """Write a file whose name tells its content, durably. Idempotent.

    A file that is there stays when `whole` says so of its bytes, and is put right when it was altered.
    """
    try:
        kept = files.read(path)
    except FileNotFoundError:
        files.replace(path, content)
        return
    if whole(kept):
        # Whoever wrote it may have been killed before this.
        with files.explaining(path, "made durable"):
            files.sync_folder(path.parent)
    else:
        files.replace(path, content)


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files in a folder, sorted, without temporary ones; none when it is absent. Read-only."""
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def read_artefact(path: Path) -> bytes:
    """Return a file named by the SHA-256 of its content. Read-only. Raises Refused when it was altered."""
    content = files.read(path)
    if sha256(content) != path.name.partition(".")[0]:
        raise damaged(path, "its content is not what its name says")
    return content


def decode_plan(content: bytes, path: Path) -> Plan:
    """Return the plan of a file named by its digest. Raises Refused when altered, UsageError when newer."""
    plan = _decoded(content, path, Plan)
    if plan.digest != path.stem or plan.renewal != path.parent.parent.name:
        raise damaged(path, "the plan in it is not the one its name says")
    return plan


def is_plan(content: bytes, path: Path) -> bool:
    """Tell whether the file holds the plan that its name says."""
    try:
        decode_plan(content, path)
    except Refused:
        return False
    return True


def decode_decision(content: bytes, path: Path) -> Decision:
    """Return the decision of a file named by its id. Raises Refused when damaged, UsageError when newer."""
    decision = _decoded(content, path, Decision)
    if decision.id != path.stem or decision.renewal != path.parent.parent.name:
        raise damaged(path, "the decision in it is not the one its name says")
    return decision


def _decoded(content: bytes, path: Path, kind: type[Kept]) -> Kept:
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema > SCHEMA:
            raise newer(path, schema)
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
