"""Pass the boundaries of what a process does to the world: one before and one after every call that may change it.

They are found by the calls themselves, not listed by hand. Whoever watches hears of each as it is passed, and may kill
the process there.
"""

import http.client
import os
from collections.abc import Callable
from functools import partial
from typing import Any

Passed = Callable[[str, str], None]
"""Hear of a boundary: ``before`` or ``after``, and which call."""

FILES = ("open", "write", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "truncate", "ftruncate")


def watch_files(passed: Passed, also: tuple[str, ...] = ()) -> None:
    """Watch the calls that change files, and others of `os` by name, for the rest of this process."""
    for name in (*FILES, *also):
        _watch(os, name, passed, _opened if name == "open" else partial(_named, name))


def watch_network(passed: Passed) -> None:
    """Watch requests, their bodies, and answers: every library that we use for them goes through http.client."""
    _watch(http.client.HTTPConnection, "send", passed, _sent)
    _watch(http.client.HTTPConnection, "getresponse", passed, partial(_named, "answer"))


def watch_shells(passed: Passed) -> None:
    """Watch what is typed into remote shells, and what they show, piece by piece: every one is opened by asyncssh."""
    from asyncssh.stream import SSHReader, SSHWriter

    read = SSHReader.read

    async def watched(*values: Any, **named: Any) -> Any:
        passed("before", "answer")
        shown = await read(*values, **named)
        passed("after", "answer")
        return shown

    _watch(SSHWriter, "write", passed, _typed)
    setattr(SSHReader, "read", watched)  # noqa: B010 (mypy holds a method to be no variable)


def _named(name: str, _values: tuple[Any, ...]) -> str:
    return name


def _opened(values: tuple[Any, ...]) -> str:
    """Tell a call that makes a file from one that only opens it."""
    return "create" if values[1] & os.O_CREAT and not os.path.lexists(values[0]) else "open"


def _sent(values: tuple[Any, ...]) -> str:
    """Name what is sent by its request line; what has none is a body."""
    method, _, rest = bytes(values[1]).partition(b"\r\n")[0].decode("ascii", "replace").partition(" ")
    path, _, version = rest.rpartition(" ")
    return f"request {method} {path.partition('?')[0]}" if version.startswith("HTTP/") else "body"


def _typed(values: tuple[Any, ...]) -> str:
    """Name what is typed by its first line."""
    return f"request shell {str(values[1]).partition(chr(10))[0]}"


def _watch(owner: Any, name: str, passed: Passed, told: Callable[[tuple[Any, ...]], str]) -> None:
    call = getattr(owner, name)

    def watched(*values: Any, **named: Any) -> Any:
        what = told(values)
        passed("before", what)
        result = call(*values, **named)
        passed("after", what)
        return result

    setattr(owner, name, watched)
