"""List the renewals that are killed at every boundary: each authority, and each driver."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.lab.estate import Options
from tests.crash.signing import Signing, acme, patient, people, web_enrolment

QUICK: dict[str, Any] = {"restart_seconds": 0.1, "cucm": False}


@dataclass(frozen=True)
class Scenario:
    """Be one kind of renewal: `what` it shows in a few words, the lab it needs, and who signs.

    `guided` are the boxes that people work by hand, and `go` is what the engineer types to carry it on: a step at a
    time, or as far as it goes.
    """

    what: str
    lab: dict[str, Any] = field(default_factory=dict)
    signing: Callable[[Path], AbstractContextManager[Signing]] = people
    guided: tuple[str, ...] = ()
    go: str = "advance"

    @property
    def options(self) -> Options:
        """Return what its labs are built with."""
        return Options(**{**QUICK, **self.lab})


SCENARIOS = {
    "manual": Scenario("people sign; two Expressways; typed with `run`, all others with `advance`", go="run"),
    "guided": Scenario("people sign, and work both Expressways by hand", guided=("expc", "expe")),
    "adcs": Scenario(
        "AD CS has the request wait, then issues it",
        {"authority": "adcs", "switches": {"adcs": {"polls": "1"}}},
        web_enrolment,
    ),
    "est": Scenario("EST issues at once", {"authority": "est"}),
    "acme": Scenario("ACME (Pebble), names proven by http-01", signing=acme),
    "cucm": Scenario(
        "people sign; CUCM publisher and subscriber, services restarted by Control Center and by people",
        {"cucm": True, "switches": {"*": {"soap_rate": "0", "replication": "0", "haproxy": "absent"}}},
        patient,
    ),
    "ssh": Scenario(
        "people sign; a CUCM 12.5 publisher, worked at its command line alone",
        {"cucm": True, "subscriber": False, "ssh": True, "releases": {"cucm-pub": "12.5"}},
        patient,
    ),
}
