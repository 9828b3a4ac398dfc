"""Hold a solver to `engine.contracts.Solver`."""

import secrets
import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from engine.contracts import Solver
from engine.testing.expect import expect
from engine.text import escape


class SolverConformance(ABC):
    """Test a solver; override `make`, and `name` where it can't update that one.

    Each rule uses values of its own and takes away what it put there, so all may share one zone.
    """

    name: ClassVar[str] = "_acme-challenge.box.conformance.example"
    """A full name whose TXT records the solver may change."""

    patience: ClassVar[int] = 30
    """How long the name servers may take to show a change, in seconds."""

    @abstractmethod
    def make(self) -> Solver:
        """Return a new solver object; all of them work on the same DNS."""

    def wait(self, seconds: float) -> None:
        """Let time pass until the servers are looked at again; override it where they have a clock of their own."""
        threading.Event().wait(seconds)

    def test_missing_before_and_not_after(self) -> None:
        """A value is missing until it was presented, and again when it was removed; what lacks it is named."""
        solver, value = self.make(), _value()
        named = list(solver.missing_on(self.name, value))
        expect(bool(named), "a value that nobody presented is missing")
        expect(all(one and escape(one) == one for one in named), "servers are named in text that is safe to show")
        solver.present(self.name, value)
        self._settles(solver, value, there=True)
        solver.remove(self.name, value)
        self._settles(solver, value, there=False)

    def test_presenting_twice_is_presenting_once(self) -> None:
        """`present` is idempotent: one removal takes away what was presented twice."""
        solver, value = self.make(), _value()
        solver.present(self.name, value)
        solver.present(self.name, value)
        self._settles(solver, value, there=True)
        solver.remove(self.name, value)
        self._settles(solver, value, there=False)

    def test_two_values_stand_side_by_side(self) -> None:
        """A second value of the same name does not replace the first: two orders may be under way."""
        solver, first, second = self.make(), _value(), _value()
        for value in (first, second):
            solver.present(self.name, value)
        for value in (first, second):
            self._settles(solver, value, there=True)
        for value in (first, second):
            solver.remove(self.name, value)

    def test_removing_one_value_leaves_the_other(self) -> None:
        """`remove` deletes the one value and no other."""
        solver, first, second = self.make(), _value(), _value()
        solver.present(self.name, first)
        solver.present(self.name, second)
        solver.remove(self.name, first)
        self._settles(solver, first, there=False)
        self._settles(solver, second, there=True)
        solver.remove(self.name, second)

    def test_removing_what_is_not_there_does_nothing(self) -> None:
        """`remove` is idempotent, also where there is no such value or no such name."""
        solver, value = self.make(), _value()
        solver.remove(self.name, value)
        solver.present(self.name, value)
        solver.remove(self.name, value)
        solver.remove(self.name, value)
        self._settles(solver, value, there=False)

    def test_another_object_goes_on(self) -> None:
        """Each call may come from another process, days later: nothing lives in the object."""
        value = _value()
        self.make().present(self.name, value)
        self._settles(self.make(), value, there=True)
        self.make().remove(self.name, value)
        self._settles(self.make(), value, there=False)

    def test_values_are_told_apart_by_case(self) -> None:
        """Values are Base64 text, where case counts, though names of the DNS have none."""
        solver, value = self.make(), "a" + _value()
        solver.present(self.name, value)
        self._settles(solver, value, there=True)
        expect(bool(solver.missing_on(self.name, value.swapcase())), "a value of other case is another value")
        solver.remove(self.name, value)

    def _settles(self, solver: Solver, value: str, *, there: bool) -> None:
        """Look until the value is where it should be; a server that lags is given time, not the benefit of doubt."""
        for _ in range(self.patience):
            if bool(solver.missing_on(self.name, value)) is not there:
                return
            self.wait(1)
        rule = "a value that was presented is not missing" if there else "a value that was removed is missing"
        expect(bool(solver.missing_on(self.name, value)) is not there, rule)


def _value() -> str:
    return secrets.token_urlsafe(32)
