"""Be an authority that is a team of people: it writes papers, and always answers that it takes longer."""

from typing import ClassVar

from engine.contracts import Answer, Authority, Pending, SigningRequest
from engine.errors import Failed
from engine.model import Json
from engine.text import escape
from plugins.manual import Options
from plugins.manual.letter import file_name, letter


class Manual(Authority):
    """Wait for a person to bring the certificate. A second `submit` writes the same papers again."""

    repeatable: ClassVar[bool] = True

    def __init__(self, options: Options) -> None:
        self._options = options

    def submit(self, request: SigningRequest) -> Answer:
        """Return the CSR and the letter as papers. Raises Failed when the CSR can't be read; sends nothing."""
        csr = _clean_pem(request.csr)
        name = file_name(request.certificate)
        papers = {f"{name}.csr": csr, f"{name}-request.txt": letter(request, self._options, csr)}
        ticket: dict[str, Json] = {"renewal": request.renewal, "csr": f"{name}.csr"}
        return Pending(ticket=ticket, papers=papers, todo=self._todo(ticket))

    def collect(self, ticket: dict[str, Json]) -> Answer:
        """Answer the same again, without the papers, which are written: only a person can bring the certificate."""
        return Pending(ticket=ticket, todo=self._todo(ticket))

    def cancel(self, ticket: dict[str, Json]) -> None:
        """Do nothing: whoever has the letter must be told by a person."""

    def _todo(self, ticket: dict[str, Json]) -> str:
        whom = escape(self._options.contact, 200) or "your PKI team"
        csr = escape(ticket.get("csr", "the CSR"), 120)
        return (
            f"Send {csr.removesuffix('.csr')}-request.txt with {csr} to {whom}. When their files came: "
            f"certrenew supply {escape(ticket.get('renewal', 'ID'), 120)} FILE..."
        )


def _clean_pem(text: str) -> str:
    """Write the CSR anew from what it means, so that nothing but the CSR gets into the papers. Raises Failed."""
    from engine.certificates import NotACertificate, read_csr, to_pem

    try:
        return to_pem(read_csr(text.encode("utf-8", "replace"), "the request"))
    except NotACertificate as error:
        raise Failed(
            f"What should be signed is no certificate signing request; it is {error.kind}.",
            untouched="No paper was written.",
            todo="Begin again from the box with: certrenew restage ID",
        ) from None
