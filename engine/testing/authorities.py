"""Hold a backend to `engine.contracts.Authority`."""

import json
import re
from abc import ABC, abstractmethod

from engine.canonical import canonical
from engine.certificates import key_digest, key_text, read_certificates, to_pem
from engine.contracts import Answer, Authority, Issued, Pending, Rejected, SigningRequest
from engine.errors import CertrenewError
from engine.model import Json
from engine.testing.expect import expect
from engine.testing.pki import dns_names, new_request
from engine.text import escape

HOSTILE = "../../etc/x\x1b[2J\u202e\r\nBcc: someone@example.com"
"""What a name might hold if somebody meant harm."""


class AuthorityConformance(ABC):
    """Test an authority; override `make`."""

    @abstractmethod
    def make(self) -> Authority:
        """Return the backend, talking to a certification authority made for tests."""

    def test_a_request_is_answered(self) -> None:
        """`submit` answers issued, pending or rejected, and what it answers can be stored."""
        self._check(self.make().submit(signing_request()))

    def test_a_ticket_can_be_used_after_it_was_stored(self) -> None:
        """A ticket is plain JSON; another object, in a later process, collects by it, as often as it likes."""
        answer = self.make().submit(signing_request())
        if isinstance(answer, Pending):
            later, ticket = self.make(), _stored(answer.ticket)
            first, second = later.collect(ticket), later.collect(ticket)
            self._check(first)
            self._check(second)
            expect(_rank(second) >= _rank(first), "an answer does not become open again")

    def test_a_repeatable_submission_does_no_harm(self) -> None:
        """Where the backend says so, submitting twice is like submitting once."""
        authority, request = self.make(), signing_request()
        if authority.repeatable:
            first, second = authority.submit(request), authority.submit(request)
            expect(type(first) is type(second), "a repeated submission is answered like the first")
            self._check(second)

    def test_cancelling_twice_is_cancelling_once(self) -> None:
        """`cancel` is idempotent."""
        authority = self.make()
        answer = authority.submit(signing_request())
        if isinstance(answer, Pending):
            authority.cancel(_stored(answer.ticket))
            authority.cancel(_stored(answer.ticket))

    def test_hostile_text_stays_harmless(self) -> None:
        """Names from outside make no path, no terminal sequence and no new line in what people read."""
        request = signing_request(HOSTILE)
        try:
            answer = self.make().submit(request)
        except CertrenewError:  # refusing such a request is fine
            return
        self._check(answer)

    def _check(self, answer: Answer) -> None:
        match answer:
            case Issued():
                self._check_issued(answer)
            case Pending():
                _check_pending(answer)
            case _:
                expect(isinstance(answer, Rejected), "an answer is Issued, Pending or Rejected")

    def _check_issued(self, answer: Issued) -> None:
        keys = [key_digest(one.public_key()) for one in read_certificates(answer.content, "the answer")]
        expect(key_digest(_REQUEST.public_key()) in keys, "what is issued has a certificate for the request's key")
        expect(b"PRIVATE KEY" not in answer.content, "no private key comes with it")


def signing_request(text: str = "conformance") -> SigningRequest:
    """Return a request with a real CSR; `text` is its certificate, node, renewal and subject."""
    return SigningRequest(
        renewal=text,
        certificate=text,
        node=text,
        csr=to_pem(_REQUEST),
        subject=f"CN={text}",
        names=[*(f"DNS:{name}" for name in dns_names(_REQUEST)), *([f"DNS:{text}"] if text == HOSTILE else [])],
        eku=["serverAuth", "clientAuth"],
        key=key_text(_REQUEST.public_key()),
    )


_REQUEST = new_request("box.conformance.example", ["box.conformance.example", "other.conformance.example"])


def _check_pending(answer: Pending) -> None:
    expect(_stored(answer.ticket) == answer.ticket, "a ticket is plain JSON")
    expect(answer.poll_after >= 0, "poll_after is in seconds, or 0")
    expect(bool(answer.poll_after) or bool(answer.todo), "where asking again is useless, somebody is told what to do")
    expect(escape(answer.todo) == answer.todo, "what people are told holds no control characters")
    for name, text in answer.papers.items():
        expect(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}", name) is not None, "a paper has a plain file name")
        expect(all(escape(line) == line for line in text.split("\n")), "a paper holds no control characters")
        expect("PRIVATE KEY" not in text, "no paper holds a private key")
        expect(not any(line.startswith("Bcc:") for line in text.split("\n")), "no name begins a line of its own")


def _stored(ticket: dict[str, Json]) -> dict[str, Json]:
    try:
        canonical(ticket)
        return dict(json.loads(json.dumps(ticket)))
    except (TypeError, ValueError) as error:
        raise AssertionError("a ticket is plain JSON") from error


def _rank(answer: Answer) -> int:
    return 0 if isinstance(answer, Pending) else 1
