"""Take in what people saw of a box that they work by hand: files (`supply`), and their word (`confirm`).

Who brought what is journalled, the files are kept. What a file shows is told by the box's driver, which refuses what is
certainly not of its box; a word is only taken where it was asked for, so that it never stands for what can be seen.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.errors import Refused, UsageError
from engine.model import Ask, Json, Renewal, Sighting, Wait
from engine.runner.handed import read_file
from engine.runner.live import LiveWork
from engine.runner.runner import Runner
from engine.settings import unknown
from engine.text import escape

if TYPE_CHECKING:
    from engine.contracts import Brought
    from engine.store import Document, Handle


def wanted(renewal: Renewal, *, word: bool) -> list[Ask]:
    """Return what is asked of people now: their word, or files."""
    return [ask for ask in (renewal.wait.asks if renewal.wait else ()) if bool(ask.word) == word]


def bring(runner: Runner, renewal: str, files: Sequence[Path], node: str = "") -> "Document":
    """Take in files that people brought from one box; all of them, or none.

    `node` says from which; it may be left out where only one is asked for files. Raises UsageError for a file that
    can't be used, Refused for what is not of this box. Handing in the same again records it again, as of now.
    """
    given = [(_name(path), read_file(path)) for path in files]
    with runner.store.hold(renewal, runner.site.actor, runner.site.at(), "supply") as handle:
        work = _work(runner, handle)
        box = _box(work, wanted(work.renewal, word=False), node)
        for name, content in given:
            _no_private_key(content, name)
        taken = [(name, content, work.peer(box).take(content, name)) for name, content in given]
        for name, content, brought in taken:
            _keep(work, runner, box, brought, content)
            runner.site.tell("proved", f"{name}: {brought.text}, as of now")
        return handle.document


def say(runner: Runner, handle: "Handle", node: str = "") -> None:
    """Record the word of a person for what only a person can see. Raises Refused where no word is asked for."""
    work = _work(runner, handle)
    asked = wanted(work.renewal, word=True)
    if not asked:
        raise _can_be_seen(work.renewal)
    box = _box(work, asked, node)
    for ask in (ask for ask in asked if ask.node == box):
        sighting = _sighting(runner, work, ask.shows)
        values = _values(work.renewal, box, ask.what, sighting)
        work.record("confirmed", f"by the word of {sighting.by} alone: {ask.word}", values=values)
        runner.site.tell("proved", f"by your word: {ask.word}")


def _work(runner: Runner, handle: "Handle") -> LiveWork:
    step = runner.next_step(handle.document)
    return LiveWork(runner.site, handle.document, handle, step.name if step else "")


def _box(work: LiveWork, asks: Iterable[Ask], node: str) -> str:
    """Return the box that it is about. Raises UsageError where that must be said, or where there is no such box."""
    boxes = list(dict.fromkeys(ask.node for ask in asks))
    if node and node not in work.estate.nodes:
        wrong = unknown(f"The site has no node `{escape(node, 80)}`", node, list(work.estate.nodes))
        raise UsageError(wrong.what, untouched="Nothing was recorded.", todo=wrong.todo)
    if not node and len(boxes) != 1:
        raise UsageError(
            f"It must be said which box it is of: {', '.join(boxes)}.",
            untouched="Nothing was recorded.",
            todo=f"Add --node NODE; what is asked for: certrenew why {work.renewal.id}",
        )
    return node or boxes[0]


def _name(path: Path) -> str:
    return "what was pasted" if str(path) == "-" else str(path)


def _no_private_key(content: bytes, name: str) -> None:
    """Refuse a file with a private key, before anything of it is kept."""
    if b"PRIVATE KEY-----" in content.replace(b"\0", b""):  # also in UTF-16
        raise UsageError(
            f"{escape(name, 200)} holds a private key, which belongs nowhere but into its box.",
            untouched="Nothing of it was kept.",
            todo="Hand in the certificate or the text alone, and delete that file where others could read it.",
        )


def _keep(work: LiveWork, runner: Runner, box: str, brought: "Brought", content: bytes) -> None:
    """Keep a file and what it shows, then journal who brought it."""
    for certificate in brought.certificates:
        work.keep(certificate, "cer")
    if brought.csr:
        work.keep(brought.csr, "csr")
    sighting = _sighting(runner, work, brought.shows, work.keep(content, "txt"))
    text = f"{sighting.by} brought {brought.text}"
    work.record(
        "brought", text, data={"file": sighting.file}, values=_values(work.renewal, box, brought.what, sighting)
    )


def _sighting(runner: Runner, work: LiveWork, shows: dict[str, Json], file: str = "") -> Sighting:
    by = runner.site.actor.person or runner.site.actor.account
    return Sighting(by=by, at=runner.site.at(), round=work.renewal.round, shows=shows, file=file)


def _values(renewal: Renewal, box: str, what: str, sighting: Sighting) -> dict[str, Json]:
    """Return what an event sets: the sighting, and what is still waited for; nothing when that was all."""
    left = _left(renewal.wait, box, what)
    return {f"brought/{box}:{what}": sighting.plain(), "wait": left.plain() if left else None}


def _left(wait: Wait | None, box: str, what: str) -> Wait | None:
    asks = [ask for ask in wait.asks if (ask.node, ask.what) != (box, what)] if wait else []
    if wait is None or not asks:
        return None
    over = {ask.step for ask in wait.asks} - {ask.step for ask in asks}
    return replace(wait, asks=asks, steps=[step for step in wait.steps if step not in over])


def _can_be_seen(renewal: Renewal) -> Refused:
    return Refused(
        "No word is asked for: what was done can be seen.",
        untouched="Nothing was recorded.",
        todo=renewal.wait.todo if renewal.wait else f"certrenew why {renewal.id}",
    )
