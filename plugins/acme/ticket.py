"""Hold what is stored between two looks at an order: plain JSON without a secret."""

from typing import Literal

import msgspec

from engine.errors import Failed
from engine.model import Json, Value


class Proof(Value, frozen=True, kw_only=True):
    """Be one thing to publish for one challenge, or already published, so that it can be removed whatever happens.

    `place` is a DNS name or a file name; `value` is public: a digest, or token and thumbprint of the account's key.
    `url` is the challenge to answer.
    """

    kind: Literal["dns-01", "http-01"]
    place: str
    value: str
    url: str
    answered: bool = False


class Ticket(Value, frozen=True, kw_only=True):
    """Be an order on its way, for one `renewal`. `order` is empty until the CA has taken it.

    `names` are identifiers such as ``dns:box.example``; `trusted` the fingerprints of the CA certificates that every
    box trusts; `replaces` the certificate that this one replaces (RFC 9773 section 4.1). `finalized` is when the CSR
    was handed over. `limited` counts rate limits in a row, `left` how often removing what was published failed.
    """

    renewal: str
    directory: str
    csr: str
    names: list[str]
    trusted: list[str] = []
    replaces: str = ""
    account: str = ""
    order: str = ""
    expires: str = ""
    proofs: list[Proof] = []
    finalized: str = ""
    limited: int = 0
    left: int = 0


def read(stored: dict[str, Json]) -> Ticket:
    """Return what was stored. Raises Failed when it is something else."""
    try:
        return msgspec.convert(stored, Ticket)
    except msgspec.ValidationError:
        raise Failed(
            "The stored ticket of this request is none of an ACME order.",
            untouched="Nothing was sent.",
            todo="Was the authority's plugin changed in the site? Set it back, or order anew: certrenew resubmit ID",
        ) from None
