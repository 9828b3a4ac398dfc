"""What is typed at a node's command line, and what is made of what it shows."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import CertrenewError, Failed
from plugins.cucm.cli import wire
from plugins.cucm.cli.wire import PROMPT, Command, Dialogue

MORE = "Press <enter> for 1 line, <space> for one page, or <q> to quit"
LINE = "show something"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

plain = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="[]()<>:-"), max_size=30)
cuts = st.lists(st.integers(0, 400), max_size=12)


def pieces(text: str, at: Sequence[int]) -> list[str]:
    """Cut a text at some places."""
    places = [0, *sorted({min(place, len(text)) for place in at}), len(text)]
    return [text[begin:end] for begin, end in pairwise(places) if begin != end]


def played(text: str, at: Sequence[int], command: Command) -> tuple[Dialogue, list[str]]:
    """Show a text in pieces; return the dialogue and what it typed."""
    dialogue = Dialogue("node", command)
    typed = [keys for piece in pieces(text, at) if (keys := dialogue.take(piece))]
    return dialogue, typed


@given(st.lists(plain, max_size=8), cuts)
def test_output_is_the_same_in_whatever_pieces_it_comes(lines: list[str], at: list[int]) -> None:
    """What lies between the echo and the prompt comes back whole, however the connection cuts it."""
    body = "\r\n".join(lines)
    dialogue, typed = played(f"{LINE}\r\n{body}\r\n{PROMPT}", at, Command(LINE))
    assert dialogue.done
    assert typed == []
    assert dialogue.output == "\n".join(lines).strip("\n")


@given(cuts)
def test_pages_are_turned_and_left_no_trace(at: list[int]) -> None:
    """Each end of a page is answered with one space, and is not part of the output."""
    wiped = f"\r{' ' * len(MORE)}\r"
    dialogue, typed = Dialogue("node", Command(LINE)), []
    for shown in (f"{LINE}\r\none\r\n{MORE}", f"{wiped}two\r\n{MORE}", f"{wiped}three\r\n{PROMPT} "):
        typed += [keys for piece in pieces(shown, at) if (keys := dialogue.take(piece))]
    assert dialogue.done
    assert typed == [" ", " "]
    assert [line for line in dialogue.output.split("\n") if line.strip()] == ["one", "two", "three"]


def test_a_prompt_that_was_left_over_ends_nothing() -> None:
    """After Enter at the start there may be two prompts: the second does not end the command typed after it."""
    dialogue, _ = played(f"{PROMPT} ", [], Command(LINE))
    assert not dialogue.done
    dialogue, _ = played(f"{PROMPT} {LINE}\r\nanswer\r\n{PROMPT}", [8], Command(LINE))
    assert (dialogue.done, dialogue.output) == (True, "answer")


def test_the_first_prompt_ends_the_greeting() -> None:
    """Before any command the prompt itself is what is waited for; the word alone inside a line is none."""
    greeting = f"Command Line Interface is starting up\r\nuser {PROMPT} is logged in\r\n"
    assert not played(greeting, [], Command(""))[0].done
    assert played(greeting + PROMPT, [], Command(""))[0].done


def test_an_echo_that_the_terminal_broke_is_still_the_echo() -> None:
    """A long line may come back in two, with colours, and what follows is the output all the same."""
    dialogue, _ = played(f"\x1b[1mshow \r\r\nsomething\x1b[0m\r\nanswer\r\n{PROMPT}", [], Command(LINE))
    assert (dialogue.done, dialogue.output) == (True, "answer")


@given(cuts)
def test_a_certificate_is_pasted_once_when_asked_for(at: list[int]) -> None:
    """It is sent with an empty line after it, which ends it (seen), and not again when its echo comes."""
    text = f"{LINE}\r\nPaste the Certificate and Hit Enter\r\n"
    dialogue, typed = played(text, at, Command(LINE, paste=PEM, writes=True))
    assert typed == [f"{PEM.strip()}\n\n"]
    assert dialogue.take(f"{PEM}Paste the Certificate and Hit Enter\r\nSuccessfully imported\r\n{PROMPT}") == ""
    assert dialogue.done


@pytest.mark.parametrize(("asked", "answer"), [("(yes/no)?", "yes\n"), ("(y/n)", "y\n"), ("[yes/no]: ", "yes\n")])
def test_a_question_is_answered_where_something_is_to_be_changed(asked: str, answer: str) -> None:
    """Yes to what was approved, in the word that is asked for; a command that only reads answers nothing."""
    text = f"{LINE}\r\nDo you want to continue {asked}"
    assert played(text, [], Command(LINE, writes=True))[1] == [answer]
    with pytest.raises(Failed, match="Do you want to continue"):
        played(text, [], Command(LINE))


def test_who_asks_for_ever_is_not_answered_for_ever() -> None:
    """After three questions the fourth is an error, which says that the outcome is unknown."""
    dialogue = Dialogue("node", Command(LINE, writes=True))
    assert [dialogue.take("Sure? (y/n)") for _ in range(wire.QUESTIONS)] == ["y\n"] * wire.QUESTIONS
    with pytest.raises(Failed) as caught:
        dialogue.take("Sure? (y/n)")
    assert "not known" in caught.value.untouched


def test_output_without_end_is_refused() -> None:
    """What one command may show is limited; as much as the limit is taken."""
    dialogue = Dialogue("node", Command(LINE))
    dialogue.take("x" * wire.OUTPUT_LIMIT)
    with pytest.raises(Failed, match="more than"):
        dialogue.take("x")


@given(st.text(max_size=300), cuts, st.booleans())
def test_whatever_is_shown_ends_nothing_by_itself(text: str, at: list[int], writes: bool) -> None:
    """Without an echo and a prompt any text is just output, or a clear error without control characters."""
    why = ""
    try:
        dialogue, _ = played(text, at, Command(LINE, writes=writes))
        assert not dialogue.done
        assert "\r" not in dialogue.output
    except CertrenewError as error:
        why = error.what
    assert why == "" or why.isprintable()


# ---- services ------------------------------------------------------------------------------------------------------


def ended(script: wire.Script[object], *shown: str) -> object:
    """Play a script with what is shown for each command, and return what it returns."""
    next(script)
    try:
        for output in shown:
            script.send(output)
    except StopIteration as end:
        return end.value
    raise AssertionError("it wants to type more")


def test_services_and_their_last_state_are_read() -> None:
    """Names are the node's own, words around them are not read, and of several states the last counts."""
    shown = "Requesting service status, please wait...\nSystem SSH [STARTED]\nCisco Tftp[STOPPED]  Not Activated\n"
    assert wire.read_services(shown) == {"System SSH": "STARTED", "Cisco Tftp": "STOPPED"}
    assert wire.read_services("Cisco Tomcat[STOPPING]\nCisco Tomcat[STARTED]\n") == {"Cisco Tomcat": "STARTED"}
    assert wire.read_services("Cisco Tomcat is fine") == {}


def test_no_list_of_services_is_an_error() -> None:
    """An account that may not list them sees no service: that is not a node without services."""
    assert ended(wire.list_services("n"), "Cisco Tftp[STARTED]") == {"Cisco Tftp": "STARTED"}
    with pytest.raises(Failed, match="Executed command unsuccessfully"):
        ended(wire.list_services("n"), "Executed command unsuccessfully")


@pytest.mark.parametrize("last", ["STARTED", "STARTING"])
def test_a_restart_that_was_watched_is_one(last: str) -> None:
    """It has started, or it starts (both seen to mean success), in whatever case the node writes its name."""
    assert ended(wire.restart("n", "Cisco Tftp", 9), f"Cisco TFTP[STOPPING]\nCisco TFTP[{last}]") is None


@pytest.mark.parametrize(
    "shown", ["Cisco Tftp[STOPPING]", "Cisco Tftp[FAILED]", "", "Cisco Other[STARTED]", "\x1b[2JNo such service"]
)
def test_a_restart_that_was_not_seen_is_none(shown: str) -> None:
    """Anything else is an error with the node's words, and it is said that the outcome is not known."""
    with pytest.raises(Failed) as caught:
        ended(wire.restart("n", "Cisco Tftp", 9), shown)
    assert "\x1b" not in caught.value.what
    assert "not known" in caught.value.untouched
