"""Hold the benchmarks to their page: what is measured is explained, and a missed promise stands out."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.bench.__main__ import BEGIN, END, MODULES, PAGE, replaced, table
from tests.bench.figures import Figure, count, duration, in_turn, rate

FIGURES = [
    duration("kept", 0.010, 0.008, "f", at_most=1.5),
    duration("missed", 0.016, 0.008, "f", at_most=1.5),
    duration("late", 1.2, 0.1, "f", limit=1000),
    rate("quick", 0.5, 0.25, "f"),
    count("many", 64, 64, "f", at_most=1.0),
]


def test_every_module_is_explained() -> None:
    """Each file that measures is named on the page, which has one place for the results."""
    page = PAGE.read_text()
    assert [name for name in MODULES if f"tests/bench/{name}.py" not in page] == []
    assert (page.count(BEGIN), page.count(END)) == (1, 1)
    beside = {path.stem for path in (Path(__file__).parent / "bench").glob("*.py")} - {"__main__", "figures"}
    assert beside == set(MODULES)


def test_the_results_are_there() -> None:
    """The page's results are of all modules: each row holds a name, numbers and their ratio."""
    results = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in results.splitlines() if line.startswith("| ")][1:]
    assert all(float(row[3]) > 0 for row in rows)
    told = " ".join(row[0] for row in rows)
    for part in ("durable event", "--help", "check", "a step of a renewal", "pass over", "whole renewal", "memory of"):
        assert part in told


def test_a_missed_promise_stands_out() -> None:
    """A figure over its promise is marked in the table and on the page, one within it is not; no line is too wide."""
    assert [figure.kept for figure in FIGURES] == [True, False, False, True, True]
    written = StringIO()
    Console(width=80, file=written).print(table(FIGURES))
    printed = written.getvalue()
    assert printed.count("NOT ≤") == 2
    assert max(map(len, printed.splitlines())) <= 80
    page = replaced(f"before\n{BEGIN}\nold\n{END}\nafter", FIGURES, "Commit x.")
    assert "| missed | 16.0 ms | 8.00 ms | 2.00 | **≤ 1.5 ×: missed** | f |" in page
    assert "| kept | 10.0 ms | 8.00 ms | 1.25 | ≤ 1.5 × | f |" in page
    assert "| late | 1,200 ms | 100 ms | 12.00 | **≤ 1,000 ms: missed** | f |" in page
    assert "old" not in page
    assert replaced(page, FIGURES, "Commit x.") == page
    assert (page.startswith("before"), page.endswith("after")) == (True, True)


def test_ratios_say_how_much_more_ours_takes() -> None:
    """A rate and a duration of twice the floor's effort have the same ratio."""
    figure: Figure = rate("x", 0.5, 0.25, "f")
    assert (figure.value, figure.floor, figure.ratio) == (2.0, 4.0, 2.0)
    assert duration("x", 0.5, 0.25, "f").ratio == 2.0


def test_ours_and_the_floor_are_measured_in_turn() -> None:
    """Works are done one after the other in each round, so that a busy machine slows all of them."""
    done: list[str] = []
    in_turn(3, lambda: done.append("ours"), lambda: done.append("floor"))
    assert done == ["ours", "floor"] * 3
