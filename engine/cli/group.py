"""Load commands when they are used, and turn every error into one clear message and the right exit code."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from engine.errors import CertrenewError, UsageError

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

    from engine.cli.context import Settings
    from engine.registry import Registry

THEMES = {
    "Begin": ("init", "discover", "doctor", "start"),
    "Look": ("list", "show", "why", "journal", "inspect", "inventory", "check", "report"),
    "Go on": ("run", "watch", "advance", "supply", "confirm"),
    "Decide": ("queue", "plan", "approve", "reject", "withdraw"),
    "Step aside": ("resubmit", "restage", "cancel", "rollback"),
    "About certrenew": ("diagram", "plugins"),
}
"""The commands in the order of help, under what they are for; one that is in none stands under "More"."""

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""


def interrupted() -> None:
    """Say what Ctrl-C left behind; without rich, whose loading it may have interrupted."""
    sys.stderr.write(
        "\nInterrupted  by Ctrl-C.\n"
        "Left alone   What is in the journal is kept. A change that was under way may\n"
        "             have been made or not; the next run looks, and makes none twice.\n"
        "Next         Run the same command again; a renewal goes on where it was.\n"
    )


class Plain(TyperCommand):
    """Be a command whose usage writes what must be given as everybody does: ``ID``, not ``{ID}``."""

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Return the words behind the command's name."""
        return [piece.removeprefix("{").removesuffix("}") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """Be the top group: its own commands first, then those of plugins, which are loaded only when asked for.

    A command is built when it is asked for, too: building all of them takes longer than most commands run.
    """

    own: ClassVar[dict[str, Callable[..., None]]] = {}
    """The functions of the engine's own commands, by what is typed for them."""

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Find a command by name, in a plugin when the engine has none."""
        if cmd_name in self.own:
            return _built(cmd_name, self.own[cmd_name])
        group = self._of_plugins(ctx).get(cmd_name)
        return typer.main.get_command(group) if group else None

    def list_commands(self, ctx: "Context") -> list[str]:
        """Name all commands in the order of help: by theme, then what has none, those of plugins last."""
        return [*_in_order(self.own), *self._of_plugins(ctx)]

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the commands under their themes, each with the first sentence of its help."""
        told = {name: inspect.getdoc(self.own[name]) or "" for name in _in_order(self.own)}
        told |= {name: _help(group) for name, group in self._of_plugins(ctx).items()}
        width = max(map(len, told))
        for theme, names in _by_theme(list(told)):
            with formatter.section(theme):
                formatter.write_dl([(f"{name:{width}}", _first_sentence(told[name])) for name in names])

    def _of_plugins(self, ctx: "Context") -> "dict[str, typer.Typer]":
        """Return the groups that plugins add: ours, and those that the site allows where all of them can be used.

        What is wrong with the site, or with a plugin that it allows, is told by `certrenew plugins`; help stays.
        """
        from engine.registry import Registry

        ours = Registry()
        if ours.foreign:
            try:
                return self._added(Registry(_allowed(ctx)))
            except UsageError:
                pass
        return self._added(ours)

    def _added(self, registry: "Registry") -> "dict[str, typer.Typer]":
        """Raises UsageError for a name that the engine has."""
        groups = registry.commands()
        for name in groups:
            if name in self.own:
                raise UsageError(f"A plugin adds the command `{name}`, which certrenew has.", todo="Remove the plugin.")
        return groups

    def invoke(self, ctx: "Context") -> Any:
        """Run the command; the one place where errors become messages."""
        try:
            return super().invoke(ctx)
        except CertrenewError as error:
            from engine.cli.render import show_error

            show_error(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            interrupted()
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        finally:
            _tell_people(ctx.obj)


def _built(name: str, function: Callable[..., None]) -> "Command":
    info = typer.models.CommandInfo(name, cls=Plain, callback=function)
    return typer.main.get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)


def _help(group: "typer.Typer") -> str:
    """Return a group's help without building its commands."""
    return typer.main.solve_typer_info_help(typer.models.TyperInfo(group))


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."


def _in_order(names: Iterable[str]) -> list[str]:
    themed = [name for known in THEMES.values() for name in known]
    return sorted(names, key=lambda name: (themed.index(name) if name in themed else len(themed), name))


def _by_theme(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    themed = {name for known in THEMES.values() for name in known}
    for theme, known in {**THEMES, "More": [name for name in names if name not in themed]}.items():
        if shown := [name for name in known if name in names]:
            yield theme, shown


def _allowed(ctx: "Context") -> tuple[str, ...]:
    """Read what the site allows. Help is shown before click reads variables, so that is done here. Raises SiteError."""
    from engine.cli.context import DEFAULT_SITE, Settings

    named = ctx.find_root().params.get("site") or os.environ.get("CERTRENEW_SITE") or DEFAULT_SITE
    return Settings(site=Path(named)).distributions


def _tell_people(settings: "Settings | None") -> None:
    """Start telling observers what a command recorded, and warn in one line when they could not be told before."""
    site = settings.used if settings else None
    if site is None or site.store.appended is None:
        return
    from engine.runner.observers import deliver_due, linger, problems

    deliver_due(site)
    if sys.stderr.closed:
        return
    if not sys.stderr.isatty():
        linger()
    found = problems(site)
    if found:
        more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
        sys.stderr.write(f"Warning: {found[0]}{more}\n")
