"""Hold the table of who must trust whom: by kind of connection, slot and release."""

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.estate import Connection, Estate, Node, Policy
from engine.relations import cluster, slot_for, trusting
from engine.site.checks import ENDS
from tests.engine.samples import PEOPLE

NODES = {
    "c": "expressway-c",
    "c2": "expressway-c",
    "e": "expressway-e",
    "pub": "cucm",
    "sub": "cucm",
    "x": "external",
}


def estate(*connections: tuple[str, str, str]) -> Estate:
    """Make an estate of these boxes; `sub` is a subscriber of `pub`."""
    nodes = {
        name: Node(
            name=name,
            kind=kind,  # type: ignore[arg-type]
            driver="any",
            address="a",
            hostname=name,
            publisher="pub" if name == "sub" else "",
        )
        for name, kind in NODES.items()
    }
    listed = [
        Connection(kind=kind, client=client, server=server)  # type: ignore[arg-type]
        for kind, client, server in connections
    ]
    return Estate(
        file=Path("certrenew.toml"),
        distributions=[],
        nodes=nodes,
        connections=listed,
        authorities={},
        certificates={},
        people=PEOPLE,
        policy=Policy(),
    )


ALL = (("traversal", "c", "e"), ("cluster", "c", "c2"), ("mra", "c", "sub"))


@pytest.mark.parametrize(
    ("node", "slot", "release", "expected"),
    [
        ("c", "server", "X14.3", ["c", "e", "c2", "pub", "sub"]),
        ("e", "server", "X14.3", ["e", "c"]),
        ("c2", "server", "X14.3", ["c2", "c"]),
        ("c", "client", "X15.5", ["c", "e", "c2", "pub", "sub"]),
        ("c", "server", "X15.5", ["c", "c2", "pub", "sub"]),
        ("e", "server", "X15.5", ["e", "c"]),
        ("e", "client", "X15.5", ["e"]),
    ],
)
def test_who_must_trust_what(node: str, slot: str, release: str, expected: list[str]) -> None:
    """Itself first, then whoever sees that slot; from X15.5 on the slots are parted; a CUCM is its whole cluster."""
    assert trusting(estate(*ALL), node, [slot], release) == expected


def test_without_a_connection_a_box_trusts_itself_alone() -> None:
    """Control: only connections make targets."""
    assert trusting(estate(), "c", ["server"], "X14.3") == ["c"]


def test_a_cluster_is_its_publisher_with_all_its_subscribers() -> None:
    """Whichever node is named, the publisher comes first; an Expressway stands alone."""
    assert cluster(estate(), "pub") == cluster(estate(), "sub") == ["pub", "sub"]
    assert cluster(estate(), "c") == ["c"]


def test_the_slots_are_parted_at_x15_5() -> None:
    """Before it there is the server slot only; what is no release is refused."""
    assert [slot_for("client", release) for release in ("X14.3", "X15.4.9", "X15.5", "X16.0")] == [
        *("server", "server", "client", "client")
    ]
    with pytest.raises(UsageError):
        slot_for("client", "unknown")


def test_every_kind_of_connection_is_in_the_table() -> None:
    """No kind that the site file takes leads to no trust at all."""
    for kind in ENDS:
        assert len(trusting(estate((kind, "c", "e")), "c", ["server", "client"], "X15.5")) == 2


def test_what_is_external_has_to_trust() -> None:
    """A neighbour of others must trust the certificate of the box that it talks to, and of no box behind it."""
    described = estate(("traversal", "c", "e"), ("neighbor", "e", "x"))
    assert trusting(described, "e", ["server"], "X14.3") == ["e", "c", "x"]
    assert trusting(described, "c", ["server"], "X14.3") == ["c", "e"]
    assert "external" in ENDS["neighbor"]["client"]
    assert not [kind for kind, ends in ENDS.items() if kind != "neighbor" and "external" in str(ends)]
