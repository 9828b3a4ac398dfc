"""Measure whole commands beside the start of Python with `typer`: what a person waits for before anything happens."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, alternately, duration
from tests.bench.store import populate

TIMES = 9
FLOOR = [sys.executable, "-c", "import typer"]


def figures() -> list[Figure]:
    """Measure the commands that only look. Takes about ten seconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        populate(Path(folder), 100)
        commands = {
            "certrenew list --json, 100 renewals": ["--home", folder, "list", "--json"],
            "certrenew list, 100 renewals": ["--home", folder, "list"],
            "certrenew list, no renewal": ["--home", f"{folder}/none", "list"],
            "certrenew --help": ["--help"],
        }
        return [_figure(name, words) for name, words in commands.items()]


def _figure(name: str, words: list[str]) -> Figure:
    command = [sys.executable, "-m", "engine.cli", *words]
    ours, floor = alternately(lambda: _run(command), lambda: _run(FLOOR), TIMES)
    return duration(name, ours, floor, "python -c 'import typer'")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
