"""List the certification authorities that a lab can run besides the one of people: a name, and what starts it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from plugins.lab.adcs.switches import ADCS_SWITCHES
from plugins.lab.authority import CorporateCA
from plugins.lab.effects import Effects
from plugins.lab.est.switches import EST_SWITCHES
from plugins.lab.faults import Ordered
from plugins.lab.ports import Port
from plugins.lab.switches import Settings, Switch


@dataclass(frozen=True)
class Kit:
    """Be what a simulated authority is built from: the lab's home, its CA and its clock (`now`) among it."""

    home: Path
    authority: CorporateCA
    effects: Effects
    settings: Settings
    now: Callable[[], datetime]


class Office(Protocol):
    """Be a simulated authority: `name` in the site and for faults, `plugin` that talks to it, `port` where it is."""

    name: str
    plugin: str
    faults: Ordered
    port: Port

    @property
    def url(self) -> str:
        """Return where it is, for lab.json."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Return the secrets that the engineer has, by path in the lab's home."""

    @property
    def site_options(self) -> str:
        """Return the lines of ``[authorities.NAME.options]``."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """Close every socket. Idempotent."""


def _adcs(kit: Kit) -> Office:
    from plugins.lab.adcs.ca import AdCs

    return AdCs(kit)


def _est(kit: Kit) -> Office:
    from plugins.lab.est.office import EstOffice

    return EstOffice(kit)


MANUAL = "manual"
"""Where nothing runs: a person plays the PKI team with ``lab sign``."""

OFFICES: dict[str, Callable[[Kit], Office]] = {"adcs": _adcs, "est": _est}
"""What starts each."""

SWITCHES: dict[str, Mapping[str, Switch]] = {"adcs": ADCS_SWITCHES, "est": EST_SWITCHES}
"""What each leaves open."""
