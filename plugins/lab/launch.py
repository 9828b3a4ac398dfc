"""Start a lab in the background, end it, and read the command line's options for it."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import filelock
import msgspec

from engine.errors import Failed, UsageError
from engine.model import Json
from engine.text import escape
from plugins.lab import control, site
from plugins.lab.estate import Options, boxes

PATIENCE = 30
"""How long a lab may take to start or to end, in seconds."""


def options(*, releases: Sequence[str], switches: Sequence[str], days_left: Sequence[str], **more: Json) -> Options:
    """Read ``NODE=VALUE`` words into options. Raises UsageError; the lab itself judges names and values."""
    settings: dict[str, dict[str, str]] = {}
    for word in switches:
        name, setting = _pair(word, "[NODE.]NAME=SETTING")
        node, dot, switch = name.partition(".")
        settings.setdefault(node if dot else "*", {})[switch if dot else name] = setting
    days = {node: _whole(days) for node, days in (_pair(word, "NODE=DAYS") for word in days_left)}
    every = [plan.name for plan in boxes(**{name: bool(more.get(name)) for name in ("cluster", "neighbour", "shared")})]
    return Options(releases=_releases(releases, every), switches=settings, days_left=days, **more)


def _releases(words: Sequence[str], every: Sequence[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for word in words:
        chosen |= dict([_pair(word, "NODE=RELEASE")]) if "=" in word else dict.fromkeys(every, word)
    return chosen


def _pair(word: str, shape: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise UsageError(f"{escape(word)} is not of the form {shape}.")
    return name, value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"{escape(text)} is no number of days.") from error


def detach(home: Path, chosen: Options) -> None:
    """Start a lab in a session of its own and return when it is ready.

    Raises UsageError when one runs there already, Failed when it does not come up; its output is in ``lab.log``.
    """
    site.claim(home).release()
    reading, writing = os.pipe()
    try:
        child = _spawn(home, chosen, writing)
        os.close(writing)
        _await_news(home, child, reading)
    finally:
        os.close(reading)


def _spawn(home: Path, chosen: Options, news: int) -> "subprocess.Popen[bytes]":
    log = site.fresh(home / "lab.log")
    # -P keeps folders of the current directory from taking the place of the installed packages.
    command = [sys.executable, "-P", "-m", "plugins.lab.serve", str(home.resolve())]
    command += [msgspec.json.encode(chosen).decode(), str(news)]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[news],
            start_new_session=True,
        )


def _await_news(home: Path, child: "subprocess.Popen[bytes]", reading: int) -> None:
    ready, _, _ = select.select([reading], [], [], PATIENCE)
    news = os.read(reading, 65536) if ready else b""
    if news == b"{}":
        child.returncode = 0  # it lives on in its own session; its end is not ours to wait for
        return
    child.kill()
    child.wait()
    if news:
        raise UsageError(**json.loads(news))
    raise Failed(f"The lab in {escape(home)} did not come up.", todo=f"Its output is in {escape(home / 'lab.log')}.")


def end(home: Path) -> bool:
    """End the lab that runs in `home` and wait until it has; return False when none ran. Raises Failed.

    It is asked by its control endpoint, and by a signal to its own process if that does not answer.
    """
    if not home.is_dir():
        raise UsageError(f"There is no folder {escape(home)}.", todo="Name the lab's folder with --home DIR.")
    lock = site.lock(home)
    if _free(lock, 0):
        return False
    try:
        control.order(home, "stop")
    except (UsageError, Failed):
        _signal(home)
    if not _free(lock, PATIENCE):
        raise Failed(f"The lab in {escape(home)} does not end.", todo="Its process is named in lab.json as pid.")
    return True


def _free(lock: filelock.BaseFileLock, patience: float) -> bool:
    try:
        with lock.acquire(timeout=patience):
            return True
    except filelock.Timeout:
        return False


def _signal(home: Path) -> None:
    """Tell the process that lab.json names to end; a lab deletes an older lab.json as soon as it holds the lock."""
    try:
        pid = int(json.loads((home / site.DESCRIPTION).read_text(encoding="utf-8"))["pid"])
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError, KeyError):
        return


def read_text(file: Path) -> str:
    """Read a small text file that a person named. Raises UsageError."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{escape(file)} can't be read as text.", untouched="Nothing was signed.") from error
