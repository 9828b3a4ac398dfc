"""Hold how commands look: at most 80 columns, no trailing blank, no unwanted colour, each time with its zone."""

import os
import pty
import re
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Iterator

import pytest

from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.e2e.story import CERTIFICATE, Story

ZONE = "America/New_York"
COLOUR = "\x1b["
CLOCK = re.compile(r"\d\d\d\d-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(\S*)(?: (\w+))?")

READING: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("show", CERTIFICATE),
    ("why", CERTIFICATE),
    ("journal", CERTIFICATE),
    ("plan", CERTIFICATE),
    ("plan", CERTIFICATE, "--all"),
    ("queue", "--as", "change-manager"),
    ("doctor",),
    ("inspect", "expc"),
    ("inventory",),
    ("plugins",),
    ("show", "nothing-of-this-name"),
    ("--help",),
    ("approve", "--help"),
)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Bring a renewal to where its upload is approved, in a window that is still to come."""
    lab = Lab(tmp_path_factory.mktemp("look") / "lab", Options(restart_seconds=0.3, cucm=False))
    lab.start()
    try:
        story = Story(lab)
        story.begin(change="CHG0042")
        story.until("TrustPropagated")
        assert _piped(story, "approve", CERTIFICATE, "--as", "change-manager", "--from", "2099-01-01T00:00Z")[0] == 0
        assert _piped(story, "run", CERTIFICATE)[0] == 3
        yield story
    finally:
        lab.stop()


def _environment(story: Story, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    named = {"CERTRENEW_SITE": str(story.lab.site_file), "CERTRENEW_HOME": str(story.lab.home), "TZ": ZONE}
    return {**kept, "TERM": "xterm-256color", **named, **more}


def _piped(story: Story, *words: str, **more: str) -> tuple[int, str]:
    """Type a command whose output goes into a pipe; return its exit code and both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", *words],
        env=_environment(story, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def _on_terminal(story: Story, columns: int, *words: str, **more: str) -> str:
    """Type a command on a terminal of so many columns; return what it wrote there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *words],
        env=_environment(story, **more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes any more
        return b""


def _cells(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(one) in "WF" for one in line)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_is_piped_is_plain(waiting: Story, words: tuple[str, ...]) -> None:
    """In a pipe each line has at most 80 columns and no trailing blank, and nothing is coloured."""
    lines = _piped(waiting, *words)[1].splitlines()
    assert lines
    assert [line for line in lines if _cells(line) > 80] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert [line for line in lines if COLOUR in line] == []


@pytest.mark.parametrize("words", READING[:11], ids=" ".join)
def test_a_narrow_terminal_gets_less(waiting: Story, words: tuple[str, ...]) -> None:
    """On a terminal of 60 columns no line has more, but for a digest or a path that is to be copied whole."""
    plain = _on_terminal(waiting, 60, *words, NO_COLOR="1", TERM="dumb")
    long = [line for line in plain.splitlines() if _cells(line) > 60]
    assert [line for line in long if not re.fullmatch(r"Digest [0-9a-f]{64}", line)] == []


@pytest.mark.parametrize("words", [("show", CERTIFICATE), ("list",)], ids=" ".join)
def test_colour_is_only_where_it_is_wanted(waiting: Story, words: tuple[str, ...]) -> None:
    """A terminal gets emphasis; a dumb one, and one with NO_COLOR, the same words without any colour."""
    coloured = _on_terminal(waiting, 80, *words)
    dumb = _on_terminal(waiting, 80, *words, TERM="dumb")
    assert COLOUR in coloured, "control: a terminal is seen as one"
    assert COLOUR not in dumb
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", _on_terminal(waiting, 80, *words, NO_COLOR="1"))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split()[:12] == dumb.split()[:12]


@pytest.mark.parametrize("words", READING[:11], ids=" ".join)
def test_each_time_has_its_zone(waiting: Story, words: tuple[str, ...]) -> None:
    """A time of day is in the reader's zone, and the zone is named; what is stored stays UTC."""
    told = " ".join(_piped(waiting, *words)[1].split())
    found = list(CLOCK.finditer(told))
    assert [match[0] for match in found if match[2] not in ("EST", "EDT")] == []
    if words[0] in ("show", "why", "journal", "inspect"):
        assert found, "control: there are times"


def test_the_window_is_told_as_a_person_reads_it(waiting: Story) -> None:
    """The window in what a renewal waits for is written in the reader's zone, and in UTC for scripts."""
    assert "approved by change-manager from 2098-12-31 19:00 EST" in " ".join(
        _piped(waiting, "why", CERTIFICATE)[1].split()
    )
    assert "from 2099-01-01T00:00:00Z" in _piped(waiting, "why", CERTIFICATE, "--json")[1]


def test_a_state_is_not_broken(waiting: Story) -> None:
    """In a list the ID and the state stay whole, however narrow the terminal is."""
    assert re.search(rf"{waiting.id} .*\bTrustPropagated\b", _on_terminal(waiting, 60, "list", TERM="dumb"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_can_show_it(waiting: Story, encoding: str) -> None:
    """Where the terminal's encoding lacks a sign, another stands for it, and nothing breaks."""
    code, told = _piped(waiting, "show", CERTIFICATE, PYTHONIOENCODING=encoding)
    assert (code, "New > Inspected > CSRPending" in told) == (0, True)
    assert "New → Inspected" in _piped(waiting, "show", CERTIFICATE, PYTHONIOENCODING="utf-8")[1], "control"


def test_a_phase_is_named_once(waiting: Story) -> None:
    """The only phase of a step is not told beside the step."""
    told = _piped(waiting, "plan", CERTIFICATE, "--all")[1]
    assert "change CHG0042: install, effect serve" in told
    assert "install (install)" not in told
