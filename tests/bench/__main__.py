"""Print every figure beside its floor: ``python -m tests.bench [--json] [MODULE...]``."""

import argparse
import sys
from importlib import import_module

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure

MODULES = ("store", "startup", "check", "renewal")
"""The modules beside this one that have a function `figures`."""


def main() -> None:
    """Measure, then print a table of at most 80 columns, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Print every figure beside its floor.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"what to measure: {', '.join(MODULES)} (all)")
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of the table")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    found = collected(arguments.modules or MODULES)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        Console(width=80).print(table(found))


def collected(modules: list[str] | tuple[str, ...]) -> list[Figure]:
    """Return the figures of all these modules, in order."""
    return [figure for name in modules for figure in import_module(f"tests.bench.{name}").figures()]


def table(found: list[Figure]) -> Table:
    """Make the table: a ratio of 1.0 is the floor, and one over its promise stands out."""
    made = Table(title="Each figure beside its floor from the same run", expand=True)
    made.add_column("figure", ratio=3)
    made.add_column("ours", justify="right", no_wrap=True)
    made.add_column("floor", justify="right", no_wrap=True)
    made.add_column("times", justify="right", no_wrap=True)
    made.add_column("the floor is", ratio=2)
    for figure in found:
        ours, floor = (
            f"{number:,.{0 if number >= 100 else 2}f} {figure.unit}" for number in (figure.value, figure.floor)
        )
        promise = f" ≤ {figure.at_most}" if figure.at_most else ""
        ratio = f"{figure.ratio:.2f}{promise}"
        made.add_row(figure.name, ours, floor, ratio if figure.kept else f"[bold red]{ratio}[/]", figure.floor_name)
    return made


if __name__ == "__main__":
    main()
