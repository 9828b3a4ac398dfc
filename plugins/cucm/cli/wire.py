"""Say what to type at a node's OS command line, and judge what it shows. Pure: no connection is opened here.

A script is a generator: it yields what to type, is sent what came of it, and returns what it was for. Each fact, its
source and how certain it is: docs/reference/cucm.md.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from engine.errors import Failed
from engine.text import escape

PROMPT = "admin:"
"""What the command line shows when it waits for a command (seen to be the same on every node)."""

OUTPUT_LIMIT = 2 * 1024 * 1024
"""Most that one command may show, in characters."""

QUESTIONS = 3
"""How often one command may ask before it is taken for a fault."""

TAIL = 600
"""How far back from the end a prompt is looked for, in characters."""

SHOWN = 200
"""How much of a node's own words is shown, in characters."""

T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """Be a line to type. `writes` says that it changes something, so that a question is answered with yes.

    `paste` is what is handed over when it asks for a certificate. `patience` is how long it may take, in seconds.
    """

    line: str
    paste: str = ""
    writes: bool = False
    patience: int = 60


Script = Generator[Command, str, T]
"""A conversation: commands out, what they showed in, and what came of it at the end."""

NO_PAGES = Command("set cli pagination off")
"""For this session only (confirmed); a node that goes on paging is answered page by page."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Z]|[=>78])")
_END = re.compile(r"\r+\n|\r+")
_PAGER = re.compile(r"press <enter>[^\n]{0,80}<space>[^\n]{0,80}", re.IGNORECASE)
_PASTE = re.compile(r"paste the certificate and hit enter", re.IGNORECASE)
_QUESTION = re.compile(r"[(\[](y|yes) ?/ ?(?:n|no)[)\]] ?[:?]? ?\Z", re.IGNORECASE)


def clean(text: str) -> str:
    """Take control sequences out and end each line with one line feed; a line written over counts as one of its own."""
    return _END.sub("\n", _ANSI.sub("", text)).replace("\x08", "").replace("\x00", "")


class Dialogue:
    """Follow what is shown after one command, in whatever pieces it comes, and say what to type next.

    A prompt counts once the command's own echo was seen, so that one left over from before ends nothing; without a
    command the first prompt counts.
    """

    def __init__(self, node: str, command: Command | None = None) -> None:
        self._node, self._command = escape(node), command or Command("")
        self._text, self._answered = "", 0
        self._pasted, self._asked, self._echoed = not self._command.paste, 0, not self._command.line
        self.done = False

    def take(self, piece: str) -> str:
        """Take what was shown now and return what to type, often nothing. Raises Failed for what can't be answered."""
        self._text += piece
        if len(self._text) > OUTPUT_LIMIT:
            raise self._failed(f"shows more than {OUTPUT_LIMIT} characters")
        end = clean(self._text[max(self._answered, len(self._text) - TAIL) :])
        if _PAGER.search(end):
            return self._answer(" ")
        if not self._pasted and _PASTE.search(end):
            self._pasted = True
            return self._answer(f"{self._command.paste.strip()}\n\n")
        if question := _QUESTION.search(end):
            return self._decide(question[1])
        self._echoed = self._echoed or _squeezed(self._command.line) in _squeezed(clean(self._text))
        self.done = self._echoed and end.rpartition("\n")[2].strip() == PROMPT
        return ""

    def _answer(self, keys: str) -> str:
        self._answered = len(self._text)
        return keys

    def _decide(self, word: str) -> str:
        self._asked += 1
        if not self._command.writes or self._asked > QUESTIONS:
            asked = clean(self._text).rstrip().rpartition("\n")[2]
            raise self._failed(f"asks '{escape(asked, SHOWN)}', which was not answered")
        return self._answer(f"{word}\n")

    @property
    def output(self) -> str:
        """Return what the command showed, without its echo, pages' ends and the prompt."""
        lines = [line for line in clean(self._text).split("\n") if not _PAGER.search(line)]
        echo = _squeezed(self._command.line)
        for number in range(len(lines)):
            if echo and echo in _squeezed("".join(lines[: number + 1])):
                lines = lines[number + 1 :]
                break
        if self.done:
            lines = lines[:-1]
        return "\n".join(lines).strip("\n")

    def _failed(self, why: str) -> Failed:
        return Failed(
            f"The command line of {self._node} {why}{self._at}.",
            untouched=left(self._command),
            todo="Log in there by SSH, type the same by hand, and look what it says.",
        )

    @property
    def _at(self) -> str:
        return f" at `{escape(self._command.line, 80)}`" if self._command.line else ""


def _squeezed(text: str) -> str:
    """Take blanks and line ends out: a terminal breaks a long line where it likes."""
    return "".join(text.split())


def left(command: Command | None) -> str:
    """Say what became of a command whose end was not seen."""
    if command is None or not command.writes:
        return "Nothing was changed."
    return "Whether it did what it was asked is not known; the next run looks first."


# ---- services ------------------------------------------------------------------------------------------------------

_SERVICE = re.compile(r"^\s*(?P<name>[^\[\]\n]{1,100}?)\s*\[(?P<state>[A-Z ]{1,30})\]", re.MULTILINE)

STARTED, STARTING, STOPPED = "STARTED", "STARTING", "STOPPED"

LIST_SERVICES = Command("utils service list", patience=120)


def read_services(output: str) -> dict[str, str]:
    """Return the last state of each service that is shown, as ``NAME[STATE]`` (seen), names as the node spells them."""
    return {found["name"]: found["state"] for found in _SERVICE.finditer(output)}


def list_services(node: str) -> Script[dict[str, str]]:
    """Read how services stand. Raises Failed when nothing of the kind is shown."""
    output = yield LIST_SERVICES
    services = read_services(output)
    if not services:
        raise unusable(node, LIST_SERVICES, output)
    return services


def restart(node: str, service: str, patience: int) -> Script[None]:
    """Restart a service and watch it: its last state must be that it starts or has started (seen). Raises Failed."""
    command = Command(f"utils service restart {service}", writes=True, patience=patience)
    output = yield command
    states = {name.casefold(): state for name, state in read_services(output).items()}
    if states.get(service.casefold()) in (STARTED, STARTING):
        return
    raise Failed(
        f"{escape(node)} did not restart {escape(service)}: {words(output)}.",
        untouched=left(command),
        todo=f"See there how it stands with: {LIST_SERVICES.line}. Restart it by hand, or run the same command again.",
    )


# ---- what went wrong -----------------------------------------------------------------------------------------------


def words(output: str) -> str:
    """Return the end of what a command showed, for people: escaped and capped."""
    lines = [line.strip() for line in output.split("\n") if line.strip()]
    return f"'{escape(' / '.join(lines)[-SHOWN:], SHOWN)}'" if lines else "it showed nothing"


def unusable(node: str, command: Command, output: str) -> Failed:
    """Make the error for a command that shows something else than it should."""
    return Failed(
        f"What {escape(node)} shows for `{escape(command.line, 80)}` can't be used: {words(output)}.",
        untouched="Nothing was changed.",
        todo="Log in there by SSH as the same user and type it by hand; the account must have privilege 1.",
    )
