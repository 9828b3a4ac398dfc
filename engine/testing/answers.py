"""Make requests for conformance tests, and hold what a backend answers to its form."""

import json
import re
from datetime import UTC, datetime

from cryptography import x509

from engine.canonical import canonical
from engine.certificates import Evidence, judge, key_digest, key_text, read_certificates, read_csr, to_pem
from engine.contracts import Answer, Issued, Pending, Rejected, SigningRequest
from engine.model import Json, Outcome
from engine.testing.expect import expect
from engine.testing.pki import dns_names, new_request
from engine.text import escape

HOSTILE = "../../etc/x\x1b[2J\u202e\r\nBcc: someone@example.com"
"""What a name might hold if somebody meant harm."""

NAMES = ["box.conformance.example", "other.conformance.example"]

CSR = new_request(NAMES[0], NAMES)


def signing_request(text: str = "conformance", csr: x509.CertificateSigningRequest = CSR) -> SigningRequest:
    """Return a request with a real CSR; `text` is its certificate, node, renewal and subject."""
    return SigningRequest(
        renewal=text,
        certificate=text,
        node=text,
        csr=to_pem(csr),
        subject=f"CN={text}",
        names=[*(f"DNS:{name}" for name in dns_names(csr)), *([f"DNS:{text}"] if text == HOSTILE else [])],
        eku=["serverAuth", "clientAuth"],
        key=key_text(csr.public_key()),
    )


def check_answer(answer: Answer) -> None:
    """Hold an answer to what the engine can store and show."""
    match answer:
        case Issued():
            check_issued(answer)
        case Pending():
            check_pending(answer)
        case _:
            expect(isinstance(answer, Rejected), "an answer is Issued, Pending or Rejected")
            expect(bool(answer.reason.strip()), "an authority that says no says why")


def check_issued(answer: Issued) -> None:
    """Hold what was issued to the key of the CSR."""
    keys = [key_digest(one.public_key()) for one in read_certificates(answer.content, "the answer")]
    expect(key_digest(CSR.public_key()) in keys, "what is issued has a certificate for the request's key")
    expect(b"PRIVATE KEY" not in answer.content, "no private key comes with it")


def failed_checks(answer: Issued, request: SigningRequest) -> set[str]:
    """Return the checks by which the engine would refuse what was issued, as `certrenew check` names them."""
    given = read_certificates(answer.content, "the answer")
    csr = read_csr(request.csr.encode(), "the request")
    verdict = judge(Evidence(given=given, at=datetime.now(UTC), csr=csr))
    return {one.check for one in verdict.findings if one.outcome is Outcome.FAIL}


def check_pending(answer: Pending) -> None:
    """Hold ticket, papers and what people are told to what can be stored and shown."""
    expect(stored(answer.ticket) == answer.ticket, "a ticket is plain JSON")
    expect(answer.poll_after >= 0, "poll_after is in seconds, or 0")
    expect(bool(answer.poll_after) or bool(answer.todo), "where asking again is useless, somebody is told what to do")
    expect(escape(answer.todo) == answer.todo, "what people are told holds no control characters")
    for name, text in answer.papers.items():
        expect(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}", name) is not None, "a paper has a plain file name")
        expect(all(escape(line) == line for line in text.split("\n")), "a paper holds no control characters")
        expect("PRIVATE KEY" not in text, "no paper holds a private key")
        expect(not any(line.startswith("Bcc:") for line in text.split("\n")), "no name begins a line of its own")


def stored(ticket: dict[str, Json]) -> dict[str, Json]:
    """Return the ticket as it comes back from the store. Raises AssertionError for what can't be stored."""
    try:
        canonical(ticket)
        return dict(json.loads(json.dumps(ticket)))
    except (TypeError, ValueError) as error:
        raise AssertionError("a ticket is plain JSON") from error
