"""Hold what plugins may do: be loaded only when allowed, register under one name each, and nothing else."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy
import pytest

from engine.contracts import Access, Authority, AuthorityPlugin, Device, DeviceDriver, Office, TrustDriver
from engine.errors import SiteError, UsageError
from engine.estate import AuthorityEntry, Node
from engine.hookspecs import hookimpl
from engine.model import Value
from engine.net import TlsTrust
from engine.registry import Registry

ACCESS = Access("expc", "expressway-c", "h:443", "h", "admin", str, TlsTrust("h"), lambda: datetime.now(UTC))
OFFICE = Office("corp", lambda: datetime.now(UTC))
WHERE = "site.toml: [nodes.expc]"


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of a backend that only exists here."""

    speed: int = 1


def _never(*_: Any) -> Any:
    raise AssertionError("it was connected")


def _plugin(name: str, **hooks: Callable[..., Any]) -> Any:
    """Make a plugin: a module-like object whose hooks are functions."""
    made = type(name, (), {"__name__": name})()
    for hook, function in hooks.items():
        setattr(made, hook, hookimpl(function))
    return made


def _driver(name: str) -> Callable[[], Sequence[DeviceDriver]]:
    return lambda: [DeviceDriver(name, Options, _never)]


def _node(driver: str = "expressway", **options: Any) -> Node:
    return Node(name="expc", kind="expressway-c", driver=driver, address="h:443", hostname="h", options=options)


def _error(act: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        act()
    return f"{caught.value.what} {caught.value.todo}"


def test_every_own_plugin_is_found() -> None:
    """What this distribution's entry points name is registered."""
    registry = Registry()
    assert set(registry.devices) >= {"expressway"}
    assert set(registry.authorities) >= {"manual"}
    assert set(registry.solvers) >= {"rfc2136", "lexicon"}
    assert set(registry.workflows) >= {"renewal"}
    assert set(registry.commands()) >= {"lab"}


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a second distribution, `Other_Dist`, whose plugin can't be imported without being noticed."""
    (tmp_path / "other_plugin.py").write_text('raise RuntimeError("loaded\\x1b[2J")\n')
    info = tmp_path / "other_dist-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Other_Dist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[certrenew]\nother = other_plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "other" in entry_points(group="certrenew").names
    return "Other_Dist"


def test_only_allowed_distributions_are_loaded(foreign: str) -> None:
    """A plugin of a distribution that the site does not list is not even imported; a listed one is, by any spelling."""
    assert set(Registry().devices) >= {"expressway"}
    for name in (foreign, "other-dist", "OTHER_DIST"):
        message = _error(lambda name=name: Registry((name,)).devices)  # type: ignore[misc]
        assert "Other_Dist:other can't be loaded" in message
        assert "loaded\\x1b" in message.replace("\\\\", "\\")
        assert "\x1b" not in message


@pytest.mark.parametrize(
    ("hook", "one"),
    [
        ("register_devices", DeviceDriver("twin", Options, _never)),
        ("register_authorities", AuthorityPlugin("twin", Options, _never)),
        ("register_commands", ("twin", None)),
    ],
)
def test_two_of_one_name_are_an_error_that_names_both(hook: str, one: object) -> None:
    """A name that two plugins register is refused with both plugins named; neither wins by coming last."""
    kind = {"register_devices": "devices", "register_authorities": "authorities"}.get(hook)
    first, second = (_plugin(name, **{hook: lambda: [one]}) for name in ("plugin-one", "plugin-two"))

    def look(*plugins: object) -> object:
        registry = Registry(extra=plugins)
        return getattr(registry, kind) if kind else registry.commands()

    message = _error(lambda: look(first, second))
    assert "`twin`" in message
    assert "plugin-one and plugin-two" in message
    assert look(first)
    assert look(second)


def test_a_misspelt_hook_is_refused() -> None:
    """A plugin that implements a hook that does not exist is refused and named, not silently ignored."""
    message = _error(lambda: Registry(extra=(_plugin("clumsy", register_devises=_driver("x")),)).devices)
    assert "clumsy" in message
    assert "register_devises" in message
    assert "x" in Registry(extra=(_plugin("careful", register_devices=_driver("x")),)).devices


def test_a_hook_with_unknown_arguments_is_refused() -> None:
    """A plugin that expects what no hook gives is refused and named."""

    def register_devices(renewal: object) -> object:
        return renewal

    assert "greedy" in _error(lambda: Registry(extra=(_plugin("greedy", register_devices=register_devices),)).devices)


def test_a_plugin_can_not_wrap_a_hook() -> None:
    """A hook registers or observes: a plugin that would change what others registered is refused."""

    class Wrapper:
        __name__ = "wrapper"

        @pluggy.HookimplMarker("certrenew")(wrapper=True)
        def register_devices(self) -> Any:
            yield
            return []

    assert "wraps register_devices" in _error(lambda: Registry(extra=(Wrapper(),)).devices)


@pytest.mark.parametrize("answer", [None, 3, [object()], [("only-one",)]])
def test_a_plugin_that_registers_nonsense_is_named(answer: object) -> None:
    """Whatever a plugin answers or raises, the error names it; another plugin's answer is not blamed."""
    registry = Registry(extra=(_plugin("odd", register_devices=lambda: answer),))
    assert "odd fails in register_devices" in _error(lambda: registry.devices)
    assert set(registry.authorities) >= {"manual"}


def test_an_unknown_driver_is_named_with_the_nearest() -> None:
    """A driver that nobody registered is an error with the nearest name and all there are."""
    with pytest.raises(SiteError) as caught:
        Registry().device(_node("expresway"), ACCESS, WHERE)
    assert caught.value.what == f"{WHERE}: `driver` can't be `expresway`."
    assert "Did you mean `expressway`?" in caught.value.todo


def test_an_unknown_authority_is_named_with_the_nearest() -> None:
    """An authority plugin that nobody registered is an error with the nearest name; a known one is made."""
    with pytest.raises(SiteError) as caught:
        Registry().authority(AuthorityEntry(name="corp", plugin="manuel"), OFFICE, WHERE)
    assert "Did you mean `manual`?" in caught.value.todo
    assert isinstance(Registry().authority(AuthorityEntry(name="corp", plugin="manual"), OFFICE, WHERE), Authority)


def test_a_wrong_option_is_named_with_the_nearest() -> None:
    """A misspelt option, a wrong choice and a wrong type are errors that name table, key and what is allowed."""
    for options, told in (
        ({"uplaod": "raw"}, ["[options]", "no key `uplaod`", "Did you mean `upload`?"]),
        ({"upload": "row"}, ["[options]: `upload`", "Did you mean `raw`?", "`multipart`"]),
        ({"restart_timeout": 0}, ["[options]: `restart_timeout`", ">= 1"]),
        ({"restart_timeout": "1"}, ["[options]: `restart_timeout`", "got `str`"]),
    ):
        message = _error(lambda options=options: Registry().device(_node(**options), ACCESS, WHERE))  # type: ignore[misc]
        for part in told:
            assert part in message
    assert isinstance(Registry().device(_node(upload="raw"), ACCESS, WHERE), Device)


def test_one_plugin_may_give_a_box_and_a_peer_one_name() -> None:
    """Which of the two is meant follows from the node's kind; two plugins may still not share a name."""
    both = _plugin(
        "both",
        register_devices=lambda: [DeviceDriver("twin", Options, lambda *_: "device")],  # type: ignore[arg-type]
        register_trust_stores=lambda: [TrustDriver("twin", Options, lambda *_: "peer")],  # type: ignore[arg-type]
    )
    registry = Registry(extra=(both,))
    for kind, made in (("expressway-c", "device"), ("external", "peer"), ("cucm", "peer")):
        node = Node(name="n", kind=kind, driver="twin", address="h:1", hostname="h")  # type: ignore[arg-type]
        assert str(registry.peer(node, ACCESS, WHERE)) == made
    other = _plugin("other", register_trust_stores=lambda: [TrustDriver("twin", Options, _never)])
    assert "both and other" in _error(lambda: Registry(extra=(both, other)).peers)
