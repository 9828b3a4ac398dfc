"""Hold what is judged, and what came out. Values only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from cryptography import x509

from engine.certificates.chain import Chain, build_chain
from engine.certificates.continuity import SameCa, same_ca, same_ca_by_text
from engine.certificates.ekus import Place
from engine.certificates.facts import Decoded, describe, fingerprint, name_fields, serial
from engine.certificates.leaf import find_leaf
from engine.certificates.naming import normal_fields
from engine.certificates.reading import NotACertificate
from engine.certificates.release import Release
from engine.errors import CheckFailed, UsageError
from engine.model import Finding, Json, Outcome

ROLES = ("", "expressway-c", "expressway-e")
SLOTS = ("", "server", "client")
CHECKS = (
    "format",
    "single-leaf",
    "key-matches-csr",
    "san-match",
    "eku-client-and-server",
    "same-ca",
    "chain-complete",
    "validity",
    "signature-strength",
    "key-strength",
    "no-wildcard",
    "not-a-ca",
    "subject",
    "names-for-role",
    "phone-trust",
)
"""Every check by its name, in the order in which findings are listed."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Be all that a judgement rests on; nothing else is looked at.

    `given`: what the CA sent, leaf and chain in any order. `at`: the moment judged for, timezone-aware. `csr`: what was
    asked for. `current`: the certificate to be replaced; `decoded`: its text, when the certificate is not at hand.
    `trusted`: the CA certificates that peers hold. `known`: more CA certificates at hand that nobody trusts yet (those
    in the old certificate's file). `role`, `slot`, `release`: where it goes; empty or None when not said. `names`:
    names that the role needs, as ``DNS:a.example`` or bare; an entry with ``|`` holds alternatives, of which one is
    enough. `server_eku_upload`: the X15.4 switch of an Expressway-E. `phones`: the CA
    certificates that phones outside trust by their firmware, empty where that is not known; None where none register
    through the box. `unread`: files that turned out to be no certificates.

    Raises UsageError for an unknown role or slot, ValueError for a time without a zone.
    """

    given: Sequence[x509.Certificate]
    at: datetime
    csr: x509.CertificateSigningRequest | None = None
    current: x509.Certificate | None = None
    decoded: Decoded | None = None
    trusted: Sequence[x509.Certificate] = ()
    known: Sequence[x509.Certificate] = ()
    role: str = ""
    slot: str = ""
    release: Release | None = None
    names: Sequence[str] = ()
    server_eku_upload: bool = False
    phones: Sequence[x509.Certificate] | None = None
    unread: Sequence[NotACertificate] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES or self.slot not in SLOTS:
            allowed = ", ".join((ROLES if self.role not in ROLES else SLOTS)[1:])
            raise UsageError("The role or slot is not known.", todo=f"Use one of: {allowed}.")
        if self.at.tzinfo is None:
            raise ValueError("the moment to judge for has no time zone")


class Case:
    """Be the evidence around one leaf, with chain and continuity worked out when first asked for."""

    def __init__(self, evidence: Evidence, leaf: x509.Certificate) -> None:
        self.evidence, self.leaf = evidence, leaf

    @cached_property
    def pool(self) -> list[x509.Certificate]:
        """Return every other certificate at hand."""
        at_hand = [*self.evidence.given, *self.evidence.known, *self.evidence.trusted]
        return [one for one in at_hand if one not in (self.leaf, self.evidence.current)]

    @cached_property
    def chain(self) -> Chain:
        """Return the best chain from the leaf."""
        return build_chain(self.leaf, self.pool, self.evidence.trusted, self.evidence.at)

    @cached_property
    def continuity(self) -> SameCa | None:
        """Return whether the same CA signed old and new; None without an old certificate."""
        evidence = self.evidence
        if evidence.current:
            return same_ca(evidence.current, self.leaf, self.pool)
        return same_ca_by_text(evidence.decoded, self.leaf) if evidence.decoded else None

    @property
    def before(self) -> x509.Certificate | Decoded | None:
        """Return the certificate that is to be replaced, or its text, or None."""
        return self.evidence.current or self.evidence.decoded

    @property
    def old_end(self) -> datetime | None:
        """Return when the certificate in use expires, None when that is not known."""
        old = self.before
        return old.not_after if isinstance(old, Decoded) else old.not_valid_after_utc if old else None

    @property
    def is_the_old_one(self) -> bool:
        """Tell whether the leaf is the certificate in use; by a text, whether serial number and issuer agree."""
        old = self.before
        if not isinstance(old, Decoded):
            return old == self.leaf
        issuer = normal_fields(name_fields(self.leaf.issuer))
        return old.description.serial == serial(self.leaf) and normal_fields(old.issuer) == issuer

    @property
    def place(self) -> Place:
        """Return where the certificate goes."""
        evidence = self.evidence
        return Place(evidence.role, evidence.slot, evidence.release, evidence.server_eku_upload)


class Verdict(NamedTuple):
    """Be the outcome of `judge`: findings in the order of CHECKS, at most one for each check.

    `leaf` is None when there is none to judge. `chain` goes from the issuer to the root, as far as it was found.
    `missing_trust` holds the fingerprints of the chain's certificates that are not trusted yet.
    """

    findings: tuple[Finding, ...]
    leaf: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()
    continuity: SameCa | None = None
    missing_trust: tuple[str, ...] = ()

    @property
    def same_ca(self) -> bool | None:
        """Return true, false, or None when it can't be shown; `continuity` says why and how it was graded."""
        return self.continuity.verdict if self.continuity else None

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Return the findings that fail."""
        return tuple(one for one in self.findings if one.outcome is Outcome.FAIL)

    @property
    def ok(self) -> bool:
        """Tell, for showing, whether nothing failed. To act on a verdict call `require`."""
        return self.leaf is not None and not self.failed

    def require(self, overrides: Collection[str] = ()) -> x509.Certificate:
        """Return the leaf. Raises CheckFailed when a check failed that is not among `overrides` (names from CHECKS).

        Without a leaf it always raises. An override of an unknown check is a UsageError.
        """
        unknown = sorted(set(overrides) - set(CHECKS))
        if unknown:
            raise UsageError(f"There is no check {', '.join(unknown)!r}.", todo=f"The checks are: {', '.join(CHECKS)}.")
        failed = [one for one in self.failed if one.check not in overrides]
        if self.leaf is not None and not failed:
            return self.leaf
        listed = "; ".join(f"{one.check}: {one.message.rstrip('.')}" for one in failed or self.failed)
        raise CheckFailed(
            f"The certificate failed {len(failed or self.failed)} of its checks: {listed}.",
            self.findings,
            untouched="Nothing was installed.",
            todo="Ask the CA for a certificate without these faults, or override a check with a reason.",
        )

    def plain(self) -> dict[str, Json]:
        """Return the verdict as the JSON of the ``check`` contract."""
        return {
            "ok": self.ok,
            "same_ca": self.same_ca,
            "leaf": describe(self.leaf).plain() if self.leaf else None,
            "missing_trust": list(self.missing_trust),
            "findings": [one.plain() for one in self.findings],
        }


def case_of(evidence: Evidence) -> Case | None:
    """Return the case around the leaf among the given certificates, or None when no single leaf can be told.

    The certificate in use is taken for the leaf only when there is no other.
    """
    new = [one for one in evidence.given if one != evidence.current]
    leaf = find_leaf(new, evidence.csr) or find_leaf(evidence.given, evidence.csr)
    return Case(evidence, leaf) if leaf else None


def missing_trust(case: Case) -> tuple[str, ...]:
    """Return the fingerprints of the chain's CA certificates that are not trusted, issuer first."""
    known = set(case.evidence.trusted)
    return tuple(fingerprint(one) for one in case.chain.certificates if one not in known)
