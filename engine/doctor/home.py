"""Check the home, where renewals are kept: rights, room, and whether everything in it is whole. Reads only."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.doctor.findings import Diagnosis, failed, from_error, passed, warned
from engine.doctor.patient import Patient
from engine.errors import CertrenewError, UsageError
from engine.store import files
from engine.text import counted, escape

LOW = 100 * 1024 * 1024
"""Free room, in bytes, below which a person should know; a renewal takes less than a megabyte."""
FULL = 5 * 1024 * 1024
"""Free room, in bytes, below which a renewal should not begin."""

SOURCE = "docs/explanation/store.md"


def home(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when the home is not safe to rely on, can't be written or is full; one that is not there yet is fine."""
    folder = patient.store.home
    found = [*_rights(folder), *_room(folder)]
    yield from found
    if not any(one.exit_code for one in found):
        there = "" if folder.exists() else " is not there yet, and is made when needed"
        yield passed("home", f"{escape(folder)}{there}.")


def _rights(folder: Path) -> Iterator[Diagnosis]:
    try:
        for each in (folder, folder / "renewals", folder / "locks", *_renewals(folder)):
            files.check_owner(each)
    except CertrenewError as error:
        yield from_error("home", error)
        return
    standing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(standing, os.W_OK | os.X_OK):
        what = f"{escape(standing)} can't be written by this account, or its file system is read-only."
        todo = "Run as the account that owns the home, or choose another with --home."
        yield failed("home", what, todo, source=SOURCE, code=UsageError.exit_code)
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        what = f"Others on this machine can look into {escape(folder)}."
        yield warned("home", what, f"Close it: chmod go-rwx {escape(folder)}", source=SOURCE)


def _room(folder: Path) -> Iterator[Diagnosis]:
    standing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        free = shutil.disk_usage(standing).free
    except OSError as error:
        yield from_error("home", files.explained(error, standing, "looked at"))
        return
    told = f"{free // (1024 * 1024)} MiB are free where {escape(folder)} is."
    if free < FULL:
        yield failed("home", told, "Free some space before anything else.", source=SOURCE, code=UsageError.exit_code)
    elif free < LOW:
        yield warned("home", told, "Free some space.", source=SOURCE)


def _renewals(folder: Path) -> list[Path]:
    """Return the folders of all renewals; none where they can't be listed, which `check_owner` tells."""
    try:
        return sorted(path for path in (folder / "renewals").iterdir() if path.is_dir())
    except OSError:
        return []


def renewals(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a renewal can't be read or its journal is not whole; warn of what a crash left."""
    if patient.home_fault:  # told by `home`
        return
    summaries, problems = patient.store.summaries()
    yield from (from_error("renewals", problem) for problem in problems)
    still_open = [one.renewal.id for one in summaries if not one.renewal.ended]
    broken = [found for id in still_open for found in _broken(patient, id)]
    yield from broken
    yield from _left_behind(patient.store.home)
    if not problems and not broken:
        yield passed("renewals", f"{len(still_open)} open, {len(summaries) - len(still_open)} over; all can be read.")


def _broken(patient: Patient, id: str) -> Iterator[Diagnosis]:
    try:
        wrong = patient.store.verify(id)
        patient.store.decisions(id)
        patient.store.plans(id)
    except CertrenewError as error:
        yield from_error("renewals", error)
        return
    if wrong:
        what = f"The journal of {escape(id)} was changed or damaged: {escape('; '.join(wrong), 300)}."
        todo = "Keep the file as it is and compare it with your backup; the boxes still know their state."
        yield failed("renewals", what, todo, source=SOURCE)


def _left_behind(folder: Path) -> Iterator[Diagnosis]:
    every = [path for each in _renewals(folder) for path in (each, *sorted(p for p in each.iterdir() if p.is_dir()))]
    left = [path for each in every for path in files.abandoned(each)]
    if left:
        what = f"A command that was interrupted left {counted(len(left), 'temporary file')}, such as {escape(left[0])}."
        yield warned("renewals", what, "Nothing: the next step of that renewal removes them.", source=SOURCE)
