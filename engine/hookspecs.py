"""Name the hooks. A hook registers or observes; none can change what a step does.

A plugin is a module named by an entry point of group ``certrenew``; it marks its functions with `hookimpl`. Backends
are looked up by the name they register, never by who came last.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pluggy

if TYPE_CHECKING:
    import typer

    from engine.contracts import AuthorityPlugin, DeviceDriver, ObserverPlugin, SolverPlugin, TrustDriver
    from engine.model import Json
    from engine.workflow import Workflow

PROJECT = "certrenew"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_authorities() -> "Sequence[AuthorityPlugin]":
    """Return the certification authorities that this plugin can talk to, for ``[authorities.NAME] plugin = ...``."""
    return cast("Sequence[AuthorityPlugin]", ())


@hookspec
def register_devices() -> "Sequence[DeviceDriver]":
    """Return the drivers for boxes with slots and a trust store, for ``[nodes.NAME] driver = ...``."""
    return cast("Sequence[DeviceDriver]", ())


@hookspec
def register_trust_stores() -> "Sequence[TrustDriver]":
    """Return the drivers for peers that only trust, for ``[nodes.NAME] driver = ...``."""
    return cast("Sequence[TrustDriver]", ())


@hookspec
def register_solvers() -> "Sequence[SolverPlugin]":
    """Return the solvers that can put TXT records into the DNS, for authorities that ask for them (RFC 8555)."""
    return cast("Sequence[SolverPlugin]", ())


@hookspec
def register_observers() -> "Sequence[ObserverPlugin]":
    """Return what can tell people or other systems of events, for ``[observers.NAME] plugin = ...``."""
    return cast("Sequence[ObserverPlugin]", ())


@hookspec
def observe(renewal: "dict[str, Json]", event: "dict[str, Json]") -> None:
    """Be told of every event of every renewal, where no setting is needed; for telling only.

    It is called, and may fail, like `Observer.observe`: in a process of its own, with a time limit, after the event is
    on disk, with copies. Nothing that it does to its arguments, returns or raises reaches a renewal.
    """


@hookspec
def register_workflows() -> "Sequence[Workflow]":
    """Return workflows: states, arrows and the steps between them."""
    return cast("Sequence[Workflow]", ())


@hookspec
def register_commands() -> "Sequence[tuple[str, typer.Typer]]":
    """Return groups of commands as (name, Typer application); a name that the engine has is refused."""
    return cast("Sequence[tuple[str, typer.Typer]]", ())
