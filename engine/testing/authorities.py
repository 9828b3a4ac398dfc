"""Hold a backend to `engine.contracts.Authority`."""

from abc import abstractmethod

from engine.contracts import Answer, Authority, Pending
from engine.errors import CertrenewError
from engine.testing.answers import HOSTILE, check_answer, signing_request, stored
from engine.testing.expect import expect
from engine.testing.situations import Situations

__all__ = ["HOSTILE", "AuthorityConformance", "signing_request"]


class AuthorityConformance(Situations):
    """Test an authority: override `make`, and what `Situations` asks for, as far as the CA for tests can do it."""

    @abstractmethod
    def make(self) -> Authority:
        """Return the backend, talking to a certification authority made for tests."""

    def test_a_request_is_answered(self) -> None:
        """`submit` answers issued, pending or rejected, and what it answers can be stored."""
        check_answer(self.make().submit(signing_request()))

    def test_a_ticket_can_be_used_after_it_was_stored(self) -> None:
        """A ticket is plain JSON; another object, in a later process, collects by it, as often as it likes."""
        answer = self.make().submit(signing_request())
        if isinstance(answer, Pending):
            later, ticket = self.make(), stored(answer.ticket)
            first, second = later.collect(ticket), later.collect(ticket)
            check_answer(first)
            check_answer(second)
            expect(_rank(second) >= _rank(first), "an answer does not become open again")

    def test_a_repeatable_submission_does_no_harm(self) -> None:
        """Where the backend says so, submitting twice is like submitting once."""
        authority, request = self.make(), signing_request()
        if authority.repeatable:
            first, second = authority.submit(request), authority.submit(request)
            expect(type(first) is type(second), "a repeated submission is answered like the first")
            check_answer(second)

    def test_cancelling_twice_is_cancelling_once(self) -> None:
        """`cancel` is idempotent."""
        authority = self.make()
        answer = authority.submit(signing_request())
        if isinstance(answer, Pending):
            authority.cancel(stored(answer.ticket))
            authority.cancel(stored(answer.ticket))

    def test_hostile_text_stays_harmless(self) -> None:
        """Names from outside make no path, no terminal sequence and no new line in what people read."""
        request = signing_request(HOSTILE)
        try:
            answer = self.make().submit(request)
        except CertrenewError:  # refusing such a request is fine
            return
        check_answer(answer)


def _rank(answer: Answer) -> int:
    return 0 if isinstance(answer, Pending) else 1
