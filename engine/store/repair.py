"""Put right in a home what its journals prove; say first what that is.

Each file that is changed is copied beside itself before. What nothing proves (a changed event, a journal that may have
been cut off, a decision, a plan, an artefact) is never touched: `certrenew doctor` names it.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import msgspec

from engine.errors import CertrenewError, Refused
from engine.model import Actor, Event
from engine.store import files, kept
from engine.store.home import PARTS, Store
from engine.store.locks import held
from engine.store.outbox import Outbox
from engine.store.rebuild import Rebuilt, rebuild, written
from engine.text import counted, escape


@dataclass(frozen=True)
class Repair:
    """Be one thing that can be put right: where, what is wrong, what will be done about it, and what does it."""

    path: Path
    wrong: str
    will: str
    carry_out: Callable[[Actor, str], None]
    """Do it, as somebody at a time. Raises HeldElsewhere, Refused when the file changed since, or UsageError."""


def repairs(store: Store) -> list[Repair]:
    """Return what can be put right in a home. Read-only. Raises UsageError when the home can't be relied on."""
    documents = [store.home / "renewals" / renewal / "renewal.json" for renewal in store.ids()]
    return [*(one for path in documents for one in _document(path)), *_observers(store.home), *_remains(store.home)]


# ---- a renewal's document ------------------------------------------------------------------------------------------


def _document(path: Path) -> Iterator[Repair]:
    with suppress(FileNotFoundError, CertrenewError):  # what can't be put right is named by the doctor's checks
        content = files.read(path)
        told = rebuild(content, path)
        if told.wrong:
            will = f"set values and revision to what its {len(told.journal)} events lead to, and journal that"
            do = partial(_rewrite, path, content, told)
            yield Repair(path, "; ".join(told.wrong), f"{_copying(path, content)}; {will}", do)


def _rewrite(path: Path, content: bytes, told: Rebuilt, by: Actor, at: str) -> None:
    lock, holder, what = path.with_name("lock"), path.with_name("holder.json"), f"Renewal {path.parent.name}"
    with held(lock, holder, what, by, at, "repair it") as died:
        _copy(path, content)
        last = told.journal[-1]
        data = {"wrong": list(told.wrong), "copy": _copy_of(path, content).name}
        text = "Values and revision were set to what the journal leads to."
        text += f" The last holder died in the middle: {died}." if died else ""
        event = Event(seq=last.seq + 1, at=at, kind="repaired", text=text, by=by, data=data, previous=last.hash)
        files.replace(path, msgspec.json.encode(written(told.values, (*told.journal, event.sealed()))))


# ---- how far observers were told -----------------------------------------------------------------------------------


def _observers(home: Path) -> Iterator[Repair]:
    for path in kept.json_files(home / "observers"):
        outbox = Outbox(home, unquote(path.stem))
        try:
            outbox.position()
        except Refused:
            wrong = "it is damaged, so how far this observer was told is not known any more"
            will = f"{_copying(path, files.read(path))}; begin it anew: what happened before now is not told again"
            yield Repair(path, wrong, will, partial(_begin_anew, path, outbox, files.read(path)))
        except CertrenewError:
            continue


def _begin_anew(path: Path, outbox: Outbox, content: bytes, by: Actor, at: str) -> None:
    with outbox.hold(by, at):
        _copy(path, content)
        outbox.open(at, at)


# ---- what interrupted commands left --------------------------------------------------------------------------------


def remains(home: Path) -> list[Path]:
    """Return the temporary files in a home that nobody writes any more. Read-only."""
    return [path for folder in _folders(home) for path in files.abandoned(folder)]


def _folders(home: Path) -> list[Path]:
    renewals = sorted((home / "renewals").glob("*"))
    return [home, home / "locks", home / "observers", *(one / part for one in renewals for part in ("", *PARTS))]


def _remains(home: Path) -> Iterator[Repair]:
    if left := remains(home):
        wrong = f"{counted(len(left), 'temporary file')} of interrupted commands, such as {escape(left[0].name)}"
        will = "remove what nobody writes any more; none of it was ever acknowledged"
        yield Repair(left[0].parent, wrong, will, partial(_sweep, home))


def _sweep(home: Path, _by: Actor, _at: str) -> None:
    for folder in _folders(home):
        files.sweep(folder)


# ---- copies --------------------------------------------------------------------------------------------------------


def _copy_of(path: Path, content: bytes) -> Path:
    return path.with_name(f"{path.name}.{hashlib.sha256(content).hexdigest()[:12]}.old")


def _copying(path: Path, content: bytes) -> str:
    return f"copy it to {escape(_copy_of(path, content).name)} beside it"


def _copy(path: Path, content: bytes) -> None:
    """Keep the file as it was found, durably. Raises Refused when it is not the one that was looked at."""
    if files.read(path) != content:
        raise Refused(f"{escape(path)} changed since it was looked at.", todo="Look again: certrenew doctor --repair")
    with suppress(FileExistsError):  # an earlier try was interrupted after it
        files.place(_copy_of(path, content), content)
