"""Measure a whole renewal in the lab beside the least that its requests and writes cost."""

from time import perf_counter

from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.bench.figures import Figure, duration, folder
from tests.e2e.story import Story

RESTART = 0.3
"""How long the lab's box stays away, in seconds; nobody can be faster."""


def figures() -> list[Figure]:
    """Renew one certificate from New to Restarted, in one process. Takes a few seconds."""
    with (
        folder() as place,
        Lab(place / "lab", Options(restart_seconds=RESTART, cucm=False)) as lab,
    ):
        story = Story(lab)
        story.begin()
        begun = perf_counter()
        story.until("Restarted")
        took = perf_counter() - begun
        events = len(story.document.journal)
    return [duration(f"whole renewal, two boxes, {events} events", took, RESTART, "the box's restart")]
