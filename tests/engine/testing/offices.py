"""Authorities in memory: one that keeps every rule, and ways to break one rule each."""

from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from engine.certificates import key_digest
from engine.contracts import Answer, Authority, Issued, Pending, Rejected, SigningRequest
from engine.errors import Failed, NotSent, Unreachable
from engine.https import HttpsClient
from engine.model import Json
from engine.net import TlsTrust
from engine.testing.pki import Issuer, dns_names
from engine.testing.relay import Relay, Reply, Sent, Upstream
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


# ---- at once, or never ---------------------------------------------------------------------------------------------


class AtOnce(Office):
    """Issue at once, without a chain."""

    def submit(self, request: SigningRequest) -> Answer:
        return self.collect({"csr": request.csr})


class IssuesLater(AtOnce):
    def submit(self, request: SigningRequest) -> Answer:
        return Pending(ticket={"csr": request.csr}, poll_after=60)


class WantsAChain(AtOnce):
    def submit(self, request: SigningRequest) -> Answer:
        raise Failed("The authority sent no chain.")


class Refuser(Office):
    """Say no at the second look."""

    def collect(self, ticket: dict[str, Json]) -> Answer:
        return Rejected(reason="No such name is ours.")


class RaisesItsNo(Refuser):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        raise Failed("The authority said no.")


class SaysNoWithoutReason(Refuser):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        return Rejected(reason=" ")


# ---- a desk where requests lie -------------------------------------------------------------------------------------


class Desk(Office):
    """Keep requests as files in a folder, until the file `approved` is there."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)

    def submit(self, request: SigningRequest) -> Answer:
        number = str(len(list(self.folder.iterdir())))
        (self.folder / f"{number}.csr").write_text(request.csr)
        return Pending(ticket={"number": number}, poll_after=60)

    def collect(self, ticket: dict[str, Json]) -> Answer:
        number = ticket.get("number")
        if number not in [path.stem for path in self.folder.glob("*.csr")]:
            raise Failed("The authority does not know this request.")
        if not (self.folder / "approved").exists():
            return Pending(ticket=ticket, poll_after=60)
        return super().collect({"csr": (self.folder / f"{number}.csr").read_text()})

    def cancel(self, ticket: dict[str, Json]) -> None:
        (self.folder / f"{ticket['number']}.csr").unlink(missing_ok=True)


class LosesPatience(Desk):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        (self.folder / f"poll-{len(list(self.folder.iterdir()))}").touch()
        return (
            Rejected(reason="It takes too long.") if len(list(self.folder.iterdir())) > 5 else super().collect(ticket)
        )


class KnowsOnlyItsOwn(Desk):
    numbers: ClassVar[set[str]] = set()

    def submit(self, request: SigningRequest) -> Answer:
        answer = super().submit(request)
        assert isinstance(answer, Pending)
        self.numbers.add(answer.ticket["number"])
        return answer

    def collect(self, ticket: dict[str, Json]) -> Answer:
        if ticket["number"] not in self.numbers:
            raise Failed("This process did not submit it.")
        return super().collect(ticket)


class WithdrawsNothing(Desk):
    def cancel(self, ticket: dict[str, Json]) -> None:
        pass


class WaitsForEver(Desk):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        try:
            return super().collect(ticket)
        except Failed:
            return Pending(ticket=ticket, poll_after=60)


class TrustsTickets(Desk):
    def collect(self, ticket: dict[str, Json]) -> Answer:
        assert ticket["number"].isdigit()
        return super().collect(ticket)


# ---- a desk that is reached by HTTPS -------------------------------------------------------------------------------


class WebCA(Relay):
    """Be an authority on a real socket: it signs each CSR that it is sent."""

    def __init__(self) -> None:
        super().__init__(lambda sent: True)

    def upstream(self) -> Upstream:
        return Upstream(self.address, str(self.ca))  # never opened

    def answer(self, sent: Sent, upstream: Upstream) -> Reply | None:
        self.submissions.append(sent)
        leaf = ISSUER.sign(x509.load_pem_x509_csr(sent.body))
        return Reply(200, [("Content-Type", "application/pkix-cert")], leaf.public_bytes(Encoding.PEM))


class Web(Office):
    """Keep every rule over HTTPS: one request, one certificate."""

    repeatable = False

    def __init__(self, address: str, ca: Path) -> None:
        super().__init__()
        self._client = HttpsClient(address, TlsTrust("127.0.0.1", ca=str(ca)))

    def submit(self, request: SigningRequest) -> Answer:
        answer = self._client.request("POST", "/sign", body=request.csr.encode())
        if answer.status != 200 or not answer.body.startswith(b"-----BEGIN CERTIFICATE"):
            raise Failed("The authority's answer can't be read.")
        return Issued(content=answer.body)


class AsksForTheRightKey(Web):
    def submit(self, request: SigningRequest) -> Answer:
        answer = super().submit(request)
        assert isinstance(answer, Issued)
        leaf, csr = x509.load_pem_x509_certificate(answer.content), x509.load_pem_x509_csr(request.csr.encode())
        same = key_digest(leaf.public_key()) == key_digest(csr.public_key())
        return answer if same else super().submit(request)


class TakesOtherNamesForNo(Web):
    def submit(self, request: SigningRequest) -> Answer:
        answer = super().submit(request)
        assert isinstance(answer, Issued)
        names = dns_names(x509.load_pem_x509_certificate(answer.content))
        return answer if {f"DNS:{name}" for name in names} == {*request.names} else Rejected(reason="Other names.")


class SaysUnreachable(Web):
    def submit(self, request: SigningRequest) -> Answer:
        try:
            return super().submit(request)
        except NotSent:
            raise Unreachable("There is no answer.") from None


class TakesGarbageForNo(Web):
    def submit(self, request: SigningRequest) -> Answer:
        try:
            return super().submit(request)
        except Unreachable:
            raise
        except Failed:
            return Rejected(reason="It gave no certificate.")


class ReadsBlindly(Web):
    def submit(self, request: SigningRequest) -> Answer:
        answer = self._client.request("POST", "/sign", body=request.csr.encode())
        x509.load_pem_x509_certificate(answer.body)
        return Issued(content=answer.body)


class SaysNotSent(Web):
    def submit(self, request: SigningRequest) -> Answer:
        try:
            return super().submit(request)
        except Unreachable:
            raise NotSent("There is no answer.") from None


class SendsTwice(Web):
    def submit(self, request: SigningRequest) -> Answer:
        try:
            return super().submit(request)
        except NotSent:
            raise
        except Unreachable:
            return super().submit(request)


class LeavesNoTrace(Web):
    def trace(self, request: SigningRequest) -> str:
        return ""


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

BROKEN_SITUATIONS: dict[type[Office], str] = {
    IssuesLater: "test_issued_at_once",
    WantsAChain: "test_a_missing_chain_is_the_engines_to_refuse",
    RaisesItsNo: "test_a_rejection_is_an_answer",
    SaysNoWithoutReason: "test_a_rejection_is_an_answer",
    LosesPatience: "test_pending_lasts_over_many_polls",
    KnowsOnlyItsOwn: "test_a_ticket_serves_another_process",
    WithdrawsNothing: "test_what_was_withdrawn_is_over",
    WaitsForEver: "test_a_lost_ticket_is_told",
    TrustsTickets: "test_a_lost_ticket_is_told",
    AsksForTheRightKey: "test_a_certificate_for_another_key_is_refused",
    TakesOtherNamesForNo: "test_a_certificate_of_another_request_is_refused",
    SaysUnreachable: "test_an_authority_that_is_down_got_nothing",
    TakesGarbageForNo: "test_garbage_is_no_answer",
    ReadsBlindly: "test_garbage_is_no_answer",
    SaysNotSent: "test_a_request_that_was_read_may_have_arrived",
    SendsTwice: "test_a_crash_between_send_and_ticket",
    LeavesNoTrace: "test_a_crash_between_send_and_ticket",
}
"""Likewise, in a situation that the authority's test provides."""
