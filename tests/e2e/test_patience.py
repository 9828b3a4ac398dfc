"""Boxes that are slow, or away for hours: what is tried again by itself, how often and when, and what never is.

Hours pass by a clock of the tests; what was waited is on it.
"""

from collections.abc import Callable

import pytest

from engine.errors import Failed, Unreachable, Waiting
from engine.https import HttpsClient, Response
from engine.model import Wait
from engine.runner import stops, watch
from engine.runner.pace import LONGEST, SPREAD
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.story import Hours, Story

ROOT, SERVER = "/api/provisioning/certs/root", "/api/provisioning/certs/server"
HOUR = 3600


@pytest.fixture
def story(labs: Callable[..., Lab]) -> Story:
    """Return a story in which hours pass at once."""
    lab = labs()
    return Story(lab, clock=Hours(lab))


def _hours(story: Story) -> Hours:
    assert isinstance(story.clock, Hours)
    return story.clock


def _tries(story: Story) -> list[int]:
    """Return the pauses after each failed try, as they are journalled."""
    return [event.data["poll_after"] for event in story.document.journal if "tries" in event.data]


def _wait(story: Story) -> Wait:
    wait = story.renewal.wait
    assert wait is not None
    return wait


def test_a_peer_that_is_away_for_hours_is_waited_for(story: Story) -> None:
    """`run --wait` tries again ever later, at most hourly, journals each try, and does the rest once it is back."""
    story.begin()
    story.until("Validated")
    story.lab.machines["expe"].stop()
    clock = _hours(story)
    clock.waited.clear()
    clock.later = [(6 * HOUR, story.lab.machines["expe"].start)]
    assert story.runner.run(story.id, until="TrustPropagated", patient=True).renewal.state == "TrustPropagated"
    pauses = _tries(story)
    assert clock.waited[: len(pauses)] == pauses
    assert pauses[:6] == sorted(pauses[:6])
    assert min(pauses[6:]) >= LONGEST
    assert 6 * HOUR <= sum(pauses) <= 8 * HOUR
    assert len(pauses) < 14
    assert max(pauses) <= LONGEST * (1 + SPREAD)
    assert sum(pause % 60 == 0 for pause in pauses) < len(pauses) / 2  # not at the full minute, as everybody else's
    assert story.until("Restarted").state == "Restarted"
    story.once()


def test_a_node_of_cucm_that_is_away_for_hours_is_waited_for_by_watch(labs: Callable[..., Lab]) -> None:
    """Passes in between contact nobody; `why` says what is waited for, since when and when it is tried again."""
    lab = labs(cucm=True, switches={"*": {"soap_rate": "0"}})
    story = Story(lab, clock=Hours(lab))
    story.begin()
    story.until("Validated")
    story.lab.order("cucm-pub", "power-off")
    clock, away = _hours(story), clock_seconds(story)
    while clock_seconds(story) - away < 3 * HOUR:
        watch.once(story.runner, lambda looked: None)
        wait = _wait(story)
        assert (wait.on, wait.tries) == ("fault", len(_tries(story)))
        assert wait.again in wait.tried()
        seen = story.document.revision
        watch.once(story.runner, lambda looked: None)
        assert story.document.revision == seen
        clock.wait(wait.poll_after)
    assert len(_tries(story)) < 10
    story.lab.order("cucm-pub", "power-on")
    assert story.until("Restarted").state == "Restarted"
    added = [(entry["node"], entry.get("store"), entry["fingerprint"]) for entry in story.entries("trust-appended")]
    assert len(set(added)) == len(added)
    assert story.whole()


def clock_seconds(story: Story) -> float:
    """Return how long was waited in all."""
    return sum(_hours(story).waited)


def test_tries_come_to_an_end(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many failed tries in a row only a person's command tries again, and that one goes on counting."""
    monkeypatch.setattr(stops, "TRIES", 4)
    story.begin()
    story.lab.order("expc", "error-5xx")
    with pytest.raises(Failed, match="HTTP 503"):
        story.runner.run(story.id, patient=True)
    assert [bool(pause) for pause in _tries(story)] == [True, True, True, False]
    assert _wait(story).tried() == "The last 4 tries failed; nothing tries again by itself."
    watch.once(story.runner, lambda looked: None)  # the first pass of a new watch looks at everything once
    for _ in range(3):
        _hours(story).wait(100 * HOUR)
        watch.once(story.runner, lambda looked: None)
    assert _wait(story).tries == len(_tries(story)) == 5
    with pytest.raises(Failed):
        story.runner.run(story.id)
    assert _wait(story).tries == 6
    story.lab.clear("expc")
    assert story.until("Restarted").state == "Restarted"
    story.once()


def test_tries_of_impatient_people_make_no_pause_longer(story: Story) -> None:
    """Who types `run` again and again is told each time, and what waits by itself waits as it would have."""
    story.begin()
    story.lab.order("expc", "error-5xx")
    for _ in range(5):
        with pytest.raises(Failed, match="HTTP 503"):
            story.runner.run(story.id)
    assert len(_tries(story)) == 5
    assert set(_tries(story)) == {_wait(story).poll_after}
    assert _wait(story).tries == 1


def test_a_write_is_asked_for_three_times_by_itself_and_not_more(story: Story) -> None:
    """Each time the box is looked at first; a write that may have had an effect is not repeated without end."""
    story.begin()
    story.until("Validated")
    story.lab.order("expc", "drop-before", path=ROOT, method="POST")
    with pytest.raises(Unreachable, match="did not answer POST"):
        story.runner.run(story.id, patient=True)
    struck = [entry for entry in story.entries("fault-struck") if entry["fault"] == "drop-before"]
    assert len(struck) == stops.WRITES == 3
    assert _wait(story).poll_after == 0
    story.lab.clear("expc")
    assert story.until("Restarted").state == "Restarted"
    story.once()


def test_what_people_may_notice_is_not_tried_again_by_itself(story: Story) -> None:
    """A refused upload of the certificate ends `run --wait` at once, whatever the pause would be."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.lab.order("expc", "refused", path=SERVER, method="POST", count=1)
    with pytest.raises(Failed, match="HTTP 400"):
        story.runner.run(story.id, patient=True)
    assert _tries(story)[-1:] == [0]
    assert story.until("Restarted").state == "Restarted"
    story.once()


# ---- restarts ------------------------------------------------------------------------------------------------------


def _restarting(story: Story, timeout: int) -> Hours:
    """Go on until the restart is next, with a box that stays away until somebody clears it."""
    story.edit_site("restart_timeout = 60", f"restart_timeout = {timeout}")
    story.edit_site("poll_interval = 1 ", "poll_interval = 5 ")
    story.begin()
    story.until("Installed")
    story.approve_next()
    story.lab.order("expc", "restart-never-ends", count=1)
    clock = _hours(story)
    clock.waited.clear()
    return clock


def _comes_back(story: Story) -> None:
    story.lab.clear("expc", "restart-never-ends")
    story.lab.effects.wait("restarted", "expc")


def test_a_restart_that_takes_ten_minutes_is_waited_for(story: Story) -> None:
    """Within the site's `restart_timeout` one command waits for the box, says so, and goes on."""
    clock = _restarting(story, 900)
    clock.later = [(600, lambda: _comes_back(story))]
    assert story.runner.run(story.id).renewal.state == "Restarted"
    assert sum(clock.waited) >= 600
    assert any(text.startswith("expc is restarting, 5") for kind, text in story.told if kind == "wait")
    assert _tries(story) == []
    story.once()


def test_a_restart_that_takes_longer_is_looked_after_again(story: Story) -> None:
    """Beyond `restart_timeout`, `run --wait` looks again later; the box is asked to restart once."""
    clock = _restarting(story, 120)
    clock.later = [(600, lambda: _comes_back(story))]
    assert story.runner.run(story.id, patient=True).renewal.state == "Restarted"
    assert len(_tries(story)) >= 2
    assert "did not come back within 120 seconds" in " ".join(story.events("stopped"))
    story.once()


def test_a_restart_that_never_ends_ends_the_tries(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes back is left to people in the end; it was asked to restart once."""
    monkeypatch.setattr(stops, "TRIES", 3)
    _restarting(story, 60)
    with pytest.raises(Unreachable, match="did not come back within 60 seconds"):
        story.runner.run(story.id, patient=True)
    assert [bool(pause) for pause in _tries(story)] == [True, True, False]
    assert "does not restart the box twice" in _wait(story).todo
    _comes_back(story)
    assert story.until("Restarted").state == "Restarted"
    story.once()


# ---- restarts of CUCM's services -----------------------------------------------------------------------------------

CONTROL = "/controlcenterservice2/"


def _slow_service(story: Story, fault: str) -> None:
    """Go on until the first restart of a service, which is slow; a fault strikes the request for it, and no look."""
    story.edit_site("poll_interval = 1 ", "poll_interval = 10 ")
    story.begin()
    story.until("Validated")
    with pytest.raises(Waiting, match="pproval"):
        story.run_past_boxes("TrustPropagated")
    story.approve()
    story.lab.order("cucm-pub", "restart-never-ends", count=1)
    left = [lambda: story.lab.order("cucm-pub", fault, path=CONTROL, method="POST", count=1)]

    def tell(kind: str, text: str) -> None:
        if kind == "act" and text.startswith("restart Cisco CallManager on cucm-pub") and left:
            left.pop()()

    story.runner.site.tell = tell
    with pytest.raises((Failed, Waiting)):
        story.runner.run(story.id)


def _status(story: Story) -> str:
    assert story.lab.cucm
    found = story.lab.cucm.nodes["cucm-pub"].services.find("Cisco CallManager")
    assert found
    return found.status


@pytest.mark.parametrize(("fault", "late"), [("drop-after", "late"), ("garbage", "at-once")])
def test_a_slow_service_is_waited_for_when_the_answer_to_its_restart_was_lost(
    labs: Callable[..., Lab], fault: str, late: str
) -> None:
    """While it is down the next run neither leaves it out nor asks again; it goes on when its new start is seen."""
    lab = labs(cucm=True, switches={"*": {"soap_rate": "0", "restart_status": late}})
    story = Story(lab, clock=Hours(lab))
    _slow_service(story, fault)
    lab.effects.wait("service-restarting", "cucm-pub")
    while _status(story) != "Starting":
        lab.effects.wait_for_more(0.05)
    with pytest.raises(Waiting, match="Cisco CallManager on cucm-pub has not started again yet"):
        story.runner.run(story.id)
    assert story.effects("service-restarting") == ["cucm-pub"]
    lab.clear("cucm-pub", "restart-never-ends")
    assert story.until("TrustPropagated").state == "TrustPropagated"
    restarted = [(entry["node"], entry["service"]) for entry in story.entries("service-restarting")]
    assert len(set(restarted)) == len(restarted) == 8
    proofs = [text for text in story.events("done") if text.startswith("Cisco CallManager on cucm-pub runs since")]
    assert len(proofs) == 1
    assert story.whole()


@pytest.mark.parametrize("fault", ["drop-before", "rate-limited"])
def test_a_restart_that_was_not_taken_is_asked_for_again(labs: Callable[..., Lab], fault: str) -> None:
    """The control: where nothing was done at the node the next run asks, once, and proves it."""
    lab = labs(cucm=True, switches={"*": {"soap_rate": "0"}})
    story = Story(lab, clock=Hours(lab))
    _slow_service(story, fault)
    assert story.effects("service-restarting") == []
    lab.clear("cucm-pub")
    assert story.until("TrustPropagated").state == "TrustPropagated"
    restarted = [(entry["node"], entry["service"]) for entry in story.entries("service-restarting")]
    assert len(set(restarted)) == len(restarted) == 8


# ---- slow ----------------------------------------------------------------------------------------------------------


def test_a_slow_box_is_waited_for(labs: Callable[..., Lab]) -> None:
    """Where each answer takes a while, the whole renewal takes longer and nothing else changes."""
    story = Story(labs())
    for node in ("expc", "expe"):
        story.lab.order(node, "slow", seconds=0.05)
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    story.once()


@pytest.mark.parametrize(("state", "method", "path"), [("New", "GET", "/status.xml"), ("Validated", "POST", ROOT)])
def test_an_answer_that_takes_too_long_is_given_up(
    labs: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch, state: str, method: str, path: str
) -> None:
    """It counts like one that never came: told, tried again after a pause; what the box did meanwhile is seen then."""
    story = Story(labs())
    story.begin()
    story.until(state)
    story.lab.order("expc", "slow", seconds=2, path=path, method=method, count=1)
    _hurried(monkeypatch, method, path)
    with pytest.raises(Unreachable, match=f"did not answer {method} .*: no answer in time"):
        story.runner.run(story.id, until="TrustPropagated")
    monkeypatch.undo()
    assert _wait(story).again
    if method == "POST":
        story.lab.effects.wait("trust-appended", "expc")
    assert story.until("Restarted").state == "Restarted"
    story.once()


def _hurried(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """Have such requests wait for half a second instead of twenty, and no other."""
    sent = HttpsClient._exchanged

    def hurried(self: HttpsClient, how: str, where: str, headers: dict[str, str], body: bytes | None) -> Response:
        self._timeout = 0.5 if (how, where) == (method, path) else 20.0
        return sent(self, how, where, headers, body)

    monkeypatch.setattr(HttpsClient, "_exchanged", hurried)


def test_a_control_center_that_wants_a_pause_gets_it(labs: Callable[..., Lab]) -> None:
    """Being asked too often is no failure: the renewal waits for the node, says so, and restarts each service once."""
    story = Story(labs(cucm=True, switches={"*": {"soap_rate": "0"}}))
    story.begin()
    story.until("Validated")
    story.lab.order("cucm-pub", "rate-limited", count=1)
    assert story.until("TrustPropagated").state == "TrustPropagated"
    assert "asked too often and wants a pause" in " ".join(story.events("stopped"))
    assert _tries(story) == []
    restarted = [(entry["node"], entry["service"]) for entry in story.entries("service-restarting")]
    assert len(set(restarted)) == len(restarted) == 8


# ---- CUCM's replication --------------------------------------------------------------------------------------------


def test_replication_that_stops_is_told_and_goes_on(
    labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str]
) -> None:
    """While a subscriber gets nothing the renewal says so and holds no lock; when it resumes, nothing is fed twice."""
    lab = labs(cucm=True, switches={"*": {"soap_rate": "0", "replication": "1"}})
    story = Story(lab)
    desk = Desk(story, capsys)
    story.edit_site("replication = 5 ", "replication = 600 ")
    story.begin()
    story.until("Validated")
    lab.order("cucm-sub", "replication-stops")
    told = desk.type("run", "expc-server")
    assert told.code == 3
    assert "cucm-sub is to get" in told.parts["Waiting"]
    assert desk.json("why", story.id)["wait"]["on"] == "box"
    assert [node for node in story.effects("trust-appended") if node == "cucm-sub"] == []
    lab.order("cucm-sub", "replication-resumes")
    assert story.until("Restarted").state == "Restarted"
    assert {node for node in story.effects("trust-appended") if node.startswith("cucm")} == {"cucm-pub"}
