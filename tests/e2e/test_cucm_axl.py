"""What the cluster's configuration says stands against a renewal: names it must carry, nodes nobody would feed."""

from collections.abc import Callable

import pytest

from engine.errors import Refused
from engine.runner import people
from plugins.lab.lab import Lab
from tests.e2e.story import Story


@pytest.fixture
def story(labs: Callable[..., Lab]) -> Story:
    """Return a story whose site asks by AXL, and restarts what loads the stores by SSH."""
    return Story(labs(cucm=True, ssh=True, axl=True, switches={"*": {"soap_rate": "0", "replication": "0"}}))


def test_a_new_profile_means_a_new_name(story: Story) -> None:
    """A secure profile that the old certificate lacks stops the CSR until the site names it; then it is carried."""
    assert story.lab.cucm
    story.lab.cucm.publisher.profiles.append({"name": "new.corp.example", "deviceSecurityMode": "Encrypted"})
    story.begin()
    with pytest.raises(Refused, match=r"names-for-role.*DNS:new\.corp\.example"):
        story.until("CSRPending")
    assert story.effects("csr-generated") == []
    story.edit_site(
        'node = "expc"\nslot = "server"\nauthority = "corporate"\nnames = []',
        'node = "expc"\nslot = "server"\nauthority = "corporate"\nnames = ["new.corp.example"]',
    )
    assert story.until("Restarted", restart=False).state == "Restarted"
    names = story.lab.boxes["expc"].serves.certificate.extensions
    assert "new.corp.example" in str([one.value for one in names])
    assert story.lab.await_mra("Active").status == "Active"


def test_a_profile_that_came_since_is_found_before_the_certificate_is_used(story: Story) -> None:
    """The signed certificate is judged by what the cluster says then; an override with a reason goes on."""
    assert story.lab.cucm
    story.begin()
    story.until("Signed")
    story.lab.cucm.publisher.profiles.append({"name": "new.corp.example", "deviceSecurityMode": "Encrypted"})
    with pytest.raises(Refused) as refused:
        story.until("Validated")
    assert "names-for-role" in refused.value.what
    people.override(story.runner, story.id, "names-for-role", "no such phone is outside yet")
    assert story.until("Validated").state == "Validated"


def test_a_node_that_the_site_lacks_is_named(story: Story) -> None:
    """Nothing is fed before the site names each node of the cluster, or somebody says why one need not trust."""
    assert story.lab.cucm
    real = story.lab.cucm.publisher.members
    story.lab.cucm.publisher.members = lambda: {**real(), "cucm-far.corp.example": "CUCM Voice/Video"}
    story.begin()
    story.until("Validated")
    with pytest.raises(Refused, match=r"cluster-nodes.*cucm-far\.corp\.example"):
        story.until("TrustPropagated", restart=False)
    assert story.effects("trust-appended") == []
    people.override(story.runner, story.id, "cluster-nodes", "it is being taken down")
    assert story.until("TrustPropagated", restart=False).state == "TrustPropagated"
