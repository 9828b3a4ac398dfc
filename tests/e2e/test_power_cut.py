"""The power goes in the middle of a renewal: a fresh process finds what was journalled, and no more than was begun."""

from collections.abc import Callable

from tests.e2e.story import Story
from tests.engine.store.disk import Recorder
from tests.engine.store.power import acknowledging, pull_the_plug

IMAGES, EVERY = 6, 11
"""How many images of a cut are tried, and after every how many calls."""


def test_the_power_goes_during_a_renewal(story: Story, record_property: Callable[[str, object], None]) -> None:
    """Whatever a disk may have kept of a whole renewal, a fresh store finds what was acknowledged by then."""
    recorder = Recorder(story.lab.home, "renewals", "locks")
    with recorder.recording(), acknowledging(recorder):
        story.begin()
        assert story.until("Restarted").state == "Restarted"
    cuts, images, wrong = pull_the_plug(recorder, ".", IMAGES, every=EVERY)
    assert wrong == []
    assert len(recorder.ops) > 500
    record_property("power cuts", cuts)
    record_property("images of a disk after a power cut", images)
    # The negative control: had no folder been synced, what was acknowledged would be gone.
    _, _, wrong = pull_the_plug(recorder, ".", 2, every=EVERY, ops=recorder.without(files=False))
    assert any("never acknowledged" in what for _, what in wrong)
