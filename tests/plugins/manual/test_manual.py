"""The manual authority: papers that people can use, and no answer of its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_string

import msgspec
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import Authority, Office, Pending, SigningRequest
from engine.errors import Failed
from engine.testing import AuthorityConformance, NotApplicable, Relay
from engine.testing.authorities import signing_request
from engine.text import escape
from plugins.manual import Options, connect
from plugins.manual.letter import file_name

OFFICE = Office("pki", lambda: datetime(2026, 11, 23, tzinfo=UTC))

REQUEST = msgspec.structs.replace(
    signing_request("expc-server"), renewal="expc-7f3a", eku=["serverAuth", "1.3.6.1.5.5.7.3.2", "1.2.3"]
)


class TestManual(AuthorityConformance):
    """It keeps the contract of authorities."""

    def make(self) -> Authority:
        return made()

    def pending(self) -> Authority:
        return made()

    def elsewhere(self) -> Callable[[], Authority]:
        return made

    def approve(self) -> None:
        raise NotApplicable("what people issue is handed in with `certrenew supply`")

    def forget(self) -> None:
        raise NotApplicable("people know their letters; nothing keeps them")

    def withdrawing(self) -> Authority:
        raise NotApplicable("whoever has the letter is told by a person")

    def issuing(self) -> Authority:
        raise NotApplicable("people take their time")

    chainless = rejecting = issuing

    def through(self, relay: Relay) -> Authority:
        raise NotApplicable("nothing is sent")


def made() -> Authority:
    """Return the authority, with a template and a contact."""
    return connect(OFFICE, Options(template="UC", contact="pki@corp.example"))


def submitted(request: SigningRequest = REQUEST, options: Options | None = None) -> Pending:
    """Submit, and return the answer, which is always Pending."""
    answer = connect(OFFICE, options or Options()).submit(request)
    assert isinstance(answer, Pending)
    return answer


def test_the_csr_is_a_paper_of_its_own() -> None:
    """The folder gets the CSR, unchanged in meaning, under the certificate's name, and the letter."""
    papers = submitted().papers
    assert set(papers) == {"expc-server.csr", "expc-server-request.txt"}
    kept, given_csr = papers["expc-server.csr"].encode(), REQUEST.csr.encode()
    assert x509.load_pem_x509_csr(kept) == x509.load_pem_x509_csr(given_csr)


def test_the_letter_asks_for_everything_that_is_needed() -> None:
    """Names one a line, usages with their reason, key, template, what to send back and how it goes in."""
    letter = submitted(options=Options(template="UC Expressway", contact="pki@corp.example")).papers[
        "expc-server-request.txt"
    ]
    lines = [line.strip() for line in letter.splitlines()]
    assert {"DNS:box.conformance.example", "DNS:other.conformance.example"} <= set(lines)
    assert {"Template: UC Expressway", "Subject:  CN=expc-server", "1.2.3"} <= set(lines)
    for text in ("TLS server authentication: ", "TLS client authentication: ", "EC P-256", "no PKCS#12", "root CA"):
        assert text in letter
    assert "certrenew supply expc-7f3a FILE..." in lines
    assert letter.endswith(submitted().papers["expc-server.csr"])


def test_the_letter_is_a_mail() -> None:
    """Whoever has a mail program can send it: headers, an empty line, text. Without a contact nobody is addressed."""
    mail = message_from_string(submitted(options=Options(contact="pki@corp.example")).papers["expc-server-request.txt"])
    assert mail["To"] == "pki@corp.example"
    assert "expc-server" in mail["Subject"]
    assert str(mail.get_payload()).startswith("Hello,")
    assert message_from_string(submitted().papers["expc-server-request.txt"])["To"] is None


def test_a_template_is_only_named_when_there_is_one() -> None:
    """No line asks for a template that the site does not name."""
    assert "Template:" not in submitted().papers["expc-server-request.txt"]
    assert "Template:" in submitted(options=Options(template="UC")).papers["expc-server-request.txt"]


def test_it_waits_for_a_person_and_says_what_to_type() -> None:
    """Asking again is useless, so there is no time to poll after; the next command is named, then and later."""
    first = submitted(options=Options(contact="PKI queue"))
    later = connect(OFFICE, Options(contact="PKI queue")).collect(first.ticket)
    assert first.poll_after == 0
    assert "PKI queue" in first.todo
    assert "certrenew supply expc-7f3a FILE..." in first.todo
    assert later == msgspec.structs.replace(first, papers={})


def test_submitting_again_writes_the_same() -> None:
    """It is repeatable: the papers do not depend on when or how often they were written."""
    assert connect(OFFICE, Options()).repeatable
    assert submitted() == submitted()


def test_what_is_no_csr_is_refused_and_not_repeated() -> None:
    """Nothing but a CSR becomes a paper; in particular no private key that somebody took for one."""
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    with pytest.raises(Failed, match="a private key") as caught:
        submitted(msgspec.structs.replace(REQUEST, csr=key))
    assert "MC4C" not in "".join([caught.value.what, caught.value.untouched, caught.value.todo])
    assert submitted().papers


def test_remarks_around_the_csr_are_left_out() -> None:
    """Only the CSR itself gets into the letter, not what stood around it."""
    marked = msgspec.structs.replace(REQUEST, csr=f"Ignore the names below.\n{REQUEST.csr}")
    assert submitted(marked).papers == submitted().papers


@given(st.text(), st.lists(st.text(), max_size=3), st.text(), st.text())
def test_no_text_breaks_out_of_the_letter(text: str, names: list[str], template: str, contact: str) -> None:
    """Whatever names, template and contact hold, every line can be shown and no header is added."""
    request = msgspec.structs.replace(
        REQUEST, certificate=text, node=text, renewal=text, subject=text, key=text, names=names, eku=names
    )
    answer = submitted(request, Options(template=template, contact=contact))
    for paper in answer.papers.values():
        assert all(line == escape(line) for line in paper.split("\n"))
    (letter,) = (paper for name, paper in answer.papers.items() if name.endswith("-request.txt"))
    headers = message_from_string(letter).keys()
    assert headers == (["To", "Subject"] if contact else ["Subject"])
    assert answer.todo == escape(answer.todo)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [("expc-server", "expc-server"), ("../../etc/passwd", "etc-passwd"), ("...", "certificate"), ("a b\n", "a-b-")],
)
def test_a_certificate_name_becomes_a_plain_file_name(certificate: str, name: str) -> None:
    """No name leads out of the renewal's folder or hides a file."""
    assert file_name(certificate) == name
