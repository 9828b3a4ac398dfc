"""Kill a writer before and after every system call that it makes, each time in a home of its own.

Usage: ``python -m tests.engine.store.boundaries HOMES``. Prints one JSON line a kill: the home, the call, and what had
been acknowledged by then. It forks, so it is a process of its own and not part of the test's.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import engine.store.handle  # noqa: F401 (with TinyDB, once and ahead of the forks)
from engine.store import Store
from tests.boundaries import watch_files
from tests.engine.store.samples import AT, BY, decision, plan, renewal


def work(store: Store, say: Callable[[str], None]) -> None:
    """Do one of everything that the store promises to keep, saying so after each."""
    store.create(renewal(), BY, AT, "begun")
    say("created")
    with store.hold("r1", BY, AT, "crash") as held:
        for state in ("Inspected", "CSRPending"):
            held.append("state", state, at=AT, by=BY, values={"state": state})
            say(state)
        store.put_artefact("r1", b"artefact", "bin")
        say("artefact")
        store.put_plan("r1", plan())
        say("plan")
    store.add_decision(decision())
    say("decision")


def killed_at(number: int) -> None:
    """Kill this process at the boundary of that number: each call has one before it and one after it."""
    numbers = count()

    def passed(when: str, call: str) -> None:
        if next(numbers) == number:
            _report(2, f"{when} {call}")
            os.kill(os.getpid(), signal.SIGKILL)

    watch_files(passed, also=("close",))


_raw_write = os.write


def _report(descriptor: int, word: str) -> None:
    _raw_write(descriptor, f"{word}\n".encode())


def one(home: Path, number: int) -> tuple[bool, list[str], str]:
    """Run the work in a child killed at that boundary: was it killed, what had it acknowledged, at which call."""
    acks, said = os.pipe()
    calls, called = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(called, 2)
        killed_at(number)
        work(Store(home), lambda word: _report(said, word))
        os._exit(0)
    os.close(said)
    os.close(called)
    with os.fdopen(acks) as acknowledged, os.fdopen(calls) as call:
        words, where = acknowledged.read().split(), call.read().strip()
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), words, where


def main(homes: str) -> None:
    """Go through the boundaries until the work comes to its end."""
    number, killed = 0, True
    while killed:
        home = Path(homes) / str(number)
        killed, words, call = one(home, number)
        print(json.dumps({"home": str(home), "killed": killed, "call": call, "acknowledged": words}), flush=True)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
