"""Print every figure beside its floor, and keep them: ``python -m tests.bench [--write] [MODULE...]``.

``make bench`` measures all of them, in about ten minutes on an idle machine; with ``--write`` they replace the table in
``docs/explanation/performance.md``.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench.figures import Figure, shown

MODULES = ("store", "startup", "check", "engine", "watch", "renewal", "memory")
"""The modules beside this one that have a function `figures`."""

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
KEPT = ROOT / "bench.json"
BEGIN, END = "<!-- results: written by `python -m tests.bench --write` -->", "<!-- end of results -->"


def main() -> None:
    """Measure, print a table of at most 80 columns, and write JSON beside the Makefile."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Print every figure beside its floor.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"what to measure: {', '.join(MODULES)} (all)")
    parser.add_argument("--write", action="store_true", help="write the table into docs/explanation/performance.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    if arguments.write and arguments.modules:
        parser.error("--write is for all modules")
    found = collected(arguments.modules or MODULES)
    about = where()
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode({"about": about, "figures": found})) + b"\n")
    Console(width=80).print(table(found))
    if arguments.write:
        PAGE.write_text(replaced(PAGE.read_text(), found, about))


def collected(modules: Iterable[str]) -> list[Figure]:
    """Return the figures of all these modules, in order; says on standard error what is measured."""
    found: list[Figure] = []
    for name in modules:
        sys.stderr.write(f"measuring: {name}\n")
        found += import_module(f"tests.bench.{name}").figures()
    return found


def where() -> str:
    """Say what was measured where and when, in a sentence."""
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, text=True)
    version = f"{commit.stdout.strip()}{' with changes' if changed.stdout else ''}" if not commit.returncode else "?"
    cores = len(os.sched_getaffinity(0))
    return (
        f"Commit {version}, measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on "
        f"{platform.system()} with {cores} cores."
    )


def table(found: list[Figure]) -> Table:
    """Make the table: a ratio of 1.0 is the floor, and one over its promise stands out."""
    made = Table(title="Each figure beside its floor from the same run", expand=True)
    made.add_column("figure", ratio=3)
    made.add_column("ours", justify="right", no_wrap=True)
    made.add_column("floor", justify="right", no_wrap=True)
    made.add_column("times", justify="right", no_wrap=True)
    made.add_column("the floor is", ratio=2)
    for figure in found:
        ratio = Text(f"{figure.ratio:.2f}", "" if figure.kept else "bold red")
        if figure.promise:
            ratio.append(f"\n{figure.promise}" if figure.kept else f"\nNOT {figure.promise}")
        ours, floor = shown(figure.value, figure.unit), shown(figure.floor, figure.unit)
        made.add_row(Text(figure.name), ours, floor, ratio, Text(figure.floor_name))
    return made


def replaced(page: str, found: list[Figure], about: str) -> str:
    """Return the page with these results in place of its own."""
    rows = "\n".join(_row(figure) for figure in found)
    heads = "| figure | ours | floor | times | promised | the floor is |\n|---|---:|---:|---:|---|---|"
    written = f"{BEGIN}\n\n{about}\n\n{heads}\n{rows}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: written, page, flags=re.DOTALL)


def _row(figure: Figure) -> str:
    ours, floor = shown(figure.value, figure.unit), shown(figure.floor, figure.unit)
    promise = figure.promise if figure.kept else f"**{figure.promise}: missed**"
    return f"| {figure.name} | {ours} | {floor} | {figure.ratio:.2f} | {promise} | {figure.floor_name} |"


if __name__ == "__main__":
    main()
