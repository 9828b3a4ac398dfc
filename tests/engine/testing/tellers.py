"""Observers in memory: one that keeps every rule, and ways to break one rule each."""

from typing import ClassVar

from engine.contracts import Observer
from engine.errors import Refused, Unreachable
from engine.model import Json

SECRET = "canary-teller"


class Teller(Observer):
    """Keep every rule: tell by doing nothing, where somebody listens."""

    def __init__(self, reachable: bool = True) -> None:
        self.reachable = reachable

    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        if not self.reachable:
            raise Unreachable("Nobody listens.")


class KnowsFewKinds(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        {"stopped": 1, "state": 2}[event["kind"]]


class CountsOnOnce(Teller):
    seen: ClassVar[set[str]] = set()

    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        assert event["hash"] not in self.seen
        self.seen.add(event["hash"])


class Alters(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        renewal["items"].clear()


class TripsOverNames(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        {"conformance": 1}[event["text"]]


class SaysNothing(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        return


class GivesUp(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        if not self.reachable:
            raise Refused("Nobody listens.")


class KeepsTheSecret(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        self.key = f"key={SECRET}"
        super().observe(renewal, event)


class TellsTheSecret(Teller):
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        if not self.reachable:
            raise Unreachable(f"{SECRET}@server does not answer")


_NOBODY = "test_nobody_there_is_an_error_of_ours"

BROKEN_TELLERS: dict[type[Teller], str] = {
    KnowsFewKinds: "test_each_kind_of_event_is_told",
    CountsOnOnce: "test_what_is_told_again_does_no_harm",
    Alters: "test_what_it_is_given_stays_as_it_is",
    TripsOverNames: "test_hostile_text_stays_harmless",
    SaysNothing: _NOBODY,
    GivesUp: _NOBODY,
    KeepsTheSecret: _NOBODY,
    TellsTheSecret: _NOBODY,
}
"""Each broken observer, and the method that must find it."""
