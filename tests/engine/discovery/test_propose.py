"""What a survey becomes: everything that is new, nothing that a person wrote, and nothing a second time."""

import re
import tempfile
import tomllib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import Domain, Publisher, Survey, Zone
from engine.discovery.propose import Proposal, Reached, propose
from engine.discovery.sitefile import CUCM, Box, C, Draft, E, text
from engine.discovery.tables import unfilled
from engine.discovery.write import applied
from engine.errors import UsageError
from engine.site import NotFilledIn, load

AT = datetime(2026, 11, 28, tzinfo=UTC)
DRAFT = Draft([], user="admin", password="file:secrets/{node}", ca="boxes.pem", engineer="Erin")
REACHED = Reached("c.example:8443", "c.example")
EVERYTHING = Survey(
    release="X14.3",
    kind="expressway-c",
    hostname="c.example",
    zones=[
        Zone(name="To E", kind="traversal-client", peers=["e.example"], port=7001),
        Zone(name="To the other", kind="neighbor", peers=["x.example"]),
        Zone(name="To CUCM", kind="neighbor", peers=["pub.example"]),
    ],
    peers=["c2.example"],
    publishers=[Publisher(kind="cucm", host="pub.example"), Publisher(kind="imp", host="imp.example")],
    domains=[Domain(name="corp.example", uses=["mra", "sip"])],
    mra=True,
    sip_tls=5061,
)
NAMES = {"": {"server": ["DNS:c.example"]}}


def after(old: str, survey: Survey, reached: Reached = REACHED, **names: Any) -> tuple[str, Proposal]:
    """Return the file after a survey, and what was proposed."""
    proposal = propose(tomllib.loads(old), reached, survey, names.get("carried", NAMES))
    return (old if proposal.empty else applied(old, proposal, DRAFT, reached.address, AT)), proposal


def links(new: str) -> set[tuple[str, str, str]]:
    """Return the connections that a file has."""
    return {(one["kind"], one["client"], one["server"]) for one in tomllib.loads(new)["connections"]}


def test_a_new_file_has_all_that_the_box_tells() -> None:
    """Nodes by kind, connections by zone and publisher, a certificate for the slot; who was not reached waits."""
    new, proposal = after("", EVERYTHING)
    tables = tomllib.loads(new)
    assert {name: one["kind"] for name, one in tables["nodes"].items()} == {"c": C, "c2": C, "e": E, "pub": CUCM}
    assert tables["nodes"]["c"]["tls"] == {"https": "c.example:8443", "sip": "c.example:5061"}
    assert unfilled(tables["nodes"]["e"]["address"])
    assert "perhaps e.example" in tables["nodes"]["e"]["address"]
    assert tables["nodes"]["e"]["password"] == "file:secrets/e"
    assert links(new) == {
        *(("cluster", "c", "c2"), ("traversal", "c", "e"), ("mra", "c", "pub"), ("secure-zone", "c", "pub"))
    }
    assert tables["certificates"] == {
        "c-server": {"node": "c", "slot": "server", "authority": "ca", "names": []},
    }
    told = " ".join(one.what for one in proposal.open)
    assert "imp.example" in told
    assert "x.example" in told
    assert 'zone "To E"' in new


def test_a_zone_to_what_is_known_becomes_the_connection_that_it_is() -> None:
    """A neighbour that is an Expressway of the file is a neighbor, one that is its CUCM a secure zone."""
    old = text(Draft([Box("x", E, "x.example", "x.example"), Box("pub", CUCM, "pub.example", "10.0.0.1")]))
    new, _ = after(old, EVERYTHING)
    assert ("neighbor", "c", "x") in links(new)
    assert ("secure-zone", "c", "pub") in links(new)
    assert set(tomllib.loads(new)["nodes"]) == {"x", "pub", "c", "c2", "e"}


def test_a_zone_to_what_others_look_after_is_a_neighbor() -> None:
    """An external node of the file gets its connection, and so will have to trust; it is asked about no more."""
    old = text(Draft([Box("x", E, "x.example", "x.example")])).replace(f'kind = "{E}"', 'kind = "external"')
    new, proposal = after(old, EVERYTHING)
    assert ("neighbor", "c", "x") in links(new)
    assert "x.example" not in " ".join(one.what for one in proposal.open)


def test_both_sides_of_a_traversal_find_each_other() -> None:
    """Whichever of C and E is discovered first, the second adds what lacks and nothing twice."""
    e = Survey(
        release="X14.3",
        kind="expressway-e",
        hostname="e.example",
        zones=[Zone(name="From C", kind="traversal-server", verify="c.example")],
    )
    at_e, held = Reached("10.0.0.9:443", "e.example"), {"": {"server": ["DNS:e.example"]}}
    alone, first = after("", e, at_e, carried=held)
    assert "Discover that box" in " ".join(one.todo for one in first.open)
    both, _ = after(alone, EVERYTHING)
    assert ("traversal", "c", "e") in links(both)
    assert [name for name in tomllib.loads(both)["nodes"] if name.startswith("e")] == ["e"]

    two, _ = after("", EVERYTHING)
    other, proposal = after(two, e, at_e, carried=held)
    assert proposal.filled == {
        ("nodes", "e", "address"): "10.0.0.9:443",
        ("nodes", "e", "tls", "https"): "10.0.0.9:443",
    }
    assert [slot.name for slot in proposal.slots] == ["e-server"]
    assert links(other) == links(two)


def test_the_names_that_a_certificate_lacks_are_asked_for() -> None:
    """A new entry gets them with their reason; where the entry is a person's, they are for that person to decide."""
    e = Survey(
        release="X14.3",
        kind="expressway-e",
        hostname="e.example",
        domains=[Domain(name="corp.example", uses=["mra", "federation"]), Domain(name="other.example", uses=["sip"])],
    )
    at_e = Reached("e.example", "e.example")
    new, proposal = after("", e, at_e, carried={"": {"server": ["DNS:E.example", "DNS:collab-edge.corp.example"]}})
    assert proposal.slots[0].names == ["DNS:corp.example"], "federation needs the domain itself"
    assert "# DNS:corp.example: XMPP federation domain corp.example on e" in new
    _, again = after(new, e, at_e, carried={"": {"server": ["DNS:e.example"]}})
    assert again.empty
    assert again.open == [], "the entry's own names count"
    kept, late = after(new.replace('["DNS:corp.example"]', "[]"), e, at_e, carried={"": {"server": ["DNS:e.example"]}})
    assert late.slots == []
    assert "lacks DNS:corp.example" in late.open[0].what
    assert "names = []" in kept


def test_where_box_and_file_differ_the_file_stays() -> None:
    """What a person wrote is kept, the difference is told."""
    old = text(Draft([Box("mine", E, "c.example", "10.1.1.1:443")])).replace("[nodes.mine]", "[nodes.mine] # keep")
    new, proposal = after(old, EVERYTHING)
    assert new.startswith(old)
    told = " ".join(one.what for one in proposal.open)
    assert "`nodes.mine.kind` is expressway-e in the file, and expressway-c by the box." in told
    assert "`nodes.mine.address` is 10.1.1.1:443 in the file, and c.example:8443 by the box." in told
    assert "SIP by TLS at c.example:5061" in told


def test_only_what_waits_to_be_filled_in_is_filled_in() -> None:
    """The line keeps what stands behind the value, and every other line is as it was."""
    old = text(Draft([Box("mine", "", "c.example", "")])) + "# the end\n"
    new, proposal = after(old, EVERYTHING)
    filled = {".".join(place) for place in proposal.filled}
    assert filled == {"nodes.mine.kind", "nodes.mine.address", "nodes.mine.tls.https"}
    before, now = old.splitlines(), new.splitlines()
    changed = [(a, b) for a, b in zip(before, now, strict=False) if a != b]
    assert changed[0][1] == 'kind = "expressway-c"'
    assert 'address = "c.example:8443"  # HOST or HOST:PORT of its API' in now
    assert len(changed) == 3


@pytest.mark.parametrize(
    "old",
    [
        'schema = 1\nnodes = { a = { kind = "cucm" } }\n',
        "schema = 1\nconnections = []\n",
    ],
)
def test_a_file_that_can_not_be_extended_is_left_alone(old: str) -> None:
    """Tables written in one line take no further ones; the error says how to write them."""
    with pytest.raises(UsageError, match="can't be extended") as refused:
        after(old, EVERYTHING)
    assert "[nodes.NAME]" in refused.value.todo


HOSTS = st.sampled_from(
    [
        *("c.example", "C.Example", "e.example", "e2.example", "x", "pub.example", "10.0.0.1", "10.0.0.2", "::1"),
        *("<fill in: me>", 'a"\n[people.eve]\nname="x', "\x1b[2J\u202e", "-", "a=b", "ß.example", "e.example:7001", ""),
    ]
)
SURVEYS = st.builds(
    Survey,
    release=st.just("X14.3"),
    kind=st.sampled_from(["", "expressway-c", "expressway-e"]),
    hostname=HOSTS,
    zones=st.lists(
        st.builds(
            Zone,
            name=HOSTS,
            kind=st.sampled_from(["traversal-client", "traversal-server", "neighbor"]),
            peers=st.lists(HOSTS, max_size=3),
            verify=HOSTS,
        ),
        max_size=3,
    ),
    peers=st.lists(HOSTS, max_size=2),
    publishers=st.lists(st.builds(Publisher, kind=st.sampled_from(["cucm", "imp"]), host=HOSTS), max_size=2),
    domains=st.lists(st.builds(Domain, name=HOSTS, uses=st.just(["mra", "federation"])), max_size=2),
    mra=st.sampled_from([None, True, False]),
    sip_tls=st.sampled_from([0, 5061]),
)
BOXES = st.sampled_from(
    [
        [],
        [Box("c", C, "c.example", "")],
        [Box("c", "", "", "c.example:8443"), Box("e", E, "e.example", "")],
        [Box("e", E, "e.example", "10.0.0.2"), Box("pub", CUCM, "pub.example", "10.0.0.1")],
        [Box("c", E, "other.example", "c.example:8443"), Box("c-2", C, "c.example", "127.0.0.1:1")],
    ]
)
NOTES = st.lists(st.sampled_from(["# mine", "", "# <fill in: not a value>", "\t# é"]), max_size=4)


@settings(deadline=None, max_examples=60)
@given(SURVEYS, BOXES, NOTES)
def test_a_second_look_adds_nothing_and_all_that_was_written_stays(
    survey: Survey, known: list[Box], notes: list[str]
) -> None:
    """Whatever boxes tell: applying a proposal twice changes nothing, and lines of the file stay byte for byte."""
    old = text(Draft(known, engineer="Erin")) + "\n".join(notes) if known else ""
    new, first = after(old, survey)
    again, second = after(new, survey)
    assert second.empty, (second.boxes, second.links, second.slots, second.filled)
    assert again == new
    waiting = [line for line in old.splitlines() if '"<fill in' in line]
    kept = [line for line in old.splitlines() if line not in waiting]
    lines = iter(new.splitlines())
    assert all(line in lines for line in kept), "in this order"
    assert len(first.filled) <= len(waiting)
    assert set(tomllib.loads(new)) <= {
        *("schema", "plugins", "nodes", "connections", "authorities", "certificates", "people", "approval")
    }
    assert "eve" not in tomllib.loads(new)["people"]
    assert whole(new)


def whole(text: str) -> bool:
    """Tell whether a file can be used once all that waits was filled in; of unknown kinds nobody can say."""
    for line, value in (
        *(("address", "h:1"), ("https", "h:1"), ("hostname", "h"), ("username", "u"), ("password", "env:P")),
        *(("name", "N"), ("authority", "ca")),
    ):
        text = re.sub(rf'^{line} = "<fill in[^"]*"', f'{line} = "{value}"', text, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "certrenew.toml"
        file.write_text(re.sub("^ca = .*$", "", text, flags=re.MULTILINE))
        with suppress(NotFilledIn):
            load(file)
    return True
