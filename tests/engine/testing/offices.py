"""Authorities in memory: one that keeps every rule, and ways to break one rule each."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from engine.contracts import Answer, Authority, Issued, Pending, SigningRequest
from engine.errors import Failed
from engine.model import Json
from engine.testing.pki import Issuer
from tests.engine.testing.boxes import ISSUER, OLD


class Office(Authority):
    """Keep every rule: issue on the second look, from a ticket that survives being stored."""

    repeatable = True

    def __init__(self) -> None:
        self._issuer: Issuer = ISSUER

    def submit(self, request: SigningRequest) -> Answer:
        return Pending(ticket={"csr": request.csr}, poll_after=60)

    def collect(self, ticket: dict[str, Json]) -> Answer:
        leaf = self._issuer.sign(x509.load_pem_x509_csr(ticket["csr"].encode()))
        return Issued(content=leaf.public_bytes(Encoding.PEM))

    def cancel(self, ticket: dict[str, Json]) -> None:
        pass


class IssuesForAnotherKey(Office):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        return Issued(content=OLD.public_bytes(Encoding.PEM))


class TicketHoldsAnObject(Office):
    def submit(self, request: SigningRequest) -> Answer:
        return Pending(ticket={"csr": object()}, poll_after=60)


class TicketLivesInMemory(Office):
    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, str] = {}

    def submit(self, request: SigningRequest) -> Answer:
        self._kept["1"] = request.csr
        return Pending(ticket={"number": "1"}, poll_after=60)

    def collect(self, ticket: dict[str, Json]) -> Answer:
        return super().collect({"csr": self._kept[ticket["number"]]})


class TellsNobody(Office):
    def submit(self, request: SigningRequest) -> Answer:
        return Pending(ticket={"csr": request.csr})


class ChangesItsMind(Office):
    def submit(self, request: SigningRequest) -> Answer:
        if type(self) in _SEEN:
            raise Failed("It has this request.")
        _SEEN.add(type(self))
        return super().submit(request)


_SEEN: set[type] = set()


class TrustsNames(Office):
    def submit(self, request: SigningRequest) -> Answer:
        return Pending(ticket={"csr": request.csr}, poll_after=60, papers={f"{request.certificate}.csr": request.csr})


class TrustsText(Office):
    def submit(self, request: SigningRequest) -> Answer:
        paper = f"Please sign {request.subject}"
        return Pending(ticket={"csr": request.csr}, poll_after=60, papers={"request.txt": paper})


class CannotCancelTwice(Office):
    def cancel(self, ticket: dict[str, Json]) -> None:
        if "cancelled" in _SEEN_TICKETS:
            raise Failed("It is gone.")
        _SEEN_TICKETS.add("cancelled")


_SEEN_TICKETS: set[str] = set()

BROKEN_AUTHORITIES: dict[type[Office], str] = {
    IssuesForAnotherKey: "test_a_ticket_can_be_used_after_it_was_stored",
    TicketHoldsAnObject: "test_a_request_is_answered",
    TicketLivesInMemory: "test_a_ticket_can_be_used_after_it_was_stored",
    TellsNobody: "test_a_request_is_answered",
    ChangesItsMind: "test_a_repeatable_submission_does_no_harm",
    TrustsNames: "test_hostile_text_stays_harmless",
    TrustsText: "test_hostile_text_stays_harmless",
    CannotCancelTwice: "test_cancelling_twice_is_cancelling_once",
}
"""Ways to break one rule, each with the method that must find it."""
