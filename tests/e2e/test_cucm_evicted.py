"""Of two CA certificates of one name a CUCM keeps the newer: what had to go comes back on cancel."""

from collections.abc import Callable

import pytest
from cryptography import x509

from engine.certificates import fingerprint
from engine.errors import Waiting
from engine.runner import people
from plugins.lab.box import Identity
from plugins.lab.lab import Lab
from tests.e2e.story import Story

STORES = ("tomcat-trust", "CallManager-trust")


def evicting(labs: Callable[..., Lab], *, ssh: bool = True) -> Story:
    """Return a story whose new CA has the names of the old one, with the override that it needs."""
    every = {"*": {"soap_rate": "0", "replication": "0"}}
    story = Story(labs(cucm=True, ssh=ssh, ca_names="same", switches=every))
    story.edit_site("replication = 5 ", "replication = 600 ")
    story.begin()
    people.override(story.runner, story.id, "same-name-ca", "the old CA is being replaced")
    return story


def holds_old(story: Story) -> list[bool]:
    """Tell, node by node and store by store, whether the old CA is there, and the new one is not."""
    assert story.lab.cucm
    old, new = ({fingerprint(one) for one in story.lab.authority.generation(name).chain} for name in ("old", "new"))
    found = [
        {fingerprint(one) for one in node.trusted(store)} for node in story.lab.cucm.nodes.values() for store in STORES
    ]
    return [old <= held and not new & held for held in found]


def test_what_was_evicted_comes_back(labs: Callable[..., Lab]) -> None:
    """On cancel each store holds the old CA again, root first, and MRA works once its services were restarted."""
    story = evicting(labs)
    story.until("TrustPropagated", restart=False)
    assert holds_old(story) == [False] * 4
    assert story.lab.await_mra("Failed").status == "Failed"
    assert story.aside("cancel", "the CA is not ready").state == "Cancelled"
    story.lab.effects.wait("trust-replicated", "cucm-sub", count=4, timeout=60)
    assert holds_old(story) == [True] * 4
    assert [text.split(" holds")[0] for text in story.events("restored")] == [
        f"{store} of cucm-pub" for store in STORES for _ in range(2)
    ]
    assert story.whole()
    for service in ("Cisco CallManager", "Cisco Tftp", "Cisco Tomcat", "Cisco HAProxy"):
        for node in ("cucm-pub", "cucm-sub"):
            story.lab.restart_service(node, service)
    assert story.lab.await_mra("Active").status == "Active"


def test_where_the_box_cannot_it_is_told(labs: Callable[..., Lab]) -> None:
    """Without a command line nothing is changed, and the file with what was evicted is named for a person."""
    story = evicting(labs, ssh=False)
    story.until("Validated")
    with pytest.raises(Waiting):
        story.run_past_boxes("TrustPropagated")
    story.aside("cancel", "")
    told = story.events("not-restored")
    assert len(told) == 4
    assert all("command line" in text for text in told)
    assert holds_old(story) == [False] * 4
    papers = {path.read_bytes() for path in (story.lab.home / "renewals" / story.id / "papers").glob("evicted-*.pem")}
    assert len(papers) == 2


def test_what_is_needed_is_not_taken_away(labs: Callable[..., Lab]) -> None:
    """With the new certificate on the box, the CA that it needs stays."""
    story = evicting(labs)
    story.until("TrustPropagated", restart=False)
    box, leaf = story.lab.boxes["expc"], story.runner.store.artefact(story.id, story.renewal.items[0].leaf)
    assert box.pending
    box.slots["server"] = Identity(x509.load_der_x509_certificate(leaf), box.pending.key)  # as a person might upload it
    story.aside("cancel", "")
    assert all("expc holds the new certificate" in text for text in story.events("not-restored"))
    assert holds_old(story) == [False] * 4
    assert story.effects("trust-removed") == []


def test_what_another_renewal_needs_is_not_taken_away(labs: Callable[..., Lab]) -> None:
    """As long as another renewal's certificate chains to the newer CA, that stays."""
    story = evicting(labs)
    story.until("TrustPropagated", restart=False)
    other = Story(story.lab, "expe-server")
    other.begin()
    other.until("Validated")
    story.aside("cancel", "")
    assert all(f"renewal {other.id} needs" in text for text in story.events("not-restored"))
    assert story.effects("trust-removed") == []
