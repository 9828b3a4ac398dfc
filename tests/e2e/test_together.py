"""Several people at once, each in a process of their own, meeting just when something happens on a box."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from plugins.lab.lab import Lab
from tests.e2e.story import Story


class Prompt:
    """Be a shell beside a lab that runs in this process."""

    def __init__(self, lab: Lab) -> None:
        self._where = ["--site", str(lab.site_file), "--home", str(lab.home)]

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        command = [sys.executable, "-c", "from engine.cli import main; main()", *self._where, *words]
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def type(self, *words: str) -> tuple[int, str]:
        """Run a command to its end; return its exit code and everything it said, in one line."""
        return ended(self.begin(*words))


def ended(command: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for a command; return its exit code and everything it said, in one line."""
    out, err = command.communicate()
    assert "Traceback" not in out + err
    return command.returncode, " ".join((out + err).split())


def test_an_approval_during_an_advance_counts_in_the_same_run(story: Story) -> None:
    """Who approves the next plan while the step before is carried out waits for nobody, nor does anybody for them."""
    prompt, said = Prompt(story.lab), list[tuple[int, str]]()
    story.begin()
    story.until("TrustPropagated")
    upload, restart = story.runner.plans_ahead(story.id)
    story.approve(digest=upload.digest)
    approve = ("approve", story.id, "--as", "change-manager", "--plan", restart.digest, "--yes")
    story.when("certificate-installed", lambda: said.append(prompt.type(*approve)))
    code, told = prompt.type("run", story.id)
    assert [code for code, _ in said] == [0], said
    assert (code, story.renewal.state) == (0, "Restarted"), told
    assert len(story.runner.store.decisions(story.id)) == 2
    story.once()


def test_a_cancel_during_the_signing_is_told_who_is_at_it(labs: Callable[..., Lab]) -> None:
    """It changes nothing and says who holds the renewal, where and since when; typed again afterwards, it cancels."""
    story = Story(labs(authority="adcs"))
    prompt, said = Prompt(story.lab), list[tuple[int, str]]()
    story.begin()
    cancel = ("cancel", story.id, "--reason", "not this year")
    story.when("request-submitted", lambda: said.append(prompt.type(*cancel)))
    running = prompt.begin("run", story.id)
    code, told = ended(running)
    assert code == 3, told
    ((refused, why),) = said
    host = story.runner.site.actor.host
    assert refused == 3
    assert f"Renewal {story.id} is held by" in why
    assert f"on {host}, process {running.pid}, since 20" in why
    assert "Nothing was changed." in why
    assert story.renewal.state != "Cancelled"
    assert prompt.type(*cancel)[0] == 0
    assert story.renewal.state == "Cancelled"
    assert len(story.entries("request-submitted")) == 1
    assert story.whole()


@pytest.mark.parametrize("moment", ["csr-generated", "certificate-installed"])
def test_a_holder_that_was_killed_is_recognised(story: Story, moment: str) -> None:
    """The next process goes on at once, says who died in the middle and journals it; nothing is done twice."""
    prompt, running = Prompt(story.lab), list["subprocess.Popen[str]"]()
    story.begin()
    if moment == "certificate-installed":
        story.until("TrustPropagated")
        story.approve_next()
    story.when(moment, lambda: running[0].kill())
    running.append(prompt.begin("run", story.id))
    assert ended(running[0])[0] == -9
    code, told = prompt.type("run", story.id)
    assert code == 3, told
    assert "Its last holder died in the middle: " in told
    (event,) = story.events("interrupted")
    assert f"process {running[0].pid}, since 20" in event
    assert event.endswith("to advance.")
    assert story.again().state == "Restarted"
    story.once()
