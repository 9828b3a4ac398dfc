"""Show what can be put right in the home, ask, do it, and look again. No box is visited."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from engine.cli.columns import say
from engine.cli.examining import listed, patient
from engine.cli.render import print_json
from engine.errors import CertrenewError
from engine.store.repair import Repair, repairs
from engine.text import counted, escape, stamp

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.doctor.findings import Diagnosis
    from engine.doctor.patient import Patient


def mend(settings: "Settings", *, ask: bool, as_json: bool) -> None:
    """Say what would be repaired, do it when somebody agrees, and end with what is still wrong with the home.

    Where nobody can be asked, and with `as_json`, nothing is done unless `ask` is false.
    """
    from engine.doctor.checks import of_home
    from engine.doctor.findings import exit_code

    wanted = repairs(settings.store)
    if not as_json:
        _announce(wanted)
    agreed = bool(wanted) and (not ask or _agreed(wanted, as_json))
    done = list(_carried_out(patient(settings, ()), wanted)) if agreed else []
    found = [*done, *of_home(patient(settings, ()))]
    code = exit_code(found)
    if as_json:
        shown = [{"path": str(one.path), "wrong": one.wrong, "will": one.will} for one in wanted]
        print_json({"ok": code == 0, "exit_code": code, "repairs": shown, "findings": [one.plain() for one in found]})
    else:
        _report(found, wanted, agreed=agreed)
    raise typer.Exit(code)


def _announce(wanted: Sequence[Repair]) -> None:
    say(f"{counted(len(wanted), 'repair')} can be made." if wanted else "Nothing is to be repaired.")
    for number, one in enumerate(wanted, 1):
        print()
        say(f"{number}. {one.path}")
        say(f"wrong: {one.wrong}", indent=3)
        say(f"repair: {one.will}.", indent=3)
    print()


def _agreed(wanted: Sequence[Repair], as_json: bool) -> bool:
    there = sys.stdin.isatty() and not as_json
    return there and typer.confirm(f"Make exactly {'this repair' if len(wanted) == 1 else 'these repairs'}?")


def _carried_out(seen: "Patient", wanted: Sequence[Repair]) -> "Iterator[Diagnosis]":
    from engine.cli.context import local_actor
    from engine.doctor.findings import from_error, passed

    by = seen.site.actor if seen.site else local_actor()
    for one in wanted:
        try:
            one.carry_out(by, stamp(seen.now))
        except CertrenewError as error:
            yield from_error("repair", error)
        else:
            yield passed("repair", f"{escape(one.path)} is repaired.")


def _report(found: "Sequence[Diagnosis]", wanted: Sequence[Repair], *, agreed: bool) -> None:
    print("\n".join(listed(found)))
    if wanted and not agreed:
        say("Nothing was changed. Have it done: certrenew doctor --repair --yes")
