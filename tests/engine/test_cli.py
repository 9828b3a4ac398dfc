"""Hold the command line: one clear message, the right exit code, and nothing that fools a terminal or a script."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli import GLOBAL, globals_first, main
from engine.cli.columns import cells, table
from engine.cli.group import Group
from engine.cli.progress import Progress
from engine.cli.render import _json
from engine.model import Event, Item, Json, Renewal, Wait
from engine.store import Store
from tests.engine.samples import AT, actor, change, plan
from tests.reference import walk_commands

SITE = """
schema = 1

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "127.0.0.1:1"
hostname = "expc.example"
username = "admin"
password = "env:EXPC"

[authorities.corp]
plugin = "manual"

[certificates.expc-server]
node = "expc"
authority = "corp"

[people.bob]
name = "Bob"
"""
HOSTILE = "\x1b[2J\u202egnp.\x9b31mx\r\n\u2066"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Write a site file whose one box is not there."""
    path = tmp_path / "certrenew.toml"
    path.write_text(SITE)
    path.chmod(0o600)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make the home that the commands use."""
    return Store(tmp_path / "home")


@pytest.fixture
def run(site: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command as a person would; return exit code, standard output and standard error."""

    def typed(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--site", str(site), "--home", str(store.home), *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    return typed


def _add(store: Store, id: str = "r1", **more: object) -> Renewal:
    """Begin a renewal in the store, without any command."""
    item = Item(certificate="expc-server", node="expc", slots=["server"], authority="corp")
    told = {"state": "New", "items": [item], "since": AT, **more}
    renewal = Renewal(id=id, workflow="renewal", created=AT, requester=actor("ann", 4711), **told)  # type: ignore[arg-type]
    store.create(renewal, actor("ann", 4711), AT, "begun")
    return renewal


# ---- arguments -----------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["start", "list", "--json", "x", "--site=a", "--home=b", "--until", "r1", "lab", "--", "--site"]
)


@given(st.lists(WORDS, max_size=8))
def test_global_options_may_stand_anywhere(given_: list[str]) -> None:
    """Moving them to the front loses, adds and changes no word, keeps the order of the others, and is done once."""
    moved = globals_first(given_, Group.own)
    assert sorted(moved) == sorted(given_)
    assert globals_first(moved, Group.own) == moved

    def others(words: list[str]) -> list[str]:
        return [word for word in words if not word.startswith(GLOBAL)]

    if "--site" not in given_:
        assert others(moved) == others(given_)


def test_global_options_are_moved_with_their_values() -> None:
    """Both spellings are moved; the lab keeps its own --home."""
    assert globals_first(["show", "r1", "--home", "h", "--site=s"], Group.own) == [
        "--home",
        "h",
        "--site=s",
        "show",
        "r1",
    ]
    assert globals_first(["lab", "up", "--home", "h"], Group.own) == ["lab", "up", "--home", "h"]
    assert globals_first(["show", "lab", "--home", "h"], Group.own) == ["--home", "h", "show", "lab"]
    assert globals_first(["list", "--home"], Group.own) == ["--home", "list"]
    assert globals_first(["list", "--", "--home", "h"], Group.own) == ["list", "--", "--home", "h"]


def test_global_options_work_at_the_end(site: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A command finds site and home wherever they stand; with another home it finds another store."""
    _add(store)
    for home, expected in ((store.home, ["r1"]), (store.home / "other", [])):
        with pytest.raises(SystemExit):
            main(["list", "--json", "--home", str(home), "--site", str(site)])
        assert [one["id"] for one in json.loads(capsys.readouterr().out)] == expected


@pytest.mark.parametrize("name", [name for name, _, _ in walk_commands()])
def test_every_command_and_option_says_what_it_does(name: str) -> None:
    """Each command has a help text that is a sentence, and each of its options has one too."""
    command = next(command for other, command, _ in walk_commands() if other == name)
    assert (command.help or "").strip().splitlines()[0].endswith((".", "none does."))
    for one in command.params:
        if one.param_type_name == "option":
            assert getattr(one, "help", None), one.opts


def test_every_argument_says_what_it_is() -> None:
    """Each argument of each command has a help text."""
    arguments = [(name, one) for name, command, _ in walk_commands() for one in command.params]
    assert [name for name, one in arguments if not getattr(one, "help", None) and one.opts != ["--help"]] == []


def test_a_group_of_a_plugin_is_listed_by_name(run: Run) -> None:
    """The help names the commands that plugins add, such as the lab."""
    assert re.search(r"^\W*lab +Practise on simulated", run("--help")[1], re.MULTILINE)


def test_approving_with_json_prints_json(run: Run, site: Path, store: Store) -> None:
    """With --json an approval is one JSON value on standard output."""
    site.write_text(
        SITE.replace("schema = 1", "schema = 1\napproval = { unsigned_approvals = true, approve_for_others = true }")
    )
    _add(store)
    shown = plan(change(), step="inspect", phase="look", basis={})
    store.put_plan("r1", shown)
    code, out, _ = run("approve", "r1", "--plan", shown.digest, "--as", "bob", "--json")
    assert code == 0
    assert json.loads(out)


# ---- errors --------------------------------------------------------------------------------------------------------


def test_what_is_not_usable_ends_with_2(run: Run, site: Path, store: Store) -> None:
    """Wrong words, unknown names, a slot that is taken and a wrong site file end with 2 and a way on."""
    assert run("start", "expc-server", "--json")[0] == 0
    for arguments, told in (
        (["show", "nothing"], "certrenew list"),
        (["start", "expc-servre"], "Did you mean `expc-server`?"),
        (["start", "expc-server"], "has an open renewal"),
        (["advance", "expc-server", "--override", "eku"], "go together"),
        (["run"], "Missing argument"),
        (["lst"], "No such command"),
        (["supply", "expc-server", "/nowhere"], "can't be read"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert told in " ".join(err.replace("│", " ").split())
    site.chmod(0o666)
    code, _, err = run("start", "expc-server")
    assert code == 2
    assert "chmod go-w" in err
    assert run("list")[0] == 0, "the list needs no site"


def test_another_holder_ends_with_3(run: Run, store: Store) -> None:
    """A renewal that another process holds ends with 3 and says who; reading it works meanwhile."""
    _add(store)
    with store.hold("r1", actor("eve"), AT, "advance"):
        code, _, err = run("cancel", "r1")
        assert code == 3
        assert err.startswith("Waiting")
        assert "eve" in err
        assert run("show", "r1")[0] == 0
    assert run("cancel", "r1")[0] == 0


def test_a_safety_check_ends_with_4(run: Run, store: Store) -> None:
    """An arrow that the table does not have is refused with 4, says what was left alone, and changes nothing."""
    _add(store)
    code, out, err = run("resubmit", "r1")
    assert (code, out) == (4, "")
    assert err.startswith("Refused")
    assert "Left alone" in err
    assert "Next" in err
    assert store.load("r1").renewal.state == "New"


def test_a_changed_journal_ends_with_4(run: Run, store: Store) -> None:
    """A journal that somebody changed is told with 4; a whole one with 0."""
    _add(store)
    assert run("journal", "r1", "--verify")[0] == 0
    file = store.home / "renewals" / "r1" / "renewal.json"
    file.write_bytes(file.read_bytes().replace(b'"begun"', b'"began"'))
    code, _, err = run("journal", "r1", "--verify")
    assert code == 4
    assert "was altered" in " ".join(err.split())


def test_a_head_that_the_journal_lacks_ends_with_4(run: Run, store: Store) -> None:
    """The head noted elsewhere must be in the journal; --head needs --verify."""
    _add(store)
    head = store.load("r1").journal[-1].hash
    assert run("journal", "r1", "--verify", "--head", head)[0] == 0
    code, _, err = run("journal", "r1", "--verify", "--head", "0" * 64)
    assert code == 4
    assert "cut off" in " ".join(err.split())
    assert run("journal", "r1", "--verify", "--head", "12ab")[0] == 2
    assert run("journal", "r1", "--head", head)[0] == 2


def test_a_report_needs_no_site_and_replaces_only_itself(run: Run, store: Store, tmp_path: Path) -> None:
    """A report is written without a site file, again over itself, and not over what somebody added to it."""
    _add(store)
    pack = tmp_path / "pack"
    args = ("--site", str(tmp_path / "none.toml"), "report", "r1", "--out", str(pack))
    code, out, _ = run(*args)
    assert code == 0
    assert store.load("r1").journal[-1].hash in out
    code, out, _ = run(*args, "--json")
    assert code == 0
    assert json.loads(out)["whole"] is True
    (pack / "notes.txt").write_text("mine")
    assert run(*args)[0] == 4
    assert (pack / "notes.txt").read_text() == "mine"
    assert run(*args[:-1], f"{pack}.zip", "--zip")[0] == 0
    assert run("report", "nobody")[0] == 2


def test_a_report_of_a_changed_journal_is_written_and_ends_with_4(run: Run, store: Store, tmp_path: Path) -> None:
    """A journal that does not verify is told with 4; the report is there all the same, and says so."""
    _add(store)
    file = store.home / "renewals" / "r1" / "renewal.json"
    file.write_bytes(file.read_bytes().replace(b'"begun"', b'"began"'))
    code, out, err = run("report", "r1", "--out", str(tmp_path / "pack"))
    assert (code, out) == (4, "")
    assert "NOT RELIABLE" in err
    assert "was altered" in (tmp_path / "pack" / "PROBLEMS.txt").read_text()


def test_a_box_that_is_not_there_ends_with_5(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that does not answer ends with 5; the reason is stored, so that `why` can tell it."""
    monkeypatch.setenv("EXPC", "never-to-be-shown")
    _add(store)
    code, out, err = run("advance", "r1")
    assert code == 5
    assert "Not usable" not in err
    assert "127.0.0.1:1" in " ".join(err.split())
    assert "never-to-be-shown" not in out + err
    code, out, _ = run("why", "r1")
    assert code == 0
    assert "127.0.0.1:1" in " ".join(out.split())


# ---- for scripts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["list", "--all"], ["show", "r1"], ["why", "r1"], ["journal", "r1"], ["journal", "r1", "--verify"]],
)
def test_json_is_one_value_on_standard_output(arguments: list[str], run: Run, store: Store) -> None:
    """With --json a reading command prints just one JSON value, in ASCII, and nothing on standard error."""
    _add(store, wait=Wait(on="person", what=HOSTILE, todo="", since=AT))
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)
    assert out.isascii()
    assert not any(unicodedata.category(one) in HIDDEN for one in out if one != "\n")
    _, text, _ = run(*arguments)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_json_of_a_command_that_changes_is_the_renewal(run: Run) -> None:
    """What changes a renewal prints it as it is afterwards, with the ID that scripts go on with."""
    code, out, _ = run("start", "expc-server", "--json")
    begun: dict[str, Json] = json.loads(out)
    assert (code, begun["state"]) == (0, "New")
    code, out, _ = run("cancel", begun["id"], "--json")
    assert (code, json.loads(out)["state"]) == (0, "Cancelled")


def test_an_unreadable_renewal_does_not_hide_the_others(run: Run, store: Store) -> None:
    """The list shows what it can on standard output and tells of the rest on standard error."""
    _add(store)
    _add(store, "r2")
    (store.home / "renewals" / "r1" / "renewal.json").write_text("{")
    code, out, err = run("list", "--json")
    assert (code, [one["id"] for one in json.loads(out)]) == (0, ["r2"])
    assert "r1" in err


# ---- for people ----------------------------------------------------------------------------------------------------


def _hostile(store: Store) -> None:
    """Keep a renewal all of whose texts try to fool a terminal."""
    item = Item(certificate=HOSTILE, node=HOSTILE, slots=["server"], authority=HOSTILE)
    wait = Wait(on="authority", what=HOSTILE, todo=HOSTILE, since=AT)
    _add(store, items=[item], wait=wait)
    with store.hold("r1", actor(HOSTILE), AT, "test") as handle:
        event: Event = handle.append(HOSTILE, HOSTILE, at=AT, by=actor(HOSTILE), step="sign")
    assert event.text == HOSTILE


@pytest.mark.parametrize("arguments", [["list"], ["show", "r1"], ["why", "r1"], ["journal", "r1"], ["cancel", "r1"]])
def test_hostile_text_is_shown_escaped(arguments: list[str], run: Run, store: Store) -> None:
    """Names, reasons and events from outside reach the terminal with every control character made visible."""
    _hostile(store)
    code, out, err = run(*arguments)
    assert code == 0
    assert {one for one in out + err if unicodedata.category(one) in HIDDEN} <= {"\n"}
    assert "\\x1b" in out


def test_markup_in_a_name_is_text(run: Run, store: Store) -> None:
    """What looks like a style or an emoji to the library that prints it is shown as it is."""
    item = Item(certificate="[red]:x:[/]", node="n", slots=["server"], authority="corp")
    _add(store, items=[item])
    for arguments in (["list"], ["show", "r1"]):
        assert "[red]:x:[/]" in run(*arguments)[1]


def test_what_is_waited_for_is_no_markup_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the line with the spinner shows a zone called `[/red]` as it is, and does not trip over it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress()
    progress("wait", "waiting for [/red] [bold]x\u202e")
    progress("state", "done")
    told = capsys.readouterr().err
    assert "waiting for [/red] [bold]x\\u202e" in told


def _typed(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", *arguments],
        env={**os.environ, "PYTHONWARNINGS": "error", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_color_means_no_color(site: Path, store: Store) -> None:
    """With NO_COLOR nothing is coloured even where colour is forced; into a pipe goes no escape sequence at all."""
    _add(store)
    home = ("--home", str(store.home), "--site", str(site))
    plain = _typed("list", *home, NO_COLOR="1", FORCE_COLOR="1")
    assert plain.returncode == 0
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", plain.stdout)
    assert "r1" in plain.stdout
    piped = _typed("show", "r1", *home)
    assert "\x1b" not in piped.stdout + piped.stderr


# ---- speed ---------------------------------------------------------------------------------------------------------

HEAVY = {
    *("cryptography", "urllib3", "transitions", "tinydb", "OpenSSL", "keyring", "hypothesis", "pydantic"),
    *("rich", "importlib.metadata", "email", "socket", "ssl", "hashlib", "asyncio", "json"),
}
"""What takes long to load, and neither help nor a list needs."""
LOADED = """
import sys
from engine.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
sys.stderr.write("\\n".join(sys.modules))
"""


def _loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", LOADED, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize("arguments", [["list", "--json"], ["list"], ["--help"], ["start", "--help"]])
def test_a_quick_command_loads_nothing_heavy(arguments: list[str], store: Store) -> None:
    """Help and lists feel instant: what talks, signs, stores or draws is not loaded for them."""
    _add(store)
    assert _loaded("--home", str(store.home), *arguments) & HEAVY == set()


def test_a_command_that_needs_more_loads_it() -> None:
    """Control: the search does find a heavy module where one is needed."""
    assert "transitions" in _loaded("diagram")


# ---- JSON ----------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_json_is_printed_as_python_prints_it(value: Json) -> None:
    """The quick way gives the very text of `json.dumps` with an indent of two: beyond ASCII all is escaped."""
    assert _json(value) == json.dumps(value, indent=2)


def test_half_a_surrogate_pair_is_printed() -> None:
    """A file name that is no UTF-8 does not stop a command from printing JSON."""
    assert _json({"file": "a\udcff"}) == '{\n  "file": "a\\udcff"\n}'


# ---- columns -------------------------------------------------------------------------------------------------------

CELLS = st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=50)


@given(st.lists(st.tuples(st.text("abc1", min_size=1, max_size=12), CELLS, CELLS), min_size=1, max_size=5))
def test_a_table_fits_and_loses_nothing(rows: list[tuple[str, str, str]]) -> None:
    """A table has at most 80 columns and no trailing blank, breaks no ID, and shows every character of each cell."""
    head, rule, *lines = table(("ID", "Names", "Waits"), rows, whole=("ID",))
    assert head.split() == ["ID", "Names", "Waits"]
    assert set(rule) == {"─"}
    assert max(map(cells, [head, rule, *lines])) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [id for id, _, _ in rows]
    assert Counter("".join("".join(lines).split())) == Counter("".join("".join(map("".join, rows)).split()))


def test_a_table_that_fits_is_not_broken() -> None:
    """Short cells take one line each; a line end of ours in a cell is obeyed."""
    assert table(("A", "B"), [("x", "1"), ("yy", "2\n3")]) == ["A   B", "─────", "x   1", "yy  2", "    3"]
