"""Order faults: what a box, the network or a colleague can do to a renewal at the wrong moment.

Five sorts: ``answer`` changes what a request gets, until its count is used up or it is cleared; ``enrol`` and ``chain``
do so to what an authority decides and to the chain that it gives; ``restart`` waits for the next restart; ``act`` is
done at once by somebody else.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.errors import UsageError
from engine.text import escape


@dataclass(frozen=True)
class FaultKind:
    """Be one sort of fault, with a line for people; `boxes` are the kinds of system that it can be ordered on."""

    sort: str
    what: str
    boxes: tuple[str, ...] = ("expressway", "cucm", "authority")


EXPRESSWAY, CUCM, AUTHORITY = ("expressway",), ("cucm",), ("authority",)
BOXES = EXPRESSWAY + CUCM

FAULTS = {
    "slow": FaultKind("answer", "answer only after --seconds (default 2)"),
    "drop-before": FaultKind("answer", "close the connection before doing what was asked"),
    "drop-after": FaultKind("answer", "do what was asked, then close the connection without an answer"),
    "error-5xx": FaultKind("answer", "answer 503 and do nothing"),
    "error-5xx-after": FaultKind("answer", "do what was asked, then answer 503"),
    "denied": FaultKind("answer", "answer 401, as to a wrong password"),
    "api-disabled": FaultKind("answer", "answer 403, as when the account may not use the API"),
    "truncated": FaultKind("answer", "do what was asked, send half of the answer and close the connection"),
    "garbage": FaultKind("answer", "do what was asked, answer 200 with a web page that means nothing"),
    "refused": FaultKind("answer", "do nothing, answer 400 with a Message that says no", BOXES),
    "refused-200": FaultKind("answer", "do nothing, answer 200 with a Message that says no", BOXES),
    "hostile": FaultKind("answer", "do nothing, answer 400 with a Message that tries to fool a terminal", BOXES),
    "restart-never-ends": FaultKind(
        "restart", "stay away after the next restart (box or CUCM service) until cleared", BOXES
    ),
    "restart-old-certificate": FaultKind("restart", "the next restart brings the old certificate back", EXPRESSWAY),
    "restart-now": FaultKind("act", "somebody restarts the box", EXPRESSWAY),
    "discard-csr": FaultKind("act", "somebody presses Discard CSR", EXPRESSWAY),
    "replace-csr": FaultKind("act", "somebody discards the CSR and makes another", EXPRESSWAY),
    "generate-csr": FaultKind("act", "somebody makes a CSR, if none is pending", EXPRESSWAY),
    "forget-ca": FaultKind("act", "somebody deletes CA certificates: --ca new, old or a SHA-256; CUCM: --store", BOXES),
    "disable-api": FaultKind("act", "somebody takes the API away from the account", EXPRESSWAY),
    "enable-api": FaultKind("act", "somebody gives the account the API (back)", EXPRESSWAY),
    "set-clock": FaultKind("act", "somebody sets the clock --seconds ahead of the right time; 0 is right", EXPRESSWAY),
    "rate-limited": FaultKind("answer", "answer Control Center requests with the fault of too high a rate", CUCM),
    "power-off": FaultKind("act", "the node goes down, until power-on", CUCM),
    "power-on": FaultKind("act", "the node comes up; its services load what its stores hold", CUCM),
    "replication-stops": FaultKind("act", "nothing that other nodes got arrives here any more", CUCM),
    "replication-resumes": FaultKind("act", "all of it arrives at once, and later ones in time", CUCM),
    "pending": FaultKind("enrol", "an officer has to approve; ask again after --seconds; cleared: approved", AUTHORITY),
    "rejected": FaultKind("enrol", "refuse the request with a reason", AUTHORITY),
    "flawed": FaultKind("enrol", "sign with a --flaw; see: certrenew lab flaws", AUTHORITY),
    "short-chain": FaultKind("chain", "leave the issuing CA out of the chain", AUTHORITY),
}
"""Every fault that can be ordered."""

WAITING = ("answer", "enrol", "chain", "restart")
"""Sorts that wait for what they strike."""

HOSTILE = "No.\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202eyako\u2066\u2069 证书 e\u0301"
"""What ``hostile`` says: ANSI and C1 sequences, a line end, bidirectional controls; wide and combining text."""

PATHS = {"rate-limited": "/controlcenterservice2/"}
"""Where a fault strikes when no path is named."""


@dataclass
class Fault:
    """Be one ordered fault.

    `left` is how often it still strikes (None: always); it meets requests whose path begins with `path` and whose
    method is `method`, such as ``POST``; empty is any. `flaw` is what ``flawed`` does wrong.
    """

    name: str
    left: int | None = None
    path: str = ""
    seconds: float = 2.0
    method: str = ""
    flaw: str = ""

    def strikes(self, path: str, method: str = "") -> bool:
        """Tell whether this fault applies to such a request."""
        return self.left != 0 and path.startswith(self.path) and self.method in ("", method)


def check(name: str, sorts: tuple[str, ...] = (*WAITING, "act"), box: str = "") -> FaultKind:
    """Return the sort of a fault. Raises UsageError for one that does not exist, at all or for this kind of box."""
    if name not in FAULTS or FAULTS[name].sort not in sorts:
        raise UsageError(f"There is no fault {escape(name)}.", todo="List them with: certrenew lab faults")
    if box and box not in FAULTS[name].boxes:
        raise UsageError(f"There is no fault {name} of this kind of node.", todo="See: certrenew lab faults")
    return FAULTS[name]


@dataclass
class Ordered:
    """Hold the faults that wait for one box. Safe for threads."""

    _faults: list[Fault] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def order(self, fault: Fault) -> None:
        """Add a fault. Raises UsageError for one that is not of the waiting sorts."""
        check(fault.name, WAITING)
        with self._changed:
            self._faults.append(fault)

    def clear(self, name: str = "") -> int:
        """Forget the faults of this name, or all; wake a restart that never ends; return how many there were."""
        with self._changed:
            gone = len([fault for fault in self._faults if name in ("", fault.name) and fault.left != 0])
            self._faults[:] = [fault for fault in self._faults if name not in ("", fault.name)]
            self._changed.notify_all()
        return gone

    def strike(self, path: str, sort: str = "answer", *, method: str = "") -> list[Fault]:
        """Return the faults that this request, or restart, meets, and count them down."""
        with self._changed:
            struck = [
                fault for fault in self._faults if FAULTS[fault.name].sort == sort and fault.strikes(path, method)
            ]
            for fault in struck:
                fault.left = None if fault.left is None else fault.left - 1
        return struck

    def waiting(self) -> list[str]:
        """Return the names of the faults that may still strike. Read-only."""
        with self._changed:
            return [fault.name for fault in self._faults if fault.left != 0]

    def wait_cleared(self, fault: Fault, ended: Callable[[], bool] = lambda: False) -> None:
        """Wait until this very fault is cleared, or `ended` says that it does not matter any more (see `wake`)."""
        with self._changed:
            self._changed.wait_for(lambda: ended() or not any(fault is other for other in self._faults))

    def wake(self) -> None:
        """Have those that wait look again."""
        with self._changed:
            self._changed.notify_all()
