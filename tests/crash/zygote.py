"""Run commands, each in a fresh fork of a process that holds no thread, lock, socket or file.

Usage: ``python -m tests.crash.zygote``. Each line on standard input is one command (`Task`); while it runs, its process
talks on the same pipes: it asks to let time pass, and is answered when something happened in the lab. The harness holds
the lab, and with it many threads; that is why it does not fork itself.
"""

import gc
import importlib
import os
import signal
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any
from unittest import mock

import msgspec

from engine.cli import main as certrenew
from engine.runner import site
from tests import boundaries
from tests.crash import sabotage
from tests.crash.task import Said, Task

raw_write = os.write


def main() -> None:
    """Fork for each command, and say how it ended, until there are no more."""
    sys.dont_write_bytecode = True
    _remember_what_is_installed()
    for line in sys.stdin:
        task = msgspec.json.decode(line, type=Task)
        gc.freeze()  # so that no child copies what it only looks at
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _run(task, writing)
        os.close(writing)
        with os.fdopen(reading) as imported:
            _learn(imported.read().split())
        _say(Said(ended=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _learn(modules: list[str]) -> None:
    """Import what a command imported, so that the next ones find it there."""
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)


def _remember_what_is_installed() -> None:
    """Read once what each command would read again, a quarter of its time: which distributions there are."""
    installed, described = list(metadata.distributions()), vars(metadata.Distribution)["metadata"]
    mock.patch.object(metadata, "distributions", return_value=installed).start()
    mock.patch.object(metadata.Distribution, "metadata", property(cache(described.fget))).start()


def _say(what: Said, descriptor: int = 1) -> None:
    raw_write(descriptor, msgspec.json.encode(what) + b"\n")


def _run(task: Task, imported: int) -> None:
    """Be the process of one command, to its end or to the boundary where it is killed."""
    harness, code, before = os.dup(1), 1, set(sys.modules)
    told, trace = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for path in (task.told, task.trace))
    for stream in (1, 2):
        os.dup2(told, stream)
    mock.patch.object(site.Clock, "wait", lambda _clock, seconds: _let_pass(harness, seconds)).start()
    if task.sabotage:
        sabotage.KINDS[task.sabotage]()
    struck = Striking(trace, task.strike)
    boundaries.watch_files(struck.passed)
    boundaries.watch_network(struck.passed)
    boundaries.watch_shells(struck.passed)
    sys.addaudithook(struck.audit)
    try:
        certrenew(task.words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        struck.passed("before", "end")
        raw_write(imported, " ".join(sys.modules.keys() - before).encode())
        os._exit(code)


def _let_pass(harness: int, seconds: float) -> None:
    """Let time pass as the harness lets it; without a harness there is nothing to go on for."""
    _say(Said(wait=seconds), harness)
    if not os.read(0, 1):
        os._exit(1)


class Striking:
    """Note each boundary in `trace`, and kill this process at the one with the number `strike`.

    What lies between two calls is one boundary, after the one and before the other: nothing leaves the process there.
    A call that only opens leaves nothing behind a process that is dead, so it is not counted; nor is a further piece
    of the same answer.
    """

    def __init__(self, trace: int, strike: int | None) -> None:
        self._trace, self._left, self._opening, self._last = trace, strike, False, ""

    def passed(self, when: str, what: str) -> None:
        """Take note of a boundary."""
        self._opening = when == "before" and what in ("open", "create")
        if when == "after" or what == "open" or what == self._last == "answer":
            return
        self._last = what
        raw_write(self._trace, f"{what}\n".encode())
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left:
            self._left -= 1

    def audit(self, event: str, values: tuple[Any, ...]) -> None:
        """Raise where something would be written that is not watched: a file that Python itself opens, a process."""
        writes = event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes and not self._opening) or event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"):
            raise RuntimeError(f"not watched: {event} {values}")


if __name__ == "__main__":
    main()
