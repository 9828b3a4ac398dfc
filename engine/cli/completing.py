"""Complete what people type: renewals, certificates, nodes, people, states and checks. Reads files only.

A shell asks while somebody types. So whatever is wrong, with the site or the home, completes nothing and says nothing:
the command itself will tell.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from engine.cli.context import DEFAULT_SITE, Settings

Pairs = list[tuple[str, str]]
"""What may be typed, each with a word of help."""


def _silent(offered: Callable[[typer.Context], Iterable[tuple[str, str]]]) -> Callable[[typer.Context, str], Pairs]:
    """Return a function for `autocompletion` that keeps what begins as typed, and is silent about every fault."""

    def complete(ctx: typer.Context, incomplete: str) -> Pairs:
        try:
            return [pair for pair in offered(ctx) if pair[0].startswith(incomplete)]
        except Exception:  # completion has nobody to tell; a traceback would stand in the line that is being typed
            return []

    return complete


def _settings(ctx: typer.Context) -> Settings:
    """Return the global options; completion runs without the group's callback."""
    given = ctx.find_root().params
    site, home = given.get("site"), given.get("home")
    return Settings(site=Path(site) if site else DEFAULT_SITE, home=Path(home) if home else None)


@_silent
def renewals(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer IDs, and certificates with an open renewal."""
    found = _settings(ctx).store.listed()[0]
    ids = [(one.id, f"{one.items[0].certificate}: {one.state}") for one in found]
    return [*ids, *((item.certificate, one.id) for one in found if not one.ended for item in one.items)]


@_silent
def certificates(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the certificates of the site."""
    return [(name, f"on {one.node}") for name, one in _settings(ctx).estate.certificates.items()]


@_silent
def nodes(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the nodes of the site."""
    return [(name, one.kind) for name, one in _settings(ctx).estate.nodes.items()]


@_silent
def people(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the people of the site."""
    return [(name, ", ".join(one.roles) or one.name) for name, one in _settings(ctx).estate.people.items()]


@_silent
def states(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the states that workflows reach."""
    from engine.registry import Registry

    return [(state, "") for workflow in Registry().workflows.values() for state in workflow.states]


@_silent
def workflows(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the workflows."""
    from engine.registry import Registry

    return [(name, "") for name in Registry().workflows]


@_silent
def checks(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """Offer the checks that can fail."""
    from engine.certificates import CHECKS
    from engine.registry import Registry

    steps = [step for workflow in Registry().workflows.values() for step in workflow.steps.values()]
    return [(check, "") for check in dict.fromkeys([*CHECKS, *(check for step in steps for check in step.checks)])]
