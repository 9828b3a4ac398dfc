"""Find the chain from a leaf to a self-signed root among given certificates, with every signature verified.

Issuers are found as RFC 5280 sections 4.1.2.4 and 7.1 ask: by name, prepared for comparison, and by signature. Key
identifiers (section 4.2.1.1) only say where to look first, for they are copied, left out and computed in several ways.
Nothing is fetched. Read-only.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from engine.certificates import path
from engine.certificates.facts import authority_key_identifier, fingerprint, label, subject_key_identifier
from engine.certificates.naming import normal_dn
from engine.certificates.signatures import signed_by
from engine.text import escape

MAX_DEPTH = 12
"""How many CA certificates a path may have; real ones have one to four."""
MAX_PATHS = 128
"""How many alternatives are looked at: cross-signed meshes could have endlessly many."""

_ADVICE = "Give it with --trust, or in one file with the certificate."

Path = tuple[x509.Certificate, ...]


class Chain(NamedTuple):
    """Be the best chain found: `certificates` from the issuer to the root, without the leaf.

    `complete`: it ends in a self-signed root. `anchored`: that root is trusted. `problems`: what RFC 5280 section 6.1
    objects to, a sentence each. `missing`: what to look for when it is not complete.
    """

    leaf: x509.Certificate
    certificates: Path
    complete: bool
    anchored: bool
    problems: tuple[str, ...] = ()
    missing: str = ""

    @property
    def root(self) -> x509.Certificate | None:
        """Return the self-signed root, or None when the chain is not complete."""
        return self.certificates[-1] if self.complete else None


def issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Tell whether this CA issued that certificate: names agree (RFC 5280 section 7.1) and the signature verifies.

    Neither key identifiers nor validity nor basic constraints are looked at: see `build_chain` for those. A signature
    algorithm that is not known here counts as not issued, and `Chain.missing` says so.
    """
    return _issued(issuer, subject)


@lru_cache(maxsize=4096)
def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    return same_dn(issuer.subject, subject.issuer) and signed_by(issuer, subject) is True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate's own key signed it, under its own name."""
    return issued(certificate, certificate)


def same_dn(a: x509.Name, b: x509.Name) -> bool:
    """Tell whether two distinguished names agree by RFC 5280 section 7.1."""
    return a == b or normal_dn(a) == normal_dn(b)


def unique(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return each certificate once, in order of fingerprints: the order of files must not change a verdict."""
    return sorted(set(certificates), key=fingerprint)


def twins(chain: Path, trusted: Iterable[x509.Certificate]) -> list[str]:
    """Return a sentence for each CA of the chain under whose name another certificate is trusted, too.

    An Expressway takes the first of one name and ignores the others (Cisco's guide and 213872).
    """
    known = unique(trusted)
    doubled = [one for one in chain if any(other != one and same_dn(other.subject, one.subject) for other in known)]
    return [
        f'Another CA certificate with the name "{label(one)}" is trusted, too: the box uses the first it finds and'
        " ignores the other, so one of them has to go."
        for one in doubled
    ]


def build_chain(
    leaf: x509.Certificate, pool: Iterable[x509.Certificate], trusted: Iterable[x509.Certificate], at: datetime
) -> Chain:
    """Return the best chain from the leaf to a self-signed root in `pool` or `trusted`, as valid at the moment `at`.

    Every alternative is considered: complete ones first, then those without problems, then those whose root is
    trusted, then the one with fewest certificates that are not trusted. `at` is timezone-aware. Read-only.
    """
    known = frozenset(trusted)
    at_hand = [one for one in unique([*pool, *known]) if one != leaf]
    if is_self_signed(leaf):
        return Chain(leaf, (), False, leaf in known, (), "It is self-signed: no CA issued it.")
    chains = [_judged(leaf, one, known, at) for one in _paths(leaf, at_hand, known)]
    best = min(chains, key=lambda chain: _rank(chain, known))
    return best if best.complete else _explained(best, at_hand)


def _judged(leaf: x509.Certificate, found: Path, known: frozenset[x509.Certificate], at: datetime) -> Chain:
    complete = bool(found) and is_self_signed(found[-1])
    problems = path.problems(leaf, found, at)
    return Chain(leaf, found, complete, complete and found[-1] in known, tuple(problems))


def _rank(chain: Chain, known: frozenset[x509.Certificate]) -> tuple[bool, int, bool, int, int, tuple[str, ...]]:
    """Order chains, best first. The fingerprints decide last, so that the choice never depends on order."""
    strangers = sum(one not in known for one in chain.certificates)
    length = len(chain.certificates) if chain.complete else -len(chain.certificates)
    ties = tuple(fingerprint(one) for one in chain.certificates)
    return (not chain.complete, len(chain.problems), not chain.anchored, strangers, length, ties)


def _paths(leaf: x509.Certificate, at_hand: list[x509.Certificate], known: frozenset[x509.Certificate]) -> list[Path]:
    """Return the paths from the leaf's issuer upwards, each as far as it goes."""
    found: list[Path] = []
    waiting: list[Path] = [()]
    named: dict[object, list[x509.Certificate]] = {}
    for one in at_hand:
        named.setdefault(normal_dn(one.subject), []).append(one)
    while waiting and len(found) < MAX_PATHS:
        so_far = waiting.pop()
        last = so_far[-1] if so_far else leaf
        above = list(_issuers(last, so_far, named.get(normal_dn(last.issuer), []), known))
        if not above or len(so_far) >= MAX_DEPTH:
            found.append(so_far)
        waiting += [(*so_far, one) for one in reversed(above) if len(so_far) < MAX_DEPTH]
    return found


def _issuers(
    subject: x509.Certificate, so_far: Path, named: list[x509.Certificate], known: frozenset[x509.Certificate]
) -> Iterator[x509.Certificate]:
    """Yield the issuers among those of the right name, the likely ones first; a root has none."""
    if is_self_signed(subject):
        return
    hint = authority_key_identifier(subject)
    found = [one for one in named if one not in so_far and issued(one, subject)]
    yield from sorted(found, key=lambda one: (one not in known, subject_key_identifier(one) != hint))


def _explained(chain: Chain, at_hand: list[x509.Certificate]) -> Chain:
    """Say what is missing above the last certificate that was found."""
    last = chain.certificates[-1] if chain.certificates else chain.leaf
    issuer = escape(last.issuer.rfc4514_string() or "(no name)", 200)
    named = [one for one in at_hand if same_dn(one.subject, last.issuer) and one != last]
    unknown = [one for one in named if signed_by(one, last) is None]
    if unknown:
        why = f'"{issuer}" is at hand, but signed "{label(last)}" with an algorithm that is not known here.'
    elif named:
        why = f'A CA certificate "{issuer}" is at hand, but its key did not sign "{label(last)}". {_ADVICE}'
    else:
        why = f'The CA certificate "{issuer}", which issued "{label(last)}", is not among the given ones. {_ADVICE}'
    return Chain(chain.leaf, chain.certificates, False, False, chain.problems, why + _where(last))


def _where(certificate: x509.Certificate) -> str:
    """Say where the certificate claims its issuer can be had (RFC 5280 section 4.2.2.1); nothing is fetched."""
    places = path.issuer_urls(certificate)
    return f" The certificate says it is to be had at {escape(', '.join(places), 200)}." if places else ""
