"""Hold the command to a quick start: it loads and builds only what it needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from engine.cli import main
from tests.engine.check.files import GOOD

NEEDLESS = {"rich", "tinydb", "pluggy", "urllib3", "transitions", "bcrypt", "html", "engine.certificates.decoded"}
"""What other commands need, or what is needed for unusual files only."""
LOOK = "import atexit, sys; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr));"


def loaded(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a command has loaded at its end."""
    words = [sys.executable, "-c", f"{LOOK} from engine.cli import main; main()", *arguments]
    done = subprocess.run(words, cwd=folder, env={"PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True)
    return set(ast.literal_eval(done.stderr.decode().strip().splitlines()[-1]))


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_it_loads_only_what_it_needs(folder: Path, more: tuple[str, ...]) -> None:
    """Judging loads neither rich nor what talks, stores or plugs in; nor the reader of decoded text."""
    found = loaded(folder, "check", *GOOD, *more)
    assert "engine.certificates.rules" in found
    assert found & NEEDLESS == set()


def test_the_look_finds_what_is_loaded(folder: Path) -> None:
    """Control: with a decoded text its reader is loaded; what finds plugins is for a command that needs them."""
    (folder / "old.txt").write_text("Subject: CN=a\nNot After : x\n")
    assert "engine.certificates.decoded" in loaded(folder, "check", "new.pem", "--current", "old.txt")
    assert "pluggy" in loaded(folder, "plugins")


def test_only_the_command_that_is_meant_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command's parameters are looked at when it is typed; for another, for help and for a slip they are not."""
    built: list[str] = []
    make = typer.main.get_command_from_info

    def noted(info: typer.models.CommandInfo, **more: object) -> object:
        built.append(str(info.name))
        return make(info, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(typer.main, "get_command_from_info", noted)
    for words, meant in ((["diagram"], ["diagram"]), (["--help"], []), (["lst"], [])):
        built.clear()
        with pytest.raises(SystemExit):
            main(words)
        assert set(built) == set(meant)
