"""Hold the docs to the code: generated pages fit it, nothing is left out, and every page can be found."""

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import engine.contracts
import engine.errors
import engine.hookspecs
from engine.estate import Estate
from engine.model import Value
from engine.registry import Registry
from engine.site import TABLES as SITE_TABLES
from tests import reference
from tests.reference import DOCS, PAGES

ROOT = DOCS.parent


def _page(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_fits_the_code(name: str) -> None:
    """Each generated page is what the code would write now; `make docs` mends it."""
    assert (DOCS / name).read_text() == PAGES[name]()


def test_a_stale_page_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check names a page that does not fit and ends with 1; writing mends it, and then it ends with 0."""
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    assert reference.main([]) == 1
    assert reference.main(["--write"]) == 0
    assert reference.main([]) == 0
    (tmp_path / "reference/states.md").write_text("old")
    capsys.readouterr()
    assert reference.main([]) == 1
    assert capsys.readouterr().out == "out of date: docs/reference/states.md\n"
    assert reference.main(["--wrong"]) == 2


def test_the_check_runs_as_a_program() -> None:
    """`python -m tests.reference` says nothing and ends with 0 when all pages fit."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.reference"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- nothing is left out -------------------------------------------------------------------------------------------


def test_every_command_is_documented() -> None:
    """Each command, also the lab's, has a section with its help and all its options."""
    text = _page("commands.md")
    sections = re.split(r"^#+ ", text, flags=re.MULTILINE)
    told = {section.partition("\n")[0]: section for section in sections}
    walked = [(name, command) for name, command, _ in reference.walk_commands()]
    assert {"certrenew", "certrenew start", "certrenew lab up"} <= {name for name, _ in walked}
    for name, command in walked:
        assert command.help
        assert command.help.strip().splitlines()[0] in told[name]
        for one in command.params:
            if one.param_type_name == "option":
                assert f"`{one.opts[0]}" in told[name]


def test_every_error_and_exit_code_is_documented() -> None:
    """Each error class of the engine stands on the page with its own exit code, and each code is explained."""
    text = _page("exit-codes.md")
    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        if "__main__" not in module.name and "testing" not in module.name:
            importlib.import_module(module.name)
    classes: list[type[engine.errors.CertrenewError]] = [
        engine.errors.CertrenewError,
        *_below(engine.errors.CertrenewError),
    ]
    assert {"NotSent", "Drift", "NotFilledIn", "NotACertificate"} < {one.__name__ for one in classes}
    for one in classes:
        assert re.search(rf"`{one.__name__}` \| {one.exit_code} \| \S", text), one
        assert re.search(rf"^\| {one.exit_code} \| ", text, re.MULTILINE)
    assert {one for one, _ in reference.walk_errors()} == set(classes)


def _below(kind: type[engine.errors.CertrenewError]) -> Iterator[type[engine.errors.CertrenewError]]:
    """Yield every error class of the engine below one."""
    for one in kind.__subclasses__():
        if one.__module__.startswith("engine."):
            yield one
            yield from _below(one)


def test_every_hook_and_contract_is_documented() -> None:
    """Each hook, and each class of the contracts with all its methods and members, stands on the page."""
    text = _page("hooks.md")
    hooks = [name for name, one in vars(engine.hookspecs).items() if hasattr(one, "certrenew_spec")]
    assert {"register_authorities", "register_observers", "observe", "register_solvers"} < set(hooks)
    for hook in hooks:
        assert f"### {hook}\n" in text
    contracts = {name for name, one in vars(engine.contracts).items() if isinstance(one, type)}
    assert {"Authority", "Device", "TrustStore", "Solver", "Observer", "ObserverAccess"} < contracts
    for one in [one for one in vars(engine.contracts).values() if isinstance(one, type)]:
        section = text.split(f"### {one.__name__}\n")[1].split("\n### ")[0]
        own = [name for name in (*vars(one), *getattr(one, "__annotations__", {})) if not name.startswith("_")]
        for name in own:
            assert name in section, (one, name)


def _settings() -> Iterator[tuple[str, str, type[Value]]]:
    """Yield every setting as (place, key, kind of its table)."""
    for heading, (kind, given) in reference.TABLES.items():
        where = heading.strip("[]")
        yield from (
            (where, one.encode_name, kind) for one in msgspec.structs.fields(kind) if one.encode_name not in given
        )
    registry = Registry()
    registered = (
        ("driver", registry.devices),
        ("plugin", registry.authorities),
        ("solver", registry.solvers),
        ("plugin", registry.observers),
    )
    for key, plugins in registered:
        for name, plugin in plugins.items():
            where = f'{key} = "{name}"'
            yield from ((where, one.encode_name, plugin.options) for one in msgspec.structs.fields(plugin.options))
            inner = {"driver": "nodes.NAME.options", "plugin": "authorities.NAME.options"}.get(key, "")
            for table, kind in reference.nested(plugin.options):
                yield from ((f"{inner}.{table}", one.encode_name, kind) for one in msgspec.structs.fields(kind))


def test_every_setting_is_documented() -> None:
    """Each table and key of the site file, and each option of a plugin, stands on the page with its meaning."""
    text = _page("site-file.md")
    seen = set()
    for where, key, kind in _settings():
        section = re.split(rf"^#+ {re.escape(where)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
        row = next(line for line in section.splitlines() if line.startswith(f"| `{key}` |"))
        if where in {heading.strip("[]") for heading in reference.TABLES}:
            seen.add(f"{where.removesuffix('.NAME')}.{key}")
            assert reference.MEANINGS[f"{where.removesuffix('.NAME')}.{key}"] in row
        else:
            told = reference.meanings(kind).get(key)
            assert told, f"{where}: the docstring of its options says nothing of `{key}`: as in plugins/manual"
            assert " ".join(told.split()).replace("|", "\\|") in row
    assert set(reference.MEANINGS) == seen


def test_every_table_of_the_site_file_is_among_those() -> None:
    """The generator knows every table that the site file may have, and every part of an estate."""
    known = {heading.strip("[]").split(".")[0] for heading in reference.TABLES}
    assert known == set(SITE_TABLES) - {"schema"}
    parts = {one.encode_name for one in msgspec.structs.fields(Estate)} - {"file", "distributions", "policy", "signers"}
    assert parts < known


def test_every_state_and_step_is_documented() -> None:
    """Each state, arrow and phase of each workflow stands on the page."""
    text = _page("states.md")
    for workflow in Registry().workflows.values():
        assert workflow.diagram() in text
        for arrow in workflow.arrows:
            assert f"| `{arrow.step}` | {', '.join(arrow.sources)} | {arrow.to} |" in text
        for step in workflow.steps.values():
            assert f"| `{step.name}` | {step.purpose} | {', '.join(phase.name for phase in step.phases)} |" in text


# ---- every page can be found ---------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s]*)\)")


def _links(page: Path) -> list[tuple[Path, str]]:
    """Return the targets of a page's links within the project: file and anchor."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    split = [link.partition("#") for link in LINK.findall(text)]
    return [((page.parent / name).resolve() if name else page, anchor) for name, _, anchor in split]


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get on GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def _reachable() -> set[Path]:
    reached: set[Path] = set()
    waiting = {DOCS / "README.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        found = {target for target, _ in _links(page) if target.is_file() and target.is_relative_to(DOCS)}
        waiting |= {target for target in found if target.suffix == ".md"} - reached
        reached |= found - waiting
    return reached


def test_every_page_is_reachable() -> None:
    """From docs/README.md every file in docs can be reached by links."""
    every = {path for path in DOCS.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    assert {str(path.relative_to(DOCS)) for path in every - _reachable()} == set()


def test_no_link_leads_nowhere() -> None:
    """Each link in README.md, CHANGELOG.md and the docs leads to a file that is there, and to a heading in it."""
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target.name}#{anchor}"
        for page in pages
        for target, anchor in _links(page)
        if not target.exists() or (anchor and anchor not in _anchors(target))
    ]
    assert broken == []
    assert sum(len(_links(page)) for page in pages) > 20


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    """Control: links, anchors and code blocks are told apart as GitHub does."""
    page = tmp_path / "page.md"
    page.write_text("# A `b`: c.d\n[x](other.md#one) [y](#a-b-cd) [z](https://a.example/)\n```\n[no](link.md)\n```\n")
    assert _links(page) == [(tmp_path / "other.md", "one"), (page, "a-b-cd")]
    assert _anchors(page) == {"a-b-cd"}
