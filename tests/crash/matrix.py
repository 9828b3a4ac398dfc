"""Kill each command of a scenario's renewals at one boundary after the other, until none is left to be killed at."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path

from tests import stock
from tests.crash.scenarios import SCENARIOS
from tests.crash.signing import Signing
from tests.crash.task import Zygote
from tests.crash.trial import Outcome, attempt

UNKILLED = 3
"""So many renewals in a row have to end unkilled: how often a box is looked at while it restarts varies a little."""


class Bench:
    """Be where renewals of one scenario are tried, one after the other, each in a lab of its own below `folder`."""

    def __init__(self, scenario: str, folder: Path, zygote: Zygote, signing: Signing) -> None:
        self._scenario, self._folder = SCENARIOS[scenario], folder
        self._zygote, self._signing, self._labs = zygote, signing, count()

    def __call__(self, strike: int | None, sabotage: str = "") -> Outcome:
        """Renew once, with each command killed at its boundary of this number, or none."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=f"lab{next(self._labs)}-") as lab:
            return attempt(self._zygote, Path(lab), self._scenario, self._signing, strike, sabotage)


@contextmanager
def bench(scenario: str, folder: Path) -> Iterator[Bench]:
    """Give a bench with its own zygote and, where the scenario has one, its own CA."""
    with stock.stocked(), Zygote() as zygote, SCENARIOS[scenario].signing(folder / "ca") as signing:
        yield Bench(scenario, folder, zygote, signing)


_mine: list[Bench] = []


def _open(scenario: str, folder: Path) -> None:
    """Be a process of the pool: set up a bench for as long as it lives."""
    running = ExitStack()
    Finalize(None, running.close, exitpriority=0)  # a process of a pool does not run what atexit was told
    own = Path(running.enter_context(tempfile.TemporaryDirectory(dir=folder)))
    _mine.append(running.enter_context(bench(scenario, own)))


def _try(strike: int | None) -> Outcome:
    return _mine[0](strike)


def every_boundary(scenario: str, folder: Path, jobs: int, step: int = 1) -> Iterator[Outcome]:
    """Kill at one number after the other, or at each `step`-th, `jobs` renewals at a time; yield what came of each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _open, (scenario, folder)) as pool:
        numbers, running, unkilled = count(step=step), set[Future[Outcome]](), 0
        while running or unkilled < UNKILLED:
            while len(running) < jobs and unkilled < UNKILLED:
                running.add(pool.submit(_try, next(numbers)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for outcome in (future.result() for future in done):
                unkilled = 0 if outcome.killed else unkilled + 1
                yield outcome
