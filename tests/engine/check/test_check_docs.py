"""Hold the how-to page to what the command does: each example runs and prints what the page shows."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.certificates import CHECKS
from tests.engine.certificates.cases import ISSUING, OLD
from tests.engine.check.files import Check
from tests.programs import needs

PAGE = Path(__file__).parents[3] / "docs/how-to/check-a-certificate.md"


def examples() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the page with the lines that it shows below it."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for command, shown in re.findall(r"^\$ certrenew check (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield command, [line for line in shown.splitlines() if line != "…"]


@pytest.mark.parametrize(("command", "shown"), list(examples()))
def test_an_example_prints_what_the_page_shows(check: Check, folder: Path, command: str, shown: list[str]) -> None:
    """Each line shown begins a line of the output, in that order, and OK goes with 0, NOT OK with 4."""
    (folder / "server-only.pem").write_text(ISSUING.issue("a.example", "b.example", eku=["serverAuth"]).pem)
    words = [needs("openssl"), "x509", "-noout", "-text", "-out", "old.txt"]
    subprocess.run(words, input=OLD.pem, text=True, cwd=folder, check=True)
    code, out, err = check(*shlex.split(command))
    assert (code, err) == (4 if shown[0].startswith("NOT OK") else 0, "")
    lines = iter(out.splitlines())
    for wanted in shown:
        assert any(line.startswith(wanted) for line in lines), wanted


def test_the_page_has_examples_and_names_only_checks() -> None:
    """There are several examples, and each check that the page names is one."""
    assert len(list(examples())) >= 6
    rows = PAGE.read_text().partition("## When it says no")[2]
    named = [
        name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)
    ]
    assert len(named) > 5
    assert set(named) <= set(CHECKS)
