"""Tell certificates of public CAs from those of private ones, and what public CAs have decided. Read-only.

The CA/Browser Forum's ballot SC-081v3 shortens lifetimes step by step; browsers' root programmes end client
authentication. Neither binds a private CA. Sources are on the page ``docs/reference/certificates.md``.
"""

from datetime import UTC, datetime

from cryptography import x509

from engine.certificates.extensions import Unreadable, extension, raw_extension

LIFETIMES = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
)
"""From when on a public CA's certificate may live so many days (SC-081v3), the newest step first."""

NO_CLIENT_AUTH = (
    "It is from a public CA, and these stop issuing clientAuth: Let's Encrypt did on 2026-02-11, and from 2027-03-15 on"
    " Chrome's rules allow none to."
)

_RESERVED = "2.23.140.1."
_TIMESTAMPS = "1.3.6.1.4.1.11129.2.4.2"


def is_public(leaf: x509.Certificate) -> bool:
    """Tell whether the certificate bears what only a public CA puts in.

    That is a policy of the CA/Browser Forum (Baseline Requirements, section 7.1.6.1), or a timestamp of a certificate
    transparency log (RFC 6962 section 3.3). A private CA can imitate both, so this only chooses what is explained.
    """
    try:
        policies = extension(leaf, x509.CertificatePolicies)
    except Unreadable:
        policies = None
    reserved = any(one.policy_identifier.dotted_string.startswith(_RESERVED) for one in policies or [])
    return reserved or raw_extension(leaf, _TIMESTAMPS) is not None


def lifetime_note(leaf: x509.Certificate) -> str:
    """Return the schedule of lifetimes as a sentence for a certificate of a public CA; empty for any other."""
    if not is_public(leaf):
        return ""
    steps = ", ".join(f"{days} from {start:%Y-%m-%d}" for start, days in reversed(LIFETIMES))
    lives = (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days
    return f" It lives {lives} days; public CAs may issue for at most {steps}, so plan to renew more often."
