"""Show the estate's certificates and CAs: as a table, as JSON, or drawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.cli.columns import beside, width, wrap
from engine.cli.render import print_json
from engine.errors import UsageError
from engine.text import counted, escape

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.cli.progress import Progress
    from engine.inventory.values import Held, Inventory, Presented

END, LEFT = 10, 10
"""Columns for a date and for the days that are left."""
TRUST = 12
"""Columns for what becomes of a certificate that is presented."""


def inventory(settings: "Settings", svg: Path | None, progress: "Progress | None", *, as_json: bool) -> None:
    """Visit all boxes and print what there is; ends with the code of what could not be read."""
    from engine.doctor.patient import Patient, chosen
    from engine.inventory.gather import gather

    if svg is not None:
        _check_ours(svg)
    site = settings.whole(progress)
    nodes = chosen(site.estate, ())
    try:
        found, code = gather(Patient(settings.site, settings.store, site.registry, site.clock.now(), site, nodes=nodes))
    finally:
        if progress is not None:
            progress.end_wait()
    if svg is not None:
        _draw(found, svg)
    if as_json:
        print_json(found.plain())
    else:
        print("\n".join(_lines(found, width())))
        if svg is not None:
            print(f"\nDrawn: {escape(svg)}")
    raise typer.Exit(code)


def _check_ours(svg: Path) -> None:
    """Refuse to write over what is no picture of ours, before any box is visited."""
    from engine.inventory.picture import MARK

    try:
        with svg.open("rb") as file:
            ours = file.read(len(MARK)) == MARK.encode()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{escape(svg)} can't be read: {error.strerror}.", todo="Name another file.") from None
    if not ours:
        raise UsageError(
            f"{escape(svg)} is there already, and is no picture of certrenew's.",
            untouched="It was left as it is; no box was visited.",
            todo="Name another file.",
        )


def _draw(found: "Inventory", svg: Path) -> None:
    from engine.inventory.picture import draw
    from engine.store import files

    files.replace(svg.absolute(), draw(found).encode(), durable=False)


def _lines(found: "Inventory", columns: int) -> Iterator[str]:
    yield "Certificates"
    for one in found.certificates:
        yield from _held(one, columns)
    yield "\nCA certificates"
    for one in found.authorities:
        yield from _held(one, columns)
    if found.presented:
        yield "\nWho presents what to whom"
        for shown in found.presented:
            yield from _presented(shown, columns)
    by_hand = [escape(node.name) for node in found.nodes if node.by_hand]
    if by_hand:
        yield f"\nWorked by hand, so only their ports were looked at: {', '.join(by_hand)}"
    unread = [(node.name, what, why) for node in found.nodes for what, why in node.not_read.items()]
    if unread:
        yield f"\nNOT READ, so not all of it is here: {counted(len({name for name, *_ in unread}), 'node')}"
        for name, what, why in unread:
            yield from (f"  {line}" for line in wrap(escape(f"{name}, {what}: {why}"), columns - 2))


def _held(one: "Held", columns: int) -> Iterator[str]:
    rest = columns - END - LEFT - 4
    title = f"{one.name}, by {_common(one.issuer)}" if one.subject != one.issuer else f"{one.name}, a root"
    yield from beside([one.not_after[:10], _left(one), escape(title)], [END, LEFT, rest])
    for text in _about(one):
        yield from (f"{'':{END + LEFT + 4}}{line}" for line in wrap(escape(text), rest))


def _left(one: "Held") -> str:
    words = {"ended": "ENDED", "not-yet": "NOT YET"}
    soon = " SOON" if one.state == "soon" else ""
    return words.get(one.state, f"{one.days_left} d{soon}")


def _common(name: str) -> str:
    """Return the common name of a distinguished name in RFC 4514 text, or all of it."""
    return next((part[3:] for part in name.split(",") if part.startswith("CN=")), name) or "nobody"


def _about(one: "Held") -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for place in one.places:
        places.setdefault(place.node, []).append(place.where)
    yield "; ".join(f"{node}: {', '.join(found)}" if node else ", ".join(found) for node, found in places.items())
    for name in one.missing:
        yield f"LACKS {' or '.join(name.names)}: {name.why}"
    if one.unasked:
        yield f"nothing known here asks for {', '.join(one.unasked)}"
    if not one.used:
        yield "nothing that is presented here chains to it"


def _presented(one: "Presented", columns: int) -> Iterator[str]:
    verdict = {True: "trusted", False: "NOT TRUSTED", None: "not known"}[one.trusted]
    told = f"{one.from_} to {one.to}, {', '.join(one.kinds)}: {one.name or 'a certificate'} ({one.slot} slot)"
    for text, before in ((told, verdict), (one.why, "")):
        if text:
            yield from beside([before, escape(text)], [TRUST, columns - TRUST - 2])
