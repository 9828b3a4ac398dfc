"""Hold the text of a first site file: whatever was said comes back as it was, and nothing else."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from engine.discovery.sitefile import CUCM, Box, C, Draft, E, boxes, text
from engine.site import FILL_IN

ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda one: not one.startswith(FILL_IN)
)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)


@given(ANY, ANY, ANY, ANY, ANY, st.lists(ANY, max_size=3))
def test_what_was_said_comes_back(address: str, host: str, user: str, secret: str, ca: str, people: list[str]) -> None:
    """Any text, also one that looks like TOML or a control sequence, is a value and never anything more."""
    box = Box("c1", C, host, address)
    draft = Draft([box], user=user, password=f"env:{secret}", ca=ca, roots=[ca], engineer=user, approvers=people)
    tables = tomllib.loads(text(draft))
    node = tables["nodes"]["c1"]
    assert (node["address"], node["hostname"], node["username"]) == (address, host, user)
    assert (node["password"], node["ca"]) == (f"env:{secret.replace('{node}', 'c1')}", ca)
    assert tables["authorities"]["ca"]["roots"] == [ca]
    assert sorted(one["name"] for one in tables["people"].values()) == sorted([user, *(people or [_approver()])])
    assert set(tables) == {*("schema", "plugins", "nodes", "authorities", "certificates", "people", "approval")}, (
        "there is no connection, and nothing that was said became a table"
    )


def _approver() -> str:
    return f"{FILL_IN}: the name of somebody else, who may approve>"


@given(st.lists(st.tuples(st.sampled_from([C, E, CUCM]), ANY), max_size=6))
def test_every_box_gets_a_name_of_its_own(said: list[tuple[str, str]]) -> None:
    """However boxes are called, their names differ and may stand in the site file."""
    found: list[Box] = []
    for kind, host in said:
        found += boxes(kind, [host], [box.name for box in found])
    names = [box.name for box in found]
    assert len(set(names)) == len(said)
    assert all(name and name.isascii() and name.replace("-", "a").isalnum() for name in names)
    assert len(tomllib.loads(text(Draft(found)))["nodes"] if found else said) == len(said)


def test_an_address_alone_says_no_host_name() -> None:
    """An IP address is no name of a certificate; NAME=ADDRESS says both."""
    assert boxes(C, ["10.0.0.5:8443"]) == [Box(C, C, "", "10.0.0.5:8443")]
    assert boxes(C, ["[2001:db8::1]:443"]) == [Box(C, C, "", "[2001:db8::1]:443")]
    assert boxes(E, ["e.example:444"]) == [Box("e", E, "e.example", "e.example:444")]
    assert boxes(E, ["e.example=10.0.0.6"]) == [Box("e", E, "e.example", "10.0.0.6")]
