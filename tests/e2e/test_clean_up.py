"""Old CAs are taken out of trust stores some time after a renewal, where nothing that is presented needs them."""

from collections.abc import Callable

import pytest

from engine.errors import Drift, Refused, UsageError, Waiting
from engine.runner import begin
from plugins.lab.authority import fingerprint, pem
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.dying import Died, die_at
from tests.e2e.followed import After, finished, holds, soaked
from tests.e2e.story import Story

NONE, ALL = [False, False], [True, True]


def test_the_old_ca_goes_from_every_store_that_does_not_need_it(labs: Callable[..., Lab]) -> None:
    """After the soak each box is cleaned on its page, read back, with its zones up; the new CA stays."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    soaked(before)
    assert after.until("CleanedUp").ended
    assert [holds(lab, node, "old") for node in ("expc", "expe")] == [NONE, NONE]
    assert [holds(lab, node, "new") for node in ("expc", "expe")] == [ALL, ALL]
    assert after.effects("trust-removed") == ["expc", "expc", "expe", "expe"]
    assert "active as before: expc: " in after.events("state")[-1]
    assert set(after.renewal.saved) == {"expc:store:", "expe:store:"}
    assert lab.await_zone("Active").status == "Active"
    assert after.whole()
    assert before.whole()


def test_it_waits_for_the_end_of_the_soak(labs: Callable[..., Lab]) -> None:
    """Before its end the moment is told and no box is asked for anything; the site sets how long it is."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    with pytest.raises(Waiting, match=r"stays in trust stores until .*: 14 days after the end") as waiting:
        after.runner.run(after.id)
    assert (waiting.value.on, waiting.value.exit_code) == ("window", 3)
    assert 13 * 86400 < waiting.value.poll_after <= 14 * 86400 + 1
    with pytest.raises(Waiting, match="14 days"):
        after.runner.plan(after.id)
    lab.site_file.write_text(lab.site_file.read_text() + "\n[clean_up]\nafter_days = 0\n")
    after.runner = after.as_("engineer")
    assert after.until("Soaked").removes == [fingerprint(one) for one in lab.authority.generation("old").chain]


def test_what_is_still_presented_keeps_its_ca(labs: Callable[..., Lab]) -> None:
    """While the Expressway-E presents a certificate of the old CA, nothing goes, and why is told and journalled."""
    lab = labs()
    before = finished(lab, "expc-server")
    after = After(before)
    soaked(before)
    after.until("CleanedUp")
    assert [holds(lab, node, "old") for node in ("expc", "expe")] == [ALL, ALL]
    told = after.events("state")[-1]
    assert "nothing was taken out" in told
    assert "Corp Root CA G1 stays in the trusted CA list of expc: what expe presents (port " in told
    assert after.effects("trust-removed") == []


def test_it_is_approved_like_everything_that_serves(labs: Callable[..., Lab]) -> None:
    """Without an approval nothing goes; a rejected plan stays undone; it can be cancelled, and begun again."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    soaked(before)
    with pytest.raises(Waiting) as waiting:
        after.runner.run(after.id)
    assert waiting.value.on == "approval"
    plan = after.runner.plan(after.id)
    assert plan
    assert [change.by_hand for change in plan.changes] == [True] * 4
    assert all("add it again" in change.way_back for change in plan.changes)
    assert after.effects("trust-removed") == []
    with pytest.raises(UsageError, match="There is an open clean-up"):
        After(before)
    assert after.aside("cancel", "not now").state == "Cancelled"
    assert After(before).renewal.state == "New"


def test_a_certificate_that_comes_up_meanwhile_keeps_its_ca(labs: Callable[..., Lab]) -> None:
    """Where something holds a certificate of the old CA again after the approval, nothing goes."""
    lab = labs()
    old = lab.boxes["expe"].slots["server"]
    before = finished(lab)
    after = After(before)
    soaked(before)
    after.until("Soaked")
    after.approve_next()
    lab.boxes["expe"].slots["server"] = old
    after.until("CleanedUp")
    assert after.effects("trust-removed") == []
    assert "what expe presents (slot server) chains to it" in after.events("state")[-1]


def test_a_plan_that_was_approved_and_is_another_now_is_refused(labs: Callable[..., Lab]) -> None:
    """Where some of what was approved is needed meanwhile, that is drift, and none of it goes."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    soaked(before)
    after.until("Soaked")
    after.approve_next()
    (lab.home / "directory.pem").write_bytes(pem([lab.authority.generation("old").root.certificate]))
    lab.site_file.write_text(lab.site_file.read_text() + '\n[clean_up]\nkeep = ["directory.pem"]\n')
    after.runner = after.as_("engineer")
    with pytest.raises(Drift) as drift:
        after.runner.run(after.id)
    assert len(drift.value.differences) == 2
    assert all("no longer so, and not by us" in told for told in drift.value.differences)
    assert after.effects("trust-removed") == []


def test_what_the_site_keeps_stays(labs: Callable[..., Lab]) -> None:
    """CA certificates of `clean_up.keep`, and those of an open renewal, stay; the rest of the chain goes."""
    lab = labs()
    root = lab.authority.generation("old").root.certificate
    (lab.home / "directory.pem").write_bytes(pem([root]))
    lab.site_file.write_text(lab.site_file.read_text() + '\n[clean_up]\nafter_days = 0\nkeep = ["directory.pem"]\n')
    before = finished(lab)
    after = After(before)
    after.until("CleanedUp")
    assert [holds(lab, node, "old") for node in ("expc", "expe")] == [[False, True], [False, True]]
    assert "the site says that it is needed (clean_up.keep)" in after.events("state")[-1]


def test_people_who_do_only_half_are_asked_for_the_rest(labs: Callable[..., Lab]) -> None:
    """What a person took out is not asked for again, in a new process neither; what is left is."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    soaked(before)
    first = after.asked("CleanedUp")
    assert len(first.steps) == 4
    after.step(first.steps[0])
    after.runner = after.as_("engineer")
    again = after.asked("CleanedUp")
    assert len(again.steps) == 3
    assert first.steps[0] not in again.steps
    events = len(after.document.journal)
    with pytest.raises(Waiting):
        after.runner.run(after.id)
    assert len(after.document.journal) == events
    assert after.until("CleanedUp").ended
    assert len(after.effects("trust-removed")) == 4


def test_a_box_that_people_work_is_cleaned_and_its_list_brought(labs: Callable[..., Lab]) -> None:
    """On a box without an API the list that is brought afterwards proves what went."""
    lab = labs()
    before = finished(lab)
    after = After(before)
    after.guide("expc")
    soaked(before)
    assert after.until("CleanedUp").ended
    assert holds(lab, "expc", "old") == NONE
    assert any("any more, as people brought it" in text for text in after.events("done"))


def test_it_follows_only_what_is_over_and_changed_the_ca(labs: Callable[..., Lab]) -> None:
    """A renewal that is open, cancelled, or of the same CA has nothing to clean up, which is one clear line."""
    lab = labs()
    story = Story(lab)
    story.begin()
    with pytest.raises(Refused, match="is a renewal in New"):
        After(story)
    with pytest.raises(UsageError, match="No renewal of expc-server is over"):
        begin.follow_last(story.runner, "clean-up", ["expc-server"])
    story.until("Restarted")
    again = Story(lab)
    again.begin()
    again.until("Restarted")
    with pytest.raises(Refused, match="the same CA as before"):
        After(again)
    with pytest.raises(UsageError, match="follows no renewal"):
        begin.follow(story.runner, "renewal", story.id)
    with pytest.raises(UsageError, match="No plugin registers"):
        begin.follow(story.runner, "tidy", story.id)
    assert begin.follow_last(story.runner, "clean-up", ["expc-server"]).renewal.follows == story.id


def test_it_is_begun_by_the_certificate(labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str]) -> None:
    """`start --workflow clean-up` follows the last renewal that it can; an option that is not for it is told."""
    desk = Desk(before := finished(labs(), "expc-server"), capsys)
    refused = desk.type("start", "expc-server", "--workflow", "clean-up", "--adopt-csr")
    assert (refused.code, refused.parts["Left alone"]) == (2, "Nothing was begun.")
    told = " ".join(desk.type("start", "expc-server", "--workflow", "clean-up").out.split())
    assert f"Follows renewal {before.id}; this is its clean-up State New (0 of 2" in told
    listed = " ".join(desk.type("list").out.split())
    assert "expc-server New" in listed
    assert "(clean-up)" in listed


def test_a_clean_up_does_not_hold_up_the_next_renewal(labs: Callable[..., Lab]) -> None:
    """While it soaks the same slot may be renewed, and the certificate's name means the renewal."""
    lab = labs()
    before = finished(lab, "expc-server")
    After(before)
    again = Story(lab, clock=before.clock)
    again.begin()
    assert again.until("Restarted").state == "Restarted"


@pytest.mark.parametrize("kind", ["intent", "saved", "asked", "done", "state"])
def test_a_clean_up_that_dies_is_resumed(labs: Callable[..., Lab], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dying after any event of this kind, once for each, asks for nothing that was done, and ends in the same state."""
    lab = labs()
    after = After(before := finished(lab))
    soaked(before)
    seen = die_at(monkeypatch, kind)
    for _ in range(20):
        try:
            assert after.until("CleanedUp").ended
            break
        except Died:
            after.runner = after.as_("engineer")
    assert seen
    assert after.effects("trust-removed") == ["expc", "expc", "expe", "expe"]
    assert after.whole()
