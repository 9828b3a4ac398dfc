"""Every fault of the lab strikes every step: what is told, what is repeated by itself, and that the way on is open.

One story is one fault, all the way through a renewal: it strikes what each step reads, then what it writes. After each
strike the message has its three parts, the journal knows the try, nothing was done that is not told, and the next run
goes on. A fault that is not in the tables here fails a test.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from engine.errors import CertrenewError, Failed
from plugins.lab.faults import FAULTS
from plugins.lab.lab import Lab
from tests.e2e import (
    test_bad_boxes,
    test_bad_clocks,
    test_bad_restarts,
    test_est,
    test_patience,
    test_refused,
    test_renewal,
)
from tests.e2e.desk import Desk
from tests.e2e.story import Story

API = "/api/provisioning"
STATUS, RAML = "/status.xml", "/api/raml"
CSR, ROOT, SERVER, RESTART = f"{API}/certs/generate_csr", f"{API}/certs/root", f"{API}/certs/server", f"{API}/restart"
CERTMGR = "/platformcom/api/v1/certmgr/config"
CONTROL, UPLOAD = "/controlcenterservice2/", f"{CERTMGR}/trust/certificates"


@dataclass(frozen=True)
class Strike:
    """Be one request that a fault strikes: in which state, of which box, and what the request changes there."""

    state: str
    method: str
    path: str
    effect: str = ""
    node: str = "expc"


EXPRESSWAY = (
    Strike("New", "GET", STATUS),
    Strike("Inspected", "GET", CSR),
    Strike("Inspected", "POST", CSR, "csr-generated"),
    Strike("Validated", "GET", ROOT, node="expe"),
    Strike("Validated", "POST", ROOT, "trust-appended"),
    Strike("TrustPropagated", "GET", SERVER),
    Strike("TrustPropagated", "POST", SERVER, "certificate-installed"),
    Strike("Installed", "GET", STATUS, node="expe"),
    Strike("Installed", "POST", RESTART, "restarting"),
)
CUCM = (
    Strike("Validated", "GET", CERTMGR, node="cucm-pub"),
    Strike("Validated", "POST", UPLOAD, "trust-appended", node="cucm-pub"),
    Strike("Validated", "POST", CONTROL, node="cucm-pub"),
    Strike("Validated", "POST", CONTROL, "service-restarting", node="cucm-pub"),
)
"""Of the Control Center how services stand, which is a POST as well, and then a restart."""


ONLY_ASKED, NOTHING = "only asked", "Nothing was changed"
UNKNOWN, NO_CHANGE = "not known", "changed nothing"


@dataclass(frozen=True)
class Said:
    """Be what is told of a fault: a pattern for what happened, for what was left, and whether it is tried by itself.

    `done` says that the box did what it was asked all the same.
    """

    what: str
    left: str
    by_itself: bool = True
    done: bool = False
    code: int = 5


READ = {
    "drop-before": Said("did not answer GET", ONLY_ASKED),
    "drop-after": Said("did not answer GET", ONLY_ASKED),
    "truncated": Said("did not answer GET", ONLY_ASKED),
    "error-5xx": Said("HTTP 503", NOTHING),
    "error-5xx-after": Said("HTTP 503", NOTHING),
    "denied": Said(r"refused the login of .* \(HTTP 401\)", "not tried again", by_itself=False),
    "api-disabled": Said(r"\(HTTP 403\)", NOTHING, by_itself=False),
    "garbage": Said("can't be (read|used)", NOTHING),
    "refused": Said("HTTP 400, 'Bad Request'", NOTHING),
    "refused-200": Said("can't be (read|used)", NOTHING),
    "hostile": Said(r"HTTP 400, 'No.\\x1b\[2J", NOTHING),
}
"""What is told where a box was only asked."""

WRITE = {
    "drop-before": Said("did not answer POST", UNKNOWN),
    "drop-after": Said("did not answer POST", UNKNOWN, done=True),
    "truncated": Said("did not answer POST", UNKNOWN, done=True),
    "error-5xx": Said("HTTP 503", UNKNOWN),
    "error-5xx-after": Said("HTTP 503", UNKNOWN, done=True),
    "denied": Said(r"refused the login of .* \(HTTP 401\)", "not tried again", by_itself=False),
    "api-disabled": Said(r"\(HTTP 403\)", NOTHING, by_itself=False),
    "garbage": Said("HTTP 200, '<", UNKNOWN, done=True),
    "refused": Said("HTTP 400, 'Bad Request'", NO_CHANGE),
    "refused-200": Said("HTTP 200, 'Bad Request'", NO_CHANGE),
    "hostile": Said(r"HTTP 400, 'No.\\x1b\[2J", NO_CHANGE),
}
"""What is told where a box was asked to do something."""

NODE = {
    **dict.fromkeys(("drop-before", "drop-after", "truncated"), "did not answer (GET|POST)"),
    **dict.fromkeys(("error-5xx", "error-5xx-after"), "HTTP 503"),
    "denied": r"refused the login of .* \(HTTP 401\)",
    "api-disabled": "HTTP 403",
    "garbage": "can't be (read|used)",
    "refused": "HTTP 400, 'Not stored'",
    "refused-200": "can't be (read|used)|took it, but does not show it afterwards",
    "hostile": r"HTTP 400, 'No.\\x1b\[2J",
}
"""What happened, as it is told of a node of CUCM."""

SETTLED = {
    ("garbage", CSR): "a CSR that is pending afterwards was made, whatever the answer says",
    ("drop-after", RESTART): "a box that goes down at once may not have answered",
    ("truncated", RESTART): "the same",
    ("garbage", UPLOAD): "only the status counts, and the store is read back",
}
"""Where looking settles in the same run what an answer left open, and nothing is told."""

OVERDUE = Said("expc did not restart within 2 seconds", "Nothing else was done", by_itself=False)
"""A restart that was never asked for is waited for, as long as the site says."""


def _said(name: str, strike: Strike) -> Said | None:
    """Return what must be told of a fault at a request; None where the step goes on."""
    if strike.method == "POST" and (name, strike.path) in SETTLED:
        return None
    if (name, strike.path) == ("drop-before", RESTART):
        return OVERDUE
    table = READ if strike.method == "GET" else WRITE
    if not strike.node.startswith("cucm"):
        return table[name]
    done = bool(strike.effect) and WRITE[name].done
    code = 4 if (name, strike.path) == ("api-disabled", UPLOAD) else 5  # an account that may only read
    return replace(
        table[name], what=NODE[name], left=UNKNOWN if done else "not|hanged|only|Nothing", done=done, code=code
    )


def _answers(box: str) -> list[str]:
    return [name for name, kind in FAULTS.items() if kind.sort == "answer" and box in kind.boxes]


def _strikes(desk: Desk, name: str, strike: Strike) -> None:
    """Have a fault strike one request, once, and hold what is told, stored and done to the table."""
    story, said = desk.story, _said(name, strike)
    story.until(strike.state)
    before, tries = desk.changes(), story.renewal.wait.tries if story.renewal.wait else 0
    _order(story, name, strike)
    if said is None:  # it strikes on the way to the next
        return
    if said is OVERDUE:
        story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    with pytest.raises(CertrenewError) as told:
        story.until(AFTER[strike.state])
    error = told.value
    assert error.exit_code == said.code
    assert re.search(said.what, error.what)
    assert re.search(said.left, error.untouched)
    assert error.todo
    if said.done and strike.effect == "restarting":
        story.lab.effects.wait("restarting", strike.node)
    if strike.effect:
        assert desk.changes()[len(before) :].count((strike.node, strike.effect)) == said.done
    if said is OVERDUE:
        story.edit_site("restart_timeout = 2 ", "restart_timeout = 60 ")
    if isinstance(error, Failed):
        _kept(desk, error, tries + 1, by_itself=said.by_itself and _harmless(strike, error))


def _order(story: Story, name: str, strike: Strike) -> None:
    """Order the fault; for the restart of a service only when that is asked for, because looks go the same way."""

    def order() -> None:
        story.lab.order(strike.node, name, path=strike.path, method=strike.method, count=1)

    if strike.effect != "service-restarting":
        return order()
    runner, left = story.runner, [order]

    def tell(kind: str, text: str) -> None:
        if kind == "act" and text.startswith("restart ") and strike.node in text and left:
            left.pop()()

    runner.site.tell = tell
    return None


def _harmless(strike: Strike, error: Failed) -> bool:
    """Tell whether the step may be tried again by itself: where people notice, only what got no answer is."""
    serves = strike.effect in ("certificate-installed", "restarting", "service-restarting")
    return not serves or "did not answer POST" in error.what


def _kept(desk: Desk, error: Failed, tries: int, *, by_itself: bool) -> None:
    """Assert that the failed try is in the journal, that `show` and `why` tell it, and when it is tried again."""
    story = desk.story
    wait, event = story.renewal.wait, story.document.journal[-1]
    assert wait is not None
    assert (wait.on, wait.what, wait.untouched, wait.todo) == ("fault", error.what, error.untouched, error.todo)
    assert event.kind in ("stopped", "tried")
    assert event.data["tries"] == wait.tries
    assert wait.tries in (1, tries)  # in a row: an approval in between begins anew
    assert bool(wait.again) == bool(wait.poll_after) == by_itself
    for command in ("show", "why"):
        shown = desk.json(command, story.id)
        assert (shown["waits_for"], shown["wait"]["what"]) == ("a fault to be mended", error.what)
    assert story.whole()


AFTER = {
    "New": "Inspected",
    "Inspected": "CSRPending",
    "Validated": "TrustPropagated",
    "TrustPropagated": "Installed",
    "Installed": "Restarted",
}


@pytest.mark.parametrize("name", [name for name in _answers("expressway") if name != "slow"])
def test_an_expressway_that_fails_at_every_step(
    labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Each strike is told, journalled and got over; in the end each effect was there exactly once."""
    desk = Desk(story := Story(labs()), capsys)
    story.begin()
    for strike in EXPRESSWAY:
        _strikes(desk, name, strike)
    assert story.again().state == "Restarted"
    story.once()


# ---- CUCM ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in _answers("cucm") if name not in ("slow", "rate-limited")])
def test_a_node_of_cucm_that_fails_at_every_request(
    labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """So it is with both APIs of CUCM: every certificate is there once, every service was restarted once."""
    story = Story(labs(cucm=True, subscriber=False, switches={"*": {"soap_rate": "0"}}))
    story.edit_site("replication = 5 ", 'write_probe = "none"\nreplication = 5 ')
    desk = Desk(story, capsys)
    story.begin()
    for strike in CUCM:
        _strikes(desk, name, strike)
    story.runner = story.as_("engineer")
    assert story.until("TrustPropagated").state == "TrustPropagated"
    added = [(entry["node"], entry.get("store"), entry["fingerprint"]) for entry in story.entries("trust-appended")]
    restarted = [(entry["node"], entry["service"]) for entry in story.entries("service-restarting")]
    assert len(set(added)) == len(added) == 8, "two CA certificates, on two Expressways and in two stores"
    assert len(set(restarted)) == len(restarted) == 4
    assert story.whole()


# ---- every other fault -----------------------------------------------------------------------------------------------

_OLD_AGAIN = test_bad_restarts.test_a_box_back_with_the_old_certificate_is_told_and_not_restarted_again
STORIES: dict[str, Callable[..., None]] = {
    "slow": test_patience.test_an_answer_that_takes_too_long_is_given_up,
    "rate-limited": test_patience.test_a_control_center_that_wants_a_pause_gets_it,
    "restart-never-ends": test_patience.test_a_restart_that_never_ends_ends_the_tries,
    "restart-old-certificate": _OLD_AGAIN,
    "restart-now": _OLD_AGAIN,
    "discard-csr": test_bad_boxes.test_a_csr_that_is_gone_stops_the_renewal_and_restage_begins_again,
    "replace-csr": test_bad_boxes.test_a_csr_that_is_gone_stops_the_renewal_and_restage_begins_again,
    "generate-csr": test_refused.test_a_csr_of_somebody_else_stops_the_request,
    "forget-ca": test_renewal.test_a_ca_lost_while_the_box_restarts_takes_the_zone_down,
    "disable-api": test_bad_boxes.test_a_disabled_api_says_per_release_where_it_is_enabled,
    "enable-api": test_bad_boxes.test_a_disabled_api_says_per_release_where_it_is_enabled,
    "set-clock": test_bad_clocks.test_a_difference_of_clocks_is_told_at_the_inspection,
    "power-off": test_patience.test_a_node_of_cucm_that_is_away_for_hours_is_waited_for_by_watch,
    "power-on": test_patience.test_a_node_of_cucm_that_is_away_for_hours_is_waited_for_by_watch,
    "replication-stops": test_patience.test_replication_that_stops_is_told_and_goes_on,
    "replication-resumes": test_patience.test_replication_that_stops_is_told_and_goes_on,
    "pending": test_est.test_a_poll_whose_answer_was_lost_is_made_again,
    "rejected": test_est.test_a_refused_request_is_told_and_may_be_asked_again,
    "flawed": test_est.test_a_certificate_for_another_key_is_not_taken,
    "short-chain": test_est.test_a_chain_that_lacks_the_issuing_ca_stops_before_any_box_is_touched,
}
"""The story of each fault that does not strike every step above."""


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_its_story(name: str) -> None:
    """A fault that the lab learns and no story tells fails here; a story tells of a fault by ordering it."""
    struck = {one for one in (*_answers("expressway"), *_answers("cucm")) if one in READ}
    assert (name in struck) != (name in STORIES)
    if name in STORIES:
        told = inspect.getsource(STORIES[name]) + inspect.getsource(test_patience._restarting)
        assert f'"{name}"' in told
