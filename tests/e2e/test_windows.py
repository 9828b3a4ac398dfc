"""Windows and freezes at work: what serves waits for its window, and is not begun after it but in an emergency."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.cli import show
from engine.errors import Drift, Waiting
from engine.runner import begin, watch
from engine.runner.deciding import Said
from engine.runner.live import LiveWork
from engine.runner.watch import Looked
from plugins.lab.lab import Lab
from tests.e2e.dying import Died
from tests.e2e.story import LabClock, Story

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EMERGENCY = Said("emergency", reason="phones are down")


class Moved(LabClock):
    """Be a clock that goes on by itself and that a test moves ahead."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Planned(Story):
    """Be a story whose windows are told in hours from its beginning, and whose clock can be moved."""

    def __init__(self, lab: Lab) -> None:
        self.moved, self.zero = Moved(lab), datetime.now(UTC)
        super().__init__(lab, clock=self.moved)

    def time(self, hours: float) -> str:
        return f"{self.zero + hours * HOUR:%Y-%m-%dT%H:%M}"

    def window(self, *hours: tuple[float, float], name: str = "night", more: str = "") -> str:
        dates = json.dumps([f"{self.time(begin)} - {self.time(end)}" for begin, end in hours])
        return f'[windows.{name}]\nzone = "UTC"\ndates = {dates}\n{more}\n\n'

    def freeze(self, begin: float, end: float) -> str:
        times = f'from = "{self.time(begin)}"\nuntil = "{self.time(end)}"\nzone = "UTC"'
        return f'[[freezes]]\n{times}\nreason = "year end"\n\n'

    def add(self, tables: str) -> None:
        """Add tables to the site file."""
        self.edit_site("[approval]\n", f"{tables}[approval]\n")

    def to(self, hours: float) -> None:
        """Move the clock to so many hours after the beginning."""
        self.moved.ahead = self.zero + hours * HOUR - datetime.now(UTC)

    def waits(self) -> Waiting:
        """Go on as a fresh process would, and return what is waited for."""
        self.runner = self.as_("engineer")
        with pytest.raises(Waiting) as caught:
            self.runner.run(self.id)
        return caught.value


@pytest.fixture
def planned(labs: Callable[..., Lab]) -> Planned:
    """Return a story in a lab, whose certificate was handed in and is trusted once it runs."""
    return Planned(labs())


def _approved_install(story: Planned) -> None:
    """Go on until `install` has every approval."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()


def test_what_serves_waits_for_its_window_and_runs_in_it(planned: Planned) -> None:
    """Approved before the window it waits and nothing is changed; once the window is open it goes on by itself."""
    planned.add(planned.window((1, 3)))
    _approved_install(planned)
    waiting = planned.waits()
    assert (waiting.on, waiting.untouched) == ("window", "Nothing was changed.")
    assert "window `night`" in waiting.what
    assert 0 < waiting.poll_after <= 3600
    assert planned.effects("certificate-installed") == []
    assert [event for event in planned.document.journal if event.step == "install" and event.kind == "intent"] == []
    planned.to(1.1)
    assert planned.until("Restarted").state == "Restarted"
    planned.once()


def test_what_nobody_notices_needs_no_window(planned: Planned) -> None:
    """CSR, signing and trust go on outside windows and inside freezes."""
    planned.add(planned.window((50, 51)) + planned.freeze(-1, 100))
    planned.begin()
    assert planned.until("TrustPropagated").state == "TrustPropagated"


def test_a_window_that_closes_between_two_restarts_stops_the_second(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second box is not restarted after the window has closed, but in the next one, under the same approval."""
    planned.add(planned.window((-1, 2), (20, 22)))
    planned.id = begin.start(planned.runner, ["expc-server", "expe-server"]).renewal.id
    planned.wait_for_person()
    papers = planned.lab.home / "renewals" / planned.id / "papers"
    for name in ("expc-server", "expe-server"):
        path = planned.lab.home / f"{name}.pem"
        path.write_bytes(planned.lab.sign((papers / f"{name}.csr").read_bytes()))
        planned.hand_in([path])
    planned.until("Installed")
    planned.approve_next()
    record = LiveWork.record

    def and_late(work: LiveWork, kind: str, text: str, **more: Any) -> None:
        record(work, kind, text, **more)
        if kind == "done" and work.step == "restart":
            planned.to(1.95)

    monkeypatch.setattr(LiveWork, "record", and_late)
    assert planned.waits().on == "window"
    assert planned.effects("restarted") == ["expc"]
    monkeypatch.undo()
    planned.to(20)
    assert planned.runner.run(planned.id).renewal.state == "Restarted"
    assert planned.effects("restarted") == ["expc", "expe"]


def test_what_was_begun_in_its_window_is_settled_after_it(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart that was asked for before a crash is looked into at any time; one that was not asked for is not."""
    planned.add(planned.window((-1, 2), (20, 22)))
    planned.begin()
    planned.until("Installed")
    planned.approve_next()
    record, last = LiveWork.record, ["returned", "intent"]

    def dying(work: LiveWork, kind: str, text: str, **more: Any) -> None:
        record(work, kind, text, **more)
        if last and kind == last[-1]:
            last.pop()
            raise Died

    monkeypatch.setattr(LiveWork, "record", dying)
    with pytest.raises(Died):
        planned.runner.run(planned.id)
    planned.to(3)
    assert planned.waits().on == "window"
    assert planned.effects("restarting") == []
    planned.to(20)
    with pytest.raises(Died):
        planned.as_("engineer").run(planned.id)
    monkeypatch.undo()
    planned.to(30)
    assert planned.as_("engineer").run(planned.id).renewal.state == "Restarted"
    assert planned.effects("restarted") == ["expc"]


def test_a_freeze_holds_until_its_end(planned: Planned) -> None:
    """During a freeze nothing that serves is begun, and afterwards it is, without any window."""
    planned.add(planned.freeze(-1, 5))
    _approved_install(planned)
    waiting = planned.waits()
    assert waiting.on == "window"
    assert "a freeze holds until" in waiting.what
    assert "(year end)" in waiting.what
    planned.to(5.1)
    assert planned.until("Restarted").state == "Restarted"


@pytest.mark.parametrize("approved", [True, False])
def test_an_emergency_opens_windows_and_freezes(planned: Planned, approved: bool) -> None:
    """Two people carry a step outside its window and inside a freeze, and the journal shouts; one person can't."""
    planned.add(planned.window((50, 51)) + planned.freeze(-1, 100))
    planned.begin()
    planned.until("TrustPropagated")
    planned.runner.plan(planned.id)
    if approved:
        planned.approve()
    planned.approve("second-manager", said=EMERGENCY)
    assert planned.waits().on == ("window" if approved else "approval")
    planned.approve(said=EMERGENCY)
    with pytest.raises(Waiting):  # the next step is another plan
        planned.runner.run(planned.id)
    assert planned.renewal.state == "Installed"
    shouts = planned.events("emergency")
    assert any("outside its window: " in text and "phones are down" in text for text in shouts)
    assert any("without its approvals" in text for text in shouts) != approved


def test_windows_of_the_start_hold_when_the_site_is_edited(planned: Planned) -> None:
    """A window that is taken out of the site, or made wider, still limits the renewals that began under it."""
    planned.add(planned.window((50, 52)))
    _approved_install(planned)
    assert planned.waits().on == "window"
    for wider in ("", planned.window((-5, 52))):
        planned.edit_site(planned.window((50, 52)), wider or "# none\n")
        planned.runner = planned.as_("engineer")
        with pytest.raises(Drift, match="calendar was"):
            planned.runner.run(planned.id)
        planned.approve_next()
        assert planned.waits().on == "window"
        planned.edit_site(wider or "# none\n", planned.window((50, 52)))
    planned.to(50.1)
    assert planned.runner.advance(planned.id).renewal.state == "Installed"


def test_a_window_or_freeze_that_is_added_holds_at_once(planned: Planned) -> None:
    """A freeze that the site gets after the start holds for open renewals, too."""
    planned.begin()
    planned.until("TrustPropagated")
    planned.add(planned.freeze(-1, 5))
    planned.approve_next()
    assert "a freeze holds" in planned.waits().what


def _pass(story: Planned) -> list[Looked]:
    told: list[Looked] = []
    watch.once(story.as_("engineer"), told.append)
    return told


def test_a_watch_goes_on_as_the_window_opens(planned: Planned) -> None:
    """A pass made before the window leaves the renewal in peace, and the first one in it carries it on."""
    planned.add(planned.window((1, 3)))
    _approved_install(planned)
    assert _pass(planned)[0].waits_for == "window"
    planned.to(0.9)
    assert _pass(planned) == []
    planned.to(1.02)
    assert _pass(planned)[0].state == "Installed"


def test_waiting_for_a_window_ends_with_an_emergency(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run --wait` sees what people decide while it waits for a window that is hours away."""
    planned.add(planned.window((50, 51)))
    _approved_install(planned)
    assert planned.waits().on == "window"
    waited: list[float] = []

    def deciding(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            planned.approve(said=EMERGENCY)
            planned.approve("second-manager", said=EMERGENCY)

    monkeypatch.setattr(planned.moved, "wait", deciding)
    assert planned.runner.run(planned.id, until="Installed", patient=True).renewal.state == "Installed"
    assert len(waited) == 3


def test_show_and_why_say_by_when_and_that_it_is_late(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    """With time enough they say by when to submit; where no window is left they say late, and what would help."""
    planned.add(planned.window((1, 3), (24 * 10, 24 * 10 + 5)))
    planned.begin()
    planned.until("Inspected")
    show.renewal(planned.runner, planned.document, as_json=False)
    told = capsys.readouterr().out
    assert "submit to corporate by" in told
    assert "begin restart by" in told
    assert "Late" not in told
    show.why(planned.runner, planned.id, as_json=True)
    soon = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in soon["schedule"] if one["kind"] == "window"] == ["install", "restart"]
    assert [one["windows"] for one in soon["schedule"] if one["kind"] == "window"] == [["night"], ["night"]]
    assert (soon["late"], soon["would_help"]) == (False, [])
    planned.to(24 * 7)
    for shown in (True, False):
        if shown:
            show.renewal(planned.runner, planned.document, as_json=False)
        else:
            show.why(planned.runner, planned.id, as_json=False)
        told = " ".join(capsys.readouterr().out.split())
        assert "Late" in told
        assert "(too late)" in told
        assert "- the certificate from corporate by" in told
        assert "- the emergency path" in told
    assert planned.until("Signed").state == "Signed"  # being late refuses nothing


def test_an_ended_certificate_is_no_reason_to_stop(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the old certificate has ended nothing is in time any more, and that is all that is said of it."""
    planned.begin()
    planned.until("Inspected")
    planned.to(24 * 400)
    show.renewal(planned.runner, planned.document, as_json=False)
    assert "Go on: everything still works" in " ".join(capsys.readouterr().out.split())
