"""Put a backend into the situations that matter, and judge what the engine gets to know.

What the CA for tests can do is given by overriding the first methods of `Situations`. One that is not overridden shows
as a skipped test with the reason; one that this CA can't do is declared: override it and raise NotApplicable(reason).
"""

import os
import pickle
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from unittest import SkipTest

from cryptography import x509

from engine.contracts import Answer, Authority, Issued, Pending, Rejected
from engine.errors import CertrenewError, Failed, NotSent, Refused, Unreachable
from engine.model import Json
from engine.testing.answers import CSR, NAMES, check_answer, failed_checks, signing_request, stored
from engine.testing.expect import expect, refused
from engine.testing.pki import new_request
from engine.testing.relay import Relay, Reply, Sent
from engine.text import escape

POLLS = 20
"""How often a request that is pending is asked for."""

GARBAGE = (
    Reply(200, [("Content-Type", "text/html")], b"<html><title>Sign in</title></html>"),
    Reply(200, [("Content-Type", "application/json")], b""),
    Reply(200, [("Content-Type", "application/json")], b'{"success": true, "result": {"certif'),
    Reply(200, [("Content-Type", "application/json")], b"[" * 5000),
    Reply(200, [("Content-Type", "application/pkix-cert")], b"\x00\xff\x1b[2J" * 20),
    Reply(500, [("Content-Type", "text/html")], b"<h1>Internal error\x1b[2J</h1>"),
)
"""What web servers answer when something is wrong behind them."""

_LATER = """
import pickle, sys
make, ticket = pickle.load(sys.stdin.buffer)
print(type(make().collect(ticket)).__name__)
"""


class NotProvided(SkipTest):
    """Say that the author has not yet given what a situation needs; the test shows as skipped."""


class NotApplicable(SkipTest):
    """Say why this CA never gets into a situation; raised by the method that would have provided it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not applicable: {reason}")


def _not_provided(method: str) -> NotProvided:
    return NotProvided(f"not provided: override {method}, or raise NotApplicable(reason) in it")


class Situations(ABC):
    """Ask for a CA in each situation, and state a rule for each."""

    # ---- what the author provides ----

    @abstractmethod
    def make(self) -> Authority:
        """Return the backend, talking to a certification authority made for tests."""

    def issuing(self) -> Authority:
        """Return a backend whose CA issues at once."""
        raise _not_provided("issuing")

    def chainless(self) -> Authority:
        """Return a backend whose CA issues at once and gives the certificate without any CA certificate."""
        raise _not_provided("chainless")

    def rejecting(self) -> Authority:
        """Return a backend whose CA says no to what it is asked, at once or later."""
        raise _not_provided("rejecting")

    def pending(self) -> Authority:
        """Return a backend whose CA keeps requests until `approve`; called again, another object for the same CA."""
        raise _not_provided("pending")

    def approve(self) -> None:
        """Have the CA of `pending` issue what it keeps."""
        raise _not_provided("approve")

    def forget(self) -> None:
        """Have the CA of `pending` forget what it keeps, as after a restore of an old backup."""
        raise _not_provided("forget")

    def withdrawing(self) -> Authority:
        """Return `pending()` where the CA lets a request be withdrawn."""
        self.pending()  # where that is not applicable, neither is this
        raise _not_provided("withdrawing")

    def elsewhere(self) -> Callable[[], Authority]:
        """Return what makes the backend of `pending` in another process.

        It is pickled: a function of a module, or functools.partial of one with plain arguments.
        """
        raise _not_provided("elsewhere")

    def through(self, relay: Relay) -> Authority:
        """Return a backend that talks to `relay.address`, verified with `relay.ca`; CA and answers are real.

        Where `issuing` applies, the CA issues at once, for any name below ``example``. Call
        `relay.lead_to(HOST:PORT, CA_FILE)` with its place. For CAs that are spoken to by HTTPS and ask for no client
        certificate.
        """
        raise _not_provided("through")

    def submits(self, sent: Sent) -> bool:
        """Tell whether this HTTP request hands over a CSR: by default every POST."""
        return sent.method == "POST"

    # ---- rules: what the CA answers ----

    def test_issued_at_once(self) -> None:
        """An authority that issues at once is answered Issued, with a certificate for the key and names asked for."""
        request = signing_request()
        answer = _issued(self.issuing().submit(request), "what is there at once is answered as Issued")
        check_answer(answer)
        wrong = failed_checks(answer, request) & {"single-leaf", "key-matches-csr", "san-match"}
        expect(not wrong, f"the engine would not refuse it: {wrong}")

    def test_a_missing_chain_is_the_engines_to_refuse(self) -> None:
        """A certificate without its chain is answered as Issued; the engine then refuses it, or has `roots`."""
        request = signing_request()
        answer = _issued(self.chainless().submit(request), "a certificate without its chain is Issued all the same")
        expect("chain-complete" in failed_checks(answer, request), "the engine sees that the chain is missing")

    def test_a_rejection_is_an_answer(self) -> None:
        """A no is answered Rejected with a reason, not raised, and not awaited for ever."""
        authority = self.rejecting()
        answer = authority.submit(signing_request())
        answer = _last(lambda: authority, answer)
        expect(isinstance(answer, Rejected), "the authority's no is answered as Rejected")
        check_answer(answer)

    def test_pending_lasts_over_many_polls(self) -> None:
        """A request stays Pending, asked for by ever new objects from its stored ticket, until it is issued."""
        answer = self.pending().submit(signing_request())
        for _ in range(POLLS):
            if not isinstance(answer, Pending):
                break
            check_answer(answer)
            answer = self.pending().collect(stored(answer.ticket))
        expect(isinstance(answer, Pending), f"a request that nobody decided is Pending, {POLLS} polls later too")
        self.approve()
        answer = _last(self.pending, answer)
        expect(isinstance(answer, Issued), "what was issued meanwhile is collected")
        check_answer(answer)

    def test_a_ticket_serves_another_process(self) -> None:
        """A stored ticket is all that another process needs to collect."""
        answer = self.pending().submit(signing_request())
        ticket = stored(_ticket(answer))
        given = pickle.dumps((self.elsewhere(), ticket))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", _LATER], input=given, env=environment, capture_output=True, check=False
        )
        told = done.stderr.decode(errors="replace")[-500:]
        expect(done.stdout.split() in ([b"Pending"], [b"Issued"]), f"another process collects by the ticket: {told}")

    def test_what_was_withdrawn_is_over(self) -> None:
        """After `cancel` nobody waits: the ticket is answered Rejected, or refused as one that is not known."""
        authority = self.withdrawing()
        ticket = stored(_ticket(authority.submit(signing_request())))
        authority.cancel(ticket)
        expect(_over(self.withdrawing(), ticket), "a request that was withdrawn is neither pending nor issued")

    def test_a_lost_ticket_is_told(self) -> None:
        """A ticket that the authority does not know any more, or that is damaged, is told, not polled for ever."""
        ticket = stored(_ticket(self.pending().submit(signing_request())))
        self.forget()
        expect(_over(self.pending(), ticket), "a request that the authority does not know is told")
        for damaged in ({}, {"number": None}, dict.fromkeys(ticket, "\x1b")):
            _told(self.pending(), damaged)

    # ---- rules: what happens on the way ----

    def test_a_certificate_for_another_key_is_refused(self) -> None:
        """The answer to a request with another key gets no further: the backend refuses it, or the engine does."""
        self._replayed(new_request(NAMES[0], NAMES), "key-matches-csr")

    def test_a_certificate_of_another_request_is_refused(self) -> None:
        """The answer to a request of the same key for other names gets no further, likewise."""
        self._replayed(_OTHER_NAMES, "san-match", _SAME_KEY)

    def _replayed(
        self, other: x509.CertificateSigningRequest, check: str, csr: x509.CertificateSigningRequest = CSR
    ) -> None:
        self.issuing()  # where nothing is issued at once, no submission is answered by what could be replayed
        with Relay(self.submits) as relay:
            relay.mode = "replay"
            first = self.through(relay).submit(signing_request("earlier", other))
            _issued(first, "the CA behind the relay issues at once")
            before, request = len(relay.submissions), signing_request(csr=csr)
            with suppress(Failed, Refused):
                answer = self.through(relay).submit(request)
                given = _issued(answer, "what the authority issued is given on, or refused by an error")
                expect(check in failed_checks(given, request), f"the engine refuses it by {check}")
            expect(len(relay.submissions) - before <= 1, "nothing is asked for a second time")

    def test_an_authority_that_is_down_got_nothing(self) -> None:
        """Where no connection comes about, `submit` raises NotSent: the engine may ask again by itself."""
        with Relay(self.submits) as relay:
            authority = self.through(relay)
            relay.close()
            refused(lambda: authority.submit(signing_request()), NotSent, "no connection means NotSent")

    def test_garbage_is_no_answer(self) -> None:
        """What can't be read is raised as Failed: it is neither a no of the authority nor a bug."""
        for garbage in GARBAGE:
            self._garbled(garbage)

    def _garbled(self, garbage: Reply) -> None:
        with Relay(self.submits) as relay:
            authority = self.through(relay)
            relay.reply = garbage
            error = refused(lambda: authority.submit(signing_request()), Failed, "what can't be read is Failed")
            expect(not (relay.submissions and isinstance(error, NotSent)), "what was sent is not NotSent")
            expect(escape(error.what) == error.what, "what is told holds no control characters")

    def test_a_request_that_was_read_may_have_arrived(self) -> None:
        """Where the connection breaks after the request was read, `submit` raises Unreachable, never NotSent."""
        with Relay(self.submits) as relay:
            authority = self.through(relay)
            relay.mode = "drop"
            self._uncertain(authority, relay)

    def test_a_crash_between_send_and_ticket(self) -> None:
        """Where the authority got the request and its answer is lost, nothing is sent twice, and people can trace it.

        Only where the backend is `repeatable` the engine submits again, and then that does no harm.
        """
        with Relay(self.submits) as relay:
            authority = self.through(relay)
            relay.mode = "swallow"
            self._uncertain(authority, relay)
            told = authority.trace(signing_request())
            expect(bool(told.strip()) and escape(told) == told, "people are told what to look for at the authority")
            if authority.repeatable:
                relay.mode = "forward"
                check_answer(self.through(relay).submit(signing_request()))

    def _uncertain(self, authority: Authority, relay: Relay) -> None:
        error = refused(lambda: authority.submit(signing_request()), Unreachable, "a lost answer is Unreachable")
        expect(not isinstance(error, NotSent), "what was read may have arrived: it is not NotSent")
        expect(len(relay.submissions) == 1, f"it is sent once, not {len(relay.submissions)} times")


def _last(make: Callable[[], Authority], answer: Answer) -> Answer:
    """Collect until the answer is final, by stored tickets, at most `POLLS` times."""
    for _ in range(POLLS):
        if isinstance(answer, Pending):
            answer = make().collect(stored(answer.ticket))
    return answer


def _issued(answer: Answer, rule: str) -> Issued:
    if not isinstance(answer, Issued):
        raise AssertionError(rule)
    return answer


def _ticket(answer: Answer) -> dict[str, Json]:
    if not isinstance(answer, Pending):
        raise AssertionError("a request that nobody decided is Pending")
    return answer.ticket


def _told(authority: Authority, damaged: dict[str, Json]) -> None:
    """Let pass any answer to a damaged ticket, and an error of ours; anything else is a bug."""
    try:
        answer = authority.collect(damaged)
    except CertrenewError:
        return
    except Exception as error:
        raise AssertionError(f"a damaged ticket is told, but it raised {type(error).__name__}") from error
    check_answer(answer)


def _over(authority: Authority, ticket: dict[str, Json]) -> bool:
    """Tell whether a ticket is answered Rejected, or refused by an error that is not a mere failure to connect."""
    try:
        return isinstance(authority.collect(ticket), Rejected)
    except CertrenewError as error:
        return not isinstance(error, Unreachable)


def _pair() -> tuple[x509.CertificateSigningRequest, x509.CertificateSigningRequest]:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return new_request(NAMES[0], NAMES, key), new_request("elsewhere.example", ["elsewhere.example"], key)


_SAME_KEY, _OTHER_NAMES = _pair()
