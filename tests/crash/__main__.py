"""Run the crash matrix. ``python -m tests.crash --help`` lists its options."""

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec
import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.crash.matrix import bench, every_boundary
from tests.crash.result import LAST, PAGE, Result, table, write
from tests.crash.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run what was asked for, and return 1 when any point failed, 2 where a program is missing that a CA needs."""
    given = _arguments()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="certrenew-crash-") as name:
        try:
            if given.point is not None:
                return _one(console, given.scenario[0], Path(name), given.point)
            results = [_all(console, scenario, Path(name), given.jobs, given.every) for scenario in given.scenario]
        except pytest.skip.Exception as lacking:
            console.print(f"{lacking}; nothing was written.", markup=False)
            return 2
    console.print(table(results))
    if given.write:
        write(results)
    return int(any(result.failed for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="Kill renewals at every boundary.")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="only this one; may be repeated")
    parser.add_argument("--point", type=int, help="only the renewal of this number, and show what was said")
    parser.add_argument("--every", type=int, default=1, help="only each N-th number, where there is less time")
    parser.add_argument("--jobs", type=int, default=4, help="so many at a time")
    parser.add_argument("--write", action="store_true", help="put the results into the page for the docs")
    given = parser.parse_args()
    if given.point is not None and len(given.scenario or ()) != 1:
        parser.error("--point needs one --scenario")
    given.scenario = given.scenario or list(SCENARIOS)
    return given


def _one(console: Console, scenario: str, folder: Path, point: int) -> int:
    with bench(scenario, folder) as renew:
        outcome = renew(point)
    console.print_json(msgspec.json.encode(outcome).decode())
    console.print(outcome.wrong or "Everything is as it must be.", markup=False, highlight=False)
    return int(bool(outcome.wrong))


def _all(console: Console, scenario: str, folder: Path, jobs: int, every: int) -> Result:
    """Go through all numbers of one scenario, with a bar whose length an unkilled renewal tells."""
    result = Result(scenario=scenario, every=every, commit=_commit(), date=datetime.now(UTC).date().isoformat())
    began, own = monotonic(), folder / scenario
    own.mkdir()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with bench(scenario, own) as renew, Progress(*columns, console=console) as progress:
        bar = progress.add_task(scenario, total=renew(None).longest // every)
        for outcome in every_boundary(scenario, own, jobs, every):
            result.take(outcome)
            progress.advance(bar)
            if outcome.wrong:
                told = f"{scenario} --point {outcome.strike}, killed {outcome.told}: {outcome.wrong}"
                progress.console.print(told, markup=False, highlight=False)
    result.seconds = monotonic() - began
    return result


def _commit() -> str:
    """Return the commit that is tried, with a mark when files differ from it other than those written here."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    ours = [f":!{path.relative_to(ROOT)}" for path in (LAST, PAGE)]
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", *ours)
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


if __name__ == "__main__":
    sys.exit(main())
