"""Be an authority that speaks EST (RFC 7030).

EST has no numbers for requests: whoever waits sends the same request again, and the server recognises it (section
4.2.3). So a ticket holds the CSR, and when it may be sent again.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from engine.contracts import Answer, Authority, Issued, Office, Pending, Rejected, SigningRequest
from engine.errors import Failed, LoginRefused, NotSent, Refused, UsageError
from engine.https import Response
from engine.model import Json
from engine.text import escape, moment, stamp
from plugins.est import Options, wire
from plugins.est.client import ASK, UNKNOWN, Client

if TYPE_CHECKING:
    from cryptography import x509


class Est(Authority):
    """Enrol by ``simpleenroll``.

    Not repeatable: a server has to recognise a request that it still holds, but nothing in RFC 7030 keeps it from
    issuing a second certificate for one that it has answered.
    """

    repeatable: ClassVar[bool] = False

    def __init__(self, office: Office, options: Options) -> None:
        self._office, self._client = office, Client(office, options)

    def submit(self, request: SigningRequest) -> Answer:
        """Send the CSR, after the CA certificates were fetched; where that fails, certainly nothing was submitted."""
        try:
            csr, chain = self._prepared(request)
            answer = self._client.enrol(wire.request_body(csr))
        except UsageError as error:  # a password or key that can't be had, so that the request was not taken
            raise Refused(error.what, untouched="Nothing was submitted.", todo=error.todo) from None
        return self._judged(answer, csr, chain)

    def _prepared(self, request: SigningRequest) -> "tuple[str, list[x509.Certificate]]":
        """Return what is sent and the chain for the answer; every failure here says that nothing was sent."""
        try:
            return wire.clean_csr(request.csr), self._client.chain()
        except LoginRefused:
            raise
        except Failed as error:
            raise NotSent(error.what, untouched="Nothing was submitted.", todo=error.todo) from None

    def collect(self, ticket: dict[str, Json]) -> Answer:
        """Send the same CSR again, not before the moment that the server named; until then contact nobody."""
        csr, earliest = self._of(ticket)
        left = (earliest - self._office.now()).total_seconds()
        if left > 0:
            return Pending(ticket=ticket, poll_after=int(left) + 1, todo=self._todo(ticket))
        chain = self._client.chain()
        return self._judged(self._client.enrol(wire.request_body(csr)), csr, chain)

    def cancel(self, ticket: dict[str, Json]) -> None:
        """Do nothing: EST has no way to withdraw a request; the PKI team must be told by a person."""

    def cautions(self, request: SigningRequest) -> list[str]:
        """Say which attributes the CA wants (``csrattrs``, section 4.5.2) that the CSR lacks."""
        from engine.certificates import read_csr
        from plugins.est import attributes

        answer = self._client.attributes()
        if answer.status != 200 or not answer.body.strip():  # 204 or 404: there are none; others don't matter yet
            return []
        try:
            wanted = attributes.read(answer.body)
            return attributes.lacking(wanted, read_csr(request.csr.encode(), "the request"))
        except ValueError as error:
            return [f"What the CA wants in a CSR (csrattrs) can't be read: {escape(error, 100)}."]

    def trace(self, request: SigningRequest) -> str:
        """Name key and subject, and say that a request which is still pending there may be sent again."""
        from engine.certificates import key_digest, read_csr

        key = key_digest(read_csr(request.csr.encode(), "the request").public_key())
        return (
            f"the public key with SHA-256 {key[:16]}…, subject '{escape(request.subject, 80)}'. EST has no request "
            "numbers: if it is pending there, use --not-there as well, because sending the same CSR again is how EST "
            "asks for the outcome"
        )

    def adopt(self, reference: str) -> dict[str, Json]:
        """Raise UsageError: requests have no number in EST."""
        raise UsageError(
            "EST has no request numbers.",
            untouched="Nothing was recorded.",
            todo="If the request is pending at the CA, let it be sent again with --not-there: EST asks for the outcome "
            "so. If the certificate was issued, hand it in with `certrenew supply`.",
        )

    def _judged(self, answer: Response, csr: str, chain: "list[x509.Certificate]") -> Answer:
        if answer.status == 200:
            return self._issued(answer, chain)
        if answer.status == 202:
            return self._pending(answer, csr)
        if 400 <= answer.status < 500 and answer.status != 408:
            return Rejected(reason=wire.words(answer))
        raise Failed(
            f"{self._client.name} did not say what became of the request: {wire.words(answer)}.",
            untouched=UNKNOWN,
            todo=ASK,
        )

    def _issued(self, answer: Response, chain: "list[x509.Certificate]") -> Answer:
        try:
            issued = wire.certificates(answer.body, self._client.name)
        except Failed as error:
            error.untouched, error.todo = UNKNOWN, ASK
            raise
        return Issued(content=wire.bundle(issued, chain))

    def _pending(self, answer: Response, csr: str) -> Pending:
        """Note when the same CSR may be sent again, rounded up to a second."""
        wait = self._client.pause(answer)
        earliest = stamp(self._office.now() + timedelta(seconds=wait, microseconds=999_999))
        ticket: dict[str, Json] = {"csr": csr, "not_before": earliest, "said": wire.said(answer)}
        return Pending(ticket=ticket, poll_after=wait, todo=self._todo(ticket))

    def _todo(self, ticket: dict[str, Json]) -> str:
        said = escape(ticket.get("said", ""), wire.SHOWN)
        words = f" It says: '{said}'" if said else ""
        return (
            f"The PKI team may have to approve it; it can be asked from {escape(ticket['not_before'], 30)} on.{words}"
        )

    def _of(self, ticket: dict[str, Json]) -> tuple[str, datetime]:
        try:
            return wire.clean_csr(str(ticket["csr"])), moment(str(ticket["not_before"]))
        except (KeyError, ValueError) as error:
            raise Failed(
                "What was noted of the request can't be read.",
                untouched="Nothing was sent.",
                todo="Submit it again: certrenew resubmit ID",
            ) from error
