"""Be an authority that is an AD CS: submit once, keep the request's number, ask for it until it was decided."""

import re
from typing import TYPE_CHECKING, ClassVar

from engine.contracts import Answer, Authority, Issued, Office, Pending, Rejected, SigningRequest
from engine.errors import CertrenewError, Failed, NotSent, Refused, UsageError
from engine.model import Json
from engine.text import escape
from plugins.adcs import Options, wire
from plugins.adcs.client import Client

if TYPE_CHECKING:
    from plugins.adcs.wire import Page

SOON = 30
"""How long to wait before asking again for what was issued and could not be fetched, in seconds."""

NOTHING_KEPT = "Nothing was kept; the request stays at the CA as it is."


class AdCs(Authority):
    """Ask one AD CS through its web enrolment.

    A second submission would make a second request there, so nothing is repeated. A ticket holds host, CA name and
    number of a request, since a number means something at one CA only.
    """

    numbered: ClassVar[bool] = True

    def __init__(self, office: Office, options: Options) -> None:
        self._options = options
        self._client = Client(office, options)
        self._name, self._host = escape(office.name), self._client.host

    def submit(self, request: SigningRequest) -> Answer:
        """Hand the CSR over, once, and fetch what was issued at once.

        Raises NotSent when certainly nothing was sent; after any other Failed the request may be at the CA.
        """
        body = wire.form(_clean_pem(request.csr), self._options.template)
        answer = self._client.post(wire.SUBMIT, body)
        page = wire.submitted(answer)
        if page is None:
            raise Failed(
                f"{self._host} answered the request with a page that can't be told: {wire.told(answer)}.",
                untouched="Whether the CA has the request is not known.",
                todo="Look at the CA; `certrenew why` tells for what.",
            )
        if page.outcome == "denied":
            return Rejected(reason=_with_number(page))
        ticket: dict[str, Json] = {"host": self._host, "ca": page.ca, "request": page.number}
        return self._fetched_now(ticket) if page.outcome == "issued" else self._pending(ticket)

    def _fetched_now(self, ticket: dict[str, Json]) -> Answer:
        """Fetch what was just issued; where that fails keep the ticket, because its number is known now."""
        try:
            return self._fetched(_number(ticket))
        except CertrenewError as error:  # whatever it was, the number may not be lost
            todo = f"The CA issued it as request {ticket['request']}, but it could not be fetched: {error.what}"
            return Pending(ticket=ticket, poll_after=SOON, todo=f"{todo} It is asked for again by the next run.")

    def collect(self, ticket: dict[str, Json]) -> Answer:
        """Ask where a request stands, and fetch it with its chain once it was issued."""
        self._same_ca(str(ticket.get("host", "")), self._host, "web server")
        number = _number(ticket)
        answer = self._client.get(wire.certificate_path(number))
        if _certificates(answer):
            return self._fetched(number)
        page = wire.status(answer)
        if page is None:
            raise Failed(
                f"{self._host} does not say where request {number} stands: {wire.told(answer)}.",
                untouched=NOTHING_KEPT,
                todo="Look at the CA; what it issued can be handed in with `certrenew supply`.",
            )
        self._same_ca(str(ticket.get("ca", "")), page.ca, "CA")
        if page.outcome == "pending":
            return self._pending({**ticket, "ca": ticket.get("ca") or page.ca})
        if page.outcome == "denied":
            return Rejected(reason=f"request {number}: {page.reason}")
        raise Refused(
            f"{self._ca(ticket)} has no request {number}.",
            untouched="Nothing was kept.",
            todo="Look there for the right one; `certrenew supply` takes what it issued. `certrenew resubmit` submits "
            "the same CSR again, as another request.",
        )

    def cancel(self, ticket: dict[str, Json]) -> None:
        """Do nothing: web enrolment can't withdraw a request; a certificate manager denies it."""

    def trace(self, request: SigningRequest) -> str:
        """Say by what the request can be found in the CA's console."""
        who = escape(self._options.username, 80) or "the account of the Kerberos ticket"
        subject = escape(request.subject, 120) or "none"
        return (
            f"a request at {self._host} with template {self._options.template}, requester {who}, subject {subject}, "
            "under Issued Certificates, Pending Requests or Failed Requests"
        )

    def adopt(self, reference: str) -> dict[str, Json]:
        """Return the ticket of a request by its number, as the CA's console shows it (Request ID)."""
        if not re.fullmatch(r"[1-9][0-9]{0,9}", reference):
            raise UsageError(
                f"{escape(reference, 60)} is no request number of an AD CS.",
                untouched="Nothing was recorded.",
                todo="Give the Request ID that the CA's console shows, such as 89.",
            )
        return {"host": self._host, "ca": "", "request": int(reference)}

    def _pending(self, ticket: dict[str, Json]) -> Pending:
        number = ticket["request"]
        return Pending(
            ticket=ticket,
            poll_after=self._options.poll_after,
            todo=f"A certificate manager has to issue request {number} at {self._ca(ticket)}, under Pending "
            "Requests of the CA's console. The next `certrenew run` asks for it again.",
        )

    def _fetched(self, number: int) -> Issued:
        """Fetch a request's certificate with the chain of this request, which a re-keyed CA's own need not be."""
        content = self._client.get(wire.chain_path(number))
        if not _certificates(content):
            raise Failed(
                f"{self._host} issued request {number}, but does not give its chain: {wire.told(content)}.",
                untouched=NOTHING_KEPT,
                todo="Run the same command again, or download certificate and chain there and hand them in with "
                "`certrenew supply`.",
            )
        return Issued(content=content)

    def _ca(self, ticket: dict[str, Json]) -> str:
        name = escape(ticket.get("ca", ""), 80)
        return f"{name} ({self._host})" if name else self._host

    def _same_ca(self, asked: str, found: str, what: str) -> None:
        """Refuse to ask one CA for a number of another; what is not known is not compared."""
        if asked and found and asked != found:
            raise Refused(
                f"The request was submitted to the {what} {escape(asked, 80)}, and {self._name} is {escape(found, 80)} "
                "now: its number means another request there.",
                untouched=NOTHING_KEPT,
                todo=f"Correct `url` of {self._name}, or fetch the certificate at {escape(asked, 80)} and hand it in "
                "with `certrenew supply`.",
            )


def _number(ticket: dict[str, Json]) -> int:
    number = ticket.get("request")
    if type(number) is not int or number < 1:
        raise Refused(
            "The ticket of this request holds no request number.",
            untouched=NOTHING_KEPT,
            todo="Hand in what the CA issued with `certrenew supply`.",
        )
    return number


def _with_number(page: "Page") -> str:
    return f"request {page.number}: {page.reason}" if page.number else page.reason


def _certificates(content: bytes) -> bool:
    """Tell whether there are certificates in it, whatever its label or content type says."""
    from engine.certificates import NotACertificate, read_certificates

    try:
        return bool(read_certificates(content, "the answer"))
    except NotACertificate:
        return False


def _clean_pem(text: str) -> str:
    """Write the CSR anew from what it means, so that nothing but the CSR is sent. Raises NotSent."""
    from engine.certificates import NotACertificate, read_csr, to_pem

    try:
        return to_pem(read_csr(text.encode("utf-8", "replace"), "the request"))
    except NotACertificate as error:
        raise NotSent(
            f"What should be signed is no certificate signing request; it is {error.kind}.",
            untouched="Nothing was sent.",
            todo="Begin again from the box with: certrenew restage ID",
        ) from None
