"""Decisions at work: signed elsewhere, replayed, forged, against a site that was edited, on a clock that was moved."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import approvals
from engine.errors import Refused, UsageError, Waiting
from engine.model import Decision
from engine.runner import Runner, deciding
from engine.runner.deciding import Said
from engine.runner.site import Clock
from plugins.lab.keys import key_of
from tests.e2e.story import Story

ROOT = Path(__file__).parents[2]

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


class Behind(Clock):
    """Be a clock that somebody set back by an hour."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def waiting(story: Story) -> Story:
    """Return a renewal that waits for the approval of `install`."""
    story.begin()
    story.until("TrustPropagated")
    with pytest.raises(Waiting):
        story.runner.advance(story.id)
    return story


@pytest.fixture
def signed_only(story: Story) -> Story:
    """Return one on a site that takes signed decisions only."""
    story.edit_site("unsigned_approvals = true", "unsigned_approvals = false")
    story.begin()
    story.until("TrustPropagated")
    with pytest.raises(Waiting):
        story.runner.advance(story.id)
    return story


def made(story: Story, person: str = "change-manager", said: Said | None = None, key: str = "") -> Decision:
    """Return a signed decision about what is waited for, as another machine would make it; nothing is stored."""
    runner = story.runner
    plan = deciding.plan_to_decide(runner, story.id)
    at = runner.site.at()
    claim = deciding.claim(plan, person, said or Said(), id=runner.new_id(), at=at, by=runner.site.actor)
    return deciding.sign(claim, key_of(story.lab.home, key or person))


def take(story: Story, decision: Decision, **changed: str) -> list[Decision]:
    """Hand in a decision as the file that was sent, with parts of the claim changed on the way."""
    sent = json.loads(deciding.write([decision]))
    sent[0]["claim"].update(changed)
    return deciding.take(story.runner, story.id, json.dumps(sent).encode(), "decision.json")


def still_waits(story: Story) -> None:
    """Assert that the step is not carried out, and nothing was installed."""
    with pytest.raises((Waiting, Refused)):
        story.runner.advance(story.id)
    assert story.effects("certificate-installed") == []


# ---- signatures ----------------------------------------------------------------------------------------------------


@needs_openssh
def test_a_signed_decision_from_elsewhere_carries_the_step(signed_only: Story) -> None:
    """A decision that was signed on another machine and sent as a file counts, twice handed in as once."""
    decision = made(signed_only)
    assert take(signed_only, decision) == take(signed_only, decision)
    assert len(signed_only.runner.store.decisions(signed_only.id)) == 1
    assert signed_only.runner.advance(signed_only.id).renewal.state == "Installed"


@needs_openssh
@pytest.mark.parametrize(
    "changed",
    [
        {"person": "second-manager"},
        {"verb": "emergency", "reason": "x"},
        {"not_after": "2099-01-01T00:00:00Z"},
        {"reason": "as if"},
        {"at": "2026-11-01T00:00:00Z"},
        {"id": "another"},
    ],
)
def test_a_claim_that_was_changed_on_the_way_is_refused(signed_only: Story, changed: dict[str, str]) -> None:
    """No part of what a person signed can be changed afterwards: person, verb, window, time, name."""
    with pytest.raises(Refused, match="does not count"):
        take(signed_only, made(signed_only), **changed)
    assert signed_only.runner.store.decisions(signed_only.id) == []
    still_waits(signed_only)


@needs_openssh
def test_a_decision_for_another_plan_or_renewal_is_refused(signed_only: Story) -> None:
    """A decision names one plan of one renewal, and is refused anywhere else."""
    decision = made(signed_only)
    with pytest.raises(UsageError, match="has no plan"):
        take(signed_only, decision, plan="0" * 64)
    with pytest.raises(Refused, match="is about renewal zzzz9999"):
        take(signed_only, decision, renewal="zzzz9999")
    still_waits(signed_only)


@needs_openssh
def test_the_key_says_who_it_is(signed_only: Story) -> None:
    """A good signature by one person's key is not another person's, whatever the claim says."""
    with pytest.raises(Refused, match="it names change-manager, and the key is that of second-manager"):
        take(signed_only, made(signed_only, key="second-manager"))


def test_without_a_key_nothing_is_decided_where_signatures_are_wanted(signed_only: Story) -> None:
    """An unsigned approval is refused, and one that was slipped into the home does not count."""
    with pytest.raises(Refused, match="takes no unsigned approvals"):
        signed_only.approve()
    plan = deciding.plan_to_decide(signed_only.runner, signed_only.id)
    forged = deciding.claim(
        plan, "change-manager", Said(), id="forged", at=signed_only.runner.site.at(), by=signed_only.runner.site.actor
    )
    signed_only.runner.store.add_decision(forged)
    still_waits(signed_only)


@needs_openssh
def test_a_key_that_was_revoked_since_does_not_count(signed_only: Story) -> None:
    """A decision that was good when it came is judged again when the step runs."""
    take(signed_only, made(signed_only))
    public = key_of(signed_only.lab.home, "change-manager").with_suffix(".pub")
    shutil.copy(public, signed_only.lab.home / "revoked")
    signed_only.edit_site('allowed_signers = "signers"', 'allowed_signers = "signers"\nrevoked_keys = "revoked"')
    still_waits(signed_only)
    take(signed_only, made(signed_only, "second-manager"))
    assert signed_only.runner.advance(signed_only.id).renewal.state == "Installed"


@needs_openssh
def test_a_new_signer_does_not_count_for_what_began_before(signed_only: Story) -> None:
    """A key that is written into the site later signs nothing for a renewal that is under way."""
    signers = signed_only.lab.home / "signers"
    crony = key_of(signed_only.lab.home, "crony")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(crony)], check=True)
    signers.write_text(f"change-manager {crony.with_suffix('.pub').read_text()}")
    signed_only.runner = signed_only.as_("engineer")
    with pytest.raises(Refused, match="not among the allowed signers"):
        take(signed_only, made(signed_only, key="crony"))


# ---- no, and back --------------------------------------------------------------------------------------------------


def test_a_rejection_stops_and_can_be_taken_back(waiting: Story) -> None:
    """A rejected plan is refused for everybody until who rejected it takes that back."""
    waiting.approve("second-manager")
    waiting.approve(said=Said(approvals.REJECT, reason="phones are busy"))
    with pytest.raises(Refused, match=r"change-manager rejected install.*phones are busy"):
        waiting.runner.advance(waiting.id)
    (rejection,) = [one for one in waiting.runner.store.decisions(waiting.id) if one.verb == approvals.REJECT]
    with pytest.raises(Refused, match="who alone can take it back"):
        waiting.approve("second-manager", said=Said(approvals.WITHDRAW, withdraws=rejection.id))
    waiting.approve(said=Said(approvals.WITHDRAW, withdraws=rejection.id))
    assert waiting.runner.advance(waiting.id).renewal.state == "Installed"


@pytest.mark.parametrize("verb", [approvals.REJECT, approvals.EMERGENCY])
def test_no_and_emergency_take_a_reason(waiting: Story, verb: str) -> None:
    """A rejection or an emergency without a reason is not taken."""
    with pytest.raises(UsageError, match="takes a reason"):
        waiting.approve(said=Said(verb, reason=" "))


def test_another_account_does_not_approve_for_a_person(waiting: Story) -> None:
    """Where a lab's freedom is taken away, naming somebody else from one's own account is refused without a key."""
    waiting.edit_site("approve_for_others = true", "approve_for_others = false")
    plan = deciding.plan_to_decide(waiting.runner, waiting.id)
    with pytest.raises(Refused, match="not that of change-manager"):
        deciding.decide(waiting.as_("engineer"), waiting.id, plan, "change-manager", Said())
    still_waits(waiting)


def test_two_people_decide_at_once(waiting: Story) -> None:
    """Two decisions at the same moment are both kept, whoever advances meanwhile."""
    plan = deciding.plan_to_decide(waiting.runner, waiting.id)
    people = ["change-manager", "second-manager"]

    def say(person: str) -> Decision:
        return deciding.decide(waiting.as_(person), waiting.id, plan, person, Said())

    held = waiting.runner.store.hold(waiting.id, waiting.runner.site.actor, waiting.runner.site.at(), "advance")
    with held, ThreadPoolExecutor(2) as pool:
        said = list(pool.map(say, people))
    assert {one.id for one in waiting.runner.store.decisions(waiting.id)} == {one.id for one in said}
    assert waiting.runner.advance(waiting.id).renewal.state == "Installed"


def test_an_emergency_is_shouted_in_the_journal(waiting: Story) -> None:
    """Two people's word with reasons carries the step, and the journal says so in capitals with both reasons."""
    waiting.approve(said=Said(approvals.EMERGENCY, reason="all phones are down"))
    still_waits(waiting)
    waiting.approve("engineer", said=Said(approvals.EMERGENCY, reason="certificate ended at noon"))
    assert waiting.runner.advance(waiting.id).renewal.state == "Installed"
    (text,) = waiting.events("emergency")
    assert text.startswith("EMERGENCY: install goes on without its approvals.")
    assert "all phones are down" in text
    assert "certificate ended at noon" in text


# ---- the site and the clock ----------------------------------------------------------------------------------------


def test_the_policy_of_the_start_still_holds_after_it_was_weakened(waiting: Story) -> None:
    """Freeing everything in the site file frees nothing of a renewal that began under a stricter policy."""
    waiting.edit_site('effects = ["serve"]', 'effects = ["read"]')
    still_waits(waiting)
    waiting.approve()
    assert waiting.runner.advance(waiting.id).renewal.state == "Installed"


def test_a_stricter_policy_holds_at_once(waiting: Story) -> None:
    """A rule that is added to the site holds for renewals that are under way, beside those of their start."""
    waiting.approve()
    waiting.edit_site("people = 1\n", "people = 2\n")
    still_waits(waiting)
    waiting.approve()
    still_waits(waiting)
    waiting.approve("second-manager")
    assert waiting.runner.advance(waiting.id).renewal.state == "Installed"


def test_what_serves_is_refused_on_a_clock_that_was_set_back(waiting: Story) -> None:
    """With a clock behind the journal no window can be judged, so nothing that people notice is done."""
    waiting.approve()
    runner: Runner = waiting.as_("engineer")
    runner.site.clock = Behind()
    with pytest.raises((Refused, Waiting)):
        runner.advance(waiting.id)
    assert waiting.effects("certificate-installed") == []
    assert waiting.as_("engineer").advance(waiting.id).renewal.state == "Installed"


@needs_openssh
def test_what_is_exported_is_judged_and_signed_without_a_site(signed_only: Story, tmp_path: Path) -> None:
    """A plan goes out as a file, is signed with no site and no home, and comes back; an altered file is refused."""
    from engine.cli import deciding as commands
    from engine.cli import export

    runner, plan = signed_only.runner, deciding.plan_to_decide(signed_only.runner, signed_only.id)
    file, out = tmp_path / "plan.json", tmp_path / "decision.json"
    export.write(runner, signed_only.document, [plan], file)
    assert [one.digest for one in export.read(file)] == [plan.digest]
    key = key_of(signed_only.lab.home, "change-manager")
    asked = commands.Asked(Said(), person="change-manager", key=key, out=out, ask=False)
    commands.offline(file, asked)
    deciding.take(runner, signed_only.id, out.read_bytes(), "decision.json")
    assert runner.advance(signed_only.id).renewal.state == "Installed"
    whole = json.loads(file.read_text())
    assert whole["items"][0]["old"].startswith("-----BEGIN CERTIFICATE-----")
    assert whole["items"][0]["new"].startswith("-----BEGIN CERTIFICATE-----")
    whole["plans"][0]["changes"][0]["target"] = "expe"
    file.write_text(json.dumps(whole))
    with pytest.raises(Refused, match="was altered"):
        export.read(file)


def test_the_queue_holds_what_waits_for_a_person(waiting: Story) -> None:
    """A plan is in the queue of who could still approve it, and in nobody's once it is approved."""
    assert [plan.step for plan in deciding.waiting_for(waiting.runner, "change-manager")] == ["install"]
    assert deciding.waiting_for(waiting.runner, "engineer") == []
    waiting.approve()
    assert deciding.waiting_for(waiting.runner, "change-manager") == []
    assert deciding.waiting_for(waiting.runner, "second-manager") == []


@needs_openssh
def test_anybody_can_check_a_decision_with_public_tools(signed_only: Story, tmp_path: Path) -> None:
    """The recipe in the docs, typed as it stands, verifies a decision's signature, and not one of a changed claim."""
    recipe = next(
        block
        for block in (ROOT / "docs/explanation/approvals.md").read_text().split("\n\n")
        if block.startswith("    python3 -c")
    )
    typed = "\n".join(line.removeprefix("    ") for line in recipe.splitlines()).replace("PERSON", "change-manager")
    shutil.copy(signed_only.lab.home / "signers", tmp_path / "signers")
    content = deciding.write([made(signed_only, said=Said(reason='for \u202e "us" \u00e9'))])
    for sent, good in ((content, True), (content.replace(b'"install"', b'"restart"'), False)):
        (tmp_path / "decision.json").write_bytes(sent)
        done = subprocess.run(["/bin/sh", "-c", typed], cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) is good, done
