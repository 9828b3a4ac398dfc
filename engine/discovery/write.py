"""Add a proposal to a site file's text: what a person wrote stays as it is, byte for byte, comments and all."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.discovery import sitefile
from engine.discovery.propose import Proposal
from engine.discovery.sitefile import Draft
from engine.discovery.tables import unfilled
from engine.errors import UsageError
from engine.model import Json
from engine.site import parse
from engine.store import files
from engine.text import escape


def applied(text: str, proposal: Proposal, draft: Draft, where: str, at: datetime) -> str:
    """Return the text with the proposal in it: places filled in where they stand, all else at the end. Pure.

    `draft` says how boxes are reached, `where` at which address the survey was made. An empty text becomes a whole
    file. Raises UsageError for a file that can't be extended so.
    """
    base = text if text.strip() else sitefile.text(replace(draft, boxes=[]))
    filled = _filled(base, proposal) if proposal.filled else base
    chunk = _chunk(proposal, draft, where, at)
    new = f"{filled}{'' if filled.endswith(chr(10)) else chr(10)}\n{chunk}" if chunk else filled
    _check_kept(base, new)
    return new


def _filled(text: str, proposal: Proposal) -> str:
    """Put values in the place of texts that are to be filled in; what stands around and behind them stays."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    for (*above, key), value in proposal.filled.items():
        table = document
        for name in above:
            table = table[name]
        table[key] = value
    return tomlkit.dumps(document)


def _chunk(proposal: Proposal, draft: Draft, where: str, at: datetime) -> str:
    """Return everything that is new, under a heading that says where it comes from."""
    parts = [sitefile.node(replace(draft, boxes=[box]), box) for box in proposal.boxes]
    parts += [sitefile.connection(*link) for link in proposal.links]
    for slot in proposal.slots:
        told = [f"# {way}: {need.why}" for need in proposal.needs for way in need.ways[:1] if way in slot.names]
        table = sitefile.certificate(*slot)
        parts.append("\n".join([*map(escape, told), table]))
    heading = f"# --- Found by certrenew discover at {escape(where, 100)} on {at:%Y-%m-%d}: review it ---"
    return "\n\n".join([heading, *(part.strip("\n") for part in parts)]) + "\n" if parts else ""


def _check_kept(old: str, new: str) -> None:
    """Raise UsageError unless the new text says all that the old one did, but for what was to be filled in."""
    try:
        kept = _holds(tomllib.loads(old), tomllib.loads(new))
    except tomllib.TOMLDecodeError:
        kept = False
    if not kept:
        raise UsageError(
            "The site file is written in a way that can't be extended, such as `nodes = { ... }` in one line.",
            untouched="It was left as it is.",
            todo="Write its entries as [nodes.NAME], [[connections]] and [certificates.NAME], or discover into a new "
            "file with --site FILE.",
        )


def _holds(old: Json, new: Json) -> bool:
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and _holds(one, new[key]) for key, one in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) >= len(old) and all(map(_holds, old, new))
    return unfilled(old) or old == new


def read(path: Path) -> tuple[str, Mapping[str, Json]]:
    """Return the text of a site file and what it says; nothing for one that is not there. Raises SiteError."""
    if not os.path.exists(path):
        return "", {}
    content, tables = parse(path)
    return content.decode(), tables


def save(path: Path, old: str, new: str) -> None:
    """Put the new text in the file's place in one step. A file that is new is for its owner alone.

    Raises UsageError when the file changed since `old` was read, or can't be written.
    """
    place = path.resolve()
    if not old:
        try:
            return files.place(place, new.encode())
        except FileExistsError:
            raise _changed(path) from None
    try:
        mode, now = place.stat().st_mode & 0o777, files.read(place)
    except FileNotFoundError:
        raise _changed(path) from None
    if now != old.encode():
        raise _changed(path)
    files.replace(place, new.encode())
    return place.chmod(mode)


def _changed(path: Path) -> UsageError:
    return UsageError(
        f"{escape(path)} was changed by somebody meanwhile.",
        untouched="It was left as it is.",
        todo="Run the same command again: it compares with what stands there now.",
    )
