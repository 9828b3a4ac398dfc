"""Hand commands to the zygote, each with the boundary at which it is to be killed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import msgspec

KILLED = -9


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Be one command: its words, the files for its output and its boundaries, and the number of the fatal one."""

    words: list[str]
    told: str
    trace: str
    strike: int | None = None
    sabotage: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Be what the zygote says of a command, that it `ended` with this code, or the command, that it waits so long."""

    ended: int | None = None
    wait: float = 0


class Zygote:
    """Be the harness's end of the pipes. Use it as a context manager; it ends the process by closing its input."""

    def __enter__(self) -> "Zygote":
        """Start it."""
        command = [sys.executable, "-m", "tests.crash.zygote"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """End it; what it runs ends first."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(30)

    def run(self, task: Task, wait: Callable[[float], None]) -> int:
        """Run one command to its end, and return its exit code, `KILLED` when it was killed."""
        self._tell(msgspec.json.encode(task) + b"\n")
        while (said := self._hear()).ended is None:
            wait(said.wait)
            self._tell(b"\n")
        return said.ended

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    def _hear(self) -> Said:
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.readline(), type=Said)


def lines(path: Path) -> list[str]:
    """Return the lines of a file; none when it is absent."""
    return path.read_text().splitlines() if path.exists() else []
