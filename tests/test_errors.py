"""Every error says its three parts, and the page for two in the morning quotes what the code says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engine import errors

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "when-something-goes-wrong.md"
CODES: dict[str, int] = {
    name: kind.exit_code
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CertrenewError)
}
MAKERS = {"refuse": 4, "kind": 5, "unknown": 2, "__init__": 2}
"""What makes an error besides the classes: helpers, a class chosen at run time, an error's own constructor."""


def sources() -> Iterator[Path]:
    """Yield the modules that people meet; the lab is for practice."""
    for folder in ("engine", "workflows", "plugins"):
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "plugins/lab" not in path.as_posix())


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return every call that makes an error: where, by which name."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                if name in {**CODES, **MAKERS}:
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", name, node))
    return found


def text_of(node: ast.expr) -> str:
    """Write a string of the code with an ellipsis for each value that is put in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join("…" if isinstance(part, ast.FormattedValue) else text_of(part) for part in node.values)
    return "…"


def quoted() -> list[tuple[int, str]]:
    """Return the messages of the page's tables with the exit code of their section."""
    found, code = [], 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if section := re.match(r"## (?:Exit code (\d))?", line):
            code = int(section[1] or 0)
        if code and (row := re.match(r"\| `([^`]+)` \|", line)):
            found.append((code, row[1]))
    return found


def plain(text: str) -> str:
    """Leave out quotation marks, and take several values in a row for one."""
    return re.sub("…+", "…", re.sub("[`'\"]", "", text))


def says(code: int, message: str) -> bool:
    """Tell whether an error with this exit code begins with such a text, or is it, whatever stands for the ellipses."""
    for _, name, node in calls():
        said = plain(text_of(node.args[0])) if node.args else ""
        if {**CODES, **MAKERS}[name] == code and len(said.replace("…", "")) > 10:
            pattern = re.escape(said).replace("…", ".+")
            if re.fullmatch(pattern, message) or said.startswith(message):
                return True
    return False


@pytest.mark.parametrize(("code", "message"), quoted())
def test_the_page_quotes_what_the_code_says(code: int, message: str) -> None:
    """Each message of the page is one of the code, with that exit code."""
    assert says(code, plain(message))


def test_the_page_has_messages_of_every_code() -> None:
    """The search finds the tables at all, and an invented message would not be found in the code."""
    assert {code for code, _ in quoted()} == {2, 3, 4, 5}
    assert len(quoted()) > 40
    assert not says(5, "expc fell to the moon.")


def test_every_error_says_what_was_left_and_what_to_do() -> None:
    """Outside the lab each error names the next step, and what it left untouched, itself or by its class."""
    lacking = []
    for where, name, node in calls():
        given = {word.arg for word in node.keywords}
        if name not in CODES or None in given or name == "CertrenewError":
            continue
        if "todo" not in given or not (
            "untouched" in given or getattr(errors, name).by_default or name == "HeldElsewhere"
        ):
            lacking.append(f"{where}: {name}")
    assert lacking == []
    assert len(calls()) > 100
