"""Hold completion to its rules: it offers what there is, quickly, and never writes a word of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store import Store
from tests.engine.test_cli import SITE, _add

HEAVY = ("cryptography", "rich", "requests", "dns")
"""What no completion of a renewal, a certificate, a node or a person may load."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a site file, and a home with one open renewal."""
    site = tmp_path / "certrenew.toml"
    site.write_text(SITE)
    site.chmod(0o600)
    _add(Store(tmp_path / "home"), "abcd2345")
    return tmp_path


def _complete(place: Path, *words: str, program: str = "bash", loaded: bool = False) -> tuple[list[str], str]:
    """Ask as a shell does, the last word incomplete; return what is offered, and standard error."""
    line = " ".join(("certrenew", *words))
    told = {
        "_CERTRENEW_COMPLETE": f"complete_{program}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": line,
        "CERTRENEW_SITE": str(place / "certrenew.toml"),
        "CERTRENEW_HOME": str(place / "home"),
    }
    importing = ["-X", "importtime"] if loaded else []
    done = subprocess.run(
        [sys.executable, *importing, "-m", "engine.cli"],
        env={**os.environ, **told},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split(), done.stderr


OFFERED = [
    (("show", ""), ["abcd2345", "expc-server"]),
    (("approve", "ab"), ["abcd2345"]),
    (("start", ""), ["expc-server"]),
    (("doctor", ""), ["expc"]),
    (("inspect", "e"), ["expc"]),
    (("queue", "--as", ""), ["bob"]),
    (("advance", "--until", "Val"), ["Validated"]),
    (("advance", "--override", "same-"), ["same-ca", "same-name-ca"]),
    (("lab", "fault", "expc", "drop"), ["drop-before", "drop-after"]),
    (("with",), ["withdraw"]),
]


@pytest.mark.parametrize(("words", "offered"), OFFERED, ids=lambda one: " ".join(one))
def test_what_there_is_is_offered(place: Path, words: tuple[str, ...], offered: list[str]) -> None:
    """Renewals, certificates, nodes, people, states, checks, faults and commands are completed."""
    assert _complete(place, *words) == (offered, "")


def test_the_nodes_of_the_lab_are_offered(place: Path) -> None:
    """`lab fault` completes the boxes and authorities of the lab in the folder, and nothing where none is."""
    assert _complete(place, "lab", "fault", "e") == ([], "")
    (place / "home" / "lab.json").write_text('{"nodes": {"expc": {}, "expe": {}}, "authorities": {"corporate": {}}}')
    assert _complete(place, "lab", "fault", "e") == (["expc", "expe"], "")
    (place / "home" / "lab.json").write_text("[]")
    assert _complete(place, "lab", "fault", "e") == ([], "")


def test_other_shells_show_what_stands_behind(place: Path) -> None:
    """A shell that can show help beside a word gets it: the renewal's certificate and state."""
    offered, fault = _complete(place, "show", "abcd", program="zsh")
    assert '(("abcd2345":"expc-server\\\\: New"))' in " ".join(offered)
    assert fault == ""


@pytest.mark.parametrize("broken", ["[nodes", "schema = 99\n"])
@pytest.mark.parametrize("words", [("inspect", "e"), ("queue", "--as", "")], ids=lambda one: " ".join(one))
def test_a_broken_site_completes_nothing(place: Path, words: tuple[str, ...], broken: str) -> None:
    """A site file that can't be used, or is not there, completes nothing and says nothing."""
    (place / "certrenew.toml").write_text(broken)
    assert _complete(place, *words) == ([], "")
    (place / "certrenew.toml").unlink()
    assert _complete(place, *words) == ([], "")


def test_a_damaged_home_completes_the_rest(place: Path) -> None:
    """A renewal that can't be read is left out without a word."""
    other = place / "home" / "renewals" / "zzzz2345"
    other.mkdir()
    (other / "document.json").write_text("{")
    assert _complete(place, "show", "") == (["abcd2345", "expc-server"], "")


@pytest.mark.parametrize("words", [words for words, _ in OFFERED[:6]], ids=lambda one: " ".join(one))
def test_nothing_heavy_is_loaded(place: Path, words: tuple[str, ...]) -> None:
    """Completing must feel instant, so it loads no cryptography, no network and no layout."""
    offered, told = _complete(place, *words, loaded=True)
    names = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert offered
    assert "typer" in names, "control: imports are seen"
    assert not names.intersection(HEAVY)
