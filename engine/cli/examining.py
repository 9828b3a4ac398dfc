"""Show what `doctor` and `inspect` found: grouped by node, a word for each outcome, and what to do."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from engine.cli.columns import cells, width, word, wrap
from engine.cli.render import local, print_json
from engine.estate import KINDS
from engine.model import Json, Outcome
from engine.text import counted, escape

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.cli.progress import Progress
    from engine.doctor.findings import Diagnosis
    from engine.doctor.patient import Patient
    from engine.runner.site import Tell

CHECK = 12
"""Columns for the name of a check."""
_WORDS = {Outcome.FAIL: "FAIL", Outcome.WARN: "warn", Outcome.PASS: "pass"}


# ---- doctor --------------------------------------------------------------------------------------------------------


def examine(settings: "Settings", nodes: Sequence[str], progress: "Progress | None", *, as_json: bool) -> None:
    """Examine the site and print what was found. Raises SiteError for a node that the site does not have."""
    from engine.doctor.checks import examine as look
    from engine.doctor.findings import exit_code

    try:
        found = look(patient(settings, nodes, progress))
    finally:
        if progress is not None:
            progress.end_wait()
    code = exit_code(found)
    if as_json:
        print_json({"ok": code == 0, "exit_code": code, "findings": [one.plain() for one in found]})
    else:
        print("\n".join([*listed(found), *wrap(_sum(found), width())]))
    raise typer.Exit(code)


def patient(settings: "Settings", nodes: Sequence[str], tell: "Tell | None" = None) -> "Patient":
    """Return what is to be examined; a site file that can't be used is a finding. Raises SiteError for another node."""
    from engine.doctor.patient import Patient, chosen
    from engine.errors import SiteError
    from engine.registry import Registry
    from engine.runner.site import Clock

    now = Clock().now()
    try:
        site = settings.whole(tell)
    except SiteError as error:
        return Patient(settings.site, settings.store, Registry(), now, fault=error)
    return Patient(settings.site, settings.store, site.registry, now, site, nodes=chosen(site.estate, nodes))


def listed(found: "Sequence[Diagnosis]") -> list[str]:
    """Return the lines that tell what was found, by node."""
    lines: list[str] = []
    for node, of_node in groupby(found, key=lambda one: one.node):
        lines.append(escape(node) if node else "The site")
        lines += [*(line for one in of_node for line in _line(one, width())), ""]
    return lines


def _line(one: "Diagnosis", columns: int) -> list[str]:
    indent = 2 + 4 + 2 + CHECK
    first, *more = wrap(escape(one.message), columns - indent)
    lines = [f"  {word(_WORDS[one.outcome])}  {one.check}{' ' * (CHECK - cells(one.check))}{first}"]
    lines += [f"{' ' * indent}{line}" for line in more]
    if one.todo:
        lines += [f"{' ' * indent}{line}" for line in wrap(f"do: {escape(one.todo)}", columns - indent)]
    return lines


def _sum(found: "Sequence[Diagnosis]") -> str:
    counts = {outcome: sum(one.outcome is outcome for one in found) for outcome in Outcome}
    failed, warned = counts[Outcome.FAIL], counts[Outcome.WARN]
    told = f"{failed} failed" if failed else "Nothing failed"
    return f"{told}, {warned} warning{'s' if warned != 1 else ''}, {counts[Outcome.PASS]} passed. Nothing was changed."


# ---- inspect -------------------------------------------------------------------------------------------------------


def port(address: str, *, as_json: bool) -> None:
    """Print what a TLS port presents. Raises NotSent when nothing answers, UsageError for what is no address."""
    from engine.doctor.inspect import of_port
    from engine.runner.site import Clock

    told = of_port(address, Clock().now())
    if as_json:
        print_json(told)
        return
    presented = told["presented"]
    rows = [("Address", told["address"]), *_certificate(presented)]
    rows.append(("Verified", _verified(told["unverified"])))
    _print(rows)


def _verified(why: str) -> str:
    if why:
        return f"NO, not by this system's CA certificates: {why}"
    return "yes, by this system's CA certificates and under this name"


def node(settings: "Settings", name: str, *, as_json: bool) -> None:
    """Print what a node of the site presents and holds; ends with the code of what could not be read."""
    from engine.doctor.inspect import of_node

    told, code = of_node(settings.whole(), name)
    if as_json:
        print_json(told)
    else:
        _print(_node_rows(told))
    raise typer.Exit(code)


def _node_rows(told: dict[str, Json]) -> list[tuple[str, str]]:
    from engine.doctor.visit import BY_HAND

    rows = [(told["node"], ", ".join(filter(None, (KINDS.get(told["kind"], told["kind"]), told["release"]))))]
    shown: dict[str, str] = {}
    for one in told["wire"]:
        rows += [("", ""), (f"Port {one['endpoint']}", one["address"]), *_presented(one, shown)]
    for slot, held in told["slots"].items():
        rows += [("", ""), (f"Slot {slot}", _slot(held)), *([] if held["on_the_wire"] else _certificate(held))]
    around = [*_trusted(told), *_around(told), *([("", BY_HAND)] if told["by_hand"] else [])]
    rows += [("", ""), *around] if around else []
    silent = {f"port {one['address']}" for one in told["wire"]}  # told beside the port
    rows += [(f"NOT READ: {what}", why) for what, why in told["not_read"].items() if what not in silent]
    return rows


def _presented(one: dict[str, Json], shown: dict[str, str]) -> list[tuple[str, str]]:
    """Lay out what a port presents; what another port does, too, only by that port's name."""
    if not one["presented"]:
        return [("", one["error"])]
    first = shown.setdefault(one["presented"]["sha256"], one["endpoint"])
    return _certificate(one["presented"]) if first == one["endpoint"] else [("", f"presents the same as {first}")]


def _slot(held: dict[str, Json]) -> str:
    if held["on_the_wire"]:
        return "holds what every port presents"
    return "holds another certificate than a port presents: a RESTART is outstanding"


def _certificate(one: dict[str, Json]) -> list[tuple[str, str]]:
    return [
        ("Subject", one["subject"]),
        ("Issuer", one["issuer"]),
        ("Names", ", ".join(one["sans"]) or "none"),
        ("Usages", ", ".join(one["eku"]) or "none"),
        ("Key", one["key"]),
        ("Valid", f"{local(one['not_before'])} to {local(one['not_after'])}, {_left(one['days_left'])}"),
        ("SHA-256", one["sha256"]),
    ]


def _left(count: int) -> str:
    return f"{counted(count, 'day')} left" if count >= 0 else "ENDED"


def _trusted(told: dict[str, Json]) -> list[tuple[str, str]]:
    rows = []
    for one in told["trusted"]:
        soon = [f"{ca['subject']} on {ca['not_after']}" for ca in one["end_soon"]]
        text = counted(one["count"], "CA certificate") + (f"; ended or ending soon: {'; '.join(soon)}" if soon else "")
        rows.append((one["store"] or "Trusted CAs", text))
    return rows


def _around(told: dict[str, Json]) -> list[tuple[str, str]]:
    pending = told["pending_csr"]
    rows = [("Pending CSR", f"sha256 {pending['sha256']}, {', '.join(pending['sans'])}")] if pending else []
    if told["release"] and not pending and "pending-csr" not in told["not_read"]:
        rows = [("Pending CSR", "none")]
    rows += [(f"Zone {name}", state) for name, state in told["zones"].items()]
    rows += [("Alarm", text) for text in told["alarms"]]
    return rows + [(one["name"], one["state"] or "runs") for one in told["services"]]


def _print(rows: list[tuple[str, str]]) -> None:
    columns, label = width(), min(max(cells(escape(name, 24)) for name, _ in rows) + 2, 26)
    for name, value in rows:
        first, *more = wrap(escape(value), columns - label)
        shown = escape(name, 24)
        print(f"{shown}{' ' * (label - cells(shown))}{first}".rstrip())
        for line in more:
            print(f"{' ' * label}{line}")
