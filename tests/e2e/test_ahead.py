"""Plans that are made ahead: a whole weekend approved in one meeting, void as soon as something turns out otherwise."""

from collections.abc import Callable

import pytest

from engine.errors import Drift, Waiting
from engine.model import Plan
from engine.runner import deciding
from engine.runner.deciding import Said
from plugins.lab.lab import Lab
from tests.e2e.story import Story


@pytest.fixture
def validated(labs: Callable[..., Lab]) -> Story:
    """Return a renewal in `Validated`, in a lab with CUCM and a new CA."""
    story = Story(labs(cucm=True))
    story.begin()
    story.until("Validated")
    return story


def approve_all(story: Story) -> list[Plan]:
    """Make every plan ahead and approve each."""
    plans = story.runner.plans_ahead(story.id)
    for plan in plans:
        deciding.decide(story.as_("change-manager"), story.id, plan, "change-manager", Said())
    return plans


def test_every_plan_that_remains_names_the_one_before(validated: Story) -> None:
    """Trust, services, install and restart are planned at once, each after the other and in its state."""
    plans = validated.runner.plans_ahead(validated.id)
    assert [(plan.step, plan.phase) for plan in plans] == [
        ("propagate", "trust"),
        ("propagate", "services"),
        ("install", "install"),
        ("restart", "restart"),
    ]
    assert [plan.after for plan in plans] == ["", *(plan.digest for plan in plans[:-1])]
    assert [plan.expects for plan in plans] == ["", "Validated", "TrustPropagated", "Installed"]
    assert validated.effects("trust-appended") == []


def test_one_meeting_approves_the_whole_weekend(validated: Story) -> None:
    """What was approved ahead carries every step to the end, and each plan made then is covered by it."""
    approve_all(validated)
    said = len(validated.runner.store.decisions(validated.id))
    assert validated.until("Restarted").ended
    assert len(validated.runner.store.decisions(validated.id)) == said


def test_before_the_certificate_nothing_can_be_foreseen(validated: Story) -> None:
    """Before `Validated` only the next plan is made, since what follows depends on what the CA signs."""
    validated.aside("cancel")
    validated.begin()
    assert [plan.step for plan in validated.runner.plans_ahead(validated.id)] == ["inspect"]


def test_what_turned_out_otherwise_is_approved_anew(validated: Story) -> None:
    """When the plan before was not carried out as it was shown, the approval of the next one does not count."""
    plans = approve_all(validated)
    add = validated.lab.boxes["expe"].trusted
    from cryptography import x509

    missing = str(plans[0].changes[-1].after["trusted"])
    add.append(x509.load_der_x509_certificate(validated.runner.store.artefact(validated.id, missing)))
    with pytest.raises((Drift, Waiting)) as stopped:
        validated.run_past_boxes("TrustPropagated")
    assert isinstance(stopped.value, Drift)
    assert validated.effects("certificate-installed") == []


def test_an_early_approval_does_not_come_before_its_turn(validated: Story) -> None:
    """Approving the restart alone approves neither the upload before it nor anything else."""
    plans = validated.runner.plans_ahead(validated.id)
    deciding.decide(validated.as_("change-manager"), validated.id, plans[-1], "change-manager", Said())
    with pytest.raises(Waiting) as waiting:
        validated.run_past_boxes("Installed")
    assert waiting.value.on == "approval"
    assert validated.effects("certificate-installed") == []
