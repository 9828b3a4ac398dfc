"""Hold `why` to what was decided since the last run."""

import re

from tests.e2e.desk import Desk
from tests.e2e.story import CERTIFICATE


def _why(desk: Desk) -> str:
    return " ".join(desk.type("why", CERTIFICATE).out.split())


def test_why_counts_what_was_decided_meanwhile(desk: Desk) -> None:
    """Rejected, taken back, approved: `why` says each at once, before anybody runs the renewal again."""
    manager = ("--as", "change-manager")
    desk.story.begin()
    desk.story.until("TrustPropagated")
    assert desk.type("run", CERTIFICATE).code == 3
    assert "1 approval needed" in _why(desk), "control"
    decision = re.search(
        r"decision (\w+)", desk.type("reject", CERTIFICATE, *manager, "--reason", "not today", "-y").out
    )
    assert decision is not None
    assert "change-manager rejected install" in _why(desk)
    assert desk.type("run", CERTIFICATE).code == 4
    assert desk.type("withdraw", CERTIFICATE, *manager, "--decision", decision[1]).code == 0
    assert "1 approval needed" in _why(desk)
    assert desk.type("approve", CERTIFICATE, *manager, "-y").code == 0
    assert re.search(r"Nothing is in the way; .* Who you How certrenew run", _why(desk))
