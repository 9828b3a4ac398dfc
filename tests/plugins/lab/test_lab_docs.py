"""The reference page names everything that the lab does, with its source, and the tables are whole."""

from pathlib import Path

import pytest

from plugins.lab.adcs.switches import ADCS_SWITCHES
from plugins.lab.authority import FLAWS
from plugins.lab.commands import app
from plugins.lab.cucm.switches import CUCM_SWITCHES
from plugins.lab.effects import KINDS
from plugins.lab.est.switches import EST_SWITCHES
from plugins.lab.faults import FAULTS
from plugins.lab.releases import BEHAVIOURS, RELEASES, does, version
from plugins.lab.switches import SWITCHES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lab.md"
ALL_SWITCHES = {**SWITCHES, **CUCM_SWITCHES, **EST_SWITCHES, **ADCS_SWITCHES}
COMMANDS = [
    f"lab {command.name or command.callback.__name__}" for command in app.registered_commands if command.callback
]


@pytest.mark.parametrize("word", [*ALL_SWITCHES, *FAULTS, *FLAWS, *KINDS, *BEHAVIOURS, *RELEASES, *COMMANDS])
def test_the_page_names_it(word: str) -> None:
    """Switches, faults, flaws, effects, behaviours, releases and commands."""
    assert f"`{word}" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", [f"{name}={value}" for name, row in ALL_SWITCHES.items() for value in row.settings])
def test_the_page_names_each_setting(setting: str) -> None:
    """In the row of its switch, the default first."""
    name, _, value = setting.partition("=")
    row = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}`"))
    assert f"`{value}`" in row


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_behaviour_has_a_source_and_a_certainty(name: str) -> None:
    """And begins before it ends."""
    row = BEHAVIOURS[name]
    assert row.source
    assert row.certainty.startswith(("confirmed", "seen", "inferred"))
    assert not row.until or version(row.since) < version(row.until)


@pytest.mark.parametrize(
    ("behaviour", "release", "kind", "holds"),
    [
        ("csrf-header", "X14.0.4", "expressway-c", False),
        ("csrf-header", "X14.2", "expressway-c", True),
        ("csrf-header", "X14.10", "expressway-c", True),
        ("server-eku-switch", "X15.4", "expressway-e", True),
        ("server-eku-switch", "X15.4", "expressway-c", False),
        ("server-eku-switch", "X15.5", "expressway-e", False),
    ],
)
def test_releases_are_compared_as_numbers(behaviour: str, release: str, kind: str, holds: bool) -> None:
    """X14.10 comes after X14.2; `until` is the first release without."""
    assert does(behaviour, release, kind) == holds


def test_what_is_no_release_or_no_behaviour_is_refused() -> None:
    """No silent False."""
    for wrong in ("14.3", "Xfourteen", ""):
        with pytest.raises(ValueError, match=r".+"):
            version(wrong)
    with pytest.raises(KeyError):
        does("flies", "X14.3", "expressway-c")
