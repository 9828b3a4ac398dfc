"""Be an authority that is asked by ACME, one look at a time, from a ticket that any process can take up."""

from collections.abc import Sequence
from typing import ClassVar

from cryptography import x509

from engine.certificates import to_pem
from engine.contracts import Answer, Authority, Office, SigningRequest, Suggestion
from engine.errors import Failed, UsageError
from engine.model import Json
from engine.text import escape
from plugins.acme import Options, foreseen, proofs, wire
from plugins.acme.ca import Ca
from plugins.acme.key import AccountKey, account_key
from plugins.acme.order import Progress
from plugins.acme.ticket import Ticket, read


class Acme(Authority):
    """Have one CA sign by ACME.

    A second `submit` is harmless: an order issues nothing. Only handing over the CSR does, which `collect` does, for an
    order that is stored. An order that was lost ends by itself.
    """

    repeatable: ClassVar[bool] = True
    chooses_chain: ClassVar[bool] = True

    def __init__(self, office: Office, options: Options) -> None:
        self._office, self._options = office, options
        name = escape(office.name)
        if not options.directory.startswith("https://"):
            raise UsageError(f"`directory` of {name} is no https:// address.", todo="Correct it in the site file.")
        if bool(options.eab_kid) != bool(options.eab_key):
            raise UsageError(f"`eab_kid` and `eab_key` of {name} go together.", todo="Give both or none.")

    def submit(self, request: SigningRequest) -> Answer:
        """Order, and plan what will be published. Only the order is made; nothing is published yet."""
        csr, options = wire.csr(request.csr), self._options
        proofs.publisher(options.challenge, self._office, options)  # a setting that lacks is told now
        ticket = Ticket(
            renewal=request.renewal,
            directory=options.directory,
            csr=to_pem(csr),
            names=wire.identifiers(csr, options.challenge),
            trusted=sorted(request.trusted),
            replaces=wire.replaced(request.current),
        )
        return self._go_on(ticket)

    def collect(self, ticket: dict[str, Json]) -> Answer:
        """Do what the order needs next."""
        found = read(ticket)
        if found.directory != self._options.directory:
            raise UsageError(
                f"The order was placed at {escape(found.directory, 200)}, and the site now names another directory.",
                untouched="Nothing was sent.",
                todo="Set `directory` back, or order anew: certrenew resubmit ID",
            )
        return self._go_on(found)

    def cancel(self, ticket: dict[str, Json]) -> None:
        """Take away what was published. The order ends by itself: ACME knows no way to withdraw one."""
        if left := proofs.clear(read(ticket).proofs, self._office, self._options):
            raise Failed(
                f"{'; '.join(left)}.", untouched="It stays published.", todo="Take it away by hand; it harms nothing."
            )

    def cautions(self, request: SigningRequest) -> Sequence[str]:
        """Ask the directory; say what the certificate will lack. Raises Refused for what can't be ordered."""
        wire.identifiers(wire.csr(request.csr), self._options.challenge)
        with self._ca() as ca:
            foreseen.acceptable(ca.meta, ca.profiles, self._options)
            return list(foreseen.cautions(request.needed, self._options, ca.profiles, self._office.now()))

    def suggested(self, certificate: x509.Certificate) -> Suggestion | None:
        """Return the window of RFC 9773; None for a CA without renewal information, or that does not know this one."""
        name = wire.certificate_id(certificate)
        if not name or certificate.not_valid_after_utc <= self._office.now():  # section 4.3: don't ask any more
            return None
        with self._ca() as ca:
            found = ca.suggested(name) if ca.renewal_info else None
        return None if found is None else wire.window(found)

    def _go_on(self, ticket: Ticket) -> Answer:
        with self._ca(account_key(self._office, self._options)) as ca:
            return Progress(ca, self._office, self._options).go_on(ticket)

    def _ca(self, key: AccountKey | None = None) -> Ca:
        return Ca(self._options.directory, self._options.ca, self._office.now(), key)
