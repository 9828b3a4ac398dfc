"""Simulate Expressways, their zones and a corporate CA on loopback, from the sources in docs/reference/lab.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def register_commands() -> "Sequence[tuple[str, typer.Typer]]":
    """Offer ``certrenew lab``."""
    from plugins.lab.commands import app

    return [("lab", app)]
