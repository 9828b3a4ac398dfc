"""Ctrl-C in every step, at the worst moment: while the box is doing what it was asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.desk import Desk, plain_to_see
from tests.e2e.story import CERTIFICATE, Story

API = "/api/provisioning"
SLOW = {
    "New": ("GET", f"{API}/certs/server", ""),
    "Inspected": ("POST", f"{API}/certs/generate_csr", "csr-generated"),
    "CSRPending": ("GET", f"{API}/certs/generate_csr", ""),
    "Validated": ("POST", f"{API}/certs/root", "trust-appended"),
    "TrustPropagated": ("POST", f"{API}/certs/server", "certificate-installed"),
    "Installed": ("POST", f"{API}/restart", ""),  # asked by somebody who is gone, the lab's box stays up
}
"""What is answered late in each state, and the effect that it has all the same."""


class Running:
    """Be a command in a process of its own, which heeds SIGINT whatever this one's shell made of it."""

    def __init__(self, story: Story, *words: str) -> None:
        command = ["env", "--default-signal=INT", sys.executable, "-m", "engine.cli"]
        where = ["--site", str(story.lab.site_file), "--home", str(story.lab.home)]
        self._process = subprocess.Popen(
            [*command, *where, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    @property
    def errors(self) -> IO[str]:
        """Return its standard error."""
        assert self._process.stderr
        return self._process.stderr

    def interrupt(self) -> str:
        """Press Ctrl-C; return what it said from then on. It ends with 130."""
        self._process.send_signal(signal.SIGINT)
        _, told = self._process.communicate(timeout=120)
        assert self._process.returncode == 130, told
        return told


def says_so(told: str) -> None:
    """Assert that the message has its three parts and no traceback."""
    assert "Traceback" not in told
    assert "Interrupted  by Ctrl-C." in told
    assert "Left alone   What is in the journal is kept." in told
    assert "Next         Run the same command again" in told
    plain_to_see(told)


@pytest.fixture
def ready(desk: Desk) -> Iterator[Story]:
    """Return a story with a short interval between two looks at a restarting box."""
    yield desk.story
    assert desk.story.whole()


@pytest.mark.parametrize("state", SLOW)
def test_ctrl_c_while_a_box_is_busy_loses_and_repeats_nothing(ready: Story, state: str) -> None:
    """The command ends with 130 and says what that means; the box may do it all the same, and it is done once."""
    method, path, effect = SLOW[state]
    ready.begin()
    ready.until(state)
    if state in ("TrustPropagated", "Installed"):
        ready.approve_next()
    ready.lab.order("expc", "slow", path=path, method=method, count=1, seconds=1)
    running = Running(ready, "advance", CERTIFICATE)
    ready.lab.effects.wait("fault-struck", "expc")
    says_so(running.interrupt())
    assert ready.renewal.state == state
    if effect:
        ready.lab.effects.wait(effect, "expc")
    assert ready.again().state == "Restarted"
    ready.once()


def test_ctrl_c_while_a_certificate_is_judged(ready: Story) -> None:
    """The step that contacts no box: it is held up in reading the site's CA certificates, from a pipe."""
    ready.begin()
    ready.until("Signed")
    roots = ready.lab.home / "ca" / "new-root.pem"
    content = roots.read_bytes()
    roots.unlink()
    os.mkfifo(roots)
    running = Running(ready, "advance", CERTIFICATE)
    with roots.open("wb"):  # opens when the command does
        says_so(running.interrupt())
    roots.unlink()
    roots.write_bytes(content)
    assert ready.renewal.state == "Signed"
    assert ready.again().state == "Restarted"
    ready.once()


def _line(running: Running, wanted: str) -> None:
    for line in running.errors:
        if wanted in line:
            return
    raise AssertionError(f"it never said {wanted}")


def test_ctrl_c_while_the_box_is_away(ready: Story) -> None:
    """The restart goes on without us, and is found when the command is typed again."""
    ready.begin()
    ready.until("Installed")
    ready.approve_next()
    ready.lab.order("expc", "restart-never-ends", count=1)
    running = Running(ready, "run", CERTIFICATE)
    _line(running, "is restarting")
    says_so(running.interrupt())
    ready.lab.clear("expc", "restart-never-ends")
    ready.lab.effects.wait("restarted", "expc")
    assert ready.again().state == "Restarted"
    ready.once()


def test_ctrl_c_while_people_are_waited_for(ready: Story) -> None:
    """`run --wait` may be left at any time; the certificate may still be handed in."""
    ready.begin()
    running = Running(ready, "run", CERTIFICATE, "--wait")
    _line(running, "… corporate has the request")
    says_so(running.interrupt())
    assert ready.renewal.state == "CSRPending"
    assert ready.again().state == "Restarted"
    ready.once()


def test_ctrl_c_while_a_password_is_fetched(ready: Story, tmp_path: Path) -> None:
    """A command that fetches a secret is interrupted with us; nothing was sent to the box."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    ready.edit_site('"file:secrets/expc"', f'["sh", "-c", "echo > {begun}; exec sleep 60"]')
    ready.begin()
    running = Running(ready, "run", CERTIFICATE)
    begun.read_bytes()
    says_so(running.interrupt())
    ready.edit_site(f'["sh", "-c", "echo > {begun}; exec sleep 60"]', '"file:secrets/expc"')
    assert ready.effects("login-refused") == []
    assert ready.again().state == "Restarted"
    ready.once()
