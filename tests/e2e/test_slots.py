"""Renew the two slots of X15.5: one renewal with two items, staged by the one pending CSR, and one restart."""

from collections.abc import Callable

import pytest
from cryptography import x509

from engine.certificates import fingerprint
from engine.errors import CheckFailed, Refused, UsageError, Waiting
from engine.runner import deciding, people
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.story import Story

Labs = Callable[..., Lab]
BOTH = ("expc-client", "expc-server")
ON = {"api_access": "on", "client_store_api": "listed", "server_as_client": "asked"}


def lab_of(labs: Labs, *, cucm: bool = False, **switches: str) -> Lab:
    """Return a lab of X15.5 whose API reaches the client slot."""
    releases = {"expc": "X15.5", "expe": "X15.5"}
    return labs(
        cucm=cucm, releases=releases, switches={"*": {**ON, **({"replication": "0"} if cucm else {}), **switches}}
    )


@pytest.fixture
def both(labs: Labs) -> Story:
    """Return a story of both slots of the Expressway-C."""
    return Story(lab_of(labs), "expc-server", "expc-client")


def held(story: Story, slot: str, node: str = "expc") -> str:
    """Return what a slot holds."""
    return story.lab.boxes[node].slots[slot].fingerprint


def test_both_slots_are_renewed_with_one_restart(both: Story) -> None:
    """Two certificates, made and installed one after the other, are presented after one restart; the zone is active."""
    both.begin()
    assert [item.certificate for item in both.renewal.items] == list(BOTH)
    assert both.until("Restarted").state == "Restarted"
    client, server = both.renewal.items
    assert (held(both, "client"), held(both, "server")) == (client.leaf, server.leaf)
    assert client.leaf != server.leaf
    assert client.key != server.key
    [restarted] = both.entries("restarted")
    assert (restarted["serves"], restarted["presents"]) == (server.leaf, client.leaf)
    both.lab.await_zone("Active")
    assert both.lab.zone.seen == {"expc": held(both, "server", "expe"), "expe": client.leaf}
    assert both.renewal.pins["expc"] == [server.leaf]


def test_the_second_csr_is_made_when_the_first_is_used_up(both: Story) -> None:
    """A pending CSR is never overwritten or discarded: each goes into its slot before the next one is made."""
    both.begin()
    both.until("Restarted")
    kinds = [kind for kind in both.lab.effects.kinds("expc") if kind.startswith(("csr-", "certificate-", "restarting"))]
    assert kinds == ["csr-generated", "certificate-installed"] * 2 + ["restarting"]
    assert [entry["slot"] for entry in both.entries("certificate-installed")] == ["client", "server"]
    states = [event.text.partition(":")[0] for event in both.document.journal if event.kind == "state"]
    once = ["CSRPending", "Signed", "Validated", "TrustPropagated"]
    assert states == ["Inspected", *once, "Inspected", *once, "Installed", "Restarted"]


def test_plans_name_both_and_one_approval_covers_the_restart(both: Story) -> None:
    """The restart's plan binds what goes into each slot; one approval carries it, and each upload has its own."""
    both.begin()
    both.until("Installed")
    plan = both.runner.plan(both.id)
    assert plan is not None
    client, server = both.renewal.items
    assert [change.after for change in plan.changes] == [{"presented": {"client": client.leaf, "server": server.leaf}}]
    assert [basis["leaf"] for basis in plan.basis["items"]] == [client.leaf, server.leaf]
    assert both.runner.case(both.document, plan).earlier["install"] == {"change-manager"}
    both.approve()
    assert both.runner.run(both.id).renewal.state == "Restarted"
    approved = {event.step for event in both.document.journal if event.kind == "intent" and event.data["approved_by"]}
    assert approved == {"install", "restart"}


def test_from_the_last_turn_on_the_whole_way_can_be_approved_at_once(both: Story) -> None:
    """In the first turn plans reach to its upload; in the last one they reach to the restart."""
    both.begin()
    both.until("Validated")
    assert [plan.step for plan in both.runner.plans_ahead(both.id)] == ["propagate", "install"]
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    both.supply()
    both.runner.run(both.id, until="Validated")
    assert [plan.step for plan in both.runner.plans_ahead(both.id)] == ["install", "restart"]


def test_both_slots_with_one_upload(labs: Labs) -> None:
    """With `also_client` one certificate goes into both slots, as the vendor's upload offers."""
    story = Story(lab_of(labs))
    story.edit_site('node = "expc"\nslot = "server"', 'node = "expc"\nslot = "server"\nalso_client = true')
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    [item] = story.renewal.items
    assert held(story, "server") == held(story, "client") == item.leaf
    assert story.effects("csr-generated") == ["expc"]
    [restarted] = story.entries("restarted")
    assert restarted["serves"] == restarted["presents"] == item.leaf


def test_a_box_that_does_not_copy_is_found_out(labs: Labs) -> None:
    """Where the box takes the upload and does not copy it into the client slot, the step fails and says so."""
    story = Story(lab_of(labs, server_as_client="off"))
    story.edit_site('node = "expc"\nslot = "server"', 'node = "expc"\nslot = "server"\nalso_client = true')
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    with pytest.raises(Exception, match="does not show it afterwards"):
        story.runner.run(story.id)
    assert story.effects("restarting") == []


def test_without_a_known_field_one_upload_for_both_is_refused(labs: Labs) -> None:
    """`also_client` on a box whose field nobody named is refused before anything is uploaded, with what to set."""
    story = Story(lab_of(labs))
    story.edit_site('copy_to_client = "use_as_client=true"\n', "")
    story.edit_site('node = "expc"\nslot = "server"', 'node = "expc"\nslot = "server"\nalso_client = true')
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    with pytest.raises(Refused) as refused:
        story.runner.run(story.id)
    assert "copy_to_client" in refused.value.todo
    assert story.effects("certificate-installed") == []


def test_the_client_slot_alone(labs: Labs) -> None:
    """A renewal of the client slot alone is proven by slot, restart and zones; what the ports show stays as it is."""
    story = Story(lab_of(labs), "expc-client")
    story.begin()
    before = held(story, "server")
    assert story.until("Restarted").state == "Restarted"
    assert held(story, "client") == story.renewal.items[0].leaf
    assert held(story, "server") == before
    assert story.effects("restarted") == ["expc"]
    assert story.renewal.pins == {}
    assert any("leaves the server slot of expc as it is" in text for text in story.events("state"))
    assert story.whole()


def test_cucm_must_trust_what_the_client_slot_presents(labs: Labs) -> None:
    """CUCM sees the client certificate: its chain goes there, and MRA works with it after the restart."""
    story = Story(lab_of(labs, cucm=True), "expc-client")
    story.begin()
    story.until("Restarted")
    added = {str(entry["node"]) for entry in story.entries("trust-appended")}
    assert added >= {"expc", "expe", "cucm-pub"}
    story.lab.await_mra("Active")


def test_each_chain_goes_where_its_slot_is_presented(labs: Labs) -> None:
    """With two CAs the traversal server gets the chain of the client slot, and not that of the server slot."""
    story = Story(lab_of(labs), "expc-client", "expc-server")
    story.begin()
    story.wait_for_person()
    papers = story.lab.home / "renewals" / story.id / "papers"
    old = story.lab.home / "old.pem"
    old.write_bytes(story.lab.sign((papers / "expc-client.csr").read_bytes(), generation="old"))
    story.hand_in([old])
    story.until("TrustPropagated")
    assert story.effects("trust-appended") == []  # the CA of the client slot is trusted everywhere
    assert story.until("Restarted").state == "Restarted"
    assert set(story.effects("trust-appended")) == {"expc"}
    story.lab.await_zone("Active")


def test_the_server_slot_may_do_without_client_authentication_and_the_client_slot_not(both: Story) -> None:
    """A server-only certificate is refused for the client slot, with what would break, and fits the server slot."""
    both.begin()
    with pytest.raises(CheckFailed) as failed:
        both.until("Validated", flaw="server-only")
    assert "traversal zone to expe" in failed.value.todo
    people.aside(both.runner, both.id, "resubmit", "it lacked client authentication")
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    assert both.until("Restarted", flaw="server-only").state == "Restarted"
    served = both.lab.boxes["expc"].serves.certificate
    usages = served.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [usage._name for usage in usages] == ["serverAuth"]
    both.lab.await_zone("Active")


def test_a_plan_says_who_may_sign_for_which_slot(both: Story) -> None:
    """Before a CA is asked, the plan of `sign` says whether it may leave client authentication out, and what breaks."""
    both.begin()
    told = []
    for _ in range(2):
        both.runner.run(both.id, until="CSRPending")
        plan = both.runner.plan(both.id)
        assert plan is not None
        told += [" ".join(change.notes) for change in plan.changes]
        both.until("TrustPropagated")
        both.approve_next()
        both.runner.advance(both.id)
    client, server = told
    assert "must not come from a CA that leaves client authentication out" in client
    assert "traversal zone to expe" in client
    assert "may come from a public CA" in server


@pytest.mark.parametrize(("api", "told"), [("listed", "ends at "), ("absent", "its driver can't read it")])
def test_a_slot_that_is_left_out_is_told(labs: Labs, api: str, told: str) -> None:
    """Where only the server slot is renewed the end of the client slot is told, at the beginning and at the end."""
    story = Story(lab_of(labs, client_store_api=api))
    story.begin()
    story.until("Restarted")
    found = [text for text in story.events("state") if "leaves the client slot of expc as it is" in text]
    assert [text.partition(":")[0] for text in found] == ["Inspected", "Restarted"]
    assert all(told in text for text in found)
    assert ("certrenew start expc-client" in found[0]) == (api == "listed")


def test_nothing_is_left_out_where_there_is_one_slot(story: Story) -> None:
    """Control: before X15.5 there is no client slot to be told of."""
    story.begin()
    story.until("Inspected")
    assert not any("leaves the" in text for text in story.events("state"))


def test_restage_begins_only_the_turn_again(both: Story) -> None:
    """When the second CSR is lost, the first certificate stays installed and only the second is made anew."""
    both.begin()
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    first = both.renewal.items[0].leaf
    both.lab.order("expc", "discard-csr")
    both.supply()
    with pytest.raises(Refused, match="key of this certificate is gone"):
        both.until("Restarted")
    assert both.aside("restage", "somebody discarded it").items[0].leaf == first
    assert both.until("Restarted").state == "Restarted"
    assert held(both, "client") == first
    assert both.effects("csr-generated") == ["expc"] * 3
    assert both.effects("restarted") == ["expc"]


def test_a_box_that_keeps_a_used_csr_is_told_as_that(labs: Labs) -> None:
    """Where a box still shows the first CSR, it is not called somebody else's; once discarded, it goes on."""
    story = Story(lab_of(labs, csr_after_upload="kept"), "expc-server", "expc-client")
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.runner.advance(story.id)
    with pytest.raises(Refused, match="still shows the CSR of expc-client"):
        story.runner.advance(story.id)
    story.lab.order("expc", "discard-csr")
    assert story.until("CSRPending").state == "CSRPending"
    assert story.effects("csr-generated") == ["expc", "expc"]


def test_a_csr_made_by_hand_is_adopted_for_the_first_turn_alone(both: Story) -> None:
    """`--adopt-csr` is a word on the CSR that is pending then; one that somebody makes between the turns is refused."""
    both.begin(adopt_csr=True)
    both.until("TrustPropagated")
    both.approve_next()
    both.runner.advance(both.id)
    both.lab.order("expc", "generate-csr")
    with pytest.raises(Refused, match="already has a pending CSR"):
        both.runner.advance(both.id)
    assert both.effects("csr-discarded") == []


def test_the_first_certificate_must_still_be_there(both: Story) -> None:
    """When somebody puts another certificate into the first slot meanwhile, nothing more is uploaded or restarted."""
    both.begin()
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    both.lab.boxes["expc"].slots["client"] = both.lab.boxes["expc"].slots["server"]
    with pytest.raises(Exception, match="holds another client certificate"):
        both.until("Restarted")
    assert both.effects("certificate-installed") == ["expc"]
    assert both.effects("restarting") == []


def test_a_cancelled_renewal_says_what_is_uploaded(both: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Between the turns a cancel names the certificate that is uploaded and not presented yet."""
    both.begin()
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    told = Desk(both, capsys).type("cancel", both.id, "--reason", "not today").out
    assert "client certificate of expc" in told


def test_two_certificates_for_one_slot_are_refused(both: Story) -> None:
    """A slot takes one certificate: a renewal that would put two into it is not begun."""
    both.edit_site('node = "expc"\nslot = "server"', 'node = "expc"\nslot = "server"\nalso_client = true')
    with pytest.raises(UsageError, match="client slot of expc"):
        both.begin()
    assert both.runner.store.ids() == []


def test_a_client_slot_that_is_out_of_reach_is_told_before_anything_is_made(labs: Labs) -> None:
    """Without the setting `client_store` the renewal ends at its inspection, and names what the box lists."""
    story = Story(lab_of(labs), "expc-server", "expc-client")
    story.edit_site('client_store = "/api/provisioning/certs/client"\n', "")
    story.begin()
    with pytest.raises(UsageError) as refused:
        story.until("Inspected")
    assert "/api/provisioning/certs/client" in refused.value.todo
    assert story.effects("csr-generated") == []


def test_both_boxes_in_one_renewal(labs: Labs) -> None:
    """Both slots of both boxes: four certificates in two turns, one restart of each box, one box after the other."""
    story = Story(lab_of(labs), "expc-server", "expc-client", "expe-server", "expe-client")
    story.begin()
    assert [item.turn for item in story.renewal.items] == [0, 0, 1, 1]
    assert story.until("Restarted").state == "Restarted"
    assert {(item.node, slot): item.leaf for item in story.renewal.items for slot in item.slots} == {
        (node, slot): held(story, slot, node) for node in ("expc", "expe") for slot in ("client", "server")
    }
    restarts = [entry for entry in story.lab.effects.all() if entry["kind"] in ("restarting", "restarted")]
    assert [(entry["node"], entry["kind"]) for entry in restarts] == [
        ("expc", "restarting"),
        ("expc", "restarted"),
        ("expe", "restarting"),
        ("expe", "restarted"),
    ]
    story.lab.await_zone("Active")


def test_decisions_name_one_plan_each(both: Story) -> None:
    """The approval of the first upload does not carry the second: its certificate did not exist then."""
    both.begin()
    both.until("TrustPropagated")
    both.approve_next()
    with pytest.raises(Waiting):
        both.runner.run(both.id)
    both.supply()
    with pytest.raises(Waiting) as waiting:
        both.runner.run(both.id)
    assert waiting.value.on == "approval"
    plan = deciding.plan_to_decide(both.as_("change-manager"), both.id, "")
    assert plan.changes[0].after["certificate"] == both.renewal.items[1].leaf
    assert fingerprint(both.lab.boxes["expc"].slots["server"].certificate) != both.renewal.items[1].leaf
