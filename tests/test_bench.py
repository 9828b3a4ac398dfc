"""Hold the benchmarks' page and table to the benchmarks: what is measured is explained, and a missed promise stands out."""

import ast
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


def test_every_result_is_of_a_module() -> None:
    """Each row of the results holds numbers, their ratio, and a name that some module still gives."""
    results = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in results.splitlines() if line.startswith("| ")][1:]
    sources = " ".join((Path(__file__).parent / "bench" / f"{name}.py").read_text() for name in MODULES)
    texts = [node.value for node in ast.walk(ast.parse(sources.replace("from __future__", "#"))) if _is_text(node)]
    assert len(rows) > 30
    for name, _ours, _floor, ratio, *_ in rows:
        float(ratio)
        assert any(text.strip(" ,") and text.strip(" ,") in name for text in texts if len(text) > 5), name


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_a_missed_promise_stands_out() -> None:
    """A figure over its promise is marked in the table and on the page, one within it is not; no line is too wide."""
    assert [figure.kept for figure in FIGURES] == [True, False, False, True, True]
    console = Console(width=80, record=True, quiet=True)
    console.print(table(FIGURES))
    printed = console.export_text()
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
