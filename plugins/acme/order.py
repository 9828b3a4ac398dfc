"""Carry an order through ACME, as far as it goes now.

    newOrder -> authorizations -> publish -> answer -> finalize -> processing -> valid -> certificate

What will be published stands in the ticket before it is published, so that it can be taken away whatever happens.
"""

from contextlib import suppress
from dataclasses import dataclass

from acme import challenges, messages
from msgspec.structs import replace

from engine.contracts import Answer, Issued, Office, Pending, Rejected
from engine.errors import CertrenewError, Failed, Refused
from engine.text import escape, moment, stamp
from plugins.acme import Options, foreseen, proofs, wire
from plugins.acme.ca import Ca, Problem
from plugins.acme.chains import bundle, choose
from plugins.acme.key import binding
from plugins.acme.ticket import Proof, Ticket

ORDER, ASK = "The order was left as it is.", "Ask the CA; or submit again with: certrenew resubmit ID"

SOON = 2
"""After how many seconds to go on where only the next look is needed."""
SHOWN = 20
"""How often to look whether name servers show a record, in seconds."""
LIMITED = 20
"""How many rate limits in a row are waited for."""
LEFT = 3
"""How often taking away what was published is tried again before a certificate that is there."""


@dataclass(frozen=True)
class Progress:
    """Go on with one order in one conversation."""

    ca: Ca
    office: Office
    options: Options

    def go_on(self, ticket: Ticket) -> Answer:
        """Do what is possible now; what the CA objects to ends the order, or puts it off."""
        if ticket.account:
            self.ca.as_account(ticket.account)
        try:
            return self._next(ticket)
        except Problem as problem:
            return self._objected(ticket, problem)

    def _next(self, ticket: Ticket) -> Answer:
        if not ticket.order:
            return self._order(ticket)
        order = self.ca.order(ticket.order)
        status = wire.status(order)
        if status in ("pending", "ready") and self._late(ticket):
            return self._over(ticket, f"the order ended unfinished at {escape(ticket.expires)}")
        match status:
            case "pending":
                return self._prove(ticket, order)
            case "ready":
                return self._finalize(ticket, order)
            case "processing" | "valid":
                return self._fetch(ticket, order)
            case "invalid":
                return self._over(ticket, self._why(order))
        raise Failed(
            f"The CA's order is in a state that is not known: {escape(status, 40)}.", untouched=ORDER, todo=ASK
        )

    # ---- ordering ----------------------------------------------------------------------------------------------------

    def _order(self, ticket: Ticket) -> Answer:
        foreseen.acceptable(self.ca.meta, self.ca.profiles, self.options)
        bound = binding(self.office, self.options)
        account = self.ca.register(self.options.contact, self.options.terms_agreed, bound)
        self.ca.as_account(account)
        url, order, replaces = self._ordered(ticket)
        expires = stamp(order.expires) if order.expires else ""
        ticket = replace(ticket, account=account, order=url, expires=expires, replaces=replaces)
        with suppress(CertrenewError):  # the order is there and must be stored; the next look says what is wrong
            ticket = self._planned(ticket, order)[0]
        return self._pending(ticket, SOON, "The order is placed.")

    def _ordered(self, ticket: Ticket) -> tuple[str, messages.Order, str]:
        """Order, naming the certificate that is replaced where the CA wants to know and takes it."""
        profile = self.options.profile
        if ticket.replaces and self.ca.renewal_info:
            try:
                said = wire.order(ticket.names, profile=profile, replaces=ticket.replaces)
                return (*self.ca.new_order(said), ticket.replaces)
            except Problem as problem:  # replaced already, or another CA's: RFC 9773 section 5
                if not problem.final:
                    raise
        return (*self.ca.new_order(wire.order(ticket.names, profile=profile, replaces="")), "")

    # ---- proving -----------------------------------------------------------------------------------------------------

    def _planned(self, ticket: Ticket, order: messages.Order) -> tuple[Ticket, list[messages.Authorization]]:
        """Read the authorizations, and put what they need into the ticket."""
        found = [self.ca.authorization(url) for url in order.authorizations or ()]
        known = {proof.url for proof in ticket.proofs}
        wanted = [self._proof(ticket, one) for one in found if wire.status(one) == "pending"]
        new = [proof for proof in wanted if proof.url not in known]
        return replace(ticket, proofs=[*ticket.proofs, *new]), found

    def _proof(self, ticket: Ticket, authorization: messages.Authorization) -> Proof:
        """Say what proves one name. Raises Failed for a name that was not ordered: nothing is published for that."""
        name, kind = wire.name_of(authorization), self.options.challenge
        if name not in ticket.names:
            what = f"The CA asks for proof of {escape(name, 100)}, which was not ordered."
            raise Failed(what, untouched=ORDER, todo=ASK)
        for offered in authorization.challenges or ():
            match offered.chall:
                case challenges.DNS01() as dns if kind == "dns-01":
                    place = dns.validation_domain_name(authorization.identifier.value.lower())
                    return Proof(kind=kind, place=place, value=dns.validation(self.ca.key), url=offered.uri)
                case challenges.HTTP01() as http if kind == "http-01":
                    place = http.encode("token")  # Base64url, so it is a plain file name
                    return Proof(kind=kind, place=place, value=http.validation(self.ca.key), url=offered.uri)
        offers = ", ".join(escape(one.chall.to_json().get("type"), 20) for one in authorization.challenges or ())
        raise Refused(
            f"The CA takes no {kind} for {escape(name.partition(':')[2], 100)}; it offers: {offers or 'none'}.",
            untouched="Nothing was published for it.",
            todo="Set `challenge` to what it offers in the authority's options, then: certrenew resubmit ID",
        )

    def _prove(self, ticket: Ticket, order: messages.Order) -> Answer:
        planned, authorizations = self._planned(ticket, order)
        if planned.proofs != ticket.proofs:
            return self._pending(planned, SOON, "What proves the names is known and will be published.")
        still = {one.uri for each in authorizations if wire.status(each) == "pending" for one in each.challenges or ()}
        unanswered = [proof for proof in ticket.proofs if proof.url in still and not proof.answered]
        if not unanswered:
            return self._pending(ticket, self.ca.put_off(SOON), "The CA is looking for what was published.")
        lacking = [self._lacking(proof) for proof in unanswered]
        if any(lacking):
            return self._pending(ticket, SHOWN, " ".join(text for text in lacking if text))
        for proof in unanswered:
            self._answer(proof)
        done = [replace(proof, answered=True) for proof in ticket.proofs]
        return self._pending(replace(ticket, proofs=done), SOON, "What proves the names is published, and the CA told.")

    def _lacking(self, proof: Proof) -> str:
        """Publish, and say who does not show it yet."""
        by = proofs.publisher(proof.kind, self.office, self.options)
        by.publish(proof)
        servers = ", ".join(escape(one, 60) for one in by.missing(proof))
        return f"{escape(proofs.describe(proof), 200)} is not shown yet by {servers}." if servers else ""

    def _answer(self, proof: Proof) -> None:
        """Tell the CA. One that was told before a crash says that it was (RFC 8555 section 7.5.1)."""
        try:
            self.ca.answer(proof.url)
        except Problem as problem:
            if problem.code != "malformed":
                raise

    # ---- issuing -----------------------------------------------------------------------------------------------------

    def _finalize(self, ticket: Ticket, order: messages.Order) -> Answer:
        self._clear(ticket)  # tried once more at the end
        ticket = replace(ticket, finalized=ticket.finalized or stamp(self.office.now()))
        try:
            return self._fetch(ticket, self.ca.finalize(str(order.finalize), wire.csr(ticket.csr)))
        except Problem as problem:
            if problem.code != "orderNotReady":
                return self._objected(ticket, problem)
            return self._pending(ticket, self.ca.put_off(SOON), "The CA is not ready for the CSR yet.")

    def _fetch(self, ticket: Ticket, order: messages.Order) -> Answer:
        now = self.office.now()
        since = ticket.finalized or stamp(now)
        ticket = replace(ticket, finalized=since)
        if not order.certificate:
            wait = self.ca.put_off(wire.patience(moment(since), now))
            return self._pending(ticket, wait, f"The CA has the CSR since {since} and has not issued yet.")
        chain = choose(list(self.ca.chains(order.certificate)), self.office.roots(), ticket.trusted, now)
        left = self._clear(ticket)
        if left and ticket.left < LEFT:
            return self._pending(replace(ticket, left=ticket.left + 1), SHOWN, f"It is issued, but {'; '.join(left)}.")
        return Issued(content=bundle(chain))

    # ---- the ends ----------------------------------------------------------------------------------------------------

    def _pending(self, ticket: Ticket, wait: int, told: str) -> Pending:
        return _later(replace(ticket, limited=0), wait, told)

    def _objected(self, ticket: Ticket, problem: Problem) -> Answer:
        """Wait where the CA asks for it, end where it says no. Raises the problem for anything else."""
        if problem.retry_after and ticket.limited < LIMITED:
            ticket = replace(ticket, limited=ticket.limited + 1)
            return _later(ticket, problem.retry_after, f"The CA put the request off: {problem.said}.")
        if problem.retry_after or problem.final:
            return self._over(ticket, problem.said)
        raise problem

    def _over(self, ticket: Ticket, why: str) -> Rejected:
        return Rejected(reason="; ".join([why, *self._clear(ticket)]))

    def _why(self, order: messages.Order) -> str:
        """Say why an order failed: in its own words and those of its challenges (RFC 8555 sections 7.1.3 and 8)."""
        failed: list[str] = []
        with suppress(CertrenewError):  # they may be gone
            failed = sorted(wire.failures([self.ca.authorization(url) for url in order.authorizations or ()]))
        whole = wire.words(order.error) if order.error else ""
        said = failed if any(whole in one for one in failed) else [whole, *failed]
        return "; ".join(one for one in said if one) or "the order failed, and the CA does not say why"

    def _clear(self, ticket: Ticket) -> list[str]:
        return proofs.clear(ticket.proofs, self.office, self.options)

    def _late(self, ticket: Ticket) -> bool:
        return bool(ticket.expires) and moment(ticket.expires) <= self.office.now()


def _later(ticket: Ticket, wait: int, told: str) -> Pending:
    todo = f"{told} Go on in {_span(wait)}: certrenew run {escape(ticket.renewal, 120)} --wait"
    return Pending(ticket=ticket.plain(), poll_after=wait, todo=todo)


def _span(seconds: int) -> str:
    """Say a time to wait in the unit that suits it, never too short."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{-(-seconds // unit)} {name}"
    return f"{seconds} s"
