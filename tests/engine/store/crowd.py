"""Let many processes work on as many renewals at once, and count what was lost, torn or stuck.

Usage: ``python -m tests.engine.store.crowd HOME SECONDS PROCESSES RENEWALS``; prints one JSON object. Each process adds
one to the counter of a renewal, its own or another's, under the lock; decides without the lock; and reads what others
write. What was acknowledged must be there in the end, once. It forks, so it is a process of its own, and a nice one.
"""

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, cast

import msgspec

import engine.store.handle  # noqa: F401 (with TinyDB, once and ahead of the forks)
from engine.errors import HeldElsewhere
from engine.store import Store
from tests.engine.store.samples import AT, BY, decision, renewal

LEAST = 3
"""Rounds that each process makes, however slow the machine is."""
GRACE = 300
"""Seconds after the end within which every process must have come to its own; else something is stuck."""


class Worker:
    """Be one process: what it was told is kept, what it saw, and who was in its way."""

    def __init__(self, home: Path, number: int, renewals: int) -> None:
        self.store, self.name, self.own = Store(home), f"p{number}", f"r{number % renewals}"
        self.chance = random.Random(number)  # noqa: S311
        self.ids = [f"r{other}" for other in range(renewals)]
        self.ticks, self.seen = Counter[str](), dict[str, int]()
        self.decisions, self.held, self.reads = list[tuple[str, str]](), 0, 0

    def round(self) -> None:
        """Write, decide and read once."""
        self.tick(self.own if self.chance.random() < 0.7 else self.chance.choice(self.ids))
        if self.chance.random() < 0.1:
            self.decide(self.chance.choice(self.ids))
        self.read(self.chance.choice(self.ids))

    def tick(self, id: str) -> None:
        """Add one to a renewal's counter: what was read under the lock is what is written."""
        try:
            with self.store.hold(id, BY, AT, "count") as handle:
                values = {"round": handle.document.renewal.round + 1}
                handle.append("tick", self.name, at=AT, by=BY, values=values)
                self.ticks[id] += 1
        except HeldElsewhere:
            self.held += 1

    def decide(self, id: str) -> None:
        """Leave a decision beside a renewal that others may be writing."""
        name = f"{self.name}-{len(self.decisions)}"
        self.store.add_decision(msgspec.structs.replace(decision(name), renewal=id))
        self.decisions.append((id, name))

    def read(self, id: str) -> None:
        """Read a renewal whole; it never goes back. Raises what a torn read would."""
        document = self.store.load(id)
        self.store.decisions(id)
        last = document.journal[-1]
        assert len(document.journal) == document.revision >= self.seen.get(id, 0)
        assert last.hash == last.computed()
        assert document.renewal.round == document.revision - 1
        self.seen[id] = document.revision
        self.reads += 1


def work(home: Path, number: int, renewals: int, seconds: float, begin: Barrier, out: Connection) -> None:
    """Be a process of the crowd: begin with the others, end after so many seconds, and say what was acknowledged."""
    worker = Worker(home, number, renewals)
    begin.wait()
    over, rounds = time.monotonic() + seconds, 0
    while rounds < LEAST or time.monotonic() < over:
        worker.round()
        rounds += 1
    out.send((worker.ticks, worker.decisions, worker.held, worker.reads))


def crowd(home: Path, seconds: float, processes: int, renewals: int) -> dict[str, Any]:
    """Run the crowd and compare what it was told with what is there."""
    store = Store(home)
    for number in range(renewals):
        store.create(renewal(f"r{number}"), BY, AT, "begun")
    context = multiprocessing.get_context("fork")
    begin, pipes = context.Barrier(processes), [context.Pipe(duplex=False) for _ in range(processes)]
    people = [
        context.Process(target=work, args=(home, number, renewals, seconds, begin, out))
        for number, (_, out) in enumerate(pipes)
    ]
    began = time.monotonic()
    for one in people:
        one.start()
    for _, out in pipes:
        out.close()
    said, stuck = _heard([heard for heard, _ in pipes], began + seconds + GRACE)
    for one in people:
        one.kill()
        one.join()
    told = {"processes": processes, "renewals": renewals, "seconds": round(time.monotonic() - began, 1)}
    return {**told, "stuck": stuck, "failed": processes - len(said) - stuck, **_compared(store, said)}


def _heard(pipes: "list[Connection]", over: float) -> tuple[list[Any], int]:
    """Return what the processes said, and how many said nothing until then."""
    said, waiting = [], {pipe.fileno(): pipe for pipe in pipes}
    while waiting and (ready := wait(list(waiting), max(over - time.monotonic(), 0))):
        for number in ready:
            with suppress(EOFError):  # it ended with an error, which it printed
                said.append(waiting.pop(cast(int, number)).recv())
    return said, len(waiting)


def _compared(store: Store, said: list[Any]) -> dict[str, Any]:
    ticks = sum((one[0] for one in said), Counter[str]())
    decided = {pair for one in said for pair in one[1]}
    documents = store.load_all()
    kept = {(one.renewal.id, name.id) for one in documents for name in store.decisions(one.renewal.id)}
    return {
        "events": ticks.total(),
        "lost": sum(one.renewal.round != ticks[one.renewal.id] for one in documents),
        "broken": sum(store.verify(one.renewal.id) != [] for one in documents),
        "decisions": len(decided),
        "decisions_lost": len(decided ^ kept),
        "told_who_holds_it": sum(one[2] for one in said),
        "reads": sum(one[3] for one in said),
    }


if __name__ == "__main__":
    os.nice(10)
    print(json.dumps(crowd(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
