"""Which names a certificate needs, by what boxes tell; nothing is claimed where it is not clear whose it is."""

import pytest

from engine.contracts import Domain, Survey, Zone
from engine.discovery.needs import Known, Need, needs

C = Survey(
    release="X14.3",
    kind="expressway-c",
    hostname="c.example",
    zones=[Zone(name="Z", kind="traversal-client", peers=["edge.example", "10.0.0.9"])],
    domains=[Domain(name="corp.example", uses=["mra", "federation"]), Domain(name="sip.example", uses=["sip"])],
)
HOSTS = {name: {f"{name}.example"} for name in ("c", "c2", "e", "e2")}


def found(surveys: dict[str, Survey], *traversal: tuple[str, str]) -> set[tuple[str, tuple[str, ...]]]:
    """Return node and names of every need."""
    return {(need.node, need.ways) for need in needs(Known(surveys, traversal, HOSTS))}


def test_an_e_needs_what_its_c_is_set_up_for() -> None:
    """Domains for MRA, in either form, and for federation; the name by which the zone calls it; no address, no SIP."""
    assert found({"c": C}, ("c", "e")) == {
        ("c", ("DNS:c.example",)),
        ("e", ("DNS:corp.example", "DNS:collab-edge.corp.example")),
        ("e", ("DNS:corp.example",)),
        ("e", ("DNS:edge.example",)),
    }
    assert found({"c": C}) == {("c", ("DNS:c.example",))}, "control: without a connection nobody needs it"


@pytest.mark.parametrize("mra", [True, None, False])
def test_an_mra_domain_counts_unless_mra_is_off(mra: bool | None) -> None:
    """Where the box does not say whether MRA is on, its domains count."""
    survey = Survey(release="X14.3", mra=mra, domains=[Domain(name="corp.example", uses=["mra"])])
    wanted = {("e", ("DNS:corp.example", "DNS:collab-edge.corp.example"))}
    assert found({"c": survey}, ("c", "e")) == (set() if mra is False else wanted)


def test_a_peer_address_belongs_to_whom_it_can_belong() -> None:
    """To the node that is called so; to the only one there is; with several, to nobody."""
    called = Survey(release="X14.3", zones=[Zone(name="Z", kind="traversal-client", peers=["E2.example"])])
    assert found({"c": called}, ("c", "e"), ("c", "e2")) == {("e2", ("DNS:E2.example",))}
    other = Survey(release="X14.3", zones=[Zone(name="Z", kind="traversal-client", peers=["nat.example"])])
    assert found({"c": other}, ("c", "e")) == {("e", ("DNS:nat.example",))}
    assert found({"c": other}, ("c", "e"), ("c", "e2")) == set()


def test_a_verified_name_belongs_to_whom_it_can_belong() -> None:
    """To the client that is called so; with one zone to all its clients, which a cluster's name is for; else nobody."""

    def edge(*names: str) -> dict[str, Survey]:
        zones = [Zone(name=name, kind="traversal-server", verify=name) for name in names]
        return {"e": Survey(release="X14.3", kind="expressway-e", zones=zones)}

    both = (("c", "e"), ("c2", "e"))
    assert found(edge("c2.example", "other.example"), *both) == {("c2", ("DNS:c2.example",))}
    assert found(edge("cluster.example"), *both) == {(node, ("DNS:cluster.example",)) for node in ("c", "c2")}
    assert found(edge("one.example", "two.example"), *both) == set()


def test_a_need_is_met_by_either_name_and_in_any_case() -> None:
    """`collab-edge` will do for an MRA domain; another name or another type will not."""
    need = Need("e", ("DNS:corp.example", "DNS:collab-edge.corp.example"), "MRA domain")
    assert need.met(["DNS:x.example", "DNS:Collab-Edge.corp.example"])
    assert need.met(["DNS:CORP.example."])
    assert not need.met(["DNS:edge.corp.example", "email:corp.example"])


def test_what_can_be_no_name_is_left_out() -> None:
    """A domain that is no host name, whatever put it there, is asked of nobody."""
    survey = Survey(release="X14.3", domains=[Domain(name='x"\n[people]', uses=["federation"])])
    assert found({"c": survey}, ("c", "e")) == set()
