"""Hold `certrenew plugins`, and the commands of plugins that the site allows: nothing else is ever loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.distributions import entry_points
from engine.registry import COMMANDS, OWN, installed
from tests.engine.test_cli import SITE, Run, run, site, store

__all__ = ["run", "site", "store"]  # fixtures

TALKER = """
from pathlib import Path
import typer
from engine.contracts import AuthorityPlugin, SolverPlugin
from engine.hookspecs import hookimpl
from engine.model import Value

Path({mark!r}).touch()
talk = typer.Typer(help="Talk to it.")

@talk.callback()
def talk_() -> None:
    '''Talk to it.'''

@talk.command()
def now() -> None:
    '''Talk now.'''
    print("talked")

class Options(Value, frozen=True, kw_only=True):
    '''Be the settings. `speed`: how fast. `mode`: how.'''
    speed: int = 1

@hookimpl
def register_authorities():
    return [AuthorityPlugin({authority!r}, Options, lambda office, options: None)]

@hookimpl
def register_commands():
    return [({command!r}, talk)]
"""


class Shelf:
    """Put distributions where they count as installed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.mark, self._patch = folder, folder / "loaded", monkeypatch
        monkeypatch.syspath_prepend(folder)

    def put(
        self, distribution: str, plugin: str, *, authority: str = "talker", command: str = "talk", source: str = TALKER
    ) -> None:
        """Install one whose plugin leaves a mark when it is imported."""
        module = f"{distribution.lower()}_plugin"
        text = source.format(mark=str(self.mark), authority=authority, command=command)
        (self.folder / f"{module}.py").write_text(text)
        self._patch.delitem(sys.modules, module, raising=False)
        info = self.folder / f"{distribution.lower()}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[certrenew]\n{plugin} = {module}\n")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Return an empty shelf on the path."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return Shelf(folder, monkeypatch)


def _allow(site: Path, *names: str) -> None:
    site.write_text(SITE.replace("schema = 1", f"schema = 1\nplugins.distributions = {json.dumps(names)}"))


def _rows(run: Run) -> dict[str, dict[str, object]]:
    code, out, err = run("plugins", "--json")
    assert (code, err) == (0, "")
    return {f"{one['distribution']}:{one['plugin']}": one for one in json.loads(out)}


def test_ours_are_listed_and_enabled(run: Run) -> None:
    """Each of our plugins is told with distribution, version and what it registers; also as a table of 80 columns."""
    ours = _rows(run)["certrenew:manual"]
    assert (ours["enabled"], ours["why"], ours["registers"]) == (True, "ours", {"authorities": ["manual"]})
    assert ours["version"]
    code, out, _ = run("plugins")
    assert code == 0
    assert "authorities: manual" in out
    assert max(map(len, out.splitlines())) <= 80


def test_what_the_site_does_not_allow_is_listed_but_never_loaded(run: Run, shelf: Shelf, site: Path) -> None:
    """A distribution that is not allowed is told as such and its code not imported; an allowed one is loaded."""
    shelf.put("Talker_Dist", "chat")
    row = _rows(run)["Talker_Dist:chat"]
    assert (row["enabled"], row["registers"], row["version"]) == (False, {}, "1.5")
    assert "[plugins] distributions" in str(row["why"])
    assert "not loaded" in run("plugins")[1]
    assert "Talk to it" not in run("--help")[1]
    assert run("talk", "now")[0] == 2
    assert not shelf.mark.exists()
    _allow(site, "talker.dist")
    row = _rows(run)["Talker_Dist:chat"]
    assert (row["enabled"], row["why"]) == (True, "allowed by the site")
    assert row["registers"] == {"authorities": ["talker"], "commands": ["talk"]}
    assert shelf.mark.exists()


def test_a_plugin_that_can_not_be_used_is_listed_with_the_reason(run: Run, shelf: Shelf, site: Path) -> None:
    """One that fails on import and one that fits no hook are told as broken; the others stand beside them."""
    shelf.put("Breaks", "breaks", source="raise RuntimeError('on import\\x1b[2J')")
    shelf.put("Misfits", "misfits", source=TALKER.replace("register_authorities", "register_authority"))
    shelf.put("Talks", "talks")
    _allow(site, "breaks", "misfits", "talks")
    rows = _rows(run)
    assert (rows["Breaks:breaks"]["enabled"], rows["Misfits:misfits"]["enabled"]) == (False, False)
    assert "can't be loaded" in str(rows["Breaks:breaks"]["why"])
    assert "register_authority" in str(rows["Misfits:misfits"]["why"])
    assert rows["Talks:talks"]["enabled"]
    code, out, _ = run("plugins")
    assert code == 0
    assert "no, broken" in out
    assert "\x1b" not in out
    assert "start" in run("--help")[1], "help stays"
    assert "lab" in run("--help")[1]


@pytest.mark.parametrize(
    ("twin", "told"),
    [
        ({"plugin": "one", "authority": "b", "command": "b"}, "entry point `one`"),
        ({"plugin": "two", "authority": "talker", "command": "b"}, "authority plugin `talker`"),
        ({"plugin": "two", "authority": "b", "command": "talk"}, "command `talk`"),
    ],
)
def test_two_of_one_name_are_an_error_that_names_both(
    twin: dict[str, str], told: str, run: Run, shelf: Shelf, site: Path
) -> None:
    """Two that may be loaded and share a name, or register one, end with 2 and both names; one not allowed is none."""
    shelf.put("First", "one")
    shelf.put("Second", **twin)
    _allow(site, "first")
    assert run("plugins")[0] == 0
    _allow(site, "first", "second")
    code, out, err = run("plugins", "--json")
    assert code == 2
    assert {"First", "Second"} <= {one["distribution"] for one in json.loads(out)}, "the list comes all the same"
    words = " ".join(err.split())
    assert told in words
    assert "First:one and Second:" in words


def _typed(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "engine.cli", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_without_a_site_only_ours_are_enabled(tmp_path: Path) -> None:
    """Where no site is named and none is here, the list says so; a site that was named must be there."""
    bare = _typed(tmp_path, "plugins")
    assert bare.returncode == 0
    assert "only our own plugins are enabled" in bare.stdout
    assert max(map(len, bare.stdout.splitlines())) <= 80
    absent = _typed(tmp_path, "plugins", "--site", "absent.toml")
    assert (absent.returncode, absent.stdout) == (2, "")


@pytest.mark.parametrize("how", ["option", "variable", "here"])
def test_commands_of_an_allowed_plugin_work(how: str, shelf: Shelf, site: Path) -> None:
    """However the site is named, its plugins' commands are in the help and can be used."""
    shelf.put("Talks", "talks")
    _allow(site, "talks")
    options = ("--site", str(site)) if how == "option" else ()
    variables = {"PYTHONPATH": f"{shelf.folder}:{os.getcwd()}"} | (
        {"CERTRENEW_SITE": str(site)} if how == "variable" else {}
    )
    folder = site.parent if how == "here" else shelf.folder
    assert "talk " in _typed(folder, *options, "--help", **variables).stdout
    assert _typed(folder, *options, "talk", "now", **variables).stdout == "talked\n"


@pytest.mark.parametrize("damage", ["= no TOML", 'schema = 1\nplugins = "all"\n', "\0"])
def test_help_works_with_a_broken_site(damage: str, run: Run, site: Path) -> None:
    """Help works with a site that can't be read; the list of plugins says what is wrong with it."""
    site.write_text(damage)
    code, out, _ = run("--help")
    assert code == 0
    assert "lab" in out
    assert run("plugins")[0] == 2


# ---- who adds commands ---------------------------------------------------------------------------------------------


def test_ours_that_add_commands_say_so() -> None:
    """The group `certrenew.commands` names just those of our plugins that register commands."""
    said = {one.name for one in entry_points(COMMANDS)[COMMANDS] if one.distribution == OWN}
    assert said == {one.plugin for one in installed(()) if one.distribution == OWN and one.registers.get("commands")}


def test_help_loads_no_plugin_that_is_said_to_add_none(run: Run, shelf: Shelf, site: Path) -> None:
    """Of a distribution that says which of its plugins add commands, help loads no other; else it loads them all."""
    _allow(site, "talker-dist")
    shelf.put("Talker_Dist", "chat")
    assert "Talk to it" in run("--help")[1]
    assert shelf.mark.exists()
    shelf.mark.unlink()
    sys.modules.pop("talker_dist_plugin")
    said = shelf.folder / "talker_dist-1.5.dist-info" / "entry_points.txt"
    said.write_text(said.read_text() + "[certrenew.commands]\nother = nowhere\n")
    assert "Talk to it" not in run("--help")[1]
    assert not shelf.mark.exists()
    said.write_text(said.read_text() + "chat = talker_dist_plugin\n")
    assert "Talk to it" in run("--help")[1]
