"""Find the leaf, the certificate that goes onto the box, among everything that a CA sent. Read-only."""

from collections import defaultdict
from collections.abc import Iterable

from cryptography import x509

from engine.certificates.chain import issued, unique
from engine.certificates.extensions import Item, Unreadable, extension
from engine.certificates.facts import eku, fingerprint, key_digest, public_key
from engine.certificates.naming import names, normal_dn


def find_leaf(
    certificates: Iterable[x509.Certificate], csr: x509.CertificateSigningRequest | None = None
) -> x509.Certificate | None:
    """Return the certificate with the CSR's key (the newest of several), else the only one that can be the leaf.

    None when there is none or more than one: `leaves` lists them.
    """
    given = unique(certificates)
    fitting = leaf_for(csr, given) if csr is not None else None
    if fitting is not None:
        return fitting
    found = leaves(given)
    return found[0] if len(found) == 1 else None


def leaf_for(csr: x509.CertificateSigningRequest, certificates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """Return the certificate with the CSR's key, the newest of several; None when no certificate has it."""
    fitting = [one for one in certificates if same_key(one, csr)]
    return max(fitting, key=lambda one: (one.not_valid_before_utc, fingerprint(one)), default=None)


def leaves(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return what remains as a possible leaf when those are taken away that issued another or are plain CAs.

    A CA certificate remains when it is alone, or when it carries what only a box needs (a name, a TLS usage): a CA
    that issued a CA certificate by mistake must be found out, not overlooked.
    """
    given = unique(certificates)
    if len(given) == 1:
        return given
    below = defaultdict(list)
    for one in given:
        below[normal_dn(one.issuer)].append(one)
    ends = [
        one for one in given if not any(issued(one, other) for other in below[normal_dn(one.subject)] if other != one)
    ]
    people = [one for one in ends if not is_ca(one)]
    return people or [one for one in ends if names(one) or {"serverAuth", "clientAuth"} & set(eku(one))]


def is_ca(certificate: x509.Certificate) -> bool | None:
    """Tell whether basic constraints say CA:TRUE (RFC 5280 section 4.2.1.9); None when they can't be read."""
    try:
        found = extension(certificate, x509.BasicConstraints)
    except Unreadable:
        return None
    return bool(found and found.ca)


def same_key(a: Item, b: Item) -> bool:
    """Tell whether two certificates or CSRs hold the same public key, however it is encoded."""
    ours, theirs = public_key(a), public_key(b)
    return ours is not None and theirs is not None and key_digest(ours) == key_digest(theirs)
