"""Hold that an observer can do no harm: it runs in a process of its own, with a limit, on copies."""

import os
import select
from pathlib import Path

import pytest

from engine.errors import CertrenewError, Denied, Failed, LoginRefused, Refused, Unreachable, Untrusted, UsageError
from engine.model import Json
from engine.runner.observers import child
from engine.runner.observers.child import Answer, in_a_process, outcome
from engine.testing.observers import told
from tests.engine.observers.rude import install, write_site

CANARY = "canary-8d1f"


@pytest.fixture(autouse=True)
def _rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("RUDE_FILE", str(tmp_path / "heard"))
    monkeypatch.setenv("RUDE_SECRET", CANARY)


def _observe(folder: Path, does: str, limit: float = 60) -> Answer:
    install(folder)
    renewal, event = told()
    kept: tuple[dict[str, Json], dict[str, Json]] = told()
    answer = in_a_process(write_site(folder, does), limit)("rude", renewal, event)
    assert (renewal, event) == kept
    return answer


@pytest.mark.parametrize(
    ("does", "answer"),
    [
        ("write", Answer("told")),
        ("alter", Answer("told")),
        ("shout", Answer("told")),
        ("fail", Answer("later", "away\\x1b[2J")),
        ("refuse", Answer("never", "never")),
        ("login", Answer("much-later", "wrong password")),
        ("secretive", Answer("later", "it raised KeyError")),
        ("leave", Answer("later", "it raised SystemExit")),
        ("die", Answer("later", "it ended without an answer")),
        ("vanish", Answer("later", "it ended without an answer")),
    ],
)
def test_whatever_it_does_there_is_one_answer(tmp_path: Path, does: str, answer: Answer) -> None:
    """An observer that tells, raises, ends, crashes, prints or alters its arguments leads to one answer, and no more.

    The text of an error that isn't ours stays unknown, because it may hold a secret.
    """
    found = _observe(tmp_path, does)
    assert found == answer
    assert CANARY not in found.why


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    """When its time is over it is ended with all that it started, and its event is tried again later."""
    answer = _observe(tmp_path, "hang", limit=8)
    assert answer == Answer("later", "it did not answer within 8 seconds")
    assert _ends(int((tmp_path / "heard").read_text()))


def test_what_it_leaves_running_is_ended(tmp_path: Path) -> None:
    """An observer that told and left a thread and a program running has told; neither outlives it."""
    assert _observe(tmp_path, "linger") == Answer("told")
    assert _ends(int((tmp_path / "heard").read_text()))


def _ends(process: int) -> bool:
    """Tell whether a process has ended or does so now; being killed takes it a moment."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10 if process != os.getpid() else 0)[0])
    finally:
        os.close(handle)


def test_this_would_find_one_that_runs() -> None:
    """Control: a process that runs is found."""
    assert not _ends(os.getpid())


def test_the_hook_is_told_of_everything(tmp_path: Path) -> None:
    """A plugin with the hook `observe` is told without any entry in the site; what it alters are copies."""
    install(tmp_path, hook=True)
    renewal, event = told()
    tell = in_a_process(write_site(tmp_path), 60)
    assert tell("rude:rude", renewal, event) == Answer("told")
    assert (tmp_path / "heard").read_text() == f"{event['seq']}\n"
    assert renewal
    assert event == told()[1]


def test_a_wrong_site_is_an_answer(tmp_path: Path) -> None:
    """A site file that became wrong, or an observer that left it, is told like any failure."""
    install(tmp_path)
    path = write_site(tmp_path, "write")
    path.write_text(path.read_text().replace("does =", "dose ="))
    answer = in_a_process(path, 60)("rude", *told())
    assert answer.outcome == "later"
    assert "there is no key `dose`" in answer.why


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Failed("x"), "later"),
        (Unreachable("x"), "later"),
        (UsageError("x"), "later"),
        (Untrusted("x"), "later"),
        (CertrenewError("x"), "later"),
        (ValueError("x"), "later"),
        (KeyboardInterrupt(), "later"),
        (LoginRefused("x"), "much-later"),
        (Refused("x"), "never"),
        (Denied("x"), "never"),
    ],
)
def test_each_error_has_one_meaning(error: BaseException, expected: str) -> None:
    """Only what the receiver refused for good is given up; what somebody can mend is tried again."""
    assert outcome(error).outcome == expected


@pytest.mark.parametrize("content", [b"1", b"[]", b'["odd", ""]', b'["told", 1]', b"[" * 100_000, b"\xff", b"null"])
def test_an_answer_of_another_shape_is_no_answer(content: bytes) -> None:
    """What the process writes is not trusted either: only one of the known words, with a text, is an answer."""
    assert child._answer(content) == Answer("later", "it ended without an answer")
    assert child._answer(b'["told", ""]') == Answer("told")
