"""Bad clocks: one that is wrong on a box or here, and a certificate that is renewed after it has expired."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.runner.site import Clock
from plugins.lab.lab import Lab
from tests.e2e.desk import NOTHING, Case, Desk, fault
from tests.e2e.story import CERTIFICATE, Story

DAY = 24 * 3600


@pytest.mark.parametrize("node", ["expc", "expe"])
@pytest.mark.parametrize(("ahead", "when"), [(-DAY, "valid only from"), (500 * DAY, "valid only until")])
def test_a_box_whose_clock_would_refuse_the_certificate_stops_the_upload(
    desk: Desk, node: str, ahead: int, when: str
) -> None:
    """The box itself or a peer: its time and the certificate's are told, and where the clock is set right."""
    case = Case(
        "",
        "TrustPropagated",
        fault("set-clock", node, seconds=ahead),
        4,
        f"box-clock: by the clock of {node} .*{when}",
        NOTHING,
        "System > Time",
        fault("set-clock", node, seconds=0),
    )
    desk.meets(case)
    desk.story.once()


def test_without_the_check_a_wrong_clock_would_take_the_zone_down(desk: Desk) -> None:
    """The negative control: overridden, the certificate goes in and the peer's handshake refuses it."""
    desk.story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    desk.story.begin()
    desk.story.until("TrustPropagated")
    desk.story.lab.order("expe", "set-clock", seconds=-DAY)
    assert desk.type("advance", CERTIFICATE, "--override", "box-clock", "--reason", "it has another clock").code == 3
    desk.story.until("Installed")
    desk.story.approve_next()
    told = desk.type("run", CERTIFICATE)
    assert (told.code, told.parts["Left alone"]) == (5, "Nothing else was done.")
    assert "not yet valid" in told.parts["Failed"] or "bad certificate" in told.parts["Failed"]
    desk.story.lab.order("expe", "set-clock", seconds=0)
    assert desk.story.again().state == "Restarted"
    desk.story.once()


def test_a_difference_of_clocks_is_told_at_the_inspection(desk: Desk) -> None:
    """Two hours are told, as a fact of the inspection and with every later refusal; a minute is nothing to talk of."""
    desk.story.lab.order("expc", "set-clock", seconds=-7200)
    desk.story.begin()
    desk.story.until("Inspected")
    assert "the clock of expc is 2 hours" in desk.story.events("state")[0]
    assert "2 hours behind the one of this machine: one of them is wrong" in desk.story.events("state")[0]
    other = Story(desk.story.lab, "expe-server")
    other.begin()
    other.until("Inspected")
    assert "clock" not in other.events("state")[0]


def test_our_own_clock_being_wrong_is_told_where_a_date_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this machine a day behind a fresh certificate fails for its date, and a warning tells of the clocks."""
    real = Clock.now
    monkeypatch.setattr(Clock, "now", lambda clock: real(clock) - timedelta(days=1))
    desk.story.begin()
    desk.story.until("Signed")
    told = desk.fails(
        "run",
        CERTIFICATE,
        code=4,
        what="validity: It is not valid before",
        left="Nothing was installed",
        todo="certrenew",
    )
    assert "box-clock: At the inspection the clock of expc is 24 hours" in " ".join(told.err.split())
    assert "ahead of the one of this machine: one of them is wrong" in " ".join(told.err.split())
    monkeypatch.undo()
    assert desk.story.again().state == "Restarted"
    desk.story.once()


# ---- late ----------------------------------------------------------------------------------------------------------


def test_everything_works_after_the_certificate_has_expired(
    labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str]
) -> None:
    """An expired certificate is refused by verification, as it must be; pinned by a person it is renewed to the end."""
    story = Story(labs(days_left={"expc": -3}))
    desk = Desk(story, capsys)
    story.begin()
    told = desk.fails(
        "run",
        CERTIFICATE,
        code=4,
        what="not proven to be .* certificate has expired",
        left="No user name",
        todo="`pin`",
    )
    assert "Find out why" in told.parts["Next"]
    served = story.lab.boxes["expc"].serves.fingerprint
    text = story.lab.site_file.read_text()
    story.lab.site_file.write_text(text.replace('ca = "trust/boxes.pem"', f'pin = "sha256:{served}"', 1))
    story.runner = story.as_("engineer")
    assert story.until("Restarted").state == "Restarted"
    assert "ended 3 days ago" in desk.type("show", CERTIFICATE).out
    story.once()
