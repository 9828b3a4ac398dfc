"""Solvers in memory: one that keeps every rule, and ways to break one rule each."""

from collections.abc import Sequence

from engine.contracts import Solver
from engine.errors import Failed

Zone = dict[str, list[str]]


class Ledger(Solver):
    """Keep every rule: one zone, given by whoever makes it, with two servers."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    def present(self, name: str, value: str) -> None:
        if value not in self.zone.setdefault(name, []):
            self.zone[name].append(value)

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return [] if value in self.zone.get(name, []) else ["ns1.example", "ns2.example"]

    def remove(self, name: str, value: str) -> None:
        self.zone[name] = [one for one in self.zone.get(name, []) if one != value]


class SaysItIsThere(Ledger):
    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return []


class NamesTheHostile(Ledger):
    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return ["\x1b[2J" for _ in super().missing_on(name, value)]


class KeepsCopies(Ledger):
    def present(self, name: str, value: str) -> None:
        self.zone.setdefault(name, []).append(value)

    def remove(self, name: str, value: str) -> None:
        if value in self.zone.get(name, []):
            self.zone[name].remove(value)


class Replaces(Ledger):
    def present(self, name: str, value: str) -> None:
        self.zone[name] = [value]


class RemovesAll(Ledger):
    def remove(self, name: str, value: str) -> None:
        self.zone.pop(name, None)


class MissesWhatIsGone(Ledger):
    def remove(self, name: str, value: str) -> None:
        if value not in self.zone.get(name, []):
            raise Failed("There is no such value.")
        super().remove(name, value)


class LivesInMemory(Ledger):
    def __init__(self, zone: Zone) -> None:
        super().__init__({})


class IgnoresCase(Ledger):
    def present(self, name: str, value: str) -> None:
        super().present(name, value.lower())

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        return super().missing_on(name, value.lower())

    def remove(self, name: str, value: str) -> None:
        super().remove(name, value.lower())


BROKEN_SOLVERS: dict[type[Ledger], str] = {
    SaysItIsThere: "test_missing_before_and_not_after",
    NamesTheHostile: "test_missing_before_and_not_after",
    KeepsCopies: "test_presenting_twice_is_presenting_once",
    Replaces: "test_two_values_stand_side_by_side",
    RemovesAll: "test_removing_one_value_leaves_the_other",
    MissesWhatIsGone: "test_removing_what_is_not_there_does_nothing",
    LivesInMemory: "test_another_object_goes_on",
    IgnoresCase: "test_values_are_told_apart_by_case",
}
"""Ways to break one rule, each with the method that must find it."""
