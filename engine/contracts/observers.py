"""Say what an observer must do: tell somebody, somewhere else, what happened to a renewal. It can do nothing else.

The engine calls it in a process of its own with a time limit, after the event is on disk and never inside a step, with
copies as plain JSON. What fails is tried again later, also after a restart (docs/reference/observers.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.contracts.boxes import no_secret
from engine.model import Json, Value


class Observer(ABC):
    """Tell of one event after the other; a new object, in a new process, for each."""

    @abstractmethod
    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        """Tell of one event; return when whoever is told has it for certain.

        `event` is one line of the journal (engine.model.Event), `renewal` the renewal as it was after that line
        (engine.model.Renewal) and besides `who`, the names of those who could give an approval that it waits for.
        Every text in them may come from outside: escape it. `event["hash"]` names the event for good. The same event
        comes again when its success could not be noted, so pass this name on for the receiver to see the repetition.

        Raises Failed, Unreachable or Untrusted to be called again later, LoginRefused to be called again much later,
        and any other Refused to give this one event up.
        """


@dataclass(frozen=True)
class ObserverAccess:
    """Give an observer what it needs; `name` is its name in the site, `folder` that of the site file.

    `secret` fetches a secret by its reference when it is needed and raises UsageError when it can't; keep what it
    returns out of attributes, logs, messages and errors. `now` tells the present in UTC.
    """

    name: str
    now: Callable[[], datetime] = field(repr=False)
    secret: Callable[[str | list[str]], str] = field(default=no_secret, repr=False)
    folder: Path = Path()


@dataclass(frozen=True)
class ObserverPlugin:
    """Register an observer: its name, the settings it takes (a Value class, self-describing) and its maker.

    A member of type Path is taken relative to the site file.
    """

    name: str
    options: type[Value]
    connect: Callable[[ObserverAccess, Any], Observer]
