"""Bad restarts: one that never ends, that is refused, or that brings the old certificate back."""

import pytest

from tests.e2e.desk import Desk
from tests.e2e.story import CERTIFICATE

RESTART = "/api/provisioning/restart"


@pytest.fixture
def installed(desk: Desk) -> Desk:
    """Return a desk whose renewal is in Installed, its restart approved."""
    desk.story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    desk.story.begin()
    desk.story.until("Installed")
    desk.story.approve_next()
    return desk


def test_a_restart_that_never_ends_is_told_and_not_asked_for_again(installed: Desk) -> None:
    """The command ends with 5 after the time of the site; typed again it waits for the same restart."""
    installed.story.lab.order("expc", "restart-never-ends", count=1)
    what, left, todo = "did not come back within 2 seconds", "Nothing else was done", "does not restart the box twice"
    installed.fails("run", CERTIFICATE, code=5, what=what, left=left, todo=todo, did=["restarting"])
    installed.fails("run", CERTIFICATE, code=5, what=what, left=left, todo=todo)
    installed.story.lab.clear("expc", "restart-never-ends")
    installed.story.lab.effects.wait("restarted", "expc")
    assert installed.story.again().state == "Restarted"
    installed.story.once()


def test_a_restart_that_is_refused_is_told(installed: Desk) -> None:
    """A box that does not want to restart says so; nothing happened to it, and asked again it restarts, once."""
    installed.story.lab.order("expc", "refused-200", path=RESTART, count=1)
    installed.fails(
        "run", CERTIFICATE, code=5, what="did not restart: HTTP 200, 'Bad Request'", left=".", todo="Restart"
    )
    assert installed.story.again().state == "Restarted"
    installed.story.once()


def test_a_box_back_with_the_old_certificate_is_told_and_not_restarted_again(installed: Desk) -> None:
    """What each port serves is named; only a person restarts the box once more, and then the renewal ends."""
    installed.story.lab.order("expc", "restart-old-certificate", count=1)
    what, left = "was restarted and still does not serve the new certificate", "not restarted again"
    installed.fails("run", CERTIFICATE, code=5, what=what, left=left, todo="Restart options", did=["restarting"])
    installed.fails("run", CERTIFICATE, code=5, what=what, left=left, todo="certrenew run")
    installed.story.lab.order("expc", "restart-now")
    installed.story.lab.effects.wait("restarted", "expc", count=2)
    assert installed.story.again().state == "Restarted"
    assert installed.story.effects("restarting") == ["expc", "expc"]


def test_an_answer_to_the_restart_that_is_cut_off_is_settled_by_waiting(installed: Desk) -> None:
    """A box may go down before it has answered: the command waits for it, and ends with 0."""
    installed.story.lab.order("expc", "truncated", path=RESTART, method="POST", count=1)
    assert installed.type("run", CERTIFICATE).code == 0
    installed.story.once()
