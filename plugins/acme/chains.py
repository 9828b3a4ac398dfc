"""Choose among the chains that a CA offers for one certificate by what the boxes trust already. Pure."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from engine.certificates import build_chain, fingerprint, to_pem


def choose(
    chains: Sequence[Sequence[x509.Certificate]],
    roots: Sequence[x509.Certificate],
    trusted: Sequence[str],
    at: datetime,
) -> Sequence[x509.Certificate]:
    """Return the first chain that ends in a root which is trusted; else the first with a CA that is; else the first.

    Each chain begins with the leaf. `roots` are CA certificates that the site has of this authority, for a CA leaves
    the root out (RFC 8555 section 7.4.2); `trusted` are SHA-256 fingerprints.
    """
    known = frozenset(trusted)

    def rank(chain: Sequence[x509.Certificate]) -> tuple[bool, bool]:
        leaf, *above = chain
        pool = [*above, *roots]
        anchors = [one for one in pool if fingerprint(one) in known]
        built = build_chain(leaf, pool, anchors, at)
        return (not built.anchored, not any(one in anchors for one in above))

    return min(chains, key=rank)


def bundle(chain: Sequence[x509.Certificate]) -> bytes:
    """Write a chain as PEM, the leaf first."""
    return "".join(to_pem(one) for one in chain).encode()
