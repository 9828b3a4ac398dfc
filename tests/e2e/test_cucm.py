"""A renewal of the Expressway-C passes through CUCM: both stores on every node, services, MRA by real handshakes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from engine.errors import Failed, LoginRefused, Refused, Unreachable, Waiting
from engine.runner import people
from engine.runner.confirming import confirm
from plugins.lab.lab import Lab
from tests.e2e.story import LabClock, Story

API = "/platformcom/api/v1/certmgr/config"
QUIET: dict[str, dict[str, str]] = {"*": {"soap_rate": "0"}}


@pytest.fixture
def cucm(labs: Callable[..., Lab]) -> Story:
    """Return a story in a lab with a CUCM publisher and subscriber."""
    return _story(labs)


def _story(labs: Callable[..., Lab], **switches: str) -> Story:
    return Story(labs(cucm=True, switches={"*": {"soap_rate": "0", **switches}}))


def _added(story: Story) -> list[tuple[str, str]]:
    assert story.lab.cucm is not None
    return [(entry["node"], entry["store"]) for entry in story.entries("trust-appended") if "store" in entry]


def _uploaded_once(story: Story) -> None:
    """Assert that no upload was repeated on any node."""
    uploads = [
        (entry["node"], entry.get("store", ""), entry["fingerprint"]) for entry in story.entries("trust-appended")
    ]
    assert len(set(uploads)) == len(uploads)


def _once_each(story: Story) -> None:
    """Assert that no upload and no restart was repeated on any node."""
    _uploaded_once(story)
    restarts = [(entry["node"], entry["service"]) for entry in story.entries("service-restarted")]
    assert len(set(restarts)) == len(restarts) == 8
    assert story.effects("restarted") == ["expc"]


def test_mra_works_after_a_renewal_and_every_node_was_proven(cucm: Story) -> None:
    """Both stores of both nodes hold the chain, every service that loads them started after that, and MRA works."""
    cucm.begin()
    assert cucm.until("Restarted").state == "Restarted"
    assert cucm.lab.await_mra("Active").status == "Active"
    approved = {(d.step, d.phase) for d in cucm.runner.store.decisions(cucm.id)}
    assert approved == {("propagate", "services"), ("install", "install"), ("restart", "restart")}
    restarted = [(entry["service"], entry["node"]) for entry in cucm.entries("service-restarted")]
    services = ["Cisco CallManager", "Cisco Tftp", "Cisco Tomcat", "Cisco HAProxy"]
    assert restarted == [(service, node) for service in services for node in ("cucm-pub", "cucm-sub")]
    assert not any("CAPF" in store for _, store in _added(cucm))
    assert cucm.whole()


def test_without_its_services_restarted_mra_would_be_down(cucm: Story) -> None:
    """The negative control: with the new CA in every store but the services as old as before, MRA fails."""
    cucm.begin()
    cucm.until("Validated")
    with pytest.raises(Waiting) as waiting:
        cucm.run_past_boxes("TrustPropagated")
    assert waiting.value.on == "approval"
    assert cucm.effects("service-restarted") == []
    box = cucm.lab.boxes["expc"]
    box.slots["server"] = cucm.new_identity()
    box.boot()
    with pytest.raises(TimeoutError, match=r"unknown ca|verify|local issuer"):
        cucm.lab.await_mra("Active", timeout=3)


def test_only_a_connection_makes_cucm_a_target(cucm: Story) -> None:
    """Without an `mra` or `secure-zone` connection CUCM is left alone."""
    text = cucm.lab.site_file.read_text()
    table = text[text.index('[[connections]]\nkind = "mra"') :].partition("\n\n")[0]
    cucm.edit_site(table, "")
    cucm.begin()
    cucm.until("TrustPropagated")
    assert _added(cucm) == []


def test_an_expressway_e_never_goes_to_cucm(cucm: Story) -> None:
    """An Expressway-E's certificate is not presented to CUCM, so nothing is added there."""
    cucm.certificate = "expe-server"
    cucm.begin()
    cucm.until("TrustPropagated")
    assert _added(cucm) == []


def test_replication_is_waited_for_without_the_lock(labs: Callable[..., Lab]) -> None:
    """While the subscriber's copy is on its way the step ends with 3, holds no lock, and goes on by itself later."""
    story = _story(labs)
    story.edit_site("replication = 5 ", "replication = 600 ")
    story.lab.order("cucm-sub", "replication-stops")
    story.begin()
    story.until("Validated")
    with pytest.raises(Waiting, match="by replication") as waiting:
        story.runner.advance(story.id)
    assert (waiting.value.exit_code, waiting.value.on) == (3, "box")
    with story.runner.store.hold(story.id, story.runner.site.actor, story.runner.site.at(), "look"):
        pass
    story.lab.order("cucm-sub", "replication-resumes")
    assert story.until("Restarted").state == "Restarted"
    assert {node for node, _ in _added(story)} == {"cucm-pub"}
    _once_each(story)


def test_a_subscriber_that_never_replicates_is_fed_directly(labs: Callable[..., Lab]) -> None:
    """When replication does not come in its time, the subscriber gets the certificates itself."""
    story = _story(labs, replication="never")
    story.edit_site("replication = 5 ", "replication = 1 ")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert {node for node, _ in _added(story)} == {"cucm-pub", "cucm-sub"}
    _once_each(story)


class Hurrying(LabClock):
    """Let time pass with every look at the clock, so that a span ends between any two of them."""

    ahead = timedelta()

    def now(self) -> datetime:
        """Return the present, a fifth of a second further ahead each time."""
        Hurrying.ahead += timedelta(seconds=0.2)
        return super().now() + Hurrying.ahead


def test_an_intermediate_is_not_fed_before_its_root(labs: Callable[..., Lab]) -> None:
    """Where patience ends between the look for the root and that for the intermediate, neither is fed out of order."""
    story = _story(labs, replication="never")
    story.edit_site("replication = 5 ", "replication = 1 ")
    story.begin()
    story.until("Validated")
    story.runner.site.clock = Hurrying(story.lab)
    with pytest.raises(Waiting) as waiting:
        story.run_past_boxes("TrustPropagated")
    assert waiting.value.on == "approval"
    assert len([node for node, _ in _added(story) if node == "cucm-sub"]) == 4
    _uploaded_once(story)


def test_a_read_only_account_is_told_before_anything_is_done(labs: Callable[..., Lab]) -> None:
    """An OS account that may only read is found out while planning; no system was changed."""
    story = _story(labs, privilege="0")
    story.begin()
    story.until("Validated")
    with pytest.raises(Refused, match="read"):
        story.until("TrustPropagated")
    assert story.effects("trust-appended") == []


def test_credentials_are_each_nodes_own(cucm: Story) -> None:
    """A wrong password of one node stops at that node; what was done stays, and nothing is repeated afterwards."""
    secret = cucm.lab.home / "secrets" / "cucm-sub"
    right = secret.read_text()
    secret.write_text("wrong")
    cucm.begin()
    cucm.until("Validated")
    with pytest.raises(LoginRefused, match="cucm-sub"):
        cucm.until("TrustPropagated")
    assert cucm.effects("login-refused") == ["cucm-sub"]
    secret.write_text(right)
    assert cucm.again().state == "Restarted"
    _once_each(cucm)


def test_a_publisher_that_goes_down_in_the_middle(cucm: Story) -> None:
    """With the publisher away after the root was added the step ends with 5, and later does the rest, once."""
    cucm.begin()
    cucm.until("Validated")
    cucm.when("trust-appended", lambda: cucm.lab.order("cucm-pub", "power-off"), node="cucm-pub")
    with pytest.raises(Unreachable) as away:
        cucm.until("TrustPropagated")
    assert away.value.exit_code == 5
    cucm.lab.order("cucm-pub", "power-on")
    assert cucm.lab.cucm is not None
    while any(service.status != "Started" for service in cucm.lab.cucm.nodes["cucm-pub"].services.all()):
        cucm.lab.effects.wait_for_more(0.2)
    assert cucm.again().state == "Restarted"
    _uploaded_once(cucm)


def test_a_refused_upload_is_a_failure(cucm: Story) -> None:
    """Nothing is taken for "may already exist": a refused upload ends the step, with the node's words."""
    cucm.begin()
    cucm.until("Validated")
    cucm.lab.order("cucm-pub", "error-5xx", path=f"{API}/trust/certificates", method="POST")
    with pytest.raises(Failed):
        cucm.until("TrustPropagated")
    assert _added(cucm) == []
    cucm.lab.clear("cucm-pub")
    assert cucm.again().state == "Restarted"
    _once_each(cucm)


def test_a_control_center_that_was_asked_too_often_is_waited_for(labs: Callable[..., Lab]) -> None:
    """The rate limit is no failure: it is waited out, and every service is restarted once."""
    story = Story(labs(cucm=True, switches={"*": {"soap_rate": "6", "soap_rate_seconds": "1"}}))
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    _once_each(story)


def test_a_ca_of_the_same_name_would_evict_the_old_one(labs: Callable[..., Lab]) -> None:
    """An upload that would evict a CA of the same subject needs an override with a reason, and what goes is saved."""
    story = Story(labs(cucm=True, ca_names="same", switches=QUIET))
    story.begin()
    with pytest.raises(Refused, match="same-name-ca"):
        story.until("TrustPropagated")
    assert story.effects("trust-appended") == []
    people.override(story.runner, story.id, "same-name-ca", "every peer has the new one")
    story.until("Validated")
    with pytest.raises(Waiting):
        story.run_past_boxes("TrustPropagated")
    evicted = [sha for event in story.document.journal for sha in event.data.get("evicts", ())]
    assert evicted
    assert all(story.runner.store.artefact(story.id, sha) for sha in evicted)


def test_people_may_restart_everything(cucm: Story) -> None:
    """Where the site leaves restarts to people, each is asked for and verified by its start."""
    cucm.edit_site("replication = 5 ", 'restarts = "people"\nreplication = 5 ')
    cucm.begin()
    assert cucm.until("Restarted").state == "Restarted"
    _once_each(cucm)


def test_a_persons_word_does_not_replace_a_restart_that_can_be_seen(cucm: Story) -> None:
    """`confirm` without a restart changes nothing: the service is as old as before, and is asked for again."""
    cucm.begin()
    with pytest.raises(Waiting, match="Cisco Tomcat on cucm-pub has to be restarted"):
        cucm.until("TrustPropagated", restart=False)
    confirm(cucm.runner, cucm.id)
    with pytest.raises(Waiting, match="before the new CA came"):
        cucm.until("TrustPropagated", restart=False)
    assert cucm.again().state == "Restarted"


def test_confirm_needs_something_to_confirm(cucm: Story) -> None:
    """Where nothing was asked of a person there is nothing to confirm."""
    cucm.begin()
    with pytest.raises(Refused, match="nothing that a person could confirm"):
        confirm(cucm.runner, cucm.id)


def test_the_control_center_may_have_an_account_of_its_own(labs: Callable[..., Lab]) -> None:
    """Services are restarted by the application user that the options name, with its own password reference."""
    story = _story(labs, soap_account="separate")
    assert story.lab.cucm is not None
    for name, node in story.lab.cucm.nodes.items():
        secret = story.lab.home / "secrets" / f"{name}-soap"
        secret.write_text(node.soap_account.password)
        secret.chmod(0o600)
        port = story.lab.cucm.machines[name].ports["https"].address
        password = f'soap_password = "file:secrets/{name}-soap"'
        story.edit_site(f'soap_address = "{port}"', f'{password}\nsoap_address = "{port}"')
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("login-refused") == []
    _once_each(story)
