"""Tell what comes after a renewal: a workflow of its own, with the same people."""

import re
from datetime import datetime, timedelta

from engine.certificates import fingerprint
from engine.runner import begin
from plugins.lab.authority import pem
from plugins.lab.lab import Lab
from tests.e2e.hands import ByHand
from tests.e2e.story import LabClock, Story

BOTH = ("expc-server", "expe-server")


class Later(LabClock):
    """Be a clock that tests put forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        """Return the present, with what it was put forward."""
        return super().now() + self.ahead


class After(ByHand):
    """Be what follows a renewal; people do on the pages what they are told."""

    def __init__(self, before: Story, workflow: str = "clean-up", **options: str) -> None:
        super().__init__(before.lab)
        self.clock = before.clock
        self.runner = self.as_("engineer")
        self.id = begin.follow(self.runner, workflow, before.id, **options).renewal.id
        self.instead["and press Delete. Take no"] = self.delete

    def delete(self, step: str) -> None:
        """Select the row that a step names, and press Delete."""
        serial = int(re.findall(r"serial ([0-9a-f]+),", step)[0], 16)
        [row] = {one for one in self.lab.boxes[self.node].trusted if one.serial_number == serial}
        self.press("delete", pem([row]).decode())


def finished(lab: Lab, *certificates: str) -> Story:
    """Return a renewal that is over, of both Expressways unless others are named."""
    story = Story(lab, *(certificates or BOTH), clock=Later(lab))
    story.begin()
    story.until("Restarted")
    return story


def soaked(story: Story) -> None:
    """Let the time pass that old CAs are kept for."""
    assert isinstance(story.clock, Later)
    story.clock.ahead = timedelta(days=14, minutes=1)


def holds(lab: Lab, node: str, generation: str) -> list[bool]:
    """Tell whether a box trusts issuing CA and root of a generation."""
    held = {fingerprint(one) for one in lab.boxes[node].trusted}
    return [fingerprint(one) in held for one in lab.authority.generation(generation).chain]


class Back(After):
    """Be a rollback; the person restores the backups that were made before the renewal, by node."""

    def __init__(self, before: Story, backups: dict[str, str], **options: str) -> None:
        super().__init__(before, "rollback", **options)
        self.instead["make a backup of what is there now"] = self.backup
        self.instead["choose the backup of"] = lambda _: self.press("restore", backups[self.node])

    def backup(self, _step: str) -> None:
        """Make one more backup."""
        self.lab.page(self.node, "backup")
