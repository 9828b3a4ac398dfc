"""Sit at the desk of the person on call: type commands beside a running lab, and hold each refusal to the same rules.

    desk.fails("run", "expc-server", code=5, what="refused the login", left="not tried again", todo="`password`")

Every command is the real command line in this process, against real sockets; the lab's log says what it did to a box.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from engine.cli import main
from engine.model import Json
from tests.e2e.story import CERTIFICATE, Story

CHANGES = (
    "csr-generated",
    "csr-discarded",
    "trust-appended",
    "trust-removed",
    "certificate-installed",
    "restarting",
    "service-restarting",
)
"""The effects that a person would have to undo or explain."""

LABELS = {2: "Not usable", 3: "Waiting", 4: "Refused", 5: "Failed"}
NOTHING = r"^Nothing was changed\.$"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PART = re.compile(rf"^({'|'.join(LABELS.values())}|Left alone|Next) +(.*)$")


@dataclass(frozen=True)
class Told:
    """Be what one command said: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def parts(self) -> dict[str, str]:
        """Return the message's parts by label, each in one line."""
        found: dict[str, str] = {}
        label = ""
        for line in self.err.splitlines():
            begun = _PART.match(line)
            if begun:
                label = begun[1]
                assert label not in found, f"two messages: {self.err}"
            if label:
                found[label] = f"{found.get(label, '')} {begun[2] if begun else line}".strip()
        return {name: " ".join(text.split()) for name, text in found.items()}


@dataclass(frozen=True)
class Case:
    """Be one piece of bad luck, in a renewal that stands in `state`.

    `breaks` brings it about, `mends` takes the cause away; `words` are typed meanwhile. `what`, `left` and `todo` are
    patterns for the three parts of the message, `did` the changes that were made before it went wrong.
    """

    name: str
    state: str
    breaks: Callable[[Story], object]
    code: int
    what: str
    left: str
    todo: str
    mends: Callable[[Story], object] = lambda story: None
    words: Sequence[str] = ("run", CERTIFICATE)
    did: Sequence[str] = ()


class Desk:
    """Be a person with a shell beside a lab, in the middle of one renewal."""

    def __init__(self, story: Story, capsys: pytest.CaptureFixture[str]) -> None:
        self.story, self._capsys = story, capsys

    def type(self, *words: str) -> Told:
        """Type one command and return what it said. No command shows a traceback or fools a terminal."""
        lab = self.story.lab
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--site", str(lab.site_file), "--home", str(lab.home), *words])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        plain_to_see(err if "--json" in words else out + err)
        return Told(int(ended.value.code or 0), out, err)

    def json(self, *words: str) -> Json:
        """Type a reading command and return its value."""
        told = self.type(*words, "--json")
        assert told.out.isascii()
        assert told.code == 0, told.err
        return json.loads(told.out)

    def fails(self, *words: str, code: int, what: str, left: str, todo: str, did: Sequence[str] = ()) -> Told:
        """Type a command that can't be carried out: three parts, the exit code, and nothing done that is not told."""
        before, state = self.changes(), self._stored()
        told = self.type(*words)
        assert told.code == code, told.err
        assert set(told.parts) == {LABELS[code], "Left alone", "Next"}, told.err
        for pattern, label in ((what, LABELS[code]), (left, "Left alone"), (todo, "Next")):
            assert re.search(pattern, told.parts[label]), f"{label}: {told.parts[label]!r} has no {pattern!r}"
        assert [kind for _, kind in self.changes()[len(before) :]] == list(did)
        assert self._stored() == state
        if told.code > 2:
            again = self.type("why", self.story.id).out
            assert "Left alone" in again or told.code == 3
        return told

    def meets(self, case: Case, end: str = "Restarted") -> Told:
        """Go through one case and on to the end: nothing is lost, half done or repeated."""
        story = self.story
        if case.state:
            story.begin()
            story.until(case.state)
        case.breaks(story)
        told = self.fails(*case.words, code=case.code, what=case.what, left=case.left, todo=case.todo, did=case.did)
        case.mends(story)
        if not story.id:
            story.begin()
        story.runner = story.as_("engineer")
        assert story.until(end).state == end
        self.nothing_repeated()
        return told

    def nothing_repeated(self) -> None:
        """Assert that no effect happened twice on any box, no CSR was thrown away, and the journal is whole."""
        entries = [entry for entry in self.story.lab.effects.all() if entry["kind"] in CHANGES]
        seen = [(entry["node"], entry["kind"], entry.get("store"), entry.get("fingerprint")) for entry in entries]
        assert len(set(seen)) == len(seen), seen
        assert "csr-discarded" not in {kind for _, kind, *_ in seen}
        assert self.story.whole()

    def changes(self) -> list[tuple[str, str]]:
        """Return what was changed on boxes so far, as (node, kind)."""
        entries = self.story.lab.effects.all()
        return [(str(entry["node"]), str(entry["kind"])) for entry in entries if entry["kind"] in CHANGES]

    def _stored(self) -> Any:
        if not self.story.id:
            return sorted(path.name for path in self.story.lab.home.glob("renewals/*"))
        assert self.story.whole()
        now = self.story.renewal
        return now.state, now.round, [(item.csr, item.leaf) for item in now.items]


def fault(name: str, node: str = "expc", **more: Any) -> Callable[[Story], None]:
    """Return what orders a fault."""
    return lambda story: story.lab.order(node, name, **more)


def cleared(story: Story) -> None:
    """Clear every fault of both boxes."""
    for node in story.lab.boxes:
        story.lab.clear(node)


def site(old: str, new: str) -> Callable[[Story], None]:
    """Return what edits the site file, once, behind the back of every process."""

    def edit(story: Story) -> None:
        text = story.lab.site_file.read_text()
        assert old in text
        story.lab.site_file.write_text(text.replace(old, new, 1))

    return edit


def plain_to_see(text: str) -> None:
    """Assert that a text fits 80 columns and has no character that a person can't see."""
    assert {one for one in text if unicodedata.category(one) in HIDDEN} <= {"\n"}
    assert [line for line in text.splitlines() if cells(line) > 80] == []


def cells(line: str) -> int:
    """Return how many columns a line takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in line)
    return len(line) + wide - sum(unicodedata.category(one) in ("Mn", "Me") for one in line)
