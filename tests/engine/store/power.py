"""Pull the plug at every point of what a store did, and look what a fresh one finds on the disk.

What was acknowledged is noted when a method of the store returns: an event, an artefact, a plan, a decision, a paper.
A disk that a power cut left must hold exactly what was acknowledged by then, or that and the one thing that was under
way: another state was never acknowledged by anybody.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from engine.errors import CertrenewError
from engine.store import Handle, Store
from tests.engine.store.disk import Disk, Image, Op, Recorder, Said, build
from tests.engine.store.samples import AT, BY, renewal

State = dict[tuple[str, ...], object]

SEED = 20261128
QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 (folders are made and removed by the thousand)


class Outcome(NamedTuple):
    """Be how many cuts and images were tried, and what was wrong with images, by the number of the cut."""

    cuts: int
    images: int
    wrong: list[tuple[int, str]]


# ---- acknowledging -------------------------------------------------------------------------------------------------


NOTED: dict[tuple[type, str], Callable[..., Said]] = {
    (Store, "create"): lambda done, _store, *_: Said((done.renewal.id, "event", "1"), done.journal[0].hash),
    (Handle, "append"): lambda done, handle, *_: Said((handle.document.renewal.id, "event", str(done.seq)), done.hash),
    (Store, "put_artefact"): lambda done, _store, id, content, _ext: Said((id, "artefact", done), content),
    (Store, "put_plan"): lambda done, _store, id, _plan: Said((id, "plan", done), done),
    (Store, "add_decision"): lambda _done, _store, decision: Said(
        (decision.renewal, "decision", decision.id), decision
    ),
    (Store, "write_paper"): lambda _done, _store, id, name, content: Said((id, "paper", name), content),
}
"""What each of the store's promises acknowledges by returning."""


@contextmanager
def acknowledging(recorder: Recorder) -> Iterator[None]:
    """Note what the store acknowledges for as long as the block runs."""

    def noting(call: Callable[..., Any], said: Callable[..., Said]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            done = call(*args, **kwargs)
            recorder.ops.append(said(done, *args))
            return done

        return noted

    with ExitStack() as patches:
        for (owner, name), said in NOTED.items():
            patches.enter_context(patch.object(owner, name, noting(getattr(owner, name), said)))
        yield


# ---- pulling the plug ----------------------------------------------------------------------------------------------


def pull_the_plug(recorder: Recorder, home: str, most: int, *, ops: Sequence[Op] = (), every: int = 1) -> Outcome:
    """Try every so many points of what was recorded, with at most `most` images each, no image of a state twice.

    `home` is where the store is below the recorder's root; `ops` replaces what was recorded.
    """
    chance, disk, wrong = random.Random(SEED), Disk(), list[tuple[int, str]]()  # noqa: S311
    said, coming = list[Said](), [op for op in recorder.ops if isinstance(op, Said)]
    seen, cuts = set[tuple[int, frozenset[tuple[str, bytes | None]]]](), 0
    for number, op in enumerate(ops or recorder.ops):
        disk.do(op)
        if isinstance(op, Said):
            said.append(coming.pop(0))
        if number % every:
            continue
        cuts += 1
        allowed = [_state(said), _state([*said, *coming[:1]])]
        for image in disk.images(recorder.folders, most, chance):
            tried = len(said), frozenset(image.items())
            if tried not in seen:
                seen.add(tried)
                wrong += [(number, what) for what in _problems(image, home, allowed)]
    return Outcome(cuts, len(seen), wrong)


def _state(said: Sequence[Said]) -> State:
    return {one.what: one.value for one in said}


def _problems(image: Image, home: str, allowed: Sequence[State]) -> Iterator[str]:
    """Load an image with a fresh store, and go on from it; what follows is not cut again, so it need not be synced."""
    with TemporaryDirectory(dir=QUICK) as root, patch.object(os, "fsync", lambda _descriptor: None):
        build(image, Path(root))
        store = Store(Path(root) / home)
        try:
            found = _found(store)
            if found not in allowed:
                yield f"it was never acknowledged: {sorted(found.items() ^ allowed[0].items(), key=repr)[:1]}"
            _go_on(store)
        except CertrenewError as error:
            yield error.what


def _found(store: Store) -> State:
    """Return everything that the store gives out. Raises as it does for what is damaged."""
    found: State = {}
    for id in store.ids():
        found |= {(id, "event", str(event.seq)): event.hash for event in store.load(id).journal}
        found |= {(id, "plan", plan.digest): plan.digest for plan in store.plans(id)}
        found |= {(id, "decision", one.id): one for one in store.decisions(id)}
        found |= {(id, "paper", path.name): path.read_bytes() for path in _files(store.paper_folder(id))}
        for path in _files(store.paper_folder(id).with_name("artefacts")):
            found[id, "artefact", path.stem] = store.artefact(id, path.stem)
    return found


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("[!.]*"))


def _go_on(store: Store) -> None:
    """Append to what is there, or begin. Raises CertrenewError when that is impossible or does not verify."""
    if not store.ids():
        store.create(renewal(), BY, AT, "once more")
    for id in store.ids():
        with store.hold(id, BY, AT, "go on") as handle:
            handle.append("resumed", "after the power came back", at=AT, by=BY)
        left = list((store.home / "renewals" / id).rglob(".tmp-*"))
        if wrong := store.verify(id) or [f"{path} was left" for path in left]:
            raise CertrenewError("; ".join(wrong))
