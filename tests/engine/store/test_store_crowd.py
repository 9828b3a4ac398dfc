"""Hold invariant 8 in a crowd: no update is lost, nobody is stuck, nobody reads half a file."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECONDS = 10
"""How long the crowd works; `make crowd` gives it a minute."""

WITHOUT_LOCKS = "import fcntl, runpy; fcntl.flock = lambda *_: None; runpy.run_module('{}', run_name='__main__')"
CROWD = "tests.engine.store.crowd"
GOOD = {"stuck": 0, "failed": 0, "lost": 0, "broken": 0, "decisions_lost": 0}


def _crowd(home: Path, seconds: int, processes: int, renewals: int, *how: str) -> dict[str, Any]:
    command = [sys.executable, *(how or ("-m", CROWD)), str(home), str(seconds), str(processes), str(renewals)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(("processes", "renewals", "seconds"), [(64, 64, SECONDS), (16, 1, 3)])
def test_a_crowd_loses_nothing(
    tmp_path: Path, processes: int, renewals: int, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    """64 processes on 64 renewals, and 16 on one: every acknowledged event and decision is there, in whole journals."""
    told = _crowd(tmp_path, seconds, processes, renewals)
    assert {name: told[name] for name in GOOD} == GOOD
    assert told["events"] + told["told_who_holds_it"] >= 3 * processes
    assert told["events"] > 0
    assert told["told_who_holds_it"] > 0
    assert told["reads"] >= 3 * processes
    record_property("events appended in a crowd", told["events"])


def test_without_the_lock_the_crowd_is_in_trouble(tmp_path: Path) -> None:
    """The negative control: where the lock holds nobody back, processes meet, and it shows."""
    told = _crowd(tmp_path, 3, 16, 1, "-c", WITHOUT_LOCKS.format(CROWD))
    assert told["told_who_holds_it"] == 0
    assert told["failed"] + told["lost"] + told["broken"] > 0
