"""Share arguments that several commands of the lab take, what completes them, and how they print."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path,
    typer.Option(
        "--home", metavar="DIR", envvar="CERTRENEW_HOME", help="Folder of the lab: site file, secrets, CA certificates."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON value to stdout.")]

HOME = Path("lab")


def named(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the boxes and authorities of the lab; whatever is wrong completes nothing."""
    import json

    try:
        lab = json.loads(Path(ctx.params.get("home") or HOME).joinpath("lab.json").read_bytes())
        return [name for name in (*lab["nodes"], *lab["authorities"]) if name.startswith(incomplete)]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def faults(incomplete: str) -> list[tuple[str, str]]:
    """Complete a fault by its name, with what it does."""
    from plugins.lab.faults import FAULTS

    return [(name, kind.what) for name, kind in FAULTS.items() if name.startswith(incomplete)]


def actions(incomplete: str) -> list[str]:
    """Complete what can be done on the pages."""
    from plugins.lab.page import ACTIONS

    return [name for name in ACTIONS if name.startswith(incomplete)]


def flaws(incomplete: str) -> list[tuple[str, str]]:
    """Complete what the CA can do wrong, with what that is."""
    from plugins.lab.authority import FLAWS

    return [(name, what) for name, what in FLAWS.items() if name.startswith(incomplete)]


def columns(rows: dict[str, str]) -> None:
    """Print names with what they mean, aligned."""
    width = max(map(len, rows))
    for name, what in rows.items():
        say(f"{name:{width}}  {what}")


def say(text: str) -> None:
    """Print a text, a line at a time, escaped."""
    from engine.text import escape

    for line in text.split("\n"):
        typer.echo(escape(line))


def print_json(value: object) -> None:
    """Print one JSON value."""
    import json

    typer.echo(json.dumps(value, indent=2))
