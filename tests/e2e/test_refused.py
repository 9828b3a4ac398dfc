"""What the engine refuses: CSRs of others, wrong certificates, plans that are not what was approved."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from engine.errors import CheckFailed, Drift, Refused, Untrusted, UsageError, Waiting
from engine.runner import deciding, people
from engine.runner.deciding import Said
from engine.text import stamp
from plugins.lab.lab import Lab
from tests.e2e.story import Story


def test_a_csr_of_somebody_else_stops_the_request(story: Story) -> None:
    """A pending CSR that is not ours is neither overwritten nor discarded; the way on is named."""
    story.lab.order("expc", "generate-csr")
    story.begin()
    with pytest.raises(Refused, match="pending CSR that this renewal did not make") as refused:
        story.until("CSRPending")
    assert "--adopt-csr" in refused.value.todo
    assert "Discard CSR" in refused.value.todo
    assert story.effects("csr-generated") == ["expc"]
    assert story.effects("csr-discarded") == []


def test_an_adopted_csr_must_carry_every_name(story: Story) -> None:
    """`--adopt-csr` takes a CSR made by hand only when it has every name of the old certificate."""
    story.lab.order("expc", "generate-csr")
    story.begin(adopt_csr=True)
    with pytest.raises(Refused, match=r"lacks the name DNS:expc-cluster\.corp\.example"):
        story.until("CSRPending")


def test_a_complete_csr_made_by_hand_is_adopted(story: Story) -> None:
    """`--adopt-csr` uses the pending CSR, and makes none."""
    names = ["expc-cluster", "secure-phones", "conference-2-standalonecluster5ab33"]
    fqdns = [f"{name}.corp.example" for name in names]
    story.lab.boxes["expc"].generate_csr({"Additional_FQDNS": fqdns, "KeyLength": 4096})
    story.begin(adopt_csr=True)
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("csr-generated") == ["expc"]


def test_extra_names_of_the_site_are_asked_for(story: Story) -> None:
    """Names that the site adds stand in the CSR, and in the certificate that is served."""
    story.edit_site("names = []", 'names = ["new.corp.example"]')
    story.begin()
    story.until("Restarted")
    served = story.lab.boxes["expc"].serves.certificate
    assert b"new.corp.example" in served.public_bytes(_der())


@pytest.mark.parametrize(("options", "reason"), [({"key": "ec-256"}, "EC P-256")])
def test_what_the_api_cannot_express_is_refused_before_anything(
    labs: Callable[..., Lab], options: dict[str, Any], reason: str
) -> None:
    """A key that the box's API can't ask for is refused before a CSR is made, with the way by hand."""
    story = Story(labs(**options))
    story.begin()
    with pytest.raises(Refused, match=reason) as refused:
        story.until("CSRPending")
    assert "Generate CSR" in refused.value.todo
    assert story.effects("csr-generated") == []


@pytest.mark.parametrize("name", ["URI:sip:expc@corp.example", "IP:10.0.0.1"])
def test_names_the_api_cannot_carry_are_refused_before_anything(story: Story, name: str) -> None:
    """A URI or IP name is refused before a CSR is made."""
    story.edit_site("names = []", f'names = ["{name}"]')
    story.begin()
    with pytest.raises(Refused, match=name):
        story.until("CSRPending")
    assert story.effects("csr-generated") == []


def test_a_certificate_of_another_key_is_not_kept(story: Story) -> None:
    """What does not belong to this renewal's CSR is refused, and nothing of it is kept."""
    story.begin()
    story.wait_for_person()
    with pytest.raises(Refused, match=r"None of the .* has the key"):
        story.supply(flaw="other-key")
    assert story.renewal.items[0].leaf == ""
    story.supply()
    assert story.again().state == "Restarted"


@pytest.mark.parametrize(
    ("flaw", "check"),
    [
        ("drop-san", "san-match"),
        ("server-only", "eku-client-and-server"),
        ("expired", "validity"),
        ("leaf-only", "chain-complete"),
    ],
)
def test_a_flawed_certificate_stays_in_signed(story: Story, flaw: str, check: str) -> None:
    """A failed check ends with 4 and leaves the renewal in Signed; `resubmit` and the right answer lead on."""
    if flaw == "leaf-only":
        story.edit_site('roots = ["ca/new-root.pem"]', "roots = []")
    story.begin()
    with pytest.raises(CheckFailed) as failed:
        story.until("Validated", flaw=flaw)
    assert failed.value.exit_code == 4
    assert check in {finding.check for finding in failed.value.findings if finding.outcome == "fail"}
    assert story.renewal.state == "Signed"
    assert story.effects("trust-appended") == []
    story.aside("resubmit")
    story.supply()
    assert story.again().state == "Restarted"
    story.once()


def test_a_server_only_certificate_needs_the_boxs_switch_and_the_sites_word(labs: Callable[..., Lab]) -> None:
    """An Expressway-E of X15.4 takes a certificate without clientAuth once its switch is on and the site says so."""
    on = {"*": {"api_access": "on"}, "expe": {"server_eku_upload": "on"}}
    story = Story(labs(releases={"expc": "X15.4", "expe": "X15.4"}, switches=on), "expe-server")
    story.begin()
    with pytest.raises(CheckFailed):
        story.until("Validated", flaw="server-only")
    table = story.lab.site_file.read_text().partition("[nodes.expe]")[2]
    kind = table[: table.index("\n", table.index("kind"))]
    story.edit_site(f"[nodes.expe]{kind}", f"[nodes.expe]{kind}\nserver_eku_upload = true")
    assert story.until("Restarted").state == "Restarted"
    story.lab.await_zone("Active")


def test_a_new_ca_of_the_same_name_is_refused_before_it_is_added(labs: Callable[..., Lab]) -> None:
    """A CA re-keyed under its old name would be ignored by the box, so it is not added without an override."""
    story = Story(labs(ca_names="same"))
    story.begin()
    with pytest.raises(Refused, match="same-name-ca"):
        story.until("TrustPropagated")
    assert story.effects("trust-appended") == []
    people.override(story.runner, story.id, "same-name-ca", "the old one is removed by hand tonight")
    assert story.until("TrustPropagated").state == "TrustPropagated"
    assert story.runner.plan(story.id) is not None  # the certificate is judged again, and knows no such check


def test_an_override_of_no_check_is_refused_at_once(story: Story) -> None:
    """A misspelt check is told with the nearest right one, and not recorded, where nobody could take it back."""
    story.begin()
    with pytest.raises(UsageError, match="no check `sam-match`") as refused:
        people.override(story.runner, story.id, "sam-match", "it is fine")
    assert "`san-match`" in refused.value.todo
    assert story.renewal.overrides == []


def test_an_override_needs_a_person_a_reason_and_a_new_approval(story: Story) -> None:
    """An overridden check lets the renewal on; who and why stand in the journal and in every later plan's digest."""
    story.begin()
    with pytest.raises(CheckFailed):
        story.until("Validated", flaw="drop-san")
    people.override(story.runner, story.id, "san-match", "that name is not used any more")
    assert story.until("Validated").state == "Validated"
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert plan.basis["overrides"] == [{"check": "san-match", "reason": "that name is not used any more"}]
    assert story.events("override") == ["san-match overridden: that name is not used any more"]


def test_serving_needs_another_person(story: Story) -> None:
    """Nothing that serves happens without an approval that counts, whoever asks."""
    story.begin()
    story.until("TrustPropagated")
    with pytest.raises(Waiting) as waiting:
        story.runner.advance(story.id)
    assert waiting.value.on == "approval"
    with pytest.raises(Refused, match="would not count"):
        story.approve("engineer")
    with pytest.raises(Waiting):
        story.runner.advance(story.id)
    assert story.effects("certificate-installed") == []
    story.approve()
    assert story.runner.advance(story.id).renewal.state == "Installed"


def test_an_approval_counts_in_its_window_only(story: Story) -> None:
    """Before its window an approval is waited for, one that is over can't be given, and inside it carries the plan."""
    story.begin()
    story.until("TrustPropagated")
    manager, now, hour = story.as_("change-manager"), story.runner.site.clock.now(), timedelta(hours=1)
    plan = deciding.plan_to_decide(manager, story.id)
    late, later = stamp(now + hour), stamp(now + 2 * hour)
    deciding.decide(manager, story.id, plan, "change-manager", Said(not_before=late, not_after=later))
    with pytest.raises(Waiting, match="not open yet") as waiting:
        story.runner.advance(story.id)
    assert (waiting.value.exit_code, waiting.value.on) == (3, "window")
    with pytest.raises(UsageError, match="over or before"):
        deciding.decide(manager, story.id, plan, "second-manager", Said(not_after=stamp(now - hour)))
    assert story.effects("certificate-installed") == []
    deciding.decide(manager, story.id, plan, "second-manager", Said(not_after=late))
    assert story.runner.advance(story.id).renewal.state == "Installed"


def test_who_approves_may_not_carry_it_out(story: Story) -> None:
    """The operator's own approval does not count at the moment of execution."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    with pytest.raises(Waiting):
        story.as_("change-manager").advance(story.id)
    assert story.as_("second-manager").advance(story.id).renewal.state == "Installed"


def test_approved_then_changed_is_refused(story: Story) -> None:
    """A slot that somebody else changed after the approval is refused, and what is in it now is named."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    box = story.lab.boxes["expc"]
    box.slots["server"] = story.lab.boxes["expe"].slots["server"]
    with pytest.raises(Refused, match=r"another server certificate than when it was inspected: expe") as refused:
        story.runner.advance(story.id)
    assert refused.value.exit_code == 4
    assert story.effects("certificate-installed") == []


def test_a_policy_edited_after_the_approval_voids_it(story: Story) -> None:
    """The approval policy is part of the digest: an edited one needs a new approval."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.edit_site('exclude = ["requester", "operator"]', 'exclude = ["requester"]')
    with pytest.raises(Drift, match=r"basis\.policy"):
        story.runner.advance(story.id)


def test_a_zone_that_flapped_does_not_void_an_approval(story: Story) -> None:
    """Zone status, calls and alarms are shown in a plan, and are no part of its digest."""
    story.begin()
    story.until("Installed")
    before = story.runner.plan(story.id)
    story.lab.order("expe", "forget-ca", ca="old")
    story.lab.await_zone("Failed")
    after = story.runner.plan(story.id)
    assert before is not None
    assert after is not None
    assert before.changes[0].activity != after.changes[0].activity
    assert before.digest == after.digest


def test_only_old_or_new_is_accepted_until_the_proof_and_then_only_the_new(story: Story) -> None:
    """Our own connection accepts the old or the new certificate while it changes; afterwards the old one is refused."""
    story.begin()
    story.until("Installed")
    item = story.renewal.items[0]
    assert item.found is not None
    old = story.lab.boxes["expc"].serves
    assert set(story.renewal.pins["expc"]) == {item.found.certificate, item.leaf}
    story.until("Restarted")
    assert story.renewal.pins["expc"] == [item.leaf]
    second = Story(story.lab)
    second.begin()
    assert second.until("Inspected").state == "Inspected"
    story.lab.boxes["expc"].slots["server"] = story.lab.boxes["expe"].slots["server"]
    story.lab.machines["expc"].restart()
    story.lab.effects.wait("restarted", "expc", count=2)
    assert old.certificate != story.lab.boxes["expc"].serves.certificate
    with pytest.raises(Untrusted, match="not proven to be expc"):
        second.until("CSRPending")


def test_a_second_renewal_for_a_slot_is_refused(story: Story) -> None:
    """A slot has one open renewal; once it is cancelled another may begin."""
    story.begin()
    with pytest.raises(UsageError, match="has an open renewal"):
        Story(story.lab).begin()
    story.aside("cancel", "not now")
    assert Story(story.lab).begin().state == "New"


def test_a_cancelled_renewal_goes_nowhere(story: Story) -> None:
    """Cancelled is final, and the box keeps its CSR."""
    story.begin()
    story.until("CSRPending")
    story.aside("cancel", "wrong certificate")
    assert story.runner.advance(story.id).renewal.state == "Cancelled"
    assert story.effects("csr-discarded") == []
    assert story.lab.boxes["expc"].pending is not None


def test_what_differs_on_the_wire_is_told(story: Story) -> None:
    """A certificate that was uploaded and never restarted shows as a difference between API and wire."""
    story.lab.boxes["expc"].slots["server"] = story.lab.boxes["expe"].slots["server"]
    story.begin()
    story.until("Inspected")
    assert "a restart is outstanding" in story.events("state")[0]


def _der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_waiting_for_people_leaves_the_boxes_in_peace(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run --wait` looks at the store until somebody acted, and then goes on by itself."""
    story.begin()
    story.until("TrustPropagated")
    advance = story.runner.advance
    looks: list[str] = []
    waits: list[float] = []

    def counted(renewal: str) -> Any:
        looks.append(renewal)
        return advance(renewal)

    def a_while(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            story.approve()

    monkeypatch.setattr(story.runner, "advance", counted)
    monkeypatch.setattr(story.runner.site.clock, "wait", a_while)
    assert story.runner.run(story.id, until="Installed", patient=True).renewal.state == "Installed"
    assert len(looks) == 2
    assert len(waits) == 4
