"""What `doctor` prints: one JSON value for scripts, 80 columns of words for people."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from plugins.lab.lab import Lab
from tests.e2e.typed import Typed, flat, to_the_end

Labs = Callable[..., Lab]


def test_json_is_one_value_and_the_exit_code_stands_in_it(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is one value on standard output and nothing else; it ends as the value says."""
    lab = labs()
    typed = Typed(lab, capsys)
    code, out, err = typed("doctor", "--json")
    told = json.loads(out)
    assert (code, err, told["ok"], told["exit_code"]) == (0, "", True, 0)
    lab.order("expe", "forget-ca", ca="old")
    code, out, _ = typed("doctor", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["exit_code"]) == (4, False, 4)
    keys = {"check", "outcome", "message", "source", "node", "todo", "exit_code"}
    assert all(set(one) == keys for one in told["findings"])


def test_text_is_grouped_by_node_in_80_columns(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """The site comes first, then each node; a finding is a word, a check, a message, and `do:` where it matters."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")
    code, out, err = Typed(lab, capsys)("doctor")
    assert (code, err) == (5, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line and not line.startswith(" ")][:3] == ["The site", "expc", "expe"]
    assert "FAIL login expc refused the login of 'admin'" in flat(out)
    assert "do: Check `username` and `password`" in flat(out)
    assert flat(out).endswith("passed. Nothing was changed. ")
    assert "\x1b" not in out


def test_a_site_that_can_not_be_used_ends_with_2(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is a finding like others, with what to type."""
    typed = Typed(labs(), capsys)
    code, out, _ = typed.anywhere("--site", "/nowhere/certrenew.toml", "doctor")
    assert code == 2
    assert "FAIL site The site file /nowhere/certrenew.toml can't be read" in flat(out)
    assert "pass plugins" in flat(out)


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_shows_what_is_looked_at(labs: Labs, variables: dict[str, str], *, coloured: bool) -> None:
    """On a terminal it shows which boxes are looked at; without colours where these are not wanted."""
    lab = labs()
    above, below = pty.openpty()
    words = [sys.executable, "-m", "engine.cli", "--site", str(lab.site_file), "--home", str(lab.home), "doctor"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **variables}
    with subprocess.Popen(words, stdin=below, stdout=below, stderr=below, env=environment) as run:
        os.close(below)
        out = to_the_end(above)
        assert run.wait() == 0
    assert "looking at expc, expe" in out
    assert ("\x1b[32mpass\x1b[0m" in out) == coloured
    assert "pass" in out


def test_nodes_are_completed(labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell completes names of nodes for doctor and inspect."""
    lab = labs()
    monkeypatch.setenv("CERTRENEW_SITE", str(lab.site_file))
    for command in ("doctor", "inspect"):
        words = {"COMP_WORDS": f"certrenew {command} exp", "COMP_CWORD": "2", "_CERTRENEW_COMPLETE": "complete_bash"}
        for name, value in words.items():
            monkeypatch.setenv(name, value)
        _, out, _ = Typed(lab, capsys).anywhere()
        assert out.split() == ["expc", "expe"]
