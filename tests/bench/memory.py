"""Measure the peak memory of each command as a whole process, in a lab with a renewal that waits for its approval."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.bench.figures import Figure, folder, size
from tests.bench.startup import MAIN, compiled
from tests.bench.store import populate
from tests.e2e.story import CERTIFICATE, Story

LISTED = 10_000
TOLD = """
import atexit, sys
def told():
    with open("/proc/self/status") as status:
        sys.stderr.write(next(line for line in status if line.startswith("VmHWM")))
atexit.register(told)
"""
"""Tells a process's own peak at its end: what `wait4` gives begins with that of whoever started it."""


def figures() -> list[Figure]:
    """Run each command once. Takes about half a minute."""
    compiled()
    with folder() as place, Lab(place / "lab", Options(restart_seconds=0.3, cucm=False)) as lab:
        story = Story(lab)
        story.begin()
        story.until("TrustPropagated")
        populate(place / "many", LISTED, events=2)
        floor = _peak("import typer")
        around = ["--site", str(lab.site_file), "--home", str(lab.home)]
        return [_figure(words, _peak(MAIN, [*around, *words]), floor) for words in _commands(lab, story, place)]


def _commands(lab: Lab, story: Story, place: Path) -> list[list[str]]:
    """Return each command that ends by itself, in an order in which each has something to do."""
    leaf = place / "leaf.pem"
    leaf.write_bytes(story.runner.store.artefact(story.id, story.renewal.items[0].leaf))
    manager = ["--as", "change-manager"]
    return [
        ["--help"],
        ["list"],
        ["list", "--home", str(place / "many")],
        ["show", CERTIFICATE],
        ["why", CERTIFICATE],
        ["journal", CERTIFICATE],
        ["journal", CERTIFICATE, "--verify"],
        ["inspect", "expc"],
        ["doctor"],
        ["check", str(leaf)],
        ["diagram"],
        ["plugins"],
        ["plan", CERTIFICATE, "--all"],
        ["queue", *manager],
        ["approve", CERTIFICATE, *manager, "--yes"],
        ["reject", CERTIFICATE, *manager, "--reason", "measured"],
        ["watch", "--once"],
        ["run", CERTIFICATE],
        ["report", CERTIFICATE, "--out", str(place / "report")],
        ["restage", CERTIFICATE, "--reason", "measured"],
        ["cancel", CERTIFICATE],
        ["start", CERTIFICATE],
    ]


def _figure(words: list[str], ours: int, floor: int) -> Figure:
    more = f", {LISTED:,} renewals" if "--home" in words else " --verify" if "--verify" in words else ""
    return size(f"memory of certrenew {words[0]}{more}", ours, floor, "python -c 'import typer'")


def _peak(code: str, words: Sequence[str] = ()) -> int:
    """Run Python code with these arguments and return its peak memory in bytes; it may not end with a bug."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD + code, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode not in (0, 3, 4):
        raise RuntimeError(f"{code} {words} ended with {done.returncode}: {done.stderr.decode()}")
    return int(done.stderr.split()[-2]) * 1024
