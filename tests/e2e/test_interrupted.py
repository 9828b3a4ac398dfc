"""Boxes that fail at the wrong moment, and processes that die: nothing is lost and no effect is repeated."""

import pytest

from engine.errors import ApiDisabled, CertrenewError, Failed, HeldElsewhere, LoginRefused, Refused, Unreachable
from tests.e2e.dying import Died, die_at
from tests.e2e.story import Story

API = "/api/provisioning"


@pytest.mark.parametrize("kind", ["intent", "done", "before", "returned", "pinned", "state"])
def test_a_process_that_dies_after_an_event_is_resumed(
    story: Story, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dying right after any event of this kind was written, once for each such event, repeats no effect."""
    seen = die_at(monkeypatch, kind)
    story.begin()
    for _ in range(20):
        try:
            assert story.again().state == "Restarted"
            break
        except Died:
            continue
    assert seen
    story.once()


def test_dying_between_an_effect_and_its_record_keeps_the_approval(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that we began, and that turns out to be made, is ours: the one approval of the plan still holds."""
    story.edit_site('effects = ["serve"] ', 'effects = ["serve", "stage"] ')
    story.begin()
    story.until("Validated")
    die_at(monkeypatch, "done", written=False)
    story.approve_next()
    for _ in range(4):
        with pytest.raises(Died):
            story.as_("engineer").advance(story.id)
    assert story.as_("engineer").advance(story.id).renewal.state == "TrustPropagated"
    assert len([d for d in story.runner.store.decisions(story.id) if d.step == "propagate"]) == 1
    monkeypatch.undo()
    assert story.again().state == "Restarted"
    story.once()


def test_a_step_repeated_after_the_end_does_nothing(story: Story) -> None:
    """Whoever's last command died after it was done repeats it: that is no failure, and writes nothing."""
    story.begin()
    story.until("Restarted")
    before, happened = story.document, len(story.lab.effects.kinds())
    assert story.as_("engineer").advance(story.id) == before
    assert (story.document, len(story.lab.effects.kinds())) == (before, happened)
    assert story.told[-1] == ("note", f"Renewal {story.id} is Restarted; nothing is left to do.")


def test_trust_goes_on_where_it_stopped_under_the_same_approval(story: Story) -> None:
    """A failure at the third certificate leaves two added and recorded; the next run adds the rest, approved once."""
    story.edit_site('effects = ["serve"] ', 'effects = ["serve", "stage"] ')
    story.begin()
    story.until("Validated")
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert [change.target for change in plan.changes] == ["expc", "expc", "expe", "expe"]
    digest = story.approve()
    story.lab.order("expe", "refused-200", path=f"{API}/certs/root", method="POST")
    with pytest.raises(CertrenewError):
        story.until("TrustPropagated")
    assert story.effects("trust-appended") == ["expc", "expc"]
    story.lab.clear("expe")
    story.runner = story.as_("engineer")
    assert story.runner.advance(story.id).renewal.state == "TrustPropagated"
    assert story.effects("trust-appended") == ["expc", "expc", "expe", "expe"]
    approvals = [d for d in story.runner.store.decisions(story.id) if d.step == "propagate"]
    assert [decision.plan for decision in approvals] == [digest]


def test_a_restart_that_never_ends_is_waited_for_again(story: Story) -> None:
    """A box that stays away ends with exit 5, is not restarted twice, and is found when it comes back."""
    story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    story.lab.order("expc", "restart-never-ends", count=1)
    story.begin()
    with pytest.raises(Failed, match="did not come back within 2 seconds") as failed:
        story.until("Restarted")
    assert failed.value.exit_code == 5
    with pytest.raises(Failed):
        story.again()
    story.lab.clear("expc", "restart-never-ends")
    story.lab.effects.wait("restarted", "expc")
    assert story.again().state == "Restarted"
    story.once()


def test_a_box_back_with_the_old_certificate_is_not_restarted_again(story: Story) -> None:
    """A restart that did not bring the new certificate is told; only a person restarts the box again."""
    story.lab.order("expc", "restart-old-certificate", count=1)
    story.begin()
    for _ in range(2):
        with pytest.raises(Failed, match="still does not serve the new certificate"):
            story.again()
    assert story.effects("restarted") == ["expc"]
    story.lab.order("expc", "restart-now")
    story.lab.effects.wait("restarted", "expc", count=2)
    assert story.again().state == "Restarted"


def test_a_refused_login_is_never_repeated(story: Story) -> None:
    """One wrong password is one refused login, however many reads the step would make."""
    (story.lab.home / "secrets" / "expc").write_text("wrong")
    story.begin()
    with pytest.raises(LoginRefused):
        story.until("Inspected")
    assert story.effects("login-refused") == ["expc"]
    assert story.renewal.state == "New"


def test_a_disabled_api_says_where_to_enable_it(story: Story) -> None:
    """A box that answers 403 is told apart from a wrong password."""
    story.lab.order("expc", "disable-api")
    story.begin()
    with pytest.raises(ApiDisabled, match="does not allow") as disabled:
        story.until("Inspected")
    assert "API" in disabled.value.todo
    story.lab.order("expc", "enable-api")
    assert story.again().state == "Restarted"


def test_an_unreachable_peer_stops_trust_and_nothing_is_lost(story: Story) -> None:
    """A peer that is away ends with 5; what the box itself got stays, and the next run does the rest."""
    story.begin()
    story.until("Validated")
    story.lab.machines["expe"].stop()
    with pytest.raises(Unreachable):
        story.until("TrustPropagated")
    story.lab.machines["expe"].start()
    assert story.again().state == "Restarted"
    story.once()


def test_a_second_process_is_told_who_holds_the_renewal(story: Story) -> None:
    """While one advances, another is told who, where and since when, and changes nothing."""
    story.begin()
    runner = story.as_("second-manager")
    with (
        story.runner.store.hold(story.id, story.runner.site.actor, story.runner.site.at(), "advance it"),
        pytest.raises(HeldElsewhere, match="engineer") as held,
    ):
        runner.advance(story.id)
    assert held.value.exit_code == 3
    assert runner.advance(story.id).renewal.state == "Inspected"


def test_a_poll_that_learned_nothing_writes_nothing(story: Story) -> None:
    """Asking again and again while the CA is thinking leaves the document byte for byte as it was."""
    story.begin()
    story.wait_for_person()
    path = story.lab.home / "renewals" / story.id / "renewal.json"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    for _ in range(3):
        story.wait_for_person()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_discarded_csr_stops_the_install_and_restage_begins_again(story: Story) -> None:
    """With the key gone nothing is uploaded; `restage` makes a new CSR and voids old approvals."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.lab.order("expc", "discard-csr")
    with pytest.raises(Refused, match="no pending CSR"):
        story.until("Installed")
    assert story.effects("certificate-installed") == []
    story.aside("restage", "the CSR was discarded")
    assert story.renewal.items[0].csr == ""
    assert story.again().state == "Restarted"
    assert story.effects("csr-generated") == ["expc", "expc"]
    assert len(story.events("restage")) == 1
