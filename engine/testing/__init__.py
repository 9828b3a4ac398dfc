"""Hold plugins to the contracts of `engine.contracts`; part of the product, for whoever writes a plugin.

A plugin's test subclasses one of the classes below, overrides its one factory, and pytest finds the rest:

    class TestMyBox(DeviceConformance):
        def make(self, password=None):
            return connect(access_to_a_fresh_box(password), Options())

Each rule is one method. A failed rule raises AssertionError with the rule in words; pytest itself is not needed. An
authority's test overrides further methods, one for each situation that its CA for tests can be brought into.
"""

from engine.testing.authorities import AuthorityConformance
from engine.testing.devices import DeviceConformance
from engine.testing.observers import ObserverConformance
from engine.testing.relay import Relay, Sent
from engine.testing.situations import NotApplicable, NotProvided
from engine.testing.solvers import SolverConformance
from engine.testing.stores import TrustStoreConformance

__all__ = [
    "AuthorityConformance",
    "DeviceConformance",
    "NotApplicable",
    "NotProvided",
    "ObserverConformance",
    "Relay",
    "Sent",
    "SolverConformance",
    "TrustStoreConformance",
]
