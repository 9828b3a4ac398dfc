"""Hold that the page tells everything, in words, and neither runs nor loads anything, whatever is in the record."""

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.model import Change, Effect, Plan
from engine.report import files
from engine.report.page import page
from engine.store import Store
from tests.engine.report.samples import BY, decided, event, found, planned, stored

HOSTILE = '<script src="https://evil.example/x.js"></script><img src=x onerror=alert(1)>"\'>&\x1b[31m\u202e'
ATTRIBUTES = {"class", "data-label", "lang", "charset", "name", "content", "http-equiv"}
TEXT = {
    "h1",
    "h2",
    "h3",
    "p",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "code",
    "small",
    "strong",
    "span",
    "div",
    "section",
    "footer",
}
TAGS = TEXT | {"html", "head", "meta", "title", "style", "body", "table", "thead", "tbody", "tr", "th", "td"}


class Parsed(HTMLParser):
    """Collect a page's elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a home with a renewal that has just begun."""
    return stored(tmp_path / "home")


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set another time zone."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def marks(text: str) -> str:
    """Return what stands before the story."""
    return text.partition("<h2>Story</h2>")[0]


def test_nothing_is_loaded_or_run(store: Store) -> None:
    """The page has no element and no attribute that could load or run something, and its policy forbids both."""
    event(store, "found", HOSTILE, values={"change": HOSTILE})
    store.note("r1", {"kind": "exchange", "at": HOSTILE, "method": HOSTILE, "path": HOSTILE, "error": HOSTILE})
    decided(store, planned(store), reason=HOSTILE)
    text = page(found(store))
    parsed = Parsed(text)
    assert parsed.tags <= TAGS
    assert parsed.attributes <= ATTRIBUTES
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|expression|https?:", style[0])
    assert "default-src 'none'; style-src 'unsafe-inline'" in text


def test_text_from_outside_stays_text(store: Store) -> None:
    """Markup in a text is shown as it is, and control and bidirectional characters are spelled out."""
    event(store, "found", HOSTILE)
    text = page(found(store))
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    shown = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert shown in Parsed(text).text


def test_an_open_renewal_without_anything_is_told(store: Store) -> None:
    """A renewal that has just begun has a report too, which says what it lacks."""
    text = page(found(store))
    assert "OPEN: nothing is in the way" in text
    assert "NO NEW CERTIFICATE" in text
    assert "No transcript was kept" in text
    assert "Nothing out of the ordinary is on record." in text


def test_what_stands_out_is_said_in_words_at_the_top(store: Store) -> None:
    """Emergency, override, unsigned and rejecting decisions, a person's word and failed tries are named first."""
    event(store, "emergency", "goes on without its approvals")
    override = {"check": "validity", "reason": "no other way", "by": BY.plain()}
    event(store, "override", "validity overridden", values={"overrides": [override]})
    event(store, "confirmed", "a person says it is done")
    event(store, "brought", "erin brought the list of what expc trusts")
    wait = {"on": "fault", "what": "it is down", "todo": "", "since": "", "poll_after": 0, "plan": ""}
    event(store, "stopped", "it is down", step="restart", values={"wait": wait})
    decided(store, planned(store), verb="reject", reason="freeze")
    top = marks(page(found(store)))
    for word in (
        "EMERGENCY",
        "OVERRIDE",
        "UNSIGNED",
        "REJECTED",
        "FAILED TRIES",
        "A PERSON&#x27;S WORD",
        "SEEN BY A PERSON",
    ):
        assert f'<strong class="word">{word}</strong>' in top


def test_waiting_for_people_is_no_failure(store: Store) -> None:
    """A stop that only waits is not counted among the failed tries."""
    wait = {"on": "approval", "what": "needs one", "todo": "", "since": "", "poll_after": 0, "plan": ""}
    event(store, "stopped", "needs one", step="install", values={"wait": wait})
    text = page(found(store))
    assert "FAILED TRIES" not in text
    assert "OPEN: needs one" in text


def test_times_are_in_utc_and_in_the_named_zone(store: Store, berlin: None) -> None:
    """Each time is UTC, with the local one and its zone after it where that is another."""
    text = page(found(store))
    assert "2026-11-23 16:00:00 UTC" in text
    assert "(17:00:00 CET)" in text
    assert "(CET)" in text


def test_a_step_that_was_never_proven_is_said(store: Store) -> None:
    """A change that was begun and has no proof is NOT PROVEN; once its step was proven, the event is named."""
    change = Change(action="upload", target="expc", effect=Effect.SERVE, what="put it there")
    plan = Plan(renewal="r1", step="install", phase="install", round=0, basis={}, changes=[change], made_at="")
    store.put_plan("r1", plan)
    event(store, "intent", "put it", step="install", data={"change": change.key, "round": 0, "plan": plan.digest})
    assert '<strong class="word">NOT PROVEN</strong>' in page(found(store))
    event(store, "state", "Installed", step="install")
    text = page(found(store))
    assert "NOT PROVEN" not in text
    assert "its step was proven as a whole (event 3)" in text


# ---- what can't be relied on ---------------------------------------------------------------------------------------


def test_a_changed_journal_is_told_first(store: Store) -> None:
    """A journal that does not verify is named at the top of the page, in a file of its own and in the recipe."""
    file = store.home / "renewals" / "r1" / "renewal.json"
    file.write_bytes(file.read_bytes().replace(b'"renewal begun"', b'"renewal began"'))
    whole = files(found(store))
    assert '<strong class="word">NOT RELIABLE</strong>' in marks(whole["report.html"].decode())
    assert '<strong class="word">DOES NOT VERIFY</strong>' in marks(whole["report.html"].decode())
    assert b"was altered" in whole["PROBLEMS.txt"]
    assert b"THIS RECORD IS NOT RELIABLE" in whole["VERIFY.md"]


@pytest.mark.parametrize("part", ["plans", "decisions"])
def test_what_is_damaged_beside_the_journal_is_named(store: Store, part: str) -> None:
    """A plan or decision that was altered is left out and named, and the rest of the report is written."""
    decided(store, planned(store))
    assert found(store).problems == []
    for path in (store.home / "renewals" / "r1" / part).iterdir():
        path.write_bytes(path.read_bytes().replace(b'"install"', b'"restart"').replace(b'"d1"', b'"d2"'))
    problems = found(store).problems
    assert len(problems) == 1
    assert "is damaged" in problems[0]
    assert "PROBLEMS.txt" in files(found(store))


def test_a_decision_that_carried_a_change_can_not_be_swapped(store: Store) -> None:
    """A decision that is not the one that the journal noted is told, and so is one that is missing."""
    plan = planned(store)
    decision = decided(store, plan)
    data = {"plan": plan.digest, "change": "c", "round": 0, "approved_by": ["anna"], "decisions": [decision.noted()]}
    event(store, "intent", "put it there", step="install", data=data)
    assert found(store).problems == []
    (store.home / "renewals" / "r1" / "decisions" / "d1.json").unlink()
    assert "the decision d1 that carried it is missing or changed" in found(store).problems[0]
    decided(store, plan, reason="another")
    assert "the decision d1 that carried it is missing or changed" in found(store).problems[0]


def test_a_journal_of_another_shape_breaks_nothing(tmp_path: Path) -> None:
    """Whatever a changed journal holds in an event's data, the report is written; no command is made of it."""
    store = stored(tmp_path / "home", terms={"signers": "anna ssh-ed25519 AAAA"})
    data = {"decisions": [1], "approved_by": {"a": 1}, "plan": None, "findings": [{"outcome": "x"}], "change": 3}
    event(store, "intent", "expc-server", data={**data, "round": "x"})
    decided(store, planned(store), id="d9", at="no time", person="$(id)`", signature="none")
    store.note("r1", ["no object"])
    store.note("r1", {"kind": "handshake", "at": "no time", "sha256": 5, "address": None})
    whole = files(found(store))
    assert b"expc-server" in whole["report.html"]
    assert b"d9 can't be judged" in whole["VERIFY.md"]
    assert b"ssh-keygen -Y" not in whole["VERIFY.md"]
