"""Show what a box tells of the estate, and add it to the site file when a person wants that."""

import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from engine.cli.columns import say, width, wrap
from engine.cli.render import print_json
from engine.discovery.propose import Proposal, propose
from engine.discovery.reach import Asked, Box, reach
from engine.discovery.sitefile import Draft
from engine.discovery.write import applied, read, save
from engine.estate import KINDS
from engine.model import Json
from engine.text import escape

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.contracts import Survey
    from engine.discovery.needs import Need

LABEL = 15
"""Columns for the name of a row."""
ZONES = {
    "traversal-client": "traversal client of",
    "traversal-server": "traversal server for",
    "neighbor": "neighbour of",
}


class Outcome(NamedTuple):
    """Be what came of a discovery: the site file's text as it was, and as it would be."""

    file: Path
    box: Box
    proposal: Proposal
    old: str
    new: str


def discover(settings: "Settings", asked: Asked, *, write: bool, asks: bool, as_json: bool) -> None:
    """Survey a box and show what the site file would get; write it when that is wanted."""
    from engine.runner.site import Clock

    now = Clock().now()
    old, tables = read(settings.site)
    box = reach(settings.site, tables, asked, settings.around, _confirm if asks else None)
    proposal = propose(tables, box.reached, box.survey, box.carried)
    draft = _draft(asked, box, settings.site, proposal)
    new = old if proposal.empty else applied(old, proposal, draft, box.reached.address, now)
    outcome = Outcome(settings.site, box, proposal, old, new)
    if not as_json:
        _show(outcome, now)
    wanted = not proposal.empty and (write or (asks and _wanted(settings.site)))
    if wanted:
        save(settings.site, old, new)
    if as_json:
        print_json(_plain(outcome, written=wanted))
    else:
        _end(outcome, wanted=wanted)


def _draft(asked: Asked, box: Box, file: Path, proposal: Proposal) -> Draft:
    """Say how the boxes that are added are reached: as this one is, each by a pin of its own."""
    import os

    from engine.cli.beginning import account_name, path_in

    ca = asked.ca or box.node.ca
    return Draft(
        boxes=[],
        user=box.node.username,
        password=asked.password,
        ca=path_in(ca, file) if ca else "",
        pins={proposal.node: box.node.pin} if box.node.pin else {},
        engineer=account_name(),
        uid=os.getuid(),
    )


# ---- asking --------------------------------------------------------------------------------------------------------


def completed(settings: "Settings", asked: Asked) -> Asked:
    """Ask on a terminal for the login of a box that the file does not have."""
    from engine.discovery.reach import login_known

    if login_known(read(settings.site)[1], asked):
        return asked
    user = asked.user or typer.prompt("Account of the box that may use the API", default="", show_default=False)
    where = "Where its password is (env:, file:, keyring:, command:); {node} is the node"
    return asked._replace(user=user, password=asked.password or typer.prompt(where, default="file:secrets/{node}"))


def _confirm(name: str, address: str) -> str:
    from engine.cli.beginning import presented

    return presented(name, address, typer.confirm)


def _wanted(file: Path) -> bool:
    return bool(typer.confirm(f"Write this to {escape(file)}?", default=False))


# ---- showing -------------------------------------------------------------------------------------------------------


def _show(outcome: Outcome, now: datetime) -> None:
    _rows(_told(outcome.box, now))
    proposal = outcome.proposal
    if proposal.needs:
        print("\nNames that certificates need")
        names = {name or proposal.node: slots for name, slots in outcome.box.carried.items()}
        _rows((need.node, f"{' or '.join(need.ways)}: {need.why}; {_carried(need, names)}") for need in proposal.needs)
    if proposal.open:
        print("\nFor you to decide")
        for one in proposal.open:
            say(f"- {one.what} {one.todo}", 2)
    if not proposal.empty:
        print(f"\n{escape(outcome.file)} would get:")
        sys.stdout.writelines(f"{escape(line.rstrip())}\n" for line in _difference(outcome.old, outcome.new))


def _carried(need: "Need", names: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    if need.node not in names:
        return "its certificate was not seen"
    return "carried" if all(need.met(held) for held in names[need.node].values()) else "LACKING"


def _told(box: Box, now: datetime) -> Iterator[tuple[str, str]]:
    survey = box.survey
    kind = KINDS.get(survey.kind, "a box whose kind it does not tell")
    yield survey.hostname or box.node.hostname, f"{kind}, {survey.release}, at {box.reached.address}"
    for zone in survey.zones:
        others = ", ".join(zone.peers) or zone.verify or "whoever logs in"
        yield "Zone", f"{zone.name}: {ZONES[zone.kind]} {others}"
    for name, hosts in _servers(survey):
        yield name, ", ".join(hosts)
    for domain in survey.domains:
        yield "Domain", f"{domain.name}: {', '.join(domain.uses) or 'no use'}"
    if survey.mra is not None:
        yield "MRA", "on" if survey.mra else "off"
    for slot, certificate in box.held.items():
        end, left = certificate.not_valid_after_utc, (certificate.not_valid_after_utc - now).days
        subject = certificate.subject.rfc4514_string()
        yield f"Slot {slot}", f"{subject}, until {end:%Y-%m-%d} ({left} days), {len(box.carried[''][slot])} names"
    for store, held in box.trusted.items():
        yield store or "Trusted CAs", ", ".join(one.subject.rfc4514_string() for one in held) or "none"
    for what, why in survey.unread.items():
        yield "NOT TOLD", f"{what}: {why}"


def _servers(survey: "Survey") -> Iterator[tuple[str, list[str]]]:
    found = {
        "Cluster peers": survey.peers,
        "Unified CM": [one.host for one in survey.publishers if one.kind == "cucm"],
        "IM & Presence": [one.host for one in survey.publishers if one.kind == "imp"],
    }
    yield from ((name, hosts) for name, hosts in found.items() if hosts)


def _rows(rows: "Iterator[tuple[str, str]]") -> None:
    """Print labels and texts; a label that is long, such as a host name, has a line of its own."""
    for name, text in rows:
        shown = escape(name, 60)
        first, *more = wrap(escape(text), width() - LABEL)
        if len(shown) >= LABEL:
            print(shown)
            first, more = "", [first, *more]
        else:
            print(f"{shown:{LABEL}}{first}".rstrip())
        for line in more:
            print(f"{'':{LABEL}}{line}")


def _difference(old: str, new: str) -> Iterator[str]:
    """Yield the lines that are added, and those that are filled in, with a line around them."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))


def _end(outcome: Outcome, *, wanted: bool) -> None:
    from engine.cli.beginning import left_to_do

    if outcome.proposal.empty:
        print()
        say(f"{outcome.file} says all of it already; nothing was written.")
    elif wanted:
        print(f"\nWritten: {escape(outcome.file)}. Review it.\n{left_to_do(outcome.file)}")
    else:
        print("\nNothing was written. To have it written, give --write.")


def _plain(outcome: Outcome, *, written: bool) -> Json:
    from engine.certificates import describe, fingerprint

    box, proposal = outcome.box, outcome.proposal
    return {
        "site": str(outcome.file),
        "node": proposal.node,
        "address": box.reached.address,
        "survey": box.survey.plain(),
        "slots": {slot: describe(held).plain() for slot, held in box.held.items()},
        "trusted": [
            {"store": store, "sha256": [fingerprint(one) for one in held]} for store, held in box.trusted.items()
        ],
        "needs": [{"node": need.node, "names": list(need.ways), "why": need.why} for need in proposal.needs],
        "added": {
            "nodes": [one.name for one in proposal.boxes],
            "connections": [dict(zip(("kind", "client", "server"), link[:3], strict=True)) for link in proposal.links],
            "certificates": [slot.name for slot in proposal.slots],
        },
        "filled_in": {".".join(place): value for place, value in proposal.filled.items()},
        "to_decide": [{"what": one.what, "todo": one.todo} for one in proposal.open],
        "written": written,
    }
