"""Write a pack where a person wants it, as a folder or a zip, and overwrite nothing but an unchanged older pack."""

import json
import os
import tempfile
import zipfile
from pathlib import Path

from engine.errors import Refused, UsageError
from engine.report.pack import SUMS, sums
from engine.text import escape

LIMIT = 256 * 1024 * 1024
"""The largest older pack that is read, in bytes, to see whether it may be overwritten."""

OURS = {"VERIFY.md", "head.txt", "journal.json", "renewal.json", "report.html"}


def place(whole: dict[str, bytes], target: Path, *, as_zip: bool) -> Path:
    """Write the files into a new folder (0700, files 0600) or a zip (0600), in one step; return its path.

    Raises Refused for something that is there and isn't a pack of this renewal as it was written, UsageError when it
    can't be written.
    """
    target = Path(os.path.abspath(target))  # not resolved: a link is refused, not followed
    if os.path.lexists(target) and not _is_older(target, whole):
        raise Refused(
            f"{escape(target)} is there already, and is no report of this renewal as it was written.",
            untouched="It was left as it is.",
            todo="Name another place with --out, or move it away.",
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".certrenew-", dir=target.parent) as name:
            made = Path(name) / "new"
            (_zip if as_zip else _folder)(whole, made)
            if os.path.lexists(target):
                os.rename(target, Path(name) / "old")
            os.rename(made, target)
    except OSError as error:
        raise UsageError(
            f"{escape(target)} can't be written: {error.strerror or error}.",
            untouched="No report was written.",
            todo="Name another place with --out.",
        ) from None
    return target


def _folder(whole: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name, content in whole.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)


def _zip(whole: dict[str, bytes], path: Path) -> None:
    with (
        open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, content in whole.items():
            about = zipfile.ZipInfo(name)
            about.external_attr = 0o600 << 16
            archive.writestr(about, content, zipfile.ZIP_DEFLATED)


def _is_older(target: Path, whole: dict[str, bytes]) -> bool:
    """Tell whether all that is there is a pack of this renewal, unchanged: nobody's notes or work are lost with it."""
    try:
        there = _read_zip(target) if target.is_file() and not target.is_symlink() else _read_folder(target)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return there.keys() >= OURS and there.get(SUMS) == sums(there) and _about(there) == _about(whole)


def _about(whole: dict[str, bytes]) -> object:
    """Return which renewal a pack is of."""
    return json.loads(whole["renewal.json"])["id"]


def _read_folder(folder: Path) -> dict[str, bytes]:
    """Read a folder's files. Raises ValueError for links and other things that no pack has."""
    if folder.is_symlink() or not (folder / SUMS).is_file():
        raise ValueError("no pack")
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError("no file")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        if sum(map(len, found.values())) > LIMIT:
            raise ValueError("too large")
    return found


def _read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > LIMIT:
            raise ValueError("too large")
        return {info.filename: archive.read(info) for info in archive.infolist()}
