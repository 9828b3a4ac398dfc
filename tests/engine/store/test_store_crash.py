"""Hold invariant 1: what was acknowledged is there, wherever the process was killed."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.store import Store
from tests.engine.store.samples import AT, BY, decision, plan, renewal

KILLS = 20
SEED = 20261123


def _temporary_files(home: Path) -> list[str]:
    return [name for _, _, names in os.walk(home) for name in names if name.startswith(".tmp-")]


def _assert_kept(store: Store, acknowledged: list[str]) -> None:
    states = ["New"] + [word for word in acknowledged if word in ("Inspected", "CSRPending")]
    document = store.load("r1")
    assert document.revision >= len(states)
    assert [event.text for event in document.journal[1 : len(states)]] == states[1:]
    assert store.verify("r1") == []
    if "artefact" in acknowledged:
        assert store.artefact("r1", hashlib.sha256(b"artefact").hexdigest()) == b"artefact"
    if "plan" in acknowledged:
        assert store.plans("r1") == [plan()]
    if "decision" in acknowledged:
        assert store.decisions("r1") == [decision()]


def _assert_goes_on(store: Store) -> None:
    with store.hold("r1", BY, AT, "go on") as handle:
        handle.append("resumed", "after the crash", at=AT, by=BY)
    assert store.verify("r1") == []
    assert _temporary_files(store.home) == []


def test_killed_at_any_system_call(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Killed before or after any system call, the store holds what it acknowledged, and the next writer goes on."""
    command = [sys.executable, "-m", "tests.engine.store.boundaries", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    runs = [json.loads(line) for line in printed.splitlines()]
    assert len(runs) > 150
    assert [run["killed"] for run in runs] == [True] * (len(runs) - 1) + [False]
    assert {"before fsync", "after replace", "before link", "after mkdir"} <= {run["call"] for run in runs}
    left_temporary = 0
    for run in runs:
        store = Store(Path(run["home"]))
        if not run["acknowledged"] and store.ids() == []:
            store.create(renewal(), BY, AT, "once more")
        left_temporary += bool(_temporary_files(store.home))
        _assert_kept(store, run["acknowledged"])
        _assert_goes_on(store)
    assert left_temporary, "no kill left a temporary file: the sweep was not tried"
    record_property("crash points of the store", len(runs) - 1)


def test_killed_from_outside(tmp_path: Path) -> None:
    """Killed by somebody else at any moment, the store holds every event that was acknowledged."""
    moments = random.Random(SEED)  # noqa: S311
    store = Store(tmp_path)
    store.create(renewal(), BY, AT, "begun")
    command = [sys.executable, "-m", "tests.engine.store.writer", str(tmp_path), "r1", "1000000"]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            for _ in range(moments.randrange(12)):
                writer.stdout.readline()
            writer.kill()
            rest = writer.stdout.read().split()
        document = store.load("r1")
        assert not rest or document.revision >= int(rest[-1])
        assert [event.seq for event in document.journal] == list(range(1, document.revision + 1))
        assert store.verify("r1") == []
    _assert_goes_on(store)


def test_a_folder_without_document_is_no_renewal(tmp_path: Path) -> None:
    """A crash ahead of the first write leaves a folder that is not listed and does not stop a new start."""
    (tmp_path / "renewals" / "r1").mkdir(parents=True)
    store = Store(tmp_path)
    assert store.ids() == []
    with pytest.raises(UsageError, match="no renewal r1"):
        store.load("r1")
    store.create(renewal(), BY, AT, "begun")
    assert store.ids() == ["r1"]
