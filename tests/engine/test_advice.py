"""Hold what is said about client authentication to the vendor's table: who may sign, what breaks, what switches do."""

from pathlib import Path

import pytest

from engine.advice import SWITCH, client_auth
from engine.errors import UsageError
from engine.estate import Connection, Estate, Kind, Node, Policy
from engine.relations import opens

MUST_NOT = "must not come from a CA that leaves client authentication out"
ENDS: dict[str, Kind] = {"c": "expressway-c", "e": "expressway-e", "cm": "cucm"}
CONNECTIONS = [
    Connection(kind="traversal", client="c", server="e"),
    Connection(kind="mra", client="c", server="cm"),
    Connection(kind="secure-zone", client="c", server="cm"),
]


def estate(*more: Connection, switch: bool = False) -> Estate:
    """Return a site with a C, an E and a CUCM, and further connections."""
    nodes = {
        name: Node(
            name=name, kind=kind, driver="d", address="h:1", hostname=name, server_eku_upload=switch and name == "e"
        )
        for name, kind in ENDS.items()
    }
    return Estate(
        file=Path("site"),
        distributions=[],
        nodes=nodes,
        connections=[*CONNECTIONS, *more],
        authorities={},
        certificates={},
        people={},
        policy=Policy(),
    )


@pytest.mark.parametrize(
    ("node", "slots", "release", "said"),
    [
        ("c", ["server"], "X15.5", "may come from a public CA"),
        ("e", ["server"], "X15.5", "may come from a public CA"),
        ("c", ["client"], "X15.5", MUST_NOT),
        ("c", ["server", "client"], "X15.5", MUST_NOT),
        ("e", ["client"], "X15.5", "a copy of the server certificate does"),
        ("c", ["server"], "X15.4", MUST_NOT),
        ("e", ["server"], "X15.4", "EnableServerEkuUpload: On"),
        ("c", ["server"], "X14.3", MUST_NOT),
        ("e", ["server"], "X14.3", MUST_NOT),
    ],
)
def test_who_may_sign_for_which_slot(node: str, slots: list[str], release: str, said: str) -> None:
    """The client slot of a box that opens connections needs the usage; the server slot of X15.5 does not."""
    told = " ".join(client_auth(estate(), node, slots, release))
    assert said in told
    assert (MUST_NOT in told) == (said == MUST_NOT)


def test_what_would_break_is_what_the_box_opens() -> None:
    """Each connection that a C opens is named, and none that others open towards it."""
    told = " ".join(client_auth(estate(Connection(kind="neighbor", client="e", server="c")), "c", ["client"], "X15.5"))
    for zone in ("the traversal zone to e", "MRA towards cm", "the secure zone to cm", "the neighbour zone to e"):
        assert zone in told
    assert "SSH tunnels" in told
    assert opens(estate(), "e") == []
    assert opens(estate(), "cm") == []


@pytest.mark.parametrize(
    ("release", "breaks"), [("X14.3", True), ("X15.3.2", True), ("X15.4", False), ("X15.5", False)]
)
def test_cluster_links_do_without_from_x15_4_on(release: str, breaks: bool) -> None:
    """225482: before X15.4 an enforced cluster link asks for client authentication, from then on no more."""
    site = estate(Connection(kind="cluster", client="c", server="e"))
    told = " ".join(client_auth(site, "c", ["client"], release))
    assert ("the cluster link to e" in told) == breaks


def test_what_the_switch_of_x15_4_does_is_said_with_its_state() -> None:
    """The advice for an E names the switch, and on X15.4 what the site says of it; a C hears nothing of it."""
    for switch, state in ((True, "is set"), (False, "is not set")):
        told = " ".join(client_auth(estate(switch=switch), "e", ["server"], "X15.4"))
        assert SWITCH in told
        assert f"`server_eku_upload` of e {state}" in told
    for release in ("X14.3", "X15.4"):
        assert SWITCH not in " ".join(client_auth(estate(), "c", ["server"], release))
        assert SWITCH in " ".join(client_auth(estate(), "e", ["server"], release))


def test_an_e_that_opens_something_needs_the_usage_too() -> None:
    """Control: with a neighbour zone an E's client slot is like a C's."""
    site = estate(Connection(kind="neighbor", client="e", server="c"))
    assert MUST_NOT in " ".join(client_auth(site, "e", ["client"], "X15.5"))


def test_what_is_no_release_is_refused() -> None:
    """Nothing is guessed of a release that can't be read."""
    with pytest.raises(UsageError):
        client_auth(estate(), "c", ["server"], "latest")
