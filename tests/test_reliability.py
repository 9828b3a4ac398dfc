"""Hold the page on reliability to the tests that it names, and to the numbers that tests print."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/explanation/reliability.md").read_text()
PROMISES = 11
"""How many invariants the project promises."""


def _named(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def test_every_promise_names_tests_that_exist() -> None:
    """Each promise names a test, and each test that is named is there."""
    parts = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert [int(part.split(".")[0]) for part in parts] == list(range(1, PROMISES + 1))
    for part in parts:
        assert _named(part), part.splitlines()[0]
    for file, test in _named(PAGE):
        assert re.search(rf"^\s*(def {test}\(|{test} = )", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{test}"


def test_every_number_that_tests_print_is_told() -> None:
    """What tests count with `record_property` has its row, so that no number is left out when it is bad."""
    found = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r'record_property\(\s*"([^"]+)"', path.read_text())
    }
    assert "crash points of the store" in found
    told = set(re.findall(r"^\| ([^|]+?) \|", PAGE, re.MULTILINE))
    assert found | {"property examples"} <= told
