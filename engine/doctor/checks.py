"""List the checks in the order in which they are told, and go through them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from engine.doctor import boxes, ends, estate, home, keys, people, slots, trust
from engine.doctor.findings import Diagnosis
from engine.doctor.patient import Patient


class Check(NamedTuple):
    """Be one check; `anyway` runs also when there is no usable site."""

    name: str
    run: Callable[[Patient], Iterable[Diagnosis]]
    anyway: bool = False


CHECKS = (
    Check("site", estate.site, anyway=True),
    Check("plugins", estate.plugins, anyway=True),
    Check("home", home.home, anyway=True),
    Check("renewals", home.renewals, anyway=True),
    Check("clock", home.clock, anyway=True),
    Check("observers", home.observers),
    Check("people", people.people),
    Check("policy", people.policy),
    Check("authorities", estate.authorities),
    Check("names", estate.names),
    Check("reachable", boxes.reachable),
    Check("tls", boxes.proven),
    Check("login", boxes.login),
    Check("api", boxes.api),
    Check("services", boxes.services),
    Check("restart", boxes.restarted),
    Check("ends", ends.ends),
    Check("slots", slots.slots),
    Check("keys", keys.keys),
    Check("pending-csr", boxes.pending),
    Check("trust", trust.trust),
    Check("zones", boxes.zones),
)
"""Every check; what each says is in the docstring of its function."""


HOME = ("home", "renewals", "clock")
"""The checks that look at the home alone."""


def of_home(patient: Patient) -> list[Diagnosis]:
    """Look at the home alone, and return what was found. Read-only."""
    return [one for check in CHECKS if check.name in HOME for one in check.run(patient)]


def examine(patient: Patient) -> list[Diagnosis]:
    """Look at everything and return what was found: first about the site, then node by node. Read-only."""
    if patient.site is not None:
        if not patient.plugin_faults:
            _ = patient.authority_faults  # made before threads ask for them
        patient.look()
    checks = [check for check in CHECKS if check.anyway or patient.site is not None]
    found = [one for check in checks for one in check.run(patient)]
    order = ["", *patient.nodes]
    return sorted(found, key=lambda one: order.index(one.node))
