"""Check the home, where renewals are kept: rights, room, and whether all in it is whole. Leaves nothing behind."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.doctor.findings import Diagnosis, failed, from_error, passed, warned
from engine.doctor.patient import Patient
from engine.errors import CertrenewError, UsageError
from engine.store import files
from engine.store.repair import remains, repairs
from engine.text import counted, escape, stamp

if TYPE_CHECKING:
    from engine.model import Renewal

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
    elif folder.exists():
        yield from _system(folder)
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        what = f"Others on this machine can look into {escape(folder)}."
        yield warned("home", what, f"Close it: chmod go-rwx {escape(folder)}", source=SOURCE)


def _system(folder: Path) -> Iterator[Diagnosis]:
    try:
        files.check_system(folder)
    except CertrenewError as error:
        yield from_error("home", error)


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
    still_open = sum(not one.renewal.ended for one in summaries)
    broken = [found for one in summaries if not one.renewal.ended for found in _broken(patient, one.renewal)]
    yield from broken
    yield from _left_behind(patient.store.home)
    yield from _keys_left(patient, [one.renewal for one in summaries if one.renewal.ended])
    if problems or broken:
        yield from _to_repair(patient)
    else:
        yield passed("renewals", f"{still_open} open, {len(summaries) - still_open} over; all can be read.")


def clock(patient: Patient) -> Iterator[Diagnosis]:
    """Warn when something in the home is dated later than now: this machine's clock was set back, or was ahead."""
    if patient.home_fault:
        return
    now, summaries = stamp(patient.now), patient.store.summaries()[0]
    ahead = [one for one in summaries if one.last.at > now and not one.renewal.ended]
    for one in ahead:
        what = f"The last event of {escape(one.renewal.id)} is dated {escape(one.last.at)}, and it is {now} now."
        todo = "Set this machine's clock right; nothing that people may notice is done until then."
        yield warned("clock", what, todo, source=SOURCE)
    if summaries and not ahead:
        yield passed("clock", "Nothing in the home is dated later than now.")


def observers(patient: Patient) -> Iterator[Diagnosis]:
    """Warn of observers that can't tell what they should."""
    from engine.runner.observers import problems

    for problem in problems(patient.site) if patient.site and not patient.home_fault else ():
        yield warned("observers", problem, "See docs/reference/observers.md.", source="docs/reference/observers.md")


def _broken(patient: Patient, renewal: "Renewal") -> Iterator[Diagnosis]:
    store, wrong = patient.store, list[str]()
    looks: tuple[Callable[[], object], ...] = (
        lambda: wrong.extend(store.verify(renewal.id)),
        lambda: store.decisions(renewal.id),
        lambda: store.plans(renewal.id),
        lambda: store.check_artefacts(renewal),
    )
    for look in looks:
        try:
            look()
        except CertrenewError as error:
            yield from_error("renewals", error)
    if wrong:
        what = f"The journal of {escape(renewal.id)} was changed or damaged: {escape('; '.join(wrong), 300)}."
        todo = "Keep the file as it is and compare it with your backup; the boxes still know their state."
        yield failed("renewals", what, todo, source=SOURCE)


def _left_behind(folder: Path) -> Iterator[Diagnosis]:
    if left := remains(folder):
        what = f"A command that was interrupted left {counted(len(left), 'temporary file')}, such as {escape(left[0])}."
        todo = "Nothing: the next step of that renewal removes them. Or: certrenew doctor --repair"
        yield warned("renewals", what, todo, source=SOURCE)


def _keys_left(patient: Patient, over: "list[Renewal]") -> Iterator[Diagnosis]:
    """Fail for a private key that is still kept for a renewal that is over: nobody needs it any more."""
    for renewal in over:
        if patient.store.sealed_keys(renewal.id, str).held():
            folder = escape(patient.store.home / "renewals" / renewal.id / "keys")
            what = f"Renewal {escape(renewal.id)} is over, and a private key of its cluster is still kept, encrypted."
            yield failed("renewals", what, f"Delete it: rm -r {folder}", source=SOURCE)


def _to_repair(patient: Patient) -> Iterator[Diagnosis]:
    for one in repairs(patient.store):
        if one.path.name == "renewal.json":
            what = f"The journal of {escape(one.path.parent.name)} proves what its file must hold."
            yield warned("renewals", what, "See what would be put right: certrenew doctor --repair", source=SOURCE)
