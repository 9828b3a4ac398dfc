"""The change record: named at the start, it stands in plans, decisions and journal, and the policy may require it."""

import pytest

from engine.errors import UsageError
from engine.store import Store
from tests.e2e.story import Story


def test_the_change_stands_in_plan_decision_and_journal(story: Story) -> None:
    """Who looks at a plan, a decision or the journal sees under which change record it was done."""
    story.begin(change="CHG0012345")
    assert story.renewal.change == "CHG0012345"
    assert "under change CHG0012345" in story.document.journal[0].text
    story.until("Installed")
    store = Store(story.lab.home)
    assert {plan.change for plan in store.plans(story.id)} == {"CHG0012345"}
    assert {decision.change for decision in store.decisions(story.id)} == {"CHG0012345"}


def test_the_change_is_part_of_what_is_approved(story: Story) -> None:
    """The same plan under another change record has another digest."""
    from msgspec.structs import replace

    story.begin(change="CHG0012345")
    story.until("TrustPropagated")
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert replace(plan, change="CHG0099999").digest != plan.digest


@pytest.mark.parametrize("change", ["CHG 1", "x" * 65, "CHG\x1b[2J", "-x", "CHG\n1"])
def test_what_can_be_no_change_record_is_refused(story: Story, change: str) -> None:
    """A change record is a short plain word; anything else begins nothing."""
    with pytest.raises(UsageError, match="can't be a change record"):
        story.begin(change=change)
    assert Store(story.lab.home).ids() == []


def test_a_site_may_require_it(story: Story) -> None:
    """With `change_required` a renewal without a change record is not begun, one with it is."""
    story.edit_site("[approval]\n", "[approval]\nchange_required = true\n")
    with pytest.raises(UsageError, match="name its change record") as refused:
        story.begin()
    assert "--change" in refused.value.todo
    story.begin(change="CHG0012345")
