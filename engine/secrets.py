"""Fetch secrets by reference; the site file holds only where they are.

`env:NAME`, `file:PATH` (relative to the site file; must be readable by its owner alone), `keyring:SERVICE/USER` (needs
the extra ``keyring``) or a list of arguments whose standard output is the secret.
"""

import os
import stat
import subprocess
from pathlib import Path

from engine.errors import UsageError
from engine.settings import expand
from engine.text import escape

COMMAND_TIMEOUT = 30
"""How long a command may take to print a secret, in seconds."""


def fetch(reference: str | list[str], base: Path, where: str) -> str:
    """Return the secret, without the newline at its end. `where` names the setting in errors.

    Raises UsageError that names the reference, never what it led to.
    """
    if isinstance(reference, list):
        return _from_command(reference, where)
    kind, colon, rest = reference.partition(":")
    sources = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
    if not colon or kind not in sources:
        raise UsageError(
            f"{where}: the secret is not given by reference.",
            todo="Use env:NAME, file:PATH, keyring:SERVICE/USER or a list of arguments; never the secret itself.",
        )
    secret = sources[kind](rest, base, where)
    if not secret:
        raise UsageError(f"{where}: {kind}:{escape(rest)} is empty.", todo="Put the secret there.")
    return secret


def _from_environment(name: str, _base: Path, where: str) -> str:
    if name not in os.environ:
        raise UsageError(f"{where}: the variable {escape(name)} is not set.", todo=f"Set it: export {escape(name)}=...")
    return os.environ[name]


def _from_file(name: str, base: Path, where: str) -> str:
    try:
        path = base / expand(name)
    except ValueError as error:
        raise UsageError(f"{where}: file: {escape(error)}.", todo="Correct the path in the site file.") from None
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"{where}: others may read {escape(path)}.", todo=f"Close it: chmod 600 {escape(path)}")
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{where}: {escape(path)} can't be read: {reason}.", todo="Check the path.") from None


def _from_keyring(name: str, _base: Path, where: str) -> str:
    service, slash, user = name.partition("/")
    if not (service and slash and user):
        raise UsageError(f"{where}: keyring: needs SERVICE/USER.", todo="Write keyring:SERVICE/USER in the site file.")
    try:
        import keyring
    except ImportError:
        raise UsageError(
            f"{where}: keyring: needs the extra `keyring`.", todo="Install certrenew[keyring] or use another reference."
        ) from None
    try:
        return keyring.get_password(service, user) or ""
    except keyring.errors.KeyringError as error:
        raise UsageError(f"{where}: the keyring did not answer: {escape(error)}.", todo="Unlock it.") from None


def _from_command(arguments: list[str], where: str) -> str:
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise UsageError(
            f"{where}: the command {escape(arguments[0] if arguments else '')} failed ({type(error).__name__}).",
            todo="Run it by hand and mend it.",
        ) from None
    secret = done.stdout.rstrip("\r\n")
    if not secret:
        raise UsageError(f"{where}: the command {escape(arguments[0])} printed nothing.", todo="Run it by hand.")
    return secret
