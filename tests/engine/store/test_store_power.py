"""Hold invariant 1 against a power cut: what was acknowledged is there, whatever the disk had kept by then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store import Store
from tests.engine.store.boundaries import work
from tests.engine.store.disk import Recorder
from tests.engine.store.power import acknowledging, pull_the_plug
from tests.engine.store.samples import AT, BY, decision, plan

ALL = 10**6
"""More than there are images of any cut here, so that none is left out."""


def _recorded(root: Path) -> Recorder:
    """Record everything that the store promises to keep: once, and once more where that is something else."""
    recorder, store = Recorder(root, "home"), Store(root / "home")
    with recorder.recording(), acknowledging(recorder):
        work(store, lambda _word: None)
        for content in (b"one", b"two"):
            store.write_paper("r1", "expc.csr", content)
        with store.hold("r1", BY, AT, "go on") as handle:
            store.put_artefact("r1", b"artefact", "bin")
            store.put_plan("r1", plan())
            handle.append("state", "Signed", at=AT, by=BY, values={"state": "Signed"})
        store.add_decision(decision("d2", verb="reject"))
    return recorder


def test_the_power_goes_at_any_call(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Whatever a disk may have kept at any point, a fresh store finds what was acknowledged, and goes on from there."""
    cuts, images, wrong = pull_the_plug(_recorded(tmp_path), "home", ALL)
    assert wrong == []
    assert cuts > 100
    assert images > 5 * cuts
    record_property("power cuts", cuts)
    record_property("images of a disk after a power cut", images)


@pytest.mark.parametrize("files", [True, False], ids=["no file is synced", "no folder is synced"])
def test_without_syncing_it_would_be_lost(tmp_path: Path, files: bool) -> None:
    """The negative control: take the fsync of files, or that of folders, out of what was recorded, and it fails."""
    recorder = _recorded(tmp_path)
    _, _, wrong = pull_the_plug(recorder, "home", 8, ops=recorder.without(files=files))
    assert any("damaged" in what for _, what in wrong) is files
    assert any("never acknowledged" in what for _, what in wrong)
