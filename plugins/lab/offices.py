"""List the certification authorities with a server of their own that the lab can run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from plugins.lab.authority import CorporateCA
from plugins.lab.effects import Effects
from plugins.lab.faults import Ordered
from plugins.lab.switches import Settings, Switch


@dataclass(frozen=True)
class OfficePlace:
    """Be where an authority is reached, for the site file and lab.json.

    `options` are TOML lines of its options table; `secrets` are files under ``secrets/`` by name.
    """

    plugin: str
    url: str
    options: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Office(Protocol):
    """Be a running authority; faults of requests can be ordered on it under its name."""

    faults: Ordered

    @property
    def place(self) -> OfficePlace:
        """Return where it is reached."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """Stop listening. Idempotent."""

    def decide(self, number: int, *, issue: bool) -> None:
        """Play the person who issues or denies a request that waits. Raises UsageError."""


@dataclass(frozen=True)
class Kind:
    """Be one sort of authority: how it is made, and its switches."""

    make: Callable[[Path, CorporateCA, Effects, Settings, Callable[[], datetime]], Office]
    switches: Mapping[str, Switch]


def kinds() -> dict[str, Kind]:
    """Return every sort by its name, which is the name of the plugin that talks to it."""
    from plugins.lab.adcs.ca import AdCs
    from plugins.lab.adcs.switches import ADCS_SWITCHES

    return {"adcs": Kind(AdCs, ADCS_SWITCHES)}
