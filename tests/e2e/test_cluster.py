"""Renew a certificate for each peer of a cluster: one renewal, one approval a step, one restart after the other."""

from collections.abc import Callable

import pytest
from cryptography.x509.oid import NameOID

from engine.errors import Failed, Refused
from engine.runner import people
from engine.text import escape
from plugins.lab.authority import pem
from plugins.lab.lab import Lab
from plugins.lab.uploads import dns_names
from tests.e2e.story import LabClock, Story

Labs = Callable[..., Lab]
PEERS = ("expc", "expc2")


def story_of(labs: Labs, *certificates: str, **switches: str) -> Story:
    """Return a story of both peers, or of these certificates, in a lab with a cluster of two."""
    lab = labs(cluster=True, switches={"*": switches})
    return Story(lab, *(certificates or ("expc-server", "expc2-server")))


@pytest.fixture
def cluster(labs: Labs) -> Story:
    """Return a story of both peers."""
    return story_of(labs)


def restarts(story: Story) -> list[tuple[str, str]]:
    """Return what happened to power and links of the boxes, in order."""
    kinds = ("restarting", "restarted", "peer-down", "peer-up")
    entries = [entry for entry in story.lab.effects.all() if entry["kind"] in kinds]
    return [(str(entry["node"]), str(entry["kind"])) for entry in entries]


def test_the_lab_links_the_peers_by_mutual_tls(cluster: Story) -> None:
    """Each peer shows the other as Active, and no more once that one lost the CA of what it presents."""
    _, _, forth, back = cluster.lab.links
    forth.wait("Active", 15)
    back.wait("Active", 15)
    assert cluster.lab.boxes["expc"].peers == {"expc2.corp.example": "Active"}
    cluster.lab.order("expc2", "forget-ca", ca="old")
    forth.wait("Failed", 15)
    assert "unknown ca" in cluster.lab.boxes["expc"].peers["expc2.corp.example"]


def test_one_renewal_renews_every_peer_with_a_rolling_restart(cluster: Story) -> None:
    """A certificate with a key of its own for each peer; the second restarts when the first is back and whole."""
    cluster.begin()
    assert cluster.until("Restarted").state == "Restarted"
    first, second = cluster.renewal.items
    assert [cluster.lab.boxes[node].serves.fingerprint for node in PEERS] == [first.leaf, second.leaf]
    assert first.key != second.key
    for node in PEERS:
        leaf = cluster.lab.boxes[node].serves.certificate
        assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "expc-cluster.corp.example"
        assert {f"{node}.corp.example", "expc-cluster.corp.example"} <= set(dns_names(leaf))
    seen = restarts(cluster)
    power = [one for one in seen if one[1].startswith("restart")]
    assert power == [(node, kind) for node in PEERS for kind in ("restarting", "restarted")]
    between = seen[seen.index(("expc", "restarted")) : seen.index(("expc2", "restarting"))]
    assert {("expc2", "peer-up")} <= set(between)  # the other peer saw it come back before it went itself
    for link in cluster.lab.links:
        link.wait("Active", 15)


def test_one_trust_plan_and_one_approval_a_step_cover_every_peer(cluster: Story) -> None:
    """Each plan names both peers, and one approval carries both uploads, another one both restarts."""
    cluster.begin()
    cluster.until("Validated")
    trust = cluster.runner.plan(cluster.id)
    assert trust is not None
    assert {change.target for change in trust.changes} == {"expc", "expc2", "expe"}
    cluster.until("TrustPropagated")
    for step in ("install", "restart"):
        plan = cluster.runner.plan(cluster.id)
        assert plan is not None
        assert [(plan.step, change.target) for change in plan.changes] == [(step, node) for node in PEERS]
        cluster.approve()
        cluster.runner.advance(cluster.id)
    assert cluster.renewal.state == "Restarted"


def test_the_first_failure_leaves_the_rest_untouched(cluster: Story) -> None:
    """A peer whose zone does not come back stops the restart: the other peer is not touched."""
    cluster.edit_site("restart_timeout = 60", "restart_timeout = 10")
    cluster.begin()
    cluster.until("Installed")
    cluster.approve_next()
    old = cluster.lab.boxes["expc2"].serves.fingerprint
    cluster.when("restarting", lambda: cluster.lab.order("expe", "forget-ca", ca="new"))
    with pytest.raises(Failed, match="Traversal to expe"):
        cluster.runner.run(cluster.id)
    assert cluster.effects("restarting") == ["expc"]
    assert cluster.lab.boxes["expc2"].serves.fingerprint == old
    cluster.lab.boxes["expe"].append_trust(pem(cluster.lab.authority.new.chain))
    assert cluster.again().state == "Restarted"
    assert cluster.effects("restarting") == list(PEERS)


def test_a_link_that_does_not_come_back_stops_the_rest(cluster: Story) -> None:
    """A peer that the other one no longer takes stops the restart, although its zones are active again."""
    cluster.edit_site("restart_timeout = 60", "restart_timeout = 10")
    cluster.begin()
    cluster.until("Installed")
    cluster.approve_next()
    cluster.when("restarting", lambda: cluster.lab.order("expc2", "forget-ca", ca="new"))
    with pytest.raises(Failed, match=r"peer expc2\.corp"):
        cluster.runner.run(cluster.id)
    assert cluster.effects("restarting") == ["expc"]
    cluster.lab.boxes["expc2"].append_trust(pem(cluster.lab.authority.new.chain))
    assert cluster.again().state == "Restarted"


class Interrupted(LabClock):
    """Be a command that somebody ends at its first wait."""

    def wait(self, seconds: float) -> None:
        """End it."""
        raise KeyboardInterrupt


def test_an_interrupted_rolling_restart_goes_on_where_it_stopped(cluster: Story) -> None:
    """Ended while the first peer is away, the next run waits for it, and restarts each peer once."""
    cluster.begin()
    cluster.until("Installed")
    cluster.approve_next()
    cluster.runner.site.clock = Interrupted(cluster.lab)
    with pytest.raises(KeyboardInterrupt):
        cluster.runner.run(cluster.id)
    assert cluster.effects("restarting") == ["expc"]
    assert cluster.again().state == "Restarted"
    assert cluster.effects("restarting") == list(PEERS)
    assert cluster.whole()


def test_a_cluster_that_is_not_whole_is_not_restarted(cluster: Story) -> None:
    """While a peer is away nobody is restarted; a person may go on all the same, with a reason."""
    cluster.begin()
    cluster.until("Installed")
    cluster.approve_next()
    cluster.lab.boxes["expc2"].remove_trust([escape(sha) for sha in cluster.lab._fingerprints("old")])
    cluster.lab.links[2].wait("Failed", 15)
    with pytest.raises(Refused, match="cluster is not whole"):
        cluster.runner.run(cluster.id)
    assert cluster.effects("restarting") == []
    people.override(cluster.runner, cluster.id, "cluster-whole", "the other one is being mended")
    cluster.approve_next()  # an override makes it another plan
    assert cluster.until("Restarted").state == "Restarted"


def test_a_box_that_tells_nothing_of_its_peers_is_passed_over_with_a_word(labs: Labs) -> None:
    """Where the status shows no peers the restart goes on, and a person is told to look."""
    story = story_of(labs, cluster_status="absent")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert any("does not tell how it stands with the peers" in text for _, text in story.told)


def test_a_csr_that_can_not_have_the_clusters_name_is_refused(labs: Labs) -> None:
    """Where the API puts the peer's own name, a renewal of a certificate with the cluster's name makes no CSR there."""
    story = story_of(labs, cluster_csr_name="own")
    story.begin()
    with pytest.raises(Refused, match="common name") as refused:
        story.until("CSRPending")
    assert "--adopt-csr" in refused.value.todo
    assert story.effects("csr-generated") == []


def test_a_renewal_of_one_peer_is_told_of_the_others(labs: Labs) -> None:
    """A renewal of one peer alone offers the one for all, by name, when it begins; one for all offers nothing."""
    alone = story_of(labs, "expc-server")
    alone.begin()
    assert any("start expc-server expc2-server" in text for _, text in alone.told)
    whole = Story(labs(cluster=True), "expc-server", "expc2-server")
    whole.begin()
    assert not any("Other peers" in text for _, text in whole.told)
