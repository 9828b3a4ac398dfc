"""What happens between CSR and certificate: uncertain submissions, tickets that go on, a box that loses its key."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.certificates import fingerprint
from engine.contracts import (
    Answer,
    Authority,
    AuthorityPlugin,
    Issued,
    Office,
    Pending,
    Rejected,
    SigningRequest,
    Suggestion,
)
from engine.errors import Denied, NotSent, Refused, Unreachable, UsageError, Waiting
from engine.hookspecs import hookimpl
from engine.model import Json, Value
from engine.runner.confirming import confirm
from engine.text import stamp
from plugins.lab.lab import Lab
from tests.e2e.story import Story
from workflows.inspect import choose


class Desk(Authority):
    """Sign with the lab's CA after a number of looks; `broken` is raised after (or, if NotSent, before) taking it."""

    chooses_chain: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    def __init__(self, lab: Lab) -> None:
        self.lab, self.looks, self.asked, self.by_people = lab, 0, 0, False
        self.taken: list[SigningRequest] = []
        self.broken: Exception | None = None
        self.says_no = ""
        self.wish: Suggestion | None = None
        self.withdrawn: list[dict[str, Json]] = []
        self.clings: Exception | None = None

    def submit(self, request: SigningRequest) -> Answer:
        if not isinstance(self.broken, NotSent):
            self.taken.append(request)
        broken, self.broken = self.broken, None
        if broken:
            raise broken
        return self.collect({"number": len(self.taken), "look": 0})

    def collect(self, ticket: dict[str, Json]) -> Answer:
        self.asked += 1
        broken, self.broken = self.broken, None
        if broken:
            raise broken
        if self.says_no:
            return Rejected(reason=self.says_no)
        if ticket["look"] < self.looks:
            return Pending(ticket={**ticket, "look": ticket["look"] + 1}, poll_after=0 if self.by_people else 60)
        return Issued(content=self.lab.sign(self.taken[ticket["number"] - 1].csr.encode()))

    def cancel(self, ticket: dict[str, Json]) -> None:
        self.withdrawn.append(ticket)
        if self.clings:
            raise self.clings

    def cautions(self, request: SigningRequest) -> Sequence[str]:
        return [f"clientAuth will be missing from {request.certificate}"]

    def suggested(self, certificate: x509.Certificate) -> Suggestion | None:
        return self.wish

    def trace(self, request: SigningRequest) -> str:
        return f"a request by svc-uc for {request.subject}"

    def adopt(self, reference: str) -> dict[str, Json]:
        if not reference.isdigit():
            raise UsageError(f"`{reference}` is no request number.")
        return {"number": int(reference), "look": 0}


class NoOptions(Value, frozen=True, kw_only=True):
    """Be no settings."""


class Told:
    """Be the plugin that offers one desk."""

    __name__ = "desk"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @hookimpl
    def register_authorities(self) -> Sequence[AuthorityPlugin]:
        def connect(_office: Office, _options: Any) -> Authority:
            return self.desk

        return [AuthorityPlugin("desk", NoOptions, connect)]


def with_desk(story: Story) -> tuple[Story, Desk]:
    """Begin a renewal whose authority is a desk."""
    desk = Desk(story.lab)
    story.plugins = (Told(desk),)
    site = story.lab.site_file
    before, _, after = site.read_text().partition("[authorities.corporate.options]")
    _, table, rest = after.partition("\n[")
    site.write_text(before.replace('plugin = "manual"', 'plugin = "desk"') + table + rest)
    story.runner = story.as_("engineer")
    story.begin()
    return story, desk


@pytest.fixture
def told(labs: Callable[..., Lab]) -> tuple[Story, Desk]:
    """Return a story whose authority is a desk that answers at once."""
    return with_desk(Story(labs()))


def _waits(story: Story) -> Waiting:
    with pytest.raises(Waiting) as waiting:
        story.runner.run(story.id, until="Signed")
    return waiting.value


def test_an_uncertain_submission_is_shown_and_not_repeated(told: tuple[Story, Desk]) -> None:
    """When no answer came, a person is told what to look for at the CA, and nothing is sent again."""
    story, desk = told
    desk.broken = Unreachable("the connection broke")
    with pytest.raises(Unreachable):
        story.runner.run(story.id, until="Signed")
    for _ in range(2):
        waiting = _waits(story)
        assert (waiting.on, waiting.poll_after) == ("person", 0)
        assert "a request by svc-uc for CN=expc.corp.example" in waiting.todo
    assert len(desk.taken) == 1
    with pytest.raises(UsageError, match="must be said what the CA has"):
        confirm(story.runner, story.id)


def test_what_a_person_found_at_the_ca_is_collected(told: tuple[Story, Desk]) -> None:
    """`confirm --request NUMBER` takes the request up; a number that can't be one changes nothing."""
    story, desk = told
    desk.broken = Unreachable("the connection broke")
    with pytest.raises(Unreachable):
        story.runner.run(story.id, until="Signed")
    _waits(story)
    with pytest.raises(UsageError, match="no request number"):
        confirm(story.runner, story.id, request="eighty-nine")
    confirm(story.runner, story.id, request="1")
    assert story.until("Restarted").ended
    assert len(desk.taken) == 1
    story.once()


def test_what_never_arrived_is_sent_again_on_a_persons_word(told: tuple[Story, Desk]) -> None:
    """`confirm --not-there` lets it be submitted once more, and once only."""
    story, desk = told
    desk.broken = Unreachable("the connection broke")
    with pytest.raises(Unreachable):
        story.runner.run(story.id, until="Signed")
    _waits(story)
    confirm(story.runner, story.id, not_there=True)
    assert story.until("Signed").items[0].leaf
    assert len(desk.taken) == 2
    assert any("has no such request" in text for text in story.events("confirmed"))


def test_a_second_break_is_uncertain_again(told: tuple[Story, Desk]) -> None:
    """A person's word is about one submission; when the next one breaks off too, the person is asked again."""
    story, desk = told
    for _ in range(2):
        desk.broken = Unreachable("the connection broke")
        with pytest.raises(Unreachable):
            story.runner.run(story.id, until="Signed")
        _waits(story)
        confirm(story.runner, story.id, not_there=True)
    assert story.until("Signed").items[0].leaf
    assert len(desk.taken) == 3


def test_what_was_certainly_not_sent_is_sent_by_the_next_run(told: tuple[Story, Desk]) -> None:
    """A CA that could not be reached leaves nothing uncertain."""
    story, desk = told
    desk.broken = NotSent("nobody answers")
    with pytest.raises(NotSent):
        story.runner.run(story.id, until="Signed")
    assert story.until("Signed").items[0].leaf
    assert len(desk.taken) == 1


def test_each_new_ticket_is_stored(told: tuple[Story, Desk]) -> None:
    """What `collect` answers in its ticket is given back to it by the next process."""
    story, desk = told
    desk.looks = 3
    for _ in range(2):
        assert _waits(story).on == "authority"
        story.runner = story.as_("engineer")
    ticket = story.renewal.items[0].ticket
    assert ticket is not None
    assert ticket["look"] == 2
    assert _waits(story).poll_after == 60
    assert story.runner.run(story.id, until="Signed").renewal.items[0].leaf
    assert len(desk.taken) == 1


@pytest.mark.parametrize(("order", "now"), [("discard-csr", "no CSR is pending"), ("replace-csr", "took its place")])
def test_a_csr_that_is_gone_is_told_at_the_next_look(told: tuple[Story, Desk], order: str, now: str) -> None:
    """Each look at the CA sees that the box no longer holds the key, says so, and a new beginning mends it."""
    story, desk = told
    desk.looks = 5
    _waits(story)
    story.lab.order("expc", "discard-csr")
    if order == "replace-csr":
        story.lab.order("expc", "generate-csr")
    with pytest.raises(Refused, match=now) as refused:
        story.runner.run(story.id)
    assert "restage" in refused.value.todo
    assert story.renewal.wait is not None
    assert any(now in text for text in story.events("stopped"))
    if order == "discard-csr":
        desk.looks = 0
        story.aside("restage", "the CSR was discarded")
        assert story.until("Restarted").ended


def test_a_denied_request_can_be_submitted_again(told: tuple[Story, Desk]) -> None:
    """A pending request that the CA denies is submitted anew with `resubmit`, with the same CSR."""
    story, desk = told
    desk.looks = 1
    _waits(story)
    desk.says_no = "not this template\x1b[2J"
    with pytest.raises(Denied, match=r"not this template\\x1b\[2J") as denied:
        story.runner.run(story.id)
    assert "certrenew resubmit" in denied.value.todo
    desk.says_no, desk.looks = "", 0
    story.aside("resubmit", "the template was put right")
    story.until("Signed")
    assert desk.taken[0].csr == desk.taken[1].csr


@pytest.mark.parametrize(
    ("step", "state"), [("cancel", "Cancelled"), ("restage", "Inspected"), ("resubmit", "CSRPending")]
)
def test_a_request_that_waits_is_withdrawn(told: tuple[Story, Desk], step: str, state: str) -> None:
    """Whoever cancels, or begins again, has the authority withdraw what waits there, by the ticket; once."""
    story, desk = told
    desk.looks = 5
    _waits(story)
    ticket = story.renewal.items[0].ticket
    assert story.aside(step, "the box is replaced").state == state
    assert desk.withdrawn == [ticket]
    assert story.events("not-withdrawn") == []


@pytest.mark.parametrize("state", ["CSRPending", "Signed"])
def test_what_does_not_wait_is_not_withdrawn(told: tuple[Story, Desk], state: str) -> None:
    """Control: where nothing was submitted, or the certificate is there, the authority is told nothing."""
    story, desk = told
    story.until(state)
    assert story.aside("cancel").ended
    assert desk.withdrawn == []


@pytest.mark.parametrize("gone", [False, True])
def test_what_can_t_be_withdrawn_stops_no_cancelling(told: tuple[Story, Desk], gone: bool) -> None:
    """An authority that fails, or is not in the site any more, is told and journalled; the renewal is cancelled."""
    story, desk = told
    desk.looks, desk.clings = 5, Unreachable("ca.example did not answer.", todo="Tell the PKI team.")
    _waits(story)
    if gone:
        story.runner.site.estate = replace(story.runner.site.estate, authorities={})
    assert story.aside("cancel").ended
    words = "has no authority corporate any more" if gone else "ca.example did not answer. Tell the PKI team."
    (text,) = story.events("not-withdrawn")
    assert words in text
    assert ("note", text) in story.told
    assert story.renewal.state == "Cancelled"


def test_the_plan_warns_of_what_the_authority_leaves_out(told: tuple[Story, Desk]) -> None:
    """What an authority wants known beforehand stands in the plan of `sign`."""
    story, _ = told
    story.until("CSRPending")
    plan = story.runner.plan(story.id)
    assert plan is not None
    assert plan.changes[0].notes[0] == "clientAuth will be missing from expc-server"


def test_an_authority_that_chooses_is_told_what_every_box_trusts(told: tuple[Story, Desk]) -> None:
    """The request names the CA certificates that box and peers hold alike, and the certificate that is replaced."""
    story, desk = told
    held = [{fingerprint(one) for one in story.lab.boxes[name].trusted} for name in ("expc", "expe")]
    story.until("Signed")
    assert desk.taken[0].trusted == sorted(held[0] & held[1])
    assert desk.taken[0].current.startswith("-----BEGIN CERTIFICATE-----")


def test_the_moment_that_the_ca_suggests_is_stored(told: tuple[Story, Desk]) -> None:
    """A moment within the CA's window is chosen when the box is read; a CA that does not say leaves it empty."""
    story, desk = told
    desk.wish = Suggestion(start="2026-11-01T00:00:00Z", end="2026-11-11T00:00:00Z")
    story.until("Inspected")
    assert "2026-11-01T00:00:00Z" <= story.renewal.items[0].suggested <= "2026-11-11T00:00:00Z"
    story.aside("cancel")
    desk.wish = None
    story.begin()
    assert story.until("Inspected").items[0].suggested == ""


@given(st.binary(min_size=32, max_size=32), st.integers(0, 10**7))
def test_a_chosen_moment_lies_in_the_window(fingerprint: bytes, seconds: int) -> None:
    """Whatever the certificate, the moment is neither before the window nor after it."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    wish = Suggestion(start=stamp(start), end=stamp(start + timedelta(seconds=seconds)))
    assert wish.start <= choose(wish, fingerprint.hex()) <= wish.end
