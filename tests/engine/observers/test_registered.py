"""Hold how observers are found: by name, one plugin each, and a hook that calls one plugin and no other."""

from pathlib import Path
from typing import Any

import pytest

from engine.contracts import Observer, ObserverAccess, ObserverPlugin
from engine.errors import SiteError, UsageError
from engine.estate import ObserverEntry
from engine.hookspecs import hookimpl
from engine.model import Json
from engine.registry import Registry
from engine.runner.site import Clock
from engine.testing.observers import told
from plugins.mail import Options

ENTRY = ObserverEntry(
    name="ops",
    plugin="mail",
    options={"server": "m.example", "sender": "a@b.example", "to": ["c@d.example"], "ca": "x.pem"},
)


class Onlooker:
    """Be a plugin that keeps what it was told."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.seen: list[int] = []

    @hookimpl
    def observe(self, event: dict[str, Json]) -> None:
        """Keep the event's number; a hook may leave out what it does not need."""
        self.seen.append(event["seq"])


def test_our_own_are_found() -> None:
    """Mail and webhook are registered; nothing of ours wants every event."""
    registry = Registry()
    assert set(registry.observers) >= {"mail", "webhook"}
    assert registry.onlookers == ()


def test_an_observer_is_made_with_its_settings() -> None:
    """Settings become a value, paths relative to the site file; wrong ones are errors that name what is right."""
    registry, access = Registry(), ObserverAccess("ops", Clock().now, folder=Path("/site"))
    assert isinstance(registry.observer(ENTRY, access, "w"), Observer)
    options = registry.observer_options(ENTRY, "w", Path("/site"))
    assert isinstance(options, Options)
    assert options.ca == Path("/site/x.pem")
    for wrong, words in (
        ({"plugin": "mial"}, "`plugin` can't be `mial`"),
        ({"states": ["Install"]}, "no workflow has"),
        ({"options": {"servr": "x"}}, "no key `servr`"),
    ):
        entry = ObserverEntry(**{"name": "ops", "plugin": "mail", **wrong})  # type: ignore[arg-type]
        with pytest.raises(SiteError) as caught:
            registry.observer_options(entry, "w", Path())
        assert words in caught.value.what
        assert "Allowed: " in caught.value.todo


def test_one_plugin_is_told_and_no_other() -> None:
    """`observe` calls the hook of the plugin that is named."""
    one, other = Onlooker("one"), Onlooker("other")
    registry = Registry(extra=(one, other))
    assert set(registry.onlookers) == {"one", "other"}
    registry.observe("one", *told())
    assert (one.seen, other.seen) == ([3], [])


def test_a_name_taken_twice_is_refused() -> None:
    """Two plugins that register an observer of one name are told, with both names."""

    def plugin(name: str) -> Any:
        def register_observers() -> list[ObserverPlugin]:
            return [ObserverPlugin("mail", Options, lambda *_: None)]  # type: ignore[arg-type]

        made = type(name, (), {"__name__": name})()
        made.register_observers = hookimpl(register_observers)
        return made

    with pytest.raises(UsageError, match="observer plugin `mail`"):
        _ = Registry(extra=(plugin("mine"),)).observers
