"""Measure whole commands beside the start of Python with `typer`: what a person waits for before anything happens."""

import compileall
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.store import Store, cache
from tests.bench.figures import Figure, duration, folder, in_turn, run
from tests.bench.store import LONG, begin, lengthen, populate

TIMES = 15
TYPER = [sys.executable, "-c", "import typer"]
MAIN = "from engine.cli import main; main()"
"""What the installed script does."""

SCRIPT = [sys.executable, "-c", MAIN]

FEW, MANY = 100, 10_000
SITE = """
schema = 1

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "127.0.0.1:1"
hostname = "expc.example"
username = "admin"
password = "env:HOME"

[authorities.corp]
plugin = "manual"

[certificates.expc]
node = "expc"
authority = "corp"
"""
"""A site whose one box is not there, which shows at once."""


def figures() -> list[Figure]:
    """Measure the commands that only look, and one that resumes. Takes about a minute."""
    compiled()
    with folder() as place:
        few, many = place / "few", place / "many"
        populate(few, FEW)
        commands = {
            "certrenew --help": ["--help"],
            "certrenew run --help": ["run", "--help"],
            f"certrenew list, {FEW} renewals": ["--home", str(few), "list"],
            f"certrenew list --json, {FEW} renewals": ["--home", str(few), "list", "--json"],
        }
        quick = [_beside(name, [*SCRIPT, *words]) for name, words in commands.items()]
        completing = {
            "completion of a command": "certrenew wi",
            f"completion of an ID, {FEW} renewals": f"certrenew --home {few} show copy-9",
        }
        quick += [_beside(name, SCRIPT, _asked(line)) for name, line in completing.items()]
        return [*quick, *_long_list(many), _resumed(place)]


def compiled() -> None:
    """Write bytecode, as installing does: a checkout has none where PYTHONDONTWRITEBYTECODE is set."""
    for package in ("engine", "plugins", "workflows"):
        compileall.compile_dir(str(Path(__file__).parents[2] / package), quiet=2)


def _beside(name: str, command: list[str], variables: Mapping[str, str] | None = None) -> Figure:
    os.environ.update(variables or {})
    try:
        ours, floor = in_turn(TIMES, lambda: run(command), lambda: run(TYPER))
    finally:
        for variable in variables or {}:
            del os.environ[variable]
    return duration(name, ours, floor, "python -c 'import typer'", at_most=1.5)


def _asked(line: str) -> dict[str, str]:
    """Return what a shell says that completes the last word of a line."""
    words = str(len(line.split()) - 1)
    return {
        "_CERTRENEW_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": words,
        "_TYPER_COMPLETE_ARGS": line,
    }


def _long_list(home: Path) -> list[Figure]:
    """List many renewals: with what is remembered of them, and for the first time."""
    populate(home, MANY)
    found = []
    for more in ([], ["--json"]):
        command = [*SCRIPT, "--home", str(home), "list", *more]
        name = " ".join(["certrenew list", *more])

        def anew(command: list[str] = command) -> None:
            (home / cache.NAME).unlink(missing_ok=True)
            run(command)

        run(command)
        again, typer = in_turn(5, lambda command=command: run(command), lambda: run(TYPER))  # type: ignore[misc]
        found.append(duration(f"{name}, {MANY:,} renewals", again, typer, "python -c 'import typer'", limit=1000))
        first, typer = in_turn(3, anew, lambda: run(TYPER))
        found.append(duration(f"{name}, {MANY:,} renewals, no cache yet", first, typer, "python -c 'import typer'"))
    return found


def _resumed(place: Path) -> Figure:
    """Go on with a renewal whose journal is long, up to its box, which is not there; beside one that has just begun."""
    site = place / "certrenew.toml"
    site.write_text(SITE)
    site.chmod(0o600)
    homes = {events: place / f"journal-{events}" for events in (LONG, 3)}
    for events, home in homes.items():
        begin(Store(home), "copy-0")
        lengthen(home, events)
    commands = [[*SCRIPT, "--site", str(site), "--home", str(home), "run", "copy-0"] for home in homes.values()]
    for command in commands:
        run(command, 5)  # remembers that the box is not there; the next ones change nothing
    ours, floor = in_turn(TIMES, *(lambda command=command: run(command, 5) for command in commands))
    limit = floor * 1e3 + 50
    return duration(f"certrenew run, journal of {LONG:,}", ours, floor, "the same, journal of 3", limit=limit)
