"""A certificate by EST: the whole way from separate processes, and what the engine does when an answer is lost."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.errors import CheckFailed, Denied, Failed, NotSent, Refused, Unreachable, UsageError, Waiting
from engine.runner.confirming import confirm
from plugins.lab.control import order
from plugins.lab.lab import Lab
from tests.e2e.story import Story
from tests.e2e.test_by_hand import Shell

ENROL = "/.well-known/est/simpleenroll"


@pytest.fixture
def est(labs: Callable[..., Lab]) -> Story:
    """Return a story in a lab whose certificates are signed by EST."""
    return Story(labs(authority="est"))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Return a shell beside such a lab, started from the command line."""
    shell = Shell(tmp_path / "lab")
    shell("lab", "up", "--detach", "--no-cucm", "--authority", "est")
    yield shell
    shell("lab", "down")


def test_a_renewal_by_est_from_separate_processes(shell: Shell) -> None:
    """Old CA to new CA through all states, with a wait for an officer in the middle; nobody hands in a file."""
    told = json.loads((shell.home / "lab.json").read_text())["authorities"]["est"]
    assert told["plugin"] == "est"
    assert told["url"].endswith("/.well-known/est")
    shell("lab", "fault", "est", "pending", "--seconds", "1")
    shell("start", "expc-server")
    assert "est has the request" in shell("run", "expc-server", expect=3)
    wait = shell.json("why", "expc-server")["wait"]
    assert wait["on"] == "authority"
    assert "PKI-4711" in wait["todo"]
    while len(_kinds(shell, "request-pending")) < 3:  # each asks when the server's second is over
        shell("run", "expc-server", expect=3)
    assert shell.json("show", "expc-server")["state"] == "CSRPending"
    shell("lab", "fault", "est", "pending", "--clear")
    while shell.json("show", "expc-server")["state"] == "CSRPending":
        shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    assert "Restarted" in shell("run", "expc-server")
    assert "is whole" in shell("journal", "expc-server", "--verify")
    (issued,) = _kinds(shell, "certificate-issued")
    (restarted,) = _kinds(shell, "restarted")
    assert restarted["serves"] == issued["fingerprint"]
    assert _kinds(shell, "login-refused") == []
    password = (shell.home / "secrets" / "est").read_bytes()
    kept = [path for path in (shell.home / "renewals").rglob("*") if path.is_file()]
    assert kept
    assert not any(password in path.read_bytes() for path in kept)


def _kinds(shell: Shell, kind: str) -> list[dict[str, str]]:
    return [entry for entry in order(shell.home, "effects") if entry["kind"] == kind]


def test_a_renewal_goes_through_when_the_ca_issues_at_once(est: Story) -> None:
    """No officer: submitted once, and the renewal ends with the box serving it."""
    est.begin()
    assert est.until("Restarted").state == "Restarted"
    assert len(est.entries("certificate-issued")) == 1
    est.once()


@pytest.mark.parametrize("fault", ["drop-after", "truncated", "error-5xx-after", "garbage"])
def test_an_uncertain_submission_is_shown_and_not_repeated(est: Story, fault: str) -> None:
    """The CA issued and the answer was lost: a person is asked, however often it is run, and hands in what it has."""
    est.begin()
    est.until("CSRPending")
    est.edit_site("# or: client_certificate", "client_certificate")  # so that the server does not ask for a login first
    est.lab.order("est", fault, count=1, path=ENROL)
    with pytest.raises(Failed):
        est.runner.run(est.id)
    for _ in range(3):
        with pytest.raises(Waiting, match="uncertain") as waiting:
            est.runner.run(est.id)
    assert waiting.value.on == "person"
    assert "EST has no request numbers" in waiting.value.todo
    assert len(est.entries("certificate-issued")) == 1
    with pytest.raises(UsageError, match="no request numbers"):
        confirm(est.runner, est.id, request="4711")
    est.hand_in([_supplied(est)])
    assert est.until("Restarted").state == "Restarted"
    assert len(est.entries("certificate-issued")) == 1


def _supplied(story: Story) -> Path:
    """Play the PKI team, which has the CSR from its own records."""
    csr = (story.lab.home / "renewals" / story.id / "papers" / "expc-server.csr").read_bytes()
    path = story.lab.home / "answer.pem"
    path.write_bytes(story.lab.sign(csr))
    return path


def test_a_person_may_say_that_it_did_not_arrive(est: Story) -> None:
    """The connection broke before the CA did anything: confirmed, the same CSR is sent again and issued once."""
    est.begin()
    est.until("CSRPending")
    est.lab.order("est", "drop-before", count=1, path=ENROL)
    with pytest.raises(Unreachable):
        est.runner.run(est.id)
    with pytest.raises(Waiting, match="uncertain"):
        est.runner.run(est.id)
    confirm(est.runner, est.id, not_there=True)
    assert est.until("Signed").state == "Signed"
    assert len(est.entries("certificate-issued")) == 1


def test_a_poll_whose_answer_was_lost_is_made_again(est: Story) -> None:
    """EST polls by repeating the request, so the next run does, without a person; what came later is what is used."""
    ahead = timedelta()
    clock = est.runner.site.clock
    clock.now = lambda: datetime.now(UTC) + ahead  # type: ignore[method-assign]
    est.begin()
    est.until("CSRPending")
    est.edit_site("# or: client_certificate", "client_certificate")
    est.runner.site.clock.now = clock.now  # type: ignore[method-assign]
    est.lab.order("est", "pending", count=1, seconds=60)
    with pytest.raises(Waiting, match="has the request"):
        est.runner.run(est.id)
    est.lab.order("est", "drop-after", count=1, path=ENROL)
    with pytest.raises(Waiting, match="has the request"):
        est.runner.run(est.id)
    assert est.entries("certificate-issued") == []
    ahead = timedelta(seconds=61)
    with pytest.raises(Unreachable):
        est.runner.run(est.id)
    assert est.until("Signed").state == "Signed"
    assert [entry["fingerprint"] for entry in est.entries("certificate-issued")][-1] == est.renewal.items[0].leaf


@pytest.mark.parametrize("fault", ["drop-before", "error-5xx", "garbage"])
def test_what_fails_before_the_submission_leaves_nothing_uncertain(est: Story, fault: str) -> None:
    """A server that can't even give its CA certificates got no request; the next run submits, without a person."""
    est.begin()
    est.until("CSRPending")
    est.lab.order("est", fault, count=1, path="/.well-known/est/cacerts")
    with pytest.raises(NotSent):
        est.runner.run(est.id)
    assert est.events("not-sent")
    assert est.until("Signed").state == "Signed"
    assert len(est.entries("certificate-issued")) == 1


def test_a_refused_request_is_told_and_may_be_asked_again(est: Story) -> None:
    """The CA's words reach the person; once settled, the same CSR goes out again and is signed."""
    est.begin()
    est.until("CSRPending")
    est.lab.order("est", "rejected", count=1)
    with pytest.raises(Denied, match="PKI-4711"):
        est.runner.run(est.id)
    assert est.until("Signed").state == "Signed"
    assert est.effects("csr-generated") == ["expc"]


def test_a_certificate_for_another_key_is_not_taken(est: Story) -> None:
    """It is refused where it arrives, and nothing of it is kept."""
    est.begin()
    est.until("CSRPending")
    est.lab.order("est", "flawed", flaw="other-key", count=1)
    with pytest.raises(Refused, match="none with the key of this CSR"):
        est.runner.run(est.id)
    assert est.renewal.state == "CSRPending"
    assert est.renewal.items[0].leaf == ""


def test_a_chain_that_lacks_the_issuing_ca_stops_before_any_box_is_touched(est: Story) -> None:
    """`validate` names what is missing; no trust store was changed."""
    est.begin()
    est.until("CSRPending")
    est.lab.order("est", "short-chain")
    with pytest.raises(CheckFailed, match="chain"):
        est.until("Validated")
    assert est.effects("trust-appended") == []


def test_cautions_stand_in_the_plan(labs: Callable[..., Lab]) -> None:
    """What the CA wants and the CSR lacks is read by whoever looks at the plan, before anything is submitted."""
    story = Story(labs(authority="est", switches={"est": {"est_csrattrs": "more"}}))
    story.begin()
    story.until("CSRPending")
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert any("challengePassword" in note for change in plan.changes for note in change.notes)
    assert story.entries("certificate-issued") == []
