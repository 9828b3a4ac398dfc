"""Which names stand for a node of the site, so that a cluster's own list can be compared with it."""

from pathlib import Path

import pytest

from engine.estate import Estate, Node, Policy
from workflows.peers import is_known


def estate() -> Estate:
    """Return a site with a publisher, and a subscriber that is reached by an address."""
    nodes = [
        Node(name="pub", kind="cucm", driver="cucm", address="gateway.example:443", hostname="cucm-pub.corp.example"),
        Node(
            name="sub", kind="cucm", driver="cucm", address="[2001:db8::7]:443", hostname="s.example", publisher="pub"
        ),
        Node(name="far", kind="cucm", driver="cucm", address="10.0.0.9", hostname="far.corp.example"),
    ]
    return Estate(
        file=Path("certrenew.toml"),
        distributions=[],
        nodes={node.name: node for node in nodes},
        connections=[],
        authorities={},
        certificates={},
        people={},
        policy=Policy(),
    )


@pytest.mark.parametrize(
    ("member", "known"),
    [
        ("CUCM-PUB.corp.example", True),
        ("cucm-pub", True),
        ("2001:db8::7", True),
        ("gateway.example", True),
        ("cucm-pub.other.example", False),
        ("far.corp.example", False),
        ("10.0.0.9", False),
    ],
)
def test_a_nodeis_known_by_host_name_first_label_or_address(member: str, known: bool) -> None:
    """In any case of letters, and only among the nodes of its own cluster."""
    assert is_known(estate(), "pub", member) == known
