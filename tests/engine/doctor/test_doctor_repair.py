"""Hold `doctor --repair` at the command line: it says first, asks, and ends with what is still wrong."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import main
from engine.store import Store
from tests.engine.store.samples import AT, BY, renewal

Type = Callable[..., tuple[int, str]]


class Terminal(io.StringIO):
    """Be a keyboard at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def damaged(tmp_path: Path) -> Store:
    """Make a home with a renewal whose values were changed, and one whose journal was."""
    store = Store(tmp_path / "home")
    for id in ("good", "bad"):
        store.create(renewal(id), BY, AT, "begun")
    for id, old in (("good", b'"state":"New","created"'), ("bad", b'"text":"begun"')):
        path = store.home / "renewals" / id / "renewal.json"
        path.write_bytes(path.read_bytes().replace(old, old.replace(b"w", b"W").replace(b"b", b"B"), 1))
    return store


@pytest.fixture
def type_(damaged: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    """Return what types `certrenew doctor` in a folder without a site file, and answers what it asks."""
    monkeypatch.chdir(damaged.home.parent)

    def typed(*words: str, answer: str | None = None) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO() if answer is None else Terminal(f"{answer}\n"))
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(damaged.home), "doctor", *words])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((out + err).split())

    return typed


def _contents(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answer", [None, "n", ""])
def test_nothing_is_done_unasked(damaged: Store, type_: Type, answer: str | None) -> None:
    """Without a yes it says exactly what it would do, changes no byte, and how to have it done."""
    before = _contents(damaged.home)
    code, told = type_("--repair", answer=answer)
    assert code == 4
    assert 'wrong: state is "NeW", and the journal leads to "New"' in told
    assert "repair: copy it to renewal.json." in told
    assert "Nothing was changed. Have it done: certrenew doctor --repair --yes" in told
    assert ("Make exactly this repair?" in told) is (answer is not None)
    assert _contents(damaged.home) == before


@pytest.mark.parametrize(("words", "answer"), [(("--yes",), None), ((), "y")])
def test_what_was_agreed_is_done(damaged: Store, type_: Type, words: tuple[str, ...], answer: str | None) -> None:
    """With a yes the one is repaired, and what no journal proves stays as it is, with what to do."""
    bad = (damaged.home / "renewals" / "bad" / "renewal.json").read_bytes()
    code, told = type_("--repair", *words, answer=answer)
    assert "repaired." in told
    assert damaged.verify("good") == []
    assert damaged.load("good").journal[-1].kind == "repaired"
    assert (damaged.home / "renewals" / "bad" / "renewal.json").read_bytes() == bad
    assert code == 4
    assert "The journal of bad was changed or damaged" in told
    assert "compare it with your backup" in told
    assert type_("--repair")[1].startswith("Nothing is to be repaired.")


def test_scripts_are_told_and_need_a_yes(damaged: Store, type_: Type, tmp_path: Path) -> None:
    """With --json nothing is asked: the repairs are listed, and made only with --yes."""
    before = _contents(damaged.home)
    code, told = type_("--repair", "--json", answer="y")
    listed = json.loads(told)
    assert (code, listed["exit_code"], [Path(one["path"]).parent.name for one in listed["repairs"]]) == (4, 4, ["good"])
    assert _contents(damaged.home) == before
    made = json.loads(type_("--repair", "--json", "--yes")[1])
    assert made["repairs"] == listed["repairs"]
    assert [one["check"] for one in made["findings"] if one["outcome"] == "pass"] == ["repair", "home", "clock"]


def test_doctor_alone_says_that_there_is_a_repair(damaged: Store, type_: Type) -> None:
    """Without --repair it names the damage, and that a repair can be looked at; --yes alone is a mistake."""
    before = _contents(damaged.home)
    told = type_()[1]
    assert "The journal of good proves what its file must hold. do: See what would be put right" in told
    assert "The journal of bad proves" not in told
    assert (type_("--yes")[0], type_("--repair", "expc")[0]) == (2, 2)
    assert _contents(damaged.home) == before
