"""The backend against a real server: answers, tickets, traps, and what is certain when something breaks."""

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest

from engine.certificates import fingerprint, key_digest, read_certificates, read_csr
from engine.contracts import Authority, Issued, Pending, Rejected
from engine.errors import Failed, NotSent, Refused, Unreachable, UsageError
from engine.testing import AuthorityConformance, NotApplicable, Relay, Sent
from engine.testing.answers import HOSTILE, check_answer, signing_request
from plugins.adcs import client
from plugins.adcs.authority import SOON
from plugins.lab.adcs.ca import CA_NAME, TEMPLATE
from plugins.lab.api import Answer
from plugins.lab.faults import Fault
from tests.plugins.adcs.conftest import MakeServer
from tests.plugins.adcs.server import CERTIFICATE, CHAIN, HOME, REQUEST, SUBMIT, Server, made, page


class TestAdCs(AuthorityConformance):
    """It keeps the contract of authorities, in every situation that an AD CS knows."""

    @pytest.fixture(autouse=True)
    def _lab(self, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started = cache(make_server)
        self.patch = monkeypatch

    def make(self) -> Authority:
        return self.started(polls="2").backend()

    def issuing(self) -> Authority:
        return self.started().backend()

    def chainless(self) -> Authority:
        server = self.started()
        sign = server.authority.sign
        self.patch.setattr(server.authority, "sign", lambda csr, **more: sign(csr, **more)[:1])
        return server.backend()

    def rejecting(self) -> Authority:
        return self.started(decision="deny").backend()

    def pending(self) -> Authority:
        return self.started(decision="manager").backend()

    def approve(self) -> None:
        server = self.started(decision="manager")
        for number in server.requests:
            server.decide(number, issue=True)

    def forget(self) -> None:
        self.started(decision="manager").requests.clear()

    def withdrawing(self) -> Authority:
        raise NotApplicable("web enrolment withdraws no request; a certificate manager denies it")

    def elsewhere(self) -> Callable[[], Authority]:
        server = self.started(decision="manager")
        return partial(made, server.options(), server.account.password)

    def through(self, relay: Relay) -> Authority:
        server = self.started(extended_protection="off")  # which would find out that the relay ends TLS
        relay.lead_to(server.url.removeprefix("https://"), server.ca)
        return server.backend(url=f"https://{relay.address}", ca=relay.ca)

    def submits(self, sent: Sent) -> bool:
        return bool(sent.body)  # the first step of the login is a POST as well, and carries nothing


@pytest.mark.parametrize("chosen", [{"decision": "manager"}, {"decision": "deny"}])
def test_hostile_names_do_no_harm_whatever_is_decided(make_server: MakeServer, chosen: dict[str, str]) -> None:
    """What a request is called makes no line and no terminal sequence in what is told of it."""
    check_answer(make_server(**chosen).backend().submit(signing_request(HOSTILE)))


# ---- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
def test_issued_at_once_with_the_chain_of_this_request(make_server: MakeServer, language: str) -> None:
    """The PKCS#7 of the request itself, labelled CERTIFICATE as AD CS does, holds leaf, issuing CA and root."""
    server = make_server(language=language)
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Issued)
    assert answer.content.startswith(b"-----BEGIN CERTIFICATE-----")
    found = read_certificates(answer.content, "the answer")
    chain = [fingerprint(one) for one in server.authority.new.chain]
    assert {fingerprint(one) for one in found} > set(chain)
    csr = read_csr(REQUEST.csr.encode(), "the request")
    assert key_digest(csr.public_key()) in [key_digest(one.public_key()) for one in found]


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
def test_pending_for_as_many_polls_as_it_takes(make_server: MakeServer, language: str) -> None:
    """Each question is answered that it waits, from a ticket that was stored, until it is issued."""
    server = make_server(polls="3", language=language)
    answer = server.backend().submit(REQUEST)
    for _ in range(4):
        assert isinstance(answer, Pending)
        ticket = json.loads(json.dumps(answer.ticket))
        assert ticket == {"host": server.url.removeprefix("https://"), "ca": CA_NAME, "request": 83}
        assert answer.poll_after == 900
        assert "request 83 at CORP-ISSUING-CA01" in answer.todo
        answer = server.backend().collect(ticket)
    assert isinstance(answer, Issued)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status_page", ["disposition", "code"])
@pytest.mark.parametrize("language", ["en", "fr", "ru"])
def test_denied_by_a_manager_while_it_waited(make_server: MakeServer, language: str, status_page: str) -> None:
    """The request's later denial is a no, in every language and with each shape of the page."""
    server = make_server(decision="manager", language=language, status_page=status_page)
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Pending)
    server.decide(83, issue=False)
    later = server.backend().collect(answer.ticket)
    assert isinstance(later, Rejected)
    assert "request 83: a certificate manager denied it (0x80094014)" in later.reason


def test_a_page_without_a_disposition_is_no_answer_while_it_waits(make_server: MakeServer) -> None:
    """Where neither number nor known code tells that it waits, the page is refused and nothing is lost."""
    server = make_server(decision="manager", status_page="code")
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Pending)
    with pytest.raises(Failed, match="does not say where request 83 stands"):
        server.backend().collect(answer.ticket)
    server.decide(83, issue=True)
    assert isinstance(server.backend().collect(answer.ticket), Issued)


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
def test_a_template_that_the_ca_does_not_offer(make_server: MakeServer, language: str) -> None:
    """Denied at once, with a number, and with the advice in our own words."""
    server = make_server(language=language)
    answer = server.backend(template="ExpresswayServer").submit(REQUEST)
    assert isinstance(answer, Rejected)
    assert answer.reason.startswith("request 83: this CA does not offer this template: either the name is not its cn")


def test_names_go_in_the_csr_alone(server: Server) -> None:
    """No alternative name is ever sent as an attribute (ESC6)."""
    server.backend().submit(REQUEST)
    assert server.requests[83].attributes == f"CertificateTemplate:{TEMPLATE}\r\n"


def test_only_the_csr_is_sent(server: Server) -> None:
    """What stood around the CSR stays here, and what is no CSR is not sent at all."""
    import msgspec

    server.backend().submit(msgspec.structs.replace(REQUEST, csr=f"remarks\n{REQUEST.csr}"))
    assert b"remarks" not in b"".join(asked.body for asked in server.asked)
    with pytest.raises(NotSent, match="no certificate signing request"):
        server.backend().submit(msgspec.structs.replace(REQUEST, csr="nothing"))
    assert len(server.requests) == 1


# ---- traps ---------------------------------------------------------------------------------------------------------


def test_a_content_type_means_nothing(server: Server) -> None:
    """Who is no browser is told text/html around a certificate; it is read all the same."""
    assert isinstance(server.backend().submit(REQUEST), Issued)
    assert all("Mozilla" not in asked.headers["user-agent"] for asked in server.asked)


def test_the_chain_in_der_is_taken_too(server: Server) -> None:
    """Whatever the CA answers under the chain's address, the certificates in it count."""
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    server.backend().submit(REQUEST)
    body = pkcs7.serialize_certificates(server.requests[83].issued, Encoding.DER)
    server.instead[CHAIN] = Answer(200, body, "text/html")
    assert isinstance(server.backend().collect({"host": "", "ca": "", "request": 83}), Issued)


def test_a_number_of_another_host_or_ca_is_not_asked_for(make_server: MakeServer) -> None:
    """A ticket of another web server, or of a CA that was built anew, is refused: its number means something else."""
    server = make_server(decision="manager")
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Pending)
    asked = len(server.asked)
    with pytest.raises(Refused, match=r"web server old\.corp\.example"):
        server.backend().collect({**answer.ticket, "host": "old.corp.example"})
    assert len(server.asked) == asked
    with pytest.raises(Refused, match="CA CORP-OLD-CA"):
        server.backend().collect({**answer.ticket, "ca": "CORP-OLD-CA"})
    assert isinstance(server.backend().collect(answer.ticket), Pending)


def test_an_unknown_number_is_told(server: Server) -> None:
    """The CA has nothing under it: neither pending nor denied."""
    with pytest.raises(Refused, match="has no request 99"):
        server.backend().collect(server.backend().adopt("99"))


@pytest.mark.parametrize("ticket", [{}, {"request": "83"}, {"request": True}, {"request": 0}, {"request": -1}])
def test_a_ticket_without_a_number_is_refused(server: Server, ticket: dict[str, Any]) -> None:
    """A ticket that was spoilt is told as it is, and nothing is asked."""
    with pytest.raises(Refused, match="no request number"):
        server.backend().collect(ticket)
    assert server.asked == []


def test_a_request_number_can_be_taken_up(make_server: MakeServer) -> None:
    """`adopt` makes a ticket by which the request is collected, and contacts nobody."""
    server = make_server(decision="manager")
    server.backend().submit(REQUEST)
    ticket = server.backend().adopt("83")
    waiting = server.backend().collect(ticket)
    assert isinstance(waiting, Pending)
    assert waiting.ticket["ca"] == CA_NAME
    server.decide(83, issue=True)
    assert isinstance(server.backend().collect(ticket), Issued)


@pytest.mark.parametrize("reference", ["", "0", "-1", "83 ", "8.3", "0x53", "89\n", "CORP\\89", "1" * 11])
def test_what_is_no_request_number_is_not_taken_up(server: Server, reference: str) -> None:
    """Anything else is refused with what is wanted."""
    with pytest.raises(UsageError, match="no request number"):
        server.backend().adopt(reference)


def test_the_trace_says_what_to_look_for(server: Server) -> None:
    """Host, template, requester and subject, and nothing that could move a cursor."""
    import msgspec

    told = server.backend().trace(msgspec.structs.replace(REQUEST, subject="CN=\x1b[2Jexpc"))
    for words in (server.url.removeprefix("https://"), TEMPLATE, "CORP\\svc-expressway", "CN=\\x1b[2Jexpc"):
        assert words in told


def test_cancelling_asks_nobody(server: Server) -> None:
    """Web enrolment can't withdraw a request."""
    server.backend().cancel({"request": 83})
    assert server.asked == []


# ---- what is certain when something breaks -------------------------------------------------------------------------


CLOSED = "the connection was closed without an answer"
WORDS = {"drop-after": CLOSED, "drop-before": CLOSED, "truncated": "the answer was cut off"}


@pytest.mark.parametrize("auth", ["ntlm", "basic"])
@pytest.mark.parametrize("fault", ["drop-after", "drop-before", "truncated", "garbage", "error-5xx-after"])
def test_a_submission_that_breaks_is_uncertain(server: Server, auth: str, fault: str) -> None:
    """Once the request went out, anything but a page that can be told leaves it uncertain, and it was sent once."""
    if auth == "ntlm":  # its first step is a POST as well, and carries nothing
        _strike_second(server, fault)
    else:
        server.faults.order(Fault(fault, None, SUBMIT, method="POST"))
    with pytest.raises(Failed) as caught:
        server.backend(auth=auth).submit(REQUEST)
    assert not isinstance(caught.value, NotSent)
    if fault in WORDS:
        assert caught.value.what.endswith(f"POST /certsrv/certfnsh.asp: {WORDS[fault]}.")
        assert caught.value.untouched == "Whether it was carried out is not known."
    assert len([one for one in server.asked if one.body]) <= 1
    assert len(server.requests) == (0 if fault == "drop-before" else 1)


def _strike_second(server: Server, fault: str) -> None:
    """Order the fault once the first step of NTLM was answered."""
    original = server._answer

    def watching(visitor: Any, asked: Any) -> Answer:
        if asked.path == SUBMIT and not asked.body:
            server.faults.order(Fault(fault, None, SUBMIT, method="POST"))
        return original(visitor, asked)

    server._answer = watching  # type: ignore[method-assign]


def test_a_login_that_breaks_has_sent_nothing(server: Server) -> None:
    """A connection that breaks before the request went out certainly submitted nothing."""
    server.faults.order(Fault("drop-before", None, SUBMIT, method="POST"))
    with pytest.raises(NotSent) as caught:
        server.backend().submit(REQUEST)
    assert "Nothing was submitted" in caught.value.untouched
    assert server.requests == {}


def test_nobody_there_is_not_sent(server: Server) -> None:
    """A port where nobody listens."""
    server.stop()
    with pytest.raises(NotSent, match="Connection refused"):
        server.backend().submit(REQUEST)


def test_what_was_issued_and_could_not_be_fetched_keeps_its_number(server: Server) -> None:
    """The answer to the submission named a number: it is kept, and the certificate is fetched later."""
    server.faults.order(Fault("drop-before", None, CHAIN))
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Pending)
    assert answer.poll_after == SOON
    assert "issued it as request 83" in answer.todo
    server.faults.clear()
    assert isinstance(server.backend().collect(answer.ticket), Issued)
    assert len(server.requests) == 1


def test_a_poll_that_breaks_can_be_repeated(make_server: MakeServer) -> None:
    """Nothing is lost by an answer that did not come."""
    server = make_server(polls="1")
    answer = server.backend().submit(REQUEST)
    assert isinstance(answer, Pending)
    server.faults.order(Fault("drop-after", 2, CERTIFICATE))
    with pytest.raises(Unreachable):
        server.backend().collect(answer.ticket)
    server.faults.clear()
    server.backend().collect(answer.ticket)
    assert isinstance(server.backend().collect(answer.ticket), Issued)


@pytest.mark.parametrize("path", [HOME, SUBMIT, CERTIFICATE])
def test_bodies_are_capped(server: Server, path: str) -> None:
    """An endless answer is cut off; before the login it certainly means that nothing was sent."""
    endless = page("x" * (client.BODY_LIMIT + 10))
    (server.before if path == HOME else server.instead)[path] = endless
    backend = server.backend()
    with pytest.raises(Failed, match="sent more than") as caught:
        backend.collect(backend.adopt("83")) if path == CERTIFICATE else backend.submit(REQUEST)
    assert isinstance(caught.value, NotSent) == (path == HOME)


def test_a_page_that_cannot_be_told_names_its_code(server: Server) -> None:
    """The CA's service is down: the page's HRESULT is told in words, and whether it got the request is left open."""
    server.instead[SUBMIT] = page("<P>Erreur inattendue : 0x800706ba (WIN32: 1722)</P>")
    with pytest.raises(Failed, match="its service is down") as caught:
        server.backend().submit(REQUEST)
    assert "not known" in caught.value.untouched


# ---- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "http://ca.corp.example"}, "`url` must be https://HOST"),
        ({"url": "https://user:pw@ca.corp.example"}, "`url` must be https://HOST"),
        ({"url": "https://ca.corp.example/other"}, "`url` must be https://HOST"),
        ({"template": "Expressway Server"}, "`template` is the cn"),
        ({"template": "X\r\nsan:dns=admin"}, "`template` is the cn"),
        ({"template": ""}, "`template` is the cn"),
        ({"username": ""}, "needs `username` and `password`"),
        ({"password": ""}, "needs `username` and `password`"),
        ({"auth": "negotiate", "username": ""}, "`password` needs `username`"),
    ],
)
def test_settings_that_cannot_be(server: Server, options: dict[str, Any], words: str) -> None:
    """Told when the authority is made, before anything is sent."""
    with pytest.raises(UsageError) as caught:
        server.backend(**options)
    assert words in caught.value.what
    assert server.asked == []


def test_kerberos_without_its_extra_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which package is missing, and that nothing was sent."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="needs the extra `kerberos`"):
        server.backend(auth="kerberos")


@pytest.mark.parametrize("text", [None, "no certificates"])
def test_a_ca_file_that_cannot_be_used_sends_nothing(server: Server, text: str | None) -> None:
    """A missing file, or one of something else."""
    server.ca.write_text(text) if text else server.ca.unlink()
    with pytest.raises(NotSent, match=r"The CA certificates in .* can't be used"):
        server.backend().submit(REQUEST)
    assert server.asked == []


@pytest.mark.parametrize("tail", ["", "/", "/certsrv", "/certsrv/"])
def test_the_address_may_name_certsrv(server: Server, tail: str) -> None:
    """With /certsrv or without."""
    assert isinstance(server.backend(url=server.url + tail).submit(REQUEST), Issued)
