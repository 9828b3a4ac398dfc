"""Hold the table of who must trust whom: by kind of connection, slot and release."""

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.estate import Connection, Estate, Node, Policy
from engine.relations import cluster, mra_clusters, opens, peers, serves_phones, slot_for, trusting
from engine.site.checks import ENDS
from tests.engine.samples import PEOPLE

NODES = {
    "c": "expressway-c",
    "c2": "expressway-c",
    "e": "expressway-e",
    "pub": "cucm",
    "sub": "cucm",
    "imp": "imp",
    "x": "external",
}


def estate(*connections: tuple[str, str, str]) -> Estate:
    """Make an estate of these boxes; `sub` is a subscriber of `pub`, and `imp` its IM and Presence node."""
    nodes = {
        name: Node(
            name=name,
            kind=kind,  # type: ignore[arg-type]
            driver="any",
            address="a",
            hostname=name,
            publisher="pub" if name in ("sub", "imp") else "",
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
        ("c", "server", "X14.3", ["c", "e", "c2", "pub", "sub", "imp"]),
        ("e", "server", "X14.3", ["e", "c"]),
        ("c2", "server", "X14.3", ["c2", "c"]),
        ("c", "client", "X15.5", ["c", "e", "c2", "pub", "sub", "imp"]),
        ("c", "server", "X15.5", ["c", "c2", "pub", "sub", "imp"]),
        ("e", "server", "X15.5", ["e", "c"]),
        ("e", "client", "X15.5", ["e"]),
    ],
)
def test_who_must_trust_what(node: str, slot: str, release: str, expected: list[str]) -> None:
    """Itself first, then whoever sees that slot; from X15.5 on the slots are parted; a CUCM is its whole cluster."""
    assert trusting(estate(*ALL), node, [slot], release) == expected


def test_only_mra_reaches_im_and_presence() -> None:
    """A secure zone leads to Unified CM alone; MRA to its IM and Presence nodes, too."""
    assert trusting(estate(("secure-zone", "c", "pub")), "c", ["server"], "X14.3") == ["c", "pub", "sub"]
    assert trusting(estate(("mra", "c", "pub")), "c", ["server"], "X14.3") == ["c", "pub", "sub", "imp"]


def test_the_clusters_of_mra_are_named_by_their_publishers() -> None:
    """Each once, whichever of its nodes a connection names; a secure zone alone is no MRA."""
    both = estate(("mra", "c", "sub"), ("mra", "c", "pub"))
    assert (mra_clusters(both, "c"), mra_clusters(both, "e")) == (["pub"], [])
    assert mra_clusters(estate(("secure-zone", "c", "pub")), "c") == []


def test_without_a_connection_a_box_trusts_itself_alone() -> None:
    """Control: only connections make targets."""
    assert trusting(estate(), "c", ["server"], "X14.3") == ["c"]


def test_a_cluster_is_its_publisher_with_all_its_subscribers() -> None:
    """Whichever node is named, the publisher comes first; an Expressway stands alone."""
    assert cluster(estate(), "pub") == cluster(estate(), "sub") == ["pub", "sub", "imp"]
    assert cluster(estate(), "c") == ["c"]


def test_peers_are_found_through_one_another() -> None:
    """However its links are written down, each peer of a cluster has all others as peers, and all must trust it."""
    site = estate(("cluster", "c", "c2"), ("cluster", "e", "c2"), ("traversal", "c", "pub"))
    assert {node: sorted(peers(site, node)) for node in ("c", "c2", "e", "pub")} == {
        "c": ["c2", "e"],
        "c2": ["c", "e"],
        "e": ["c", "c2"],
        "pub": [],
    }
    assert trusting(site, "e", ["server"], "X14.3") == ["e", "c2", "c"]
    assert opens(site, "pub") == []
    assert ("cluster", "c2") in opens(site, "c")


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


@pytest.mark.parametrize(
    ("connections", "served"),
    [
        ([("traversal", "c", "e"), ("mra", "c", "pub")], True),
        ([("traversal", "c", "e"), ("mra", "c2", "pub")], False),
        ([("traversal", "c", "e"), ("secure-zone", "c", "pub")], False),
        ([("neighbor", "c", "e"), ("mra", "c", "pub")], False),
    ],
)
def test_phones_outside_come_through_the_e_of_an_mra_client(
    connections: list[tuple[str, str, str]], served: bool
) -> None:
    """An Expressway-E serves phones when the C behind its traversal zone has MRA; no other box does."""
    found = estate(*connections)
    assert serves_phones(found, "e") is served
    assert not serves_phones(found, "c")


def test_what_is_external_has_to_trust() -> None:
    """A neighbour of others must trust the certificate of the box that it talks to, and of no box behind it."""
    described = estate(("traversal", "c", "e"), ("neighbor", "e", "x"))
    assert trusting(described, "e", ["server"], "X14.3") == ["e", "c", "x"]
    assert trusting(described, "c", ["server"], "X14.3") == ["c", "e"]
    assert "external" in ENDS["neighbor"]["client"]
    assert not [kind for kind, ends in ENDS.items() if kind != "neighbor" and "external" in str(ends)]
