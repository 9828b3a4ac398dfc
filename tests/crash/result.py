"""Sum up what the matrix found, and show it: a table for the terminal, a page for the docs."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from tests.crash.scenarios import SCENARIOS
from tests.crash.trial import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "crash-matrix.md"
LAST = Path(__file__).parent / "last.json"
"""The last result of each scenario, of which the page is made."""

SORTS = {
    "create": "files",
    "mkdir": "files",
    "write": "writes",
    "fsync": "fsyncs",
    "replace": "renames",
    "rename": "renames",
    "link": "renames",
    "unlink": "renames",
    "rmdir": "renames",
    "truncate": "writes",
    "ftruncate": "writes",
    "request": "requests",
    "body": "requests",
    "answer": "answers",
    "end": "ends",
}
"""What a boundary lies before, in the words of the table; links and removals are changes of names like renames."""

COLUMNS = ("files", "writes", "fsyncs", "renames", "requests", "answers", "ends")


class Result(msgspec.Struct, kw_only=True):
    """Be what came of one scenario at a commit (with ``+`` where files differed from it).

    `points` counts kills by what would have come next, in so many `renewals`; `failed` are the numbers of those that
    went wrong; `every` says that only each so-many-th number was tried.
    """

    scenario: str
    commit: str
    date: str
    every: int = 1
    points: dict[str, int] = {}
    passed: int = 0
    renewals: int = 0
    settled: int = 0
    seconds: float = 0.0
    failed: list[int] = []

    def take(self, outcome: Outcome) -> None:
        """Add one renewal."""
        if outcome.wrong and outcome.strike is not None:
            self.failed.append(outcome.strike)
        else:
            self.passed += len(outcome.killed)
        for _, call in outcome.killed:
            sort = SORTS[call.split()[0]]
            self.points[sort] = self.points.get(sort, 0) + 1
        self.renewals += bool(outcome.killed)
        self.settled += outcome.settled

    @property
    def killed(self) -> int:
        """Return the number of kills."""
        return sum(self.points.values())

    @property
    def longest(self) -> int:
        """Return about how many boundaries the command had that had most."""
        return self.renewals * self.every

    def cells(self) -> list[str]:
        """Return the row of this scenario, without its name."""
        kinds = [str(self.points.get(name, 0)) for name in COLUMNS]
        tried = f"{self.killed}, 1 in {self.every}" if self.every > 1 else f"all {self.killed}"
        return [*kinds, tried, str(self.passed), str(self.renewals), str(self.settled), f"{self.seconds / 60:.0f}"]


def last() -> list[Result]:
    """Return the last result of each scenario."""
    return msgspec.json.decode(LAST.read_bytes(), type=list[Result])


def write(results: Sequence[Result]) -> None:
    """Put results in the place of earlier ones of the same scenarios, and write the page anew."""
    known = {one.scenario: one for one in [*last(), *results]}
    kept = [known[name] for name in SCENARIOS if name in known]
    LAST.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    PAGE.write_text(page(kept))


HEAD = [*COLUMNS, "points", "passed", "renewals", "settled by a person", "minutes"]


def table(results: Sequence[Result]) -> Table:
    """Return the table for a terminal: the page without the sorts of points, for which 80 columns are too few."""
    shown = Table("scenario", *HEAD[len(COLUMNS) :], "commit")
    for result in results:
        shown.add_row(result.scenario, *result.cells()[len(COLUMNS) :], result.commit)
    return shown


def page(results: Sequence[Result]) -> str:
    """Return the page for the docs. Pure."""
    head = ["scenario", "what it shows", *HEAD, "commit", "date"]
    rows = [[one.scenario, SCENARIOS[one.scenario].what, *one.cells(), f"`{one.commit}`", one.date] for one in results]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    points, passed = sum(one.killed for one in results), sum(one.passed for one in results)
    said = f"{points} points in all, {passed} passed."
    return f"{INTRODUCTION}\n{chr(10).join(lines)}\n\n{said}\n\n{EXPLANATION}"


INTRODUCTION = """# The crash matrix

<!-- Written by `make crash`; change tests/crash/result.py instead. -->

The last run of `make crash`. Whole renewals, each in a lab of its own, from `New` to `Restarted`, typed as commands. In
the renewal number n each command that is typed is killed (SIGKILL) when its process comes to its n-th boundary, and
typed again, into a fresh process, by people who only repeat what died and do what the renewal asks of them. A kill is
one point; one renewal has as many as it has commands that get so far. A command that submits again what a person has
said to be not there is left alone.
"""

EXPLANATION = """## What a point is

Every call by which the process changes anything outside itself is watched: making a file or folder, write, fsync,
rename, link, removing a name, a request or its body being sent, a line being typed into a remote shell, and an answer
being received; and the end of each command. One point lies between each such call and the next: after the one, and
before the other. The table counts them by the call that comes next.

They are not listed anywhere: the harness kills each command at its first boundary, then each at its second, and so on,
until no command of a renewal gets so far. Where a watched process would write a file, or start a process, past what is
watched, it fails.

How often a box is looked at while it restarts varies a little with time, and so does the number of points from run to
run.

## What must be true afterwards

From the lab's own log, not from what the renewal says of itself:

- one CSR was generated, none discarded, none asked for while one was pending;
- the certification authority made one certificate (AD CS: got one request). Where the process died between sending and
  learning, the renewal said that it is uncertain and did not submit again; a person looked at the CA and said what is
  there. "Settled by a person" counts those;
- every trust store got every new CA certificate once;
- one certificate was installed on the box, once, and it is the one of the renewal; nothing was installed elsewhere;
- the box was restarted once, and so was each CUCM service on each node;
- there is one renewal, its journal verifies, and no temporary file is left.

An ACME order that was placed by a process which then died is placed anew and ends by itself unused; what counts as the
submission there is handing over the CSR, of which there is one.

## How to run it

`make crash` runs all and writes this page; `make crash JOBS=8` uses that many processes at a time.
`python -m tests.crash --scenario adcs --point 117` repeats one renewal, killed at every command's boundary of that
number, and shows what was said; `--every 8` tries one number in eight, which the table says then. `make test` tries
one renewal of each scenario, another in each run, and three controls: with intents not journalled, with a CSR asked
for without looking first, and with documents written in place, renewals fail that pass otherwise.
"""
