"""Start deliveries beside a command, and say which observers are in trouble."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.errors import CertrenewError
from engine.store import files
from engine.text import escape, moment, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from engine.runner.site import Site
    from engine.store.outbox import Retry

RECENT = timedelta(days=1)
"""How long a loss is shown as a problem."""

GRACE = 5.0
"""How long a command that nobody watches waits at its end for telling to end, in seconds."""

STARTED: list["subprocess.Popen[bytes]"] = []
"""Deliveries that this process started and that may still run."""


def deliver_due(site: "Site") -> datetime | None:
    """Start telling the observers what they were not told yet, beside us, and return without waiting.

    Starts nothing where the site has no observer, where nothing was appended since the last call and no retry is due.
    Returns when the next retry is due, None when none is known. Never raises for what is wrong with an observer:
    `problems` tells that. Call it whenever something was recorded, and in a loop at each pass.
    """
    unfinished = any(one.poll() for one in STARTED)  # it ran out of time, or failed
    STARTED[:] = [one for one in STARTED if one.poll() is None]
    try:
        observers = _observers(site)
        if not observers:
            return None
        retries = [one for name in observers for one in _retries(site, name)]
        if unfinished or site.store.appended != site.heard or _any_due(site, retries):
            _start(site)
        return min((moment(one.next) for one in retries), default=None)
    except (CertrenewError, OSError) as error:
        site.tell("note", f"Nobody was told of this: {error}")
        return None


def _observers(site: "Site") -> tuple[str, ...]:
    return (*site.estate.observers, *site.registry.onlookers)


def _retries(site: "Site", name: str) -> "list[Retry]":
    from engine.store.outbox import Outbox

    try:
        position = Outbox(site.store.home, name).position()
    except CertrenewError:  # damaged: the delivery begins it anew; or newer, which `problems` tells
        return []
    return list(position.retry.values()) if position else []


def _any_due(site: "Site", retries: "list[Retry]") -> bool:
    if not retries:
        return False
    from engine.runner.observers.backoff import is_due

    return any(is_due(one, site.clock.now(), site.estate.file) for one in retries)


def _start(site: "Site") -> None:
    """Start a process that outlives this one for a short time; it has no terminal. Its errors go into a file."""
    home, since = site.store.home.absolute(), stamp(site.since)
    trouble = _trouble(site)
    files.make_folder(trouble.parent)
    with os.fdopen(os.open(trouble, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as errors:
        STARTED.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", __package__, str(site.estate.file), str(home), since],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        )
    site.heard, site.since = site.store.appended, site.clock.now()


def linger() -> None:
    """Wait a short time until the deliveries that were started have ended; where they last longer, leave them.

    For a command that nobody watches, as its last deed: whoever started it (a container, a systemd unit) may end
    everything that it leaves running. No lock is held meanwhile.
    """
    over = time.monotonic() + GRACE
    for one in STARTED:
        with suppress(subprocess.TimeoutExpired):
            one.wait(max(over - time.monotonic(), 0))


def _trouble(site: "Site") -> "Path":
    return site.store.home / "observers" / "trouble"


def problems(site: "Site") -> list[str]:
    """Say, a line each, which observers can't tell what they should, why, and what is done about it. Read-only."""
    try:
        observers = _observers(site)
        found = [problem for name in observers for problem in _problems(site, name)]
        return found + _failed(site) if observers else []
    except CertrenewError as error:  # a plugin that can't be loaded
        return [f"Nobody is told of anything: {error}"]


def _failed(site: "Site") -> list[str]:
    """Tell of the last delivery's own error, which is a bug or a full disk; a healthy one leaves an empty file."""
    try:
        lines = files.read(_trouble(site)).decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return []
    last = next((line for line in reversed(lines) if line.strip()), "")
    return [f"Telling observers ended with an error: {escape(last, 300)}"] if last else []


def _problems(site: "Site", name: str) -> list[str]:
    from engine.store.outbox import Outbox

    entry = site.estate.observers.get(name)
    try:
        if entry is not None:
            where = f"{escape(site.estate.file)}: [observers.{name}]"
            site.registry.observer_options(entry, where, site.estate.file.parent)
        position = Outbox(site.store.home, name).position()
    except CertrenewError as error:
        return [f"Observer {escape(name)} tells nobody: {error.what} {error.todo}".rstrip()]
    if position is None:
        return []
    told = [
        f"Observer {escape(name)} could not tell event {one.seq} of renewal {escape(renewal)}: {one.why.rstrip('.')}. "
        f"Tries so far: {one.attempts}; the next is due at {one.next}."
        for renewal, one in position.retry.items()
    ]
    since = site.clock.now() - RECENT
    return told + [f"Observer {escape(name)}: {one.what}." for one in position.lost if moment(one.at) > since]
