"""Coming back from a renewal: what can be done is done, and what can't is said."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from engine.certificates import fingerprint
from engine.errors import Refused, UsageError, Waiting
from engine.net import served
from engine.runner import begin
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.dying import Died, die_at
from tests.e2e.followed import After, Back, Later, holds
from tests.e2e.story import Story
from tests.e2e.test_cucm_evicted import evicting, holds_old

NONE, ALL = [False, False], [True, True]


def renewed(lab: Lab, state: str = "Restarted") -> tuple[Story, dict[str, str], str]:
    """Return a renewal of expc in a state, the backup that somebody made of its box before, and the old certificate."""
    story = Story(lab, clock=Later(lab))
    backups, old = {"expc": lab.page("expc", "backup")}, lab.boxes["expc"].serves.fingerprint
    story.begin()
    story.until(state)
    return story, backups, old


def shown(story: Story) -> str:
    """Return the fingerprint of what expc presents."""
    return fingerprint(served(story.runner.estate.nodes["expc"].address))


def test_the_old_certificate_comes_back_with_a_backup(labs: Callable[..., Lab]) -> None:
    """People restore it, ports, slot and zones prove it, and the CA that the renewal added goes again."""
    lab = labs()
    before, backups, old = renewed(lab)
    assert shown(before) != old
    back = Back(before, backups, reason="phones refuse it")
    assert "because phones refuse it" in back.events("created")[0]
    assert back.until("RolledBack").ended
    assert shown(before) == old
    assert lab.boxes["expc"].slots["server"].fingerprint == old
    assert back.renewal.pins["expc"] == [old]
    assert [holds(lab, node, "new") for node in ("expc", "expe")] == [NONE, NONE]
    assert [holds(lab, node, "old") for node in ("expc", "expe")] == [ALL, ALL]
    assert back.effects("backup-restored") == ["expc"]
    assert lab.await_zone("Active").status == "Active"
    assert back.whole()


def test_the_plan_is_honest_and_needs_its_approval(labs: Callable[..., Lab]) -> None:
    """It says that all of the configuration goes back, and that without a backup there is no way; nothing is begun."""
    lab = labs()
    before, backups, _ = renewed(lab)
    back = Back(before, backups)
    with pytest.raises(Waiting) as waiting:
        back.runner.run(back.id)
    assert (waiting.value.on, back.renewal.state) == ("approval", "Surveyed")
    plan = back.runner.plan(back.id)
    assert plan
    [change] = plan.changes
    assert (change.severity, change.reversible, change.by_hand) == ("outage", False, True)
    assert "the whole configuration of this node" in change.impact
    assert "Without a backup" in change.notes[0]
    assert back.effects("backup-restored") == []


def test_without_a_backup_it_is_cancelled(labs: Callable[..., Lab]) -> None:
    """While the box presents the new certificate it is asked for again; cancelled, only that one is accepted."""
    lab = labs()
    before, backups, old = renewed(lab)
    back = Back(before, backups)
    new = shown(before)
    waiting = back.asked("RolledBack")
    assert "can't be done: certrenew cancel" in waiting.todo
    assert back.asked("RolledBack").steps == waiting.steps
    assert back.renewal.pins["expc"] == sorted([old, new])
    assert back.aside("cancel", "there is none").state == "Cancelled"
    assert back.renewal.pins["expc"] == [new]
    assert holds(lab, "expc", "new") == ALL


def test_after_a_cancelled_renewal_only_the_trust_goes(labs: Callable[..., Lab]) -> None:
    """Nothing was installed, so nobody restores anything; what was added goes from both boxes."""
    lab = labs()
    before, _, _ = renewed(lab, "TrustPropagated")
    with pytest.raises(Refused, match="is not over: it is TrustPropagated") as refused:
        Back(before, {})
    assert f"certrenew cancel {before.id}" in refused.value.todo
    before.aside("cancel")
    back = Back(before, {})
    assert back.until("RolledBack").ended
    assert [holds(lab, node, "new") for node in ("expc", "expe")] == [NONE, NONE]
    assert "no certificate had to come back" in " ".join(back.events("state"))


def test_what_something_else_presents_stays_trusted(labs: Callable[..., Lab]) -> None:
    """Where the Expressway-E has a certificate of the new CA by now, that stays, and why is told."""
    lab = labs()
    before, _, _ = renewed(lab, "TrustPropagated")
    before.aside("cancel")
    other = Story(lab, "expe-server", clock=before.clock)
    other.begin()
    other.until("Restarted")
    back = Back(before, {})
    back.until("RolledBack")
    assert [holds(lab, node, "new") for node in ("expc", "expe")] == [ALL, ALL]
    assert "stays in the trusted CA list of expc: what expe presents" in back.events("state")[-1]


def test_what_was_evicted_comes_back(labs: Callable[..., Lab]) -> None:
    """Each store of Unified CM holds the old CA again, by an approved plan, also where cancelling left it out."""
    story = evicting(labs, ssh=True)
    story.until("TrustPropagated", restart=False)
    story.edit_site("ssh_host_key", "# ssh_host_key")
    story.aside("cancel")
    assert len(story.events("not-restored")) == 4
    story.edit_site("# ssh_host_key", "ssh_host_key")
    back = After(story, "rollback")
    assert back.until("RolledBack", restart=False).ended
    assert holds_old(story) == [True] * 4


def test_what_was_evicted_comes_back_by_hand(labs: Callable[..., Lab]) -> None:
    """Without a command line the steps name store, certificate and file, and the stores are read back."""
    story = evicting(labs, ssh=False)
    story.until("Validated")
    with pytest.raises(Waiting):
        story.run_past_boxes("TrustPropagated")
    story.aside("cancel")
    back = After(story, "rollback")

    def exchange(step: str) -> None:
        store, node, file = re.findall(r"^(\S+) of (\S+): delete .*, then upload (\S+\.pem)\.$", step)[0]
        assert story.lab.cucm
        box, [gone] = story.lab.cucm.nodes[node], x509.load_pem_x509_certificates(Path(file).read_bytes())
        for newer in [one for one in box.trusted(store) if one.subject == gone.subject]:
            box.delete(store, newer)
        box.upload([store], [gone])

    back.instead["then upload"] = exchange
    assert back.until("RolledBack", restart=False).ended
    assert holds_old(story) == [True] * 4


def test_where_it_makes_no_sense_it_is_refused(labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown, nothing changed, the old certificate ended, or a clean-up: one line each, and nothing is begun."""
    lab = labs()
    early = Story(lab)
    early.begin()
    early.aside("cancel")
    desk = Desk(early, capsys)
    desk.fails("rollback", "nothing", code=2, what="No renewal is called", left="Nothing", todo="certrenew list")
    unchanged = desk.type("rollback", early.id)
    assert (unchanged.code, unchanged.parts["Left alone"]) == (4, "Nothing was changed.")
    assert "changed no trust store" in unchanged.parts["Refused"]
    before, backups, _ = renewed(lab)
    cleaning = begin.follow(before.runner, "clean-up", before.id).renewal.id
    assert "is a clean-up; only a renewal" in desk.type("rollback", cleaning).parts["Refused"]
    with pytest.raises(UsageError, match="change record"):
        begin.follow(before.runner, "rollback", before.id, change="?")
    assert isinstance(before.clock, Later)
    before.clock.ahead = timedelta(days=20)
    with pytest.raises(Refused, match="The old certificate of expc-server ended") as refused:
        Back(before, backups)
    assert "certrenew start expc-server" in refused.value.todo


def test_by_hand_the_text_that_people_bring_proves_it(labs: Callable[..., Lab]) -> None:
    """On a box without an API the port and the decoded text show that the old certificate is back."""
    lab = labs()
    before, backups, old = renewed(lab)
    back = Back(before, backups)
    back.guide("expc")
    assert back.until("RolledBack").ended
    assert shown(before) == old
    assert holds(lab, "expc", "new") == NONE


@pytest.mark.parametrize("kind", ["intent", "saved", "asked", "done", "state"])
def test_a_rollback_that_dies_is_resumed(labs: Callable[..., Lab], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dying after any event of this kind, once for each, restores no backup twice, and ends in the same state."""
    lab = labs()
    before, backups, old = renewed(lab)
    back = Back(before, backups)
    seen = die_at(monkeypatch, kind)
    for _ in range(20):
        try:
            assert back.until("RolledBack").ended
            break
        except Died:
            back.runner = back.as_("engineer")
    assert seen
    assert back.effects("backup-restored") == ["expc"]
    assert shown(before) == old
    assert back.whole()
