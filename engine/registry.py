"""Load plugins by entry point and look backends up by name; the only place that calls a hook."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import pluggy

from engine import hookspecs
from engine.distributions import EntryPoint, entry_points, plain
from engine.errors import UsageError
from engine.text import escape

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from engine.contracts import (
        Access,
        Authority,
        AuthorityPlugin,
        Device,
        DeviceDriver,
        Observer,
        ObserverAccess,
        ObserverPlugin,
        Office,
        Solver,
        SolverPlugin,
        TrustDriver,
        TrustStore,
    )
    from engine.estate import AuthorityEntry, Node, ObserverEntry
    from engine.model import Json, Value
    from engine.workflow import Workflow

OWN = "certrenew"
"""The distribution that is always allowed: ours."""

COMMANDS = f"{hookspecs.PROJECT}.commands"
"""The group by which a distribution may say which of its plugins add commands, so that help loads no other of them."""


@dataclass(frozen=True)
class Registry:
    """Give typed access to what plugins registered.

    `distributions` are the names that the site allows; entry points of any other are not loaded.
    """

    distributions: tuple[str, ...] = (OWN,)
    extra: tuple[object, ...] = field(default=())

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        return self._managing(self._allowed)

    def _managing(self, entries: Iterable[EntryPoint]) -> pluggy.PluginManager:
        extra = ((getattr(plugin, "__name__", repr(plugin)), plugin) for plugin in self.extra)
        return _managed((*((entry.label, _loaded(entry)) for entry in entries), *extra))

    def _registered(self, hook: str) -> Iterator[tuple[str, str, Any]]:
        return _things(self._manager, hook)

    @cached_property
    def _installed(self) -> dict[str, list[EntryPoint]]:
        return entry_points(hookspecs.PROJECT, COMMANDS)

    @cached_property
    def _allowed(self) -> list[EntryPoint]:
        found = [entry for entry in self._installed[hookspecs.PROJECT] if _may_load(entry, self.distributions)]
        _by_name(((entry.label, entry.name, entry) for entry in found), "entry point")
        return found

    @property
    def foreign(self) -> bool:
        """Tell whether distributions besides ours bring plugins, so that it matters which of them a site allows."""
        return not all(_may_load(entry, ()) for entry in self._installed[hookspecs.PROJECT])

    @cached_property
    def devices(self) -> "dict[str, DeviceDriver]":
        """Return every driver by name."""
        return _by_name(self._registered("register_devices"), "driver")

    @cached_property
    def stores(self) -> "dict[str, TrustDriver]":
        """Return every driver of peers that only trust by name."""
        return _by_name(self._registered("register_trust_stores"), "driver")

    @cached_property
    def peers(self) -> "dict[str, DeviceDriver | TrustDriver]":
        """Return every driver by name, of boxes and of peers that only trust; one plugin may give both one name."""
        both = (*self._registered("register_devices"), *self._registered("register_trust_stores"))
        return _by_name({(plugin, name): (plugin, name, it) for plugin, name, it in both}.values(), "driver")

    def _of_kind(self, node: "Node") -> "Mapping[str, DeviceDriver | TrustDriver]":
        """Return the drivers by name, where two share one that which is meant for this kind of node."""
        from engine.estate import WITH_SLOTS

        meant: Mapping[str, DeviceDriver | TrustDriver] = self.devices if node.kind in WITH_SLOTS else self.stores
        return {**self.peers, **meant}

    @cached_property
    def authorities(self) -> "dict[str, AuthorityPlugin]":
        """Return every authority plugin by name."""
        return _by_name(self._registered("register_authorities"), "authority plugin")

    @cached_property
    def solvers(self) -> "dict[str, SolverPlugin]":
        """Return every DNS solver by name."""
        return _by_name(self._registered("register_solvers"), "solver")

    @cached_property
    def observers(self) -> "dict[str, ObserverPlugin]":
        """Return every observer plugin by name."""
        return _by_name(self._registered("register_observers"), "observer plugin")

    @cached_property
    def onlookers(self) -> tuple[str, ...]:
        """Name the plugins that want to be told of every event."""
        return tuple(impl.plugin_name for impl in self._manager.hook.observe.get_hookimpls())

    @cached_property
    def workflows(self) -> "dict[str, Workflow]":
        """Return every workflow by name."""
        return _by_name(self._registered("register_workflows"), "workflow")

    def commands(self) -> "dict[str, typer.Typer]":
        """Return the groups of commands that plugins add, by name; plugins that add none are left alone where known."""
        said = {(entry.distribution, entry.name) for entry in self._installed[COMMANDS]}
        sayers = {distribution for distribution, _ in said}
        asked = [one for one in self._allowed if one.distribution not in sayers or (one.distribution, one.name) in said]
        return _by_name(_things(self._managing(asked), "register_commands"), "command")

    def device(self, node: "Node", access: "Access", where: str) -> "Device":
        """Make the driver object for a box. Raises SiteError for an unknown driver or a wrong option."""
        return cast("Device", _connected(self.devices, node, access, where))

    def peer(self, node: "Node", access: "Access", where: str) -> "TrustStore":
        """Make the driver object for anything that has to trust, like `device`."""
        return cast("TrustStore", _connected(self._of_kind(node), node, access, where))

    def authority(self, entry: "AuthorityEntry", office: "Office", where: str) -> "Authority":
        """Make the backend of an authority. Raises SiteError for an unknown plugin or a wrong option."""
        from engine.settings import convert, unknown

        plugin = self.authorities.get(entry.plugin)
        if plugin is None:
            raise unknown(f"{where}: `plugin` can't be `{escape(entry.plugin)}`", entry.plugin, list(self.authorities))
        options = convert(entry.options, plugin.options, f"{where}: [options]", base=office.folder)
        return plugin.connect(replace(office, solver=partial(self._solver, office, where)), options)

    def observer_options(self, entry: "ObserverEntry", where: str, folder: "Path") -> "Value":
        """Return an observer's settings, checked. Raises SiteError for an unknown plugin, state or option."""
        from engine.settings import convert, unknown

        plugin = self.observers.get(entry.plugin)
        if plugin is None:
            raise unknown(f"{where}: `plugin` can't be `{escape(entry.plugin)}`", entry.plugin, list(self.observers))
        states = {state for workflow in self.workflows.values() for state in workflow.states}
        for state in entry.states:
            if state not in states:
                raise unknown(f"{where}: `states` names `{escape(state)}`, which no workflow has", state, list(states))
        return convert(entry.options, plugin.options, f"{where}: [options]", base=folder)

    def observer(self, entry: "ObserverEntry", access: "ObserverAccess", where: str) -> "Observer":
        """Make an observer. Raises like `observer_options`."""
        options = self.observer_options(entry, where, access.folder)
        return self.observers[entry.plugin].connect(access, options)

    def observe(self, plugin: str, renewal: "dict[str, Json]", event: "dict[str, Json]") -> None:
        """Call the hook `observe` of one plugin and of no other. Raises whatever it raises."""
        others = [one for name, one in self._manager.list_name_plugin() if name != plugin and one is not None]
        self._manager.subset_hook_caller("observe", others)(renewal=renewal, event=event)

    def _solver(self, office: "Office", where: str, name: str, options: "Mapping[str, Json]") -> "Solver":
        from engine.settings import convert, unknown

        plugin = self.solvers.get(name)
        if plugin is None:
            raise unknown(f"{where}: the solver can't be `{escape(name)}`", name, list(self.solvers))
        return plugin.connect(office, convert(options, plugin.options, f"{where}: {name}", base=office.folder))


def _connected(drivers: "Mapping[str, Any]", node: "Node", access: "Access", where: str) -> Any:
    from engine.settings import convert, unknown

    driver = drivers.get(node.driver)
    if driver is None:
        raise unknown(f"{where}: `driver` can't be `{escape(node.driver)}`", node.driver, list(drivers))
    return driver.connect(access, convert(node.options, driver.options, f"{where}: [options]"))


def _by_name(registered: Iterable[tuple[str, str, Any]], what: str) -> dict[str, Any]:
    """Key what plugins registered by name; a name taken twice is an error that names both plugins."""
    found: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for plugin, name, backend in registered:
        if name in found:
            both = " and ".join(escape(owner) for owner in sorted((owners[name], plugin)))
            raise UsageError(
                f"Two plugins register the {what} `{escape(name)}`: {both}.",
                todo="Remove one, or take its distribution out of [plugins].",
            )
        found[name], owners[name] = backend, plugin
    return found


@dataclass(frozen=True)
class Installed:
    """Be an entry point of an installed distribution, whether it may be loaded or not.

    `registers` holds the names under each of `SORTS`, empty where it was not loaded; `problem` says why a plugin that
    may be loaded can't be used.
    """

    plugin: str
    distribution: str
    version: str
    allowed: bool
    registers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problem: str = ""

    @property
    def label(self) -> str:
        """Return what errors call it."""
        return f"{self.distribution}:{self.plugin}"


SORTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "drivers": ("driver", ("register_devices", "register_trust_stores")),
    "authorities": ("authority plugin", ("register_authorities",)),
    "solvers": ("solver", ("register_solvers",)),
    "observers": ("observer plugin", ("register_observers",)),
    "workflows": ("workflow", ("register_workflows",)),
    "commands": ("command", ("register_commands",)),
}
"""What a plugin may register: the word for one, and the hooks."""


def installed(distributions: Iterable[str]) -> list[Installed]:
    """List the plugins of every installed distribution, by distribution and name.

    Only what may be loaded is loaded; one that can't be used hides no other.
    """
    allowed, found = tuple(distributions), entry_points(hookspecs.PROJECT)[hookspecs.PROJECT]
    return [_look(entry, _may_load(entry, allowed)) for entry in sorted(found, key=lambda entry: entry.label)]


def require_unique(listed: Iterable[Installed]) -> None:
    """Raise UsageError that names both where two plugins that may be loaded share a name, or register one name."""
    usable = [one for one in listed if one.allowed]
    _by_name(((one.label, one.plugin, one) for one in usable), "entry point")
    for sort, (word, _) in SORTS.items():
        _by_name(((one.label, name, one) for one in usable for name in one.registers.get(sort, ())), word)


def _look(entry: EntryPoint, allowed: bool) -> Installed:
    found = Installed(entry.name, entry.distribution, entry.version, allowed)
    if not allowed:
        return found
    try:
        manager = _managed([(found.label, _loaded(entry))])
        registers = {
            sort: list(dict.fromkeys(name for hook in hooks for _, name, _ in _things(manager, hook)))
            for sort, (_, hooks) in SORTS.items()
        }
    except UsageError as error:
        return replace(found, problem=error.what)
    return replace(found, registers={sort: names for sort, names in registers.items() if names})


def _may_load(entry: EntryPoint, distributions: Iterable[str]) -> bool:
    return plain(entry.distribution) in {plain(name) for name in (*distributions, OWN)}


def _loaded(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # a plugin may fail with anything; it is named and nothing else is hurt
        raise _broken(entry.label, f"can't be loaded: {error!r}") from error


def _managed(plugins: Iterable[tuple[str, object]]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin in plugins:
        _register(manager, name, plugin)
    return manager


def _things(manager: pluggy.PluginManager, hook: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (plugin, name, thing) for all that is registered. Raises UsageError that names the plugin at fault."""
    caller: pluggy.HookCaller = getattr(manager.hook, hook)
    for impl in caller.get_hookimpls():
        register: Callable[[], Iterable[Any]] = cast(Any, impl.function)
        try:
            things = [thing if isinstance(thing, tuple) else (thing.name, thing) for thing in register()]
            named = [(impl.plugin_name, str(name), thing) for name, thing in things]
        except Exception as error:  # a plugin may fail with anything
            raise _broken(impl.plugin_name, f"fails in {hook}: {error!r}") from error
        yield from named


def _register(manager: pluggy.PluginManager, name: str, plugin: object) -> None:
    """Register a plugin; one that implements a hook that does not exist, or wraps one, is refused."""
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise _broken(name, f"does not fit: {error}") from None
    for caller in manager.get_hookcallers(plugin) or ():
        if any(impl.plugin is plugin and (impl.wrapper or impl.hookwrapper) for impl in caller.get_hookimpls()):
            raise _broken(name, f"wraps {caller.name}, and a hook only registers")


def _broken(plugin: str, why: str) -> UsageError:
    return UsageError(
        f"The plugin {escape(plugin)} {escape(why, 300)}.",
        todo="Mend or remove it, or take its distribution out of [plugins].",
    )
