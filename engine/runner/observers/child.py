"""Have one observer told of one event, in a process that may hang or die without hurting anybody.

    python -m engine.runner.observers.child SITE OBSERVER LIMIT <TOLD >ANSWER

The parent gives a time limit and ends the whole process group when it is over; the child also ends itself.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from engine.errors import CertrenewError, LoginRefused, Refused, Untrusted
from engine.model import Json
from engine.text import escape

LIMIT = 30.0
"""How long telling one event may take, in seconds."""


class Answer(NamedTuple):
    """Say what became of an event: it was told, it is given up, or it is tried again; and why it was not told."""

    outcome: Literal["told", "never", "later", "much-later"]
    why: str = ""


def in_a_process(site: Path, limit: float = LIMIT) -> "Callable[[str, dict[str, Json], dict[str, Json]], Answer]":
    """Return what has an observer of this site told in a process of its own, within `limit` seconds."""

    def tell(observer: str, renewal: dict[str, Json], event: dict[str, Json]) -> Answer:
        command = [sys.executable, "-P", "-m", __name__, str(site), observer, str(limit)]
        told = json.dumps({"renewal": renewal, "event": event}).encode()
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return _answer(process.communicate(told, timeout=limit)[0])
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return Answer("later", f"it did not answer within {limit:g} seconds")

    return tell


def _answer(content: bytes) -> Answer:
    try:
        answer = msgspec.json.decode(content, type=Answer)
    except (ValueError, RecursionError):
        return Answer("later", "it ended without an answer")
    return answer._replace(why=escape(answer.why, 400))


def outcome(error: BaseException) -> Answer:
    """Say what an error means for the event. Of one that isn't ours only the name is told: its text may be secret."""
    if isinstance(error, LoginRefused):
        return Answer("much-later", error.what)
    if isinstance(error, Refused) and not isinstance(error, Untrusted):
        return Answer("never", error.what)
    return Answer("later", error.what if isinstance(error, CertrenewError) else f"it raised {type(error).__name__}")


def _tell(site: Path, observer: str, renewal: dict[str, Json], event: dict[str, Json]) -> None:
    from engine.contracts import ObserverAccess
    from engine.registry import Registry
    from engine.runner.site import Clock
    from engine.secrets import fetch
    from engine.site import load

    estate = load(site)
    registry = Registry(tuple(estate.distributions))
    entry = estate.observers.get(observer)
    if entry is None:
        registry.observe(observer, renewal, event)
        return
    where, base = f"{escape(estate.file)}: [observers.{observer}]", estate.file.parent
    access = ObserverAccess(
        observer, Clock().now, lambda reference: fetch(reference, base, f"{where}: [options]"), folder=base
    )
    registry.observer(entry, access, where).observe(renewal, event)


def main(arguments: Sequence[str]) -> None:
    """Read what to tell from standard input, tell it, answer, and end with everything that the plugin left running."""
    site, observer, limit = arguments
    signal.alarm(int(float(limit)) + 5)  # ends this process where nobody is left to do it
    answer = os.dup(1)  # not inherited by what the plugin may start; its prints go nowhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        told = json.load(sys.stdin)
        _tell(Path(site), observer, told["renewal"], told["event"])
        found = Answer("told")
    except BaseException as error:  # a plugin may raise anything, SystemExit too
        found = outcome(error)
    os.write(answer, json.dumps(found).encode())
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
