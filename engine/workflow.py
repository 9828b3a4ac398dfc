"""Say what a workflow is: states, arrows between them, and the steps that go along the arrows.

The arrows are one literal table; `Workflow.machine` builds the `transitions` machine from it, which decides what is
legal and draws the diagram. The machine does no I/O and knows no approval (callbacks of `transitions` swallow errors).

A step has phases. Each phase looks and makes changes; each change names an action; an action is an *ensure*: `holds`
looks whether the end state is there, `act` brings it about. `engine.runner` is the only place where they run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from engine.errors import Refused
from engine.model import Change, Item, Json, Renewal

if TYPE_CHECKING:
    from cryptography import x509
    from transitions import Machine
    from transitions.core import TransitionConfigDict

    from engine.contracts import Authority, Device, TrustStore
    from engine.estate import Estate


@dataclass(frozen=True)
class Arrow:
    """Be one line of the table: `step` leads from any of `sources` to `to`; `clears` empties these item fields.

    `aside` marks the arrows a person takes on purpose (again, cancel): they have no phases of their own. `then` is done
    once such an arrow was taken; it tells and journals what it could not do, and raises nothing for it. `turns` marks
    the one that a step takes while items wait for their turn: then theirs begins.
    """

    step: str
    sources: tuple[str, ...]
    to: str
    aside: bool = False
    clears: tuple[str, ...] = ()
    then: "Callable[[Work], None]" = lambda _work: None
    turns: bool = False


class Keys(Protocol):
    """Be where a renewal keeps a private key that peers share: encrypted, under the SHA-256 of its public key."""

    def put(self, key: str, private: bytes) -> None:
        """Keep one, durably. Raises UsageError when what it is encrypted under can't be had."""

    def get(self, key: str) -> bytes | None:
        """Return one, None where it is not kept. Read-only. Raises Refused when it can't be opened."""

    def check(self) -> None:
        """Raise UsageError when what keys are encrypted under can't be had. Read-only."""

    def held(self) -> bool:
        """Tell whether any is kept. Read-only."""

    def drop(self) -> Iterator[str]:
        """Delete whatever is kept; yield the name of each file once it is gone for good. Idempotent."""


class Work(ABC):
    """Be what a step sees and may use while it runs; the runner implements it."""

    estate: "Estate"

    @property
    @abstractmethod
    def renewal(self) -> Renewal:
        """Return the renewal as it is stored now."""

    @property
    def overridden(self) -> frozenset[str]:
        """Return the names of the checks that a person has overridden, with a reason. Read-only."""
        return frozenset(one.check for one in self.renewal.overrides)

    @property
    @abstractmethod
    def followed(self) -> Renewal:
        """Return the renewal that this one comes after, as it is stored now. Raises UsageError where there is none."""

    @property
    def items(self) -> Sequence[Item]:
        """Return the items whose turn has come, as they are stored now; they are the first of the renewal's."""
        return self.renewal.begun

    @abstractmethod
    def now(self) -> datetime:
        """Return the present, in UTC."""

    @abstractmethod
    def device(self, node: str) -> "Device":
        """Return the driver for a node; one object, and so one login, a command."""

    @abstractmethod
    def peer(self, node: str) -> "TrustStore":
        """Return the driver for a node that has to trust: a box with slots, or a peer that only trusts."""

    @abstractmethod
    def authority(self, name: str) -> "Authority":
        """Return the backend of an authority of the site."""

    @abstractmethod
    def roots(self, authority: str) -> "list[x509.Certificate]":
        """Return the CA certificates that the site has of an authority."""

    @abstractmethod
    def kept_cas(self) -> "list[x509.Certificate]":
        """Return the CA certificates that stay in every store, as the site says (`clean_up.keep`)."""

    @abstractmethod
    def phone_roots(self, node: str) -> "list[x509.Certificate] | None":
        """Return the CA certificates that phones outside trust, as far as the site says; None where none register."""

    @abstractmethod
    def served(self, address: str) -> "x509.Certificate":
        """Read the certificate that a TLS port presents (engine.net.served)."""

    @abstractmethod
    def keep(self, content: bytes, kind: str) -> str:
        """Store DER or text durably beside the renewal and return its SHA-256. Idempotent."""

    @abstractmethod
    def kept(self, sha256: str) -> bytes:
        """Return what `keep` stored, here or in the renewal that this one follows; raises when it was altered."""

    @abstractmethod
    def paper(self, name: str, content: bytes) -> str:
        """Write a file for people into the renewal's folder and return its path. Idempotent."""

    @property
    @abstractmethod
    def keys(self) -> Keys:
        """Return where this renewal keeps a private key that peers share."""

    @property
    @abstractmethod
    def folder(self) -> str:
        """Return the path of the renewal's folder with the files for people."""

    @abstractmethod
    def record(
        self, kind: str, text: str, *, data: Mapping[str, Json] | None = None, values: Mapping[str, Json] | None = None
    ) -> None:
        """Append an event to the journal; it is on disk when this returns."""

    @abstractmethod
    def begun(self, change: Change) -> bool:
        """Tell whether this change was begun earlier and its outcome never recorded (an open intent)."""

    @abstractmethod
    def others(self) -> Sequence[Renewal]:
        """Return the other renewals of this home as they are stored now."""

    @abstractmethod
    def alone_with(self, node: str) -> AbstractContextManager[None]:
        """Keep other processes from changing a box meanwhile. Raises HeldElsewhere when one does."""

    @abstractmethod
    def asked(self, change: Change) -> bool:
        """Tell whether people were asked in this round to make this change, and its driver still leaves it to them.

        What is done once before a change is made is then done already.
        """

    @abstractmethod
    def tell(self, text: str) -> None:
        """Show what is waited for or looked at meanwhile; the next such text takes its place. Nothing is stored."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Show something a person should know; nothing is stored."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass before looking again."""


@dataclass(frozen=True)
class Proof:
    """Say that an end state holds: `text` for the journal, `values` to set in the renewal."""

    text: str
    values: Mapping[str, Json] = field(default_factory=dict)
    data: Mapping[str, Json] = field(default_factory=dict)


class Action(ABC):
    """Bring about one kind of change. Doing it twice is doing it once."""

    @abstractmethod
    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look: return the proof that the change's end state is there, None when it is not. No effect on any box.

        Raises Refused when something is in the way that a person must settle.
        """

    @abstractmethod
    def act(self, work: Work, change: Change) -> None:
        """Bring it about; the runner looks again afterwards. Raises Waiting when somebody else has to act first."""


@dataclass(frozen=True)
class Phase:
    """Be a part of a step with a plan of its own.

    `plan` looks at the boxes and returns the changes that remain, none when all is as it should be; raises when a
    check forbids the phase. `foresee` returns what `plan` will, once the phases before have done their part; None where
    that can't be known. Where one change has to wait for somebody the others go on, unless they are `in_order`.
    """

    name: str
    plan: Callable[[Work], list[Change]]
    actions: Mapping[str, Action]
    in_order: bool = False
    foresee: Callable[[Work], list[Change]] | None = None


@dataclass(frozen=True)
class Step:
    """Be what leads along one arrow: its phases in order, then `prove`, which raises unless the whole step holds.

    `rests_on` names the item fields that its plans are based on, and so digested: what earlier steps established.
    `takes_files` marks the step that waits for an authority; a person may hand in certificates there (`supply`).
    `checks` names the checks of its own, besides those of `engine.certificates`, that a person may override. `serves`
    says beforehand, for schedules, which nodes will probably have to serve anew and for how many seconds each; it
    contacts no box.
    """

    name: str
    purpose: str
    rests_on: tuple[str, ...]
    phases: tuple[Phase, ...]
    prove: Callable[[Work], Proof]
    takes_files: bool = False
    checks: tuple[str, ...] = ()
    serves: Callable[[Work], Sequence[tuple[str, int]]] = lambda _work: ()


@dataclass(frozen=True)
class Workflow:
    """Be a named set of states, arrows and steps.

    One that `follows` comes after a renewal of another workflow: the function raises Refused where it can't come after
    that one now. One that begins with certificates of the site has none.
    """

    name: str
    initial: str
    final: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    steps: Mapping[str, Step]
    follows: Callable[[Renewal, datetime], None] | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """Return every state once, in the order of the table."""
        named = [self.initial, *(arrow.to for arrow in self.arrows)]
        return tuple(dict.fromkeys(named))

    def forward(self, state: str, *, turns_left: bool = False) -> Arrow | None:
        """Return the arrow a renewal takes by itself from `state`, None from a final state.

        With `turns_left` items wait for their turn, which decides where a step leads that has an arrow for that.
        """
        found = [arrow for arrow in self.arrows if state in arrow.sources and not arrow.aside]
        return next((arrow for arrow in found if arrow.turns == turns_left), found[0] if found else None)

    def way(self, renewal: Renewal) -> Iterator[tuple[Renewal, Arrow]]:
        """Yield the arrows that are left to a renewal, each with the renewal as it will stand before it."""
        while (arrow := self.forward(renewal.state, turns_left=renewal.turns_left)) is not None:
            yield renewal, arrow
            renewal = replace(renewal, state=arrow.to, turn=renewal.turn + arrow.turns)

    def arrow(self, step: str, state: str) -> Arrow:
        """Return the arrow of `step`. Raises Refused when it does not leave from `state`; the machine decides."""
        machine = self.machine(state)
        if step not in machine.get_triggers(state):
            legal = ", ".join(machine.get_triggers(state)) or "nothing; it is final"
            raise Refused(
                f"`{step}` is not possible in state {state}.",
                untouched="Nothing was changed.",
                todo=f"Possible: {legal}.",
            )
        return next(arrow for arrow in self.arrows if arrow.step == step)

    def machine(self, state: str) -> "Machine":
        """Build the `transitions` machine, standing in `state`."""
        from transitions import Machine

        # Without auto_transitions=False, `to_Installed()` would jump anywhere.
        return Machine(states=list(self.states), initial=state, transitions=self._table(), auto_transitions=False)

    def diagram(self) -> str:
        """Draw the table as a Mermaid state diagram."""
        from transitions.extensions import GraphMachine

        machine = GraphMachine(
            states=list(self.states),
            initial=self.initial,
            transitions=self._table(),
            auto_transitions=False,
            graph_engine="mermaid",
            title=f"title: {self.name}",  # becomes Mermaid's front matter, which is YAML
        )
        return str(machine.get_graph().source)

    def _table(self) -> "list[TransitionConfigDict]":
        return [{"trigger": arrow.step, "source": list(arrow.sources), "dest": arrow.to} for arrow in self.arrows]
