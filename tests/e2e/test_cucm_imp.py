"""A renewal of the Expressway-C where MRA reaches IM and Presence, too."""

from collections.abc import Callable

import pytest

from engine.errors import Refused
from plugins.lab.lab import Lab
from tests.e2e.story import Story


@pytest.fixture
def story(labs: Callable[..., Lab]) -> Story:
    """Return a story with an IM and Presence node, whose site asks by AXL and restarts by SSH."""
    every = {"*": {"soap_rate": "0", "replication": "0"}}
    return Story(labs(cucm=True, ssh=True, axl=True, imp=True, switches=every))


def test_im_and_presence_trusts_before_it_is_shown_anything(story: Story) -> None:
    """Both of its stores get the chain directly, what loads them restarts, and every handshake of MRA is good."""
    story.begin()
    assert story.until("Restarted", restart=False).state == "Restarted"
    added = [(entry["store"], entry["fingerprint"]) for entry in story.entries("trust-appended") if "store" in entry]
    fed = [entry["store"] for entry in story.entries("trust-appended") if entry["node"] == "imp-pub"]
    assert sorted(fed) == ["cup-xmpp-trust"] * 2 + ["tomcat-trust"] * 2
    assert len(added) == 8
    restarted = [entry["service"] for entry in story.entries("service-restarted") if entry["node"] == "imp-pub"]
    assert restarted == ["Cisco Tomcat", "Cisco HAProxy", "Cisco XCP Router"]
    assert story.lab.await_mra("Active").status == "Active"
    assert story.lab.await_mra("Active", node="imp-pub", consumer="xmpp").status == "Active"


def test_without_its_trust_chat_would_be_down(story: Story) -> None:
    """The negative control: a new certificate that IM and Presence does not know is refused by its XMPP service."""
    box = story.lab.boxes["expc"]
    box.slots["server"] = story.new_identity()
    box.boot()
    assert "unknown ca" in story.lab.await_mra("Failed", node="imp-pub", consumer="xmpp").cause


def test_a_site_without_it_is_told(story: Story) -> None:
    """By AXL the node is known, so a site that leaves it out is refused before anything is fed."""
    text = story.lab.site_file.read_text()
    begin = text.index("[nodes.imp-pub]")
    story.edit_site(text[begin : text.index("# --- Who talks TLS")], "")
    story.begin()
    story.until("Validated")
    with pytest.raises(Refused, match=r"cluster-nodes.*imp-pub\.corp\.example"):
        story.until("TrustPropagated", restart=False)
    assert story.effects("trust-appended") == []
