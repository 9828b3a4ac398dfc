"""Hold the rules of who may know whom, and that what decides neither talks nor looks at a clock."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "plugins", "workflows")

CONNECTING = {
    *("socket", "ssl", "http", "urllib3", "asyncio", "select", "selectors", "socketserver", "OpenSSL"),
    *("smtplib", "imaplib", "ftplib", "xmlrpc", "requests", "httpx", "paramiko", "dns", "lexicon"),
}
"""Modules that open connections; `urllib.request` is looked for by its full name."""

PURE = (
    "engine/model",
    "engine/estate",
    "engine/certificates",
    "engine/workflow",
    "engine/approvals",
    "engine/relations",
    "workflows",
)
FILES = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "unlink", "mkdir", "rename", "iterdir", "glob"}
AMBIENT = {"os", "io", "time", "random", "secrets", "shutil", "tempfile", "subprocess", "threading", "multiprocessing"}


@cache
def _sources() -> dict[str, ast.Module]:
    """Return every module of the product by its path without suffix."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {str(path.relative_to(ROOT).with_suffix("")): ast.parse(path.read_text()) for path in paths}


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every imported module's full name with its line, also imports inside functions and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _for_types(tree: ast.Module) -> set[int]:
    """Return the lines that only type checkers read."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {line for block in blocks for line in range(block.lineno, (block.end_lineno or block.lineno) + 1)}


def _imported(name: str, tree: ast.Module, forbidden: Iterable[str]) -> list[str]:
    unread, tops = _for_types(tree), set(forbidden)
    found = [(module, line) for module, line in _imports(tree) if line not in unread]
    return sorted({f"{name}:{line} {module}" for module, line in found if module.partition(".")[0] in tops})


def _pure() -> dict[str, ast.Module]:
    return {
        name: tree for name, tree in _sources().items() if name.startswith(PURE) or name.rpartition("/")[2] == "wire"
    }


# ---- import-linter -------------------------------------------------------------------------------------------------


def _lint(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_import_rules_hold() -> None:
    """The contracts of pyproject.toml hold for the code as it is."""
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


BREACHES = {
    "The engine's layers": ("engine/model/plans.py", "import engine.store"),
    "The engine's layers, another": ("engine/certificates/pem.py", "def f():\n    import engine.net"),
    "The engine's layers, the doctor": ("engine/runner/live.py", "def f():\n    import engine.doctor.visit"),
    "The engine's layers, a new module": ("engine/unplaced.py", ""),
    "The engine names no plugin": ("engine/registry.py", "import plugins.manual"),
    "A workflow knows contracts": ("workflows/sign.py", "from plugins.manual import authority"),
    "A plugin knows no workflow": ("plugins/manual/letter.py", "import engine.store"),
    "No plugin knows another": ("plugins/expressway/wire.py", "import plugins.lab.tls"),
    "What decides opens no connection": ("engine/workflow.py", "def f():\n    import urllib3"),
    "What decides opens no connection, in a wire.py": ("plugins/expressway/wire.py", "import ssl"),
    "What decides opens no connection, nor asks the DNS": ("plugins/rfc2136/wire.py", "import dns.query"),
}


@pytest.mark.parametrize("rule", BREACHES)
def test_a_breach_of_each_rule_is_found(rule: str, tmp_path: Path) -> None:
    """Control: one forbidden line in a copy of the code breaks the rule that forbids it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = BREACHES[rule]
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = _lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert any(rule.partition(",")[0] in one and "BROKEN" in one for one in done.stdout.splitlines()), done.stdout


# ---- what import-linter can't express ------------------------------------------------------------------------------


OURS = ("engine/net", "engine/https", "engine/ssh", "engine/zones")
"""Modules of the engine that may open connections."""


def _may_connect(name: str) -> bool:
    client = name.startswith("plugins/") and name.rpartition("/")[2] == "client"
    return client or name in (*OURS, "engine/testing/relay") or name.startswith("plugins/lab/")


def test_only_clients_open_connections() -> None:
    """Besides three modules of the engine, a plugin's client, the lab and the tests' relay, nothing can connect."""
    found = [one for name, tree in _sources().items() if not _may_connect(name) for one in _connecting(name, tree)]
    assert found == []
    clients = ("plugins/rfc2136/client", "plugins/lexicon/client", "plugins/cucm/cli/client")
    for name in (*OURS, *clients):
        assert _connecting(name, _sources()[name]), "control: the search finds those that may"


def _connecting(name: str, tree: ast.Module) -> list[str]:
    called = [f"{name}:{line} {module}" for module, line in _imports(tree) if module.startswith("urllib.request")]
    return [*_imported(name, tree, CONNECTING), *called]


def test_what_decides_does_no_io_and_has_no_clock() -> None:
    """Model, rules, approvals, workflows and every wire.py use no file, process, clock or chance of their own."""
    assert len(_pure()) > 20
    found = [one for name, tree in _pure().items() for one in _impure(name, tree)]
    assert found == []


def _impure(name: str, tree: ast.Module) -> list[str]:
    """List imports of what depends on the surroundings, calls that open files, and looks at the clock."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [(ast.unparse(call.func), call.lineno) for call in calls]
    bad = [f"{name}:{line} {text}" for text, line in named if text.rpartition(".")[2] in FILES or _reads_clock(text)]
    locks = {"engine/certificates/extensions": {"threading"}}.get(name, set())  # guards a warning filter, not a file
    return [*_imported(name, tree, AMBIENT - locks), *bad]


def _reads_clock(call: str) -> bool:
    return call in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "print", "input")


@pytest.mark.parametrize(
    "line", ["import time", "x = open('f')", "p.read_text()", "datetime.now(UTC)", "from os import path", "print(1)"]
)
def test_an_impurity_would_be_found(line: str) -> None:
    """Control: a look at the surroundings is found, also inside a function."""
    assert _impure("m", ast.parse(f"def f():\n    {line}")) != []
    assert _impure("m", ast.parse("if TYPE_CHECKING:\n    import time")) == []


def test_time_passes_in_one_place() -> None:
    """Outside the lab and the conformance classes only the runner's clock sleeps, so tests can give another one."""
    asking = [
        f"{name}: {ast.unparse(node.func)}"
        for name, tree in _sources().items()
        if not name.startswith(("plugins/lab", "engine/testing"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "datetime.now", "time.time")
    ]
    assert sorted(asking) == [
        "engine/cli/check: datetime.now",
        "engine/cli/listing: datetime.now",
        "engine/runner/site: datetime.now",
        "engine/runner/site: time.sleep",
    ]


def _calling(pattern: str) -> set[str]:
    """Name the modules that call something whose text fits."""
    return {
        name
        for name, tree in _sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and re.fullmatch(pattern, ast.unparse(node.func))
    }


def test_only_the_runner_acts_and_lets_plans_through() -> None:
    """Actions are carried out, and approvals judged, in the runner alone."""
    assert _calling(r".*\.act") == {"engine/runner/runner"}
    assert _calling(r"approvals\.require") == {"engine/runner/runner"}


def test_only_the_registry_calls_hooks() -> None:
    """The plugin manager's hooks are used in the registry alone."""
    using = {
        name
        for name, tree in _sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "hook"
    }
    assert using == {"engine/registry"}


def test_the_product_does_not_need_its_tests() -> None:
    """Nothing that is shipped imports the tests or a tool of theirs."""
    tools = {"tests", "pytest", "hypothesis"}
    assert [one for name, tree in _sources().items() for one in _imported(name, tree, tools)] == []
