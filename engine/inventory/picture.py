"""Draw an inventory as one SVG file: boxes, who presents what to whom and is trusted, what ends when. Pure.

It loads nothing and runs nothing, every text is quoted, and nothing is said by colour alone: a line that is trusted is
whole, one that is not is dashed and says so, one that could not be compared is dotted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from engine.estate import KINDS
from engine.inventory.values import Held, Inventory, Presented, Seen
from engine.report.markup import quoted
from engine.text import escape

MARK = "<!-- Made by certrenew inventory -->"
"""How a picture of ours begins: one that does may be written over."""

COLUMNS = {"expressway-e": 0, "expressway-c": 1}
"""From outside to inside; whatever is neither stands in the third column."""
WIDTH, MARGIN = 1100, 30
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 220, 92, 190, 64
TOP, LINE = 76, 20
BAR, DAYS = 180, 400
"""Length of the longest bar in points, and how many days that is."""

INK, GOOD, BAD, FAINT = "#111111", "#0b5394", "#b04a00", "#666666"
"""Blue and orange differ for everybody, and on paper by how dark they are."""


class Spot(NamedTuple):
    """Be where a box stands: its upper left corner."""

    x: int
    y: int


def draw(inventory: Inventory) -> str:
    """Return the picture."""
    spots = _spots(inventory.nodes)
    below = max((spot.y for spot in spots.values()), default=TOP) + BOX_HEIGHT + GAP_Y
    rows = [*inventory.certificates, *(one for one in inventory.authorities if one.used)]
    legend = below + 12
    ends = legend + 64
    height = ends + LINE * (len(rows) + 2) + MARGIN
    parts = [
        *_head(inventory, height),
        *(part for node in inventory.nodes for part in _box(node, spots[node.name], inventory)),
        *(part for one in _lines(inventory.presented, spots) for part in one),
        *_legend(legend),
        *_ends(rows, ends),
    ]
    return "\n".join([MARK, *parts, "</svg>", ""])


def _spots(nodes: Sequence[Seen]) -> dict[str, Spot]:
    """Set boxes into columns by kind, one below the other in the order of the site file."""
    taken = [0, 0, 0]
    spots = {}
    for node in nodes:
        column = COLUMNS.get(node.kind, 2)
        spots[node.name] = Spot(MARGIN + column * (BOX_WIDTH + GAP_X), TOP + 20 + taken[column] * (BOX_HEIGHT + GAP_Y))
        taken[column] += 1
    return spots


def _head(inventory: Inventory, height: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="Liberation Sans, Arial, sans-serif" font-size="13">'
    )
    yield f"<title>The estate on {quoted(inventory.at)}</title>"
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield "<defs>"
    for name, colour in (("good", GOOD), ("bad", BAD), ("faint", FAINT)):
        yield (
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
        )
    yield "</defs>"
    yield _text(MARGIN, 36, "Who presents what to whom", size=20, bold=True)
    yield _text(MARGIN, 58, f"as read on {inventory.at}", colour=FAINT)


# ---- boxes ---------------------------------------------------------------------------------------------------------


def _box(node: Seen, spot: Spot, inventory: Inventory) -> Iterator[str]:
    kind = f"subscriber of {node.publisher}" if node.publisher else KINDS.get(node.kind, node.kind)
    kind = " ".join(filter(None, (kind, node.release)))
    style = ' stroke-dasharray="5 4"' if node.not_read else ""
    yield (
        f'<rect x="{spot.x}" y="{spot.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="#ffffff" '
        f'stroke="{INK}" stroke-width="1.5"{style}/>'
    )
    rows = [_end(one) for one in _of(node.name, inventory.certificates)[:2]]
    if node.not_read:
        rows = [f"NOT READ: {', '.join(node.not_read)}", *rows[:1]]
    elif node.by_hand:
        rows = [*rows[:1], "worked by hand: only ports read"]
    x, room = spot.x + 10, BOX_WIDTH - 20
    yield _text(x, spot.y + 22, node.name, bold=True, size=15, room=room)
    yield _text(x, spot.y + 40, kind, colour=FAINT, room=room)
    for number, text in enumerate(rows):
        yield _text(x, spot.y + 62 + 18 * number, text, size=12, room=room)


def _of(node: str, certificates: Sequence[Held]) -> list[Held]:
    return [one for one in certificates if any(place.node == node for place in one.places)]


def _end(one: Held) -> str:
    return f"ends {one.not_after[:10]}, {_left(one)}"


def _left(one: Held) -> str:
    words = {"ended": "ENDED", "soon": f"SOON: {one.days_left} days", "not-yet": "NOT VALID YET"}
    return words.get(one.state, f"{one.days_left} days")


# ---- lines ---------------------------------------------------------------------------------------------------------


def _lines(presented: Sequence[Presented], spots: Mapping[str, Spot]) -> Iterator[list[str]]:
    """Yield a line for each pair and direction; what of several slots is trusted least decides how it looks."""
    merged: dict[tuple[str, str], list[Presented]] = {}
    for one in presented:
        if one.from_ in spots and one.to in spots:
            merged.setdefault((one.from_, one.to), []).append(one)
    for number, ((source, target), several) in enumerate(merged.items()):
        yield list(_line(spots[source], spots[target], several, number))


def _line(source: Spot, target: Spot, several: Sequence[Presented], number: int) -> Iterator[str]:
    verdicts = [one.trusted for one in several]
    name, dash, word = "good", "", "trusted"
    if False in verdicts:
        name, dash, word = "bad", ' stroke-dasharray="10 6"', "NOT TRUSTED"
    elif None in verdicts:
        name, dash, word = "faint", ' stroke-dasharray="2 5"', "not known"
    colour = {"good": GOOD, "bad": BAD, "faint": FAINT}[name]
    path, at, anchor = _path(source, target, number)
    yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash} marker-end="url(#{name})"/>'
    kinds = ", ".join(dict.fromkeys(kind for one in several for kind in one.kinds))
    yield (
        f'<text x="{at.x}" y="{at.y}" fill="{colour}" font-size="11" text-anchor="{anchor}" stroke="#ffffff" '
        f'stroke-width="4" paint-order="stroke">{quoted(f"{kinds}: {word}")}</text>'
    )


def _path(source: Spot, target: Spot, number: int) -> tuple[str, Spot, str]:
    """Return a curve from box to box, the place for its text and its anchor; both directions of a pair lie apart."""
    if source.x == target.x:
        left = source.x < WIDTH / 2
        side = source.x + BOX_WIDTH if left else source.x
        out = (40 + 16 * (number % 2)) * (1 if left else -1)
        down = 10 if source.y < target.y else -10
        begin, end = source.y + BOX_HEIGHT // 2 + down, target.y + BOX_HEIGHT // 2 + down
        path = f"M{side} {begin}C{side + out} {begin} {side + out} {end} {side} {end}"
        return path, Spot(side + out // 2, (begin + end) // 2 + down), "start" if left else "end"
    right = source.x < target.x
    begin_x, end_x = (source.x + BOX_WIDTH, target.x) if right else (source.x, target.x + BOX_WIDTH)
    shift = -16 if right else 16
    begin, end = source.y + BOX_HEIGHT // 2 + shift, target.y + BOX_HEIGHT // 2 + shift
    bend = (end_x - begin_x) // 2
    path = f"M{begin_x} {begin}C{begin_x + bend} {begin} {end_x - bend} {end} {end_x} {end}"
    if begin == end:
        return path, Spot(begin_x + bend, begin + (-6 if right else 14)), "middle"
    # Slanted lines cross in the middle of the gap, so their texts stand where each begins.
    return path, Spot(begin_x + (40 if right else -40), begin + (end - begin) * 14 // 100), "start" if right else "end"


# ---- below ---------------------------------------------------------------------------------------------------------


def _legend(y: int) -> Iterator[str]:
    told = (("good", GOOD, "", "trusted"), ("bad", BAD, ' stroke-dasharray="10 6"', "not trusted"))
    x = MARGIN
    for name, colour, dash, word in (*told, ("faint", FAINT, ' stroke-dasharray="2 5"', "not known")):
        yield (
            f'<path d="M{x} {y}H{x + 50}" stroke="{colour}" stroke-width="2"{dash} marker-end="url(#{name})" '
            'fill="none"/>'
        )
        yield _text(x + 60, y + 4, f"presents its certificate, {word}", size=12, room=280)
        x += 340


def _ends(rows: Sequence[Held], y: int) -> Iterator[str]:
    yield _text(MARGIN, y, "What ends when", size=20, bold=True, room=240)
    yield _text(MARGIN + 250, y, f"a whole bar is {DAYS} days or more", colour=FAINT)
    for number, one in enumerate(sorted(rows, key=lambda one: one.not_after), 1):
        at = y + 8 + LINE * number
        bad = one.state != "good"
        length = max(2, min(one.days_left, DAYS) * BAR // DAYS)
        where = ", ".join(dict.fromkeys(place.node or place.where for place in one.places))
        yield _text(MARGIN, at, one.not_after[:10], bold=bad, room=92)
        yield _text(MARGIN + 96, at, _left(one), colour=BAD if bad else INK, bold=bad, room=144)
        yield f'<rect x="{MARGIN + 250}" y="{at - 10}" width="{length}" height="10" fill="{BAD if bad else GOOD}"/>'
        yield _text(MARGIN + 250 + BAR + 14, at, one.name, room=290)
        yield _text(MARGIN + 750, at, where, colour=FAINT, size=12, room=WIDTH - MARGIN - 780)


def _text(x: int, y: int, text: str, *, colour: str = INK, size: int = 13, bold: bool = False, room: int = 400) -> str:
    """Write a text that takes no more than so much room: what is longer ends in an ellipsis, or is cut off there."""
    weight = ' font-weight="bold"' if bold else ""
    shown = quoted(escape(text, room * 20 // (size * 11)))
    return (
        f'<svg x="{x}" y="{y - size}" width="{room}" height="{size + 6}">'
        f'<text y="{size}" fill="{colour}" font-size="{size}"{weight}>{shown}</text></svg>'
    )
