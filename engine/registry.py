"""Load plugins by entry point and look backends up by name; the only place that calls a hook."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from engine import hookspecs
from engine.errors import UsageError
from engine.model import escape
from engine.settings import convert, unknown

if TYPE_CHECKING:
    import typer

    from engine.contracts import Access, Authority, AuthorityPlugin, Device, DeviceDriver
    from engine.estate import AuthorityEntry, Node
    from engine.workflow import Workflow

OWN = "certrenew"
"""The distribution that is always allowed: ours."""

T = TypeVar("T")


@dataclass(frozen=True)
class Registry:
    """Give typed access to what plugins registered.

    `distributions` are the names that the site allows; entry points of any other are not loaded.
    """

    distributions: tuple[str, ...] = (OWN,)
    extra: tuple[object, ...] = field(default=())

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        for name, plugin in self._allowed():
            manager.register(plugin, name=name)
        for plugin in self.extra:
            manager.register(plugin)
        _no_misspelt_hooks(manager)
        return manager

    def _allowed(self) -> Iterable[tuple[str, object]]:
        from importlib.metadata import entry_points

        allowed = {name.lower().replace("_", "-") for name in (*self.distributions, OWN)}
        for entry in entry_points(group=hookspecs.PROJECT):
            owner = entry.dist.name if entry.dist else "?"
            if owner.lower().replace("_", "-") in allowed:
                try:
                    yield f"{owner}:{entry.name}", entry.load()
                except Exception as error:  # a plugin may fail with anything; it is named and nothing else is hurt
                    raise UsageError(
                        f"The plugin {escape(entry.name)} of {escape(owner)} can't be loaded: {escape(error)}.",
                        todo="Mend or remove it, or take its distribution out of [plugins].",
                    ) from error

    @cached_property
    def devices(self) -> "dict[str, DeviceDriver]":
        """Return every driver by name."""
        return _by_name(self._manager.hook.register_devices(), "driver")

    @cached_property
    def authorities(self) -> "dict[str, AuthorityPlugin]":
        """Return every authority plugin by name."""
        return _by_name(self._manager.hook.register_authorities(), "authority plugin")

    @cached_property
    def workflows(self) -> "dict[str, Workflow]":
        """Return every workflow by name."""
        return _by_name(self._manager.hook.register_workflows(), "workflow")

    def commands(self) -> "dict[str, typer.Typer]":
        """Return the groups of commands that plugins add, by name."""
        groups: dict[str, typer.Typer] = {}
        for name, group in (pair for pairs in self._manager.hook.register_commands() for pair in pairs):
            if name in groups:
                raise UsageError(f"Two plugins add the command `{escape(name)}`.", todo="Remove one of them.")
            groups[name] = group
        return groups

    def device(self, node: "Node", access: "Access", where: str) -> "Device":
        """Make the driver object for a node. Raises SiteError for an unknown driver or a wrong option."""
        driver = self.devices.get(node.driver)
        if driver is None:
            raise unknown(f"{where}: `driver` names `{escape(node.driver)}`", node.driver, list(self.devices))
        return driver.connect(access, convert(node.options, driver.options, f"{where}: [options]"))

    def authority(self, entry: "AuthorityEntry", where: str) -> "Authority":
        """Make the backend of an authority. Raises SiteError for an unknown plugin or a wrong option."""
        plugin = self.authorities.get(entry.plugin)
        if plugin is None:
            raise unknown(f"{where}: `plugin` names `{escape(entry.plugin)}`", entry.plugin, list(self.authorities))
        return plugin.connect(convert(entry.options, plugin.options, f"{where}: [options]"))


def _by_name(groups: "list[Any]", what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for backend in (backend for group in groups for backend in group):
        if backend.name in found:
            raise UsageError(f"Two plugins register the {what} `{escape(backend.name)}`.", todo="Remove one of them.")
        found[backend.name] = backend
    return found


def _no_misspelt_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise UsageError(f"A plugin implements a hook that does not exist: {escape(error)}.", todo="Mend it.") from None
