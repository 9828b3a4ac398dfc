"""The picture says what the inventory says, loads and runs nothing, and keeps every text inside the page."""

import re
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from engine.inventory.picture import MARK, WIDTH, draw
from engine.inventory.values import Held, Inventory, Place, Presented, Seen, State

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\x1b[2J\u202e\x00\"'"


def seen(name: str, kind: str = "expressway-c", **more: object) -> Seen:
    """Return a node."""
    return Seen(name=name, kind=kind, release="X14.3", publisher="", **more)  # type: ignore[arg-type]


def held(name: str, node: str, state: State = "good", days: int = 90) -> Held:
    """Return a certificate in a slot of a node."""
    return Held(
        sha256="0" * 64,
        name=name,
        subject=f"CN={name}",
        issuer="CN=CA",
        not_before="2026-01-01T00:00:00Z",
        not_after="2027-01-01T00:00:00Z",
        days_left=days,
        state=state,
        sans=[],
        places=[Place(node=node, where="slot server")],
    )


def presented(source: str, target: str, trusted: bool | None) -> Presented:
    """Return what one node presents to another."""
    return Presented(from_=source, to=target, slot="server", kinds=["traversal"], sha256="", name="x", trusted=trusted)


def inventory(nodes: list[Seen], certificates: list[Held], lines: list[Presented]) -> Inventory:
    """Return an inventory without CAs."""
    return Inventory(at="2026-11-28T00:00:00Z", nodes=nodes, certificates=certificates, authorities=[], presented=lines)


def texts(picture: str) -> str:
    """Return everything that can be read in a picture."""
    root: Element = fromstring(picture)
    return "\n".join("".join(one.itertext()) for one in root.iter(f"{NS}text"))


@pytest.mark.parametrize(
    ("trusted", "word", "dash"), [(True, "trusted", ""), (False, "NOT TRUSTED", "10 6"), (None, "not known", "2 5")]
)
def test_trust_is_told_by_a_word_and_a_kind_of_line(trusted: bool | None, word: str, dash: str) -> None:
    """Not by colour alone: a line that is not trusted is dashed, one that is not known dotted, each with its word."""
    picture = draw(inventory([seen("c"), seen("e", "expressway-e")], [], [presented("c", "e", trusted)]))
    assert f"traversal: {word}" in texts(picture)
    (line,) = [one for one in fromstring(picture).findall(f"{NS}path") if "C" in str(one.get("d"))]
    assert line.get("stroke-dasharray", "") == dash


def test_what_of_one_pair_is_trusted_least_decides() -> None:
    """Two slots that are presented to the same box are one line, and the worse of them shows."""
    lines = [presented("c", "e", True), presented("c", "e", False)]
    told = texts(draw(inventory([seen("c"), seen("e", "expressway-e")], [], lines)))
    assert told.count("NOT TRUSTED") == 1
    assert "traversal: trusted" not in told


@pytest.mark.parametrize(
    ("state", "word"), [("ended", "ENDED"), ("soon", "SOON: 3 days"), ("not-yet", "NOT VALID YET"), ("good", "3 days")]
)
def test_ends_are_told_in_words(state: State, word: str) -> None:
    """Both in the box and in the list below."""
    told = texts(draw(inventory([seen("c")], [held("c.example", "c", state, 3)], [])))
    assert told.count(word) == 2
    assert told.count("2027-01-01") == 2


def test_a_box_that_was_not_read_says_so() -> None:
    """Its frame is dashed, and it names what is lacking."""
    picture = draw(inventory([seen("c", not_read={"status": "down"})], [], []))
    assert "NOT READ: status" in texts(picture)
    assert 'stroke-dasharray="5 4"' in picture


def test_hostile_text_stays_text_and_nothing_is_loaded() -> None:
    """Markup, control characters and references of names change nothing; there is no script and no address."""
    nodes = [seen(HOSTILE), seen("W" * 300, "cucm", not_read={HOSTILE: HOSTILE})]
    picture = draw(inventory(nodes, [held(HOSTILE, HOSTILE)], [presented(HOSTILE, "W" * 300, False)]))
    root: Element = fromstring(picture)
    assert {one.tag.removeprefix(NS) for one in root.iter()} == {
        *("svg", "title", "rect", "defs", "marker", "path", "text")
    }
    assert "\\x1b" in texts(picture)
    assert picture.startswith(MARK)
    assert re.findall(r"(?:https?:|href|url\((?!#))", picture.replace("http://www.w3.org/2000/svg", "")) == []
    assert not {name for one in root.iter() for name in one.attrib if name.startswith("on")}


def test_every_text_has_its_room_inside_the_page() -> None:
    """However long names are and many the boxes: what holds a text is cut off at its own edge, within the page."""
    nodes = [
        seen(f"{kind}{number}" * 20, kind) for kind in ("expressway-c", "expressway-e", "cucm") for number in (1, 2, 3)
    ]
    picture = draw(inventory(nodes, [held("W" * 200, node.name) for node in nodes], []))
    root: Element = fromstring(picture)
    height = int(str(root.get("height")))
    rooms = root.findall(f"{NS}svg")
    assert len(rooms) > 40
    for room in rooms:
        x, y, wide, high = (int(str(room.get(name))) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= WIDTH
        assert 0 <= y <= y + high <= height
