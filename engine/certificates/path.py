"""Judge the CA certificates of a path by RFC 5280 section 6.1, as far as it needs no CRL and no certificate policies.

Basic constraints and path length (4.2.1.9), keyCertSign (4.2.1.3), name constraints (4.2.1.10), validity (4.1.2.5) and
critical extensions (4.2). The root is judged like the others: the box's own checks want basic constraints in it, too.
Read-only.
"""

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from engine.certificates import constraints
from engine.certificates.extensions import Unreadable, extension, raw_extensions
from engine.certificates.facts import label
from engine.certificates.naming import normal_dn
from engine.text import stamp

_UNDERSTOOD = {
    "2.5.29.15",  # key usage
    "2.5.29.17",  # subject alternative name
    "2.5.29.18",  # issuer alternative name
    "2.5.29.19",  # basic constraints
    "2.5.29.30",  # name constraints
    "2.5.29.31",  # CRL distribution points
    "2.5.29.32",  # certificate policies
    "2.5.29.33",  # policy mappings
    "2.5.29.36",  # policy constraints
    "2.5.29.37",  # extended key usage
    "2.5.29.54",  # inhibit anyPolicy
}
"""Extensions that may be critical: the judged ones, and policies and CRL pointers, which peers judge for themselves."""


def problems(leaf: x509.Certificate, chain: tuple[x509.Certificate, ...], at: datetime) -> list[str]:
    """Return a sentence for each objection to a chain (issuer first), in order; empty when there is none."""
    found = _critical(leaf)
    for position, issuer in enumerate(chain):
        below = chain[:position]
        found += _authority(issuer, below) + _usage(issuer) + _validity(issuer, at) + _critical(issuer)
        found += constraints.broken(issuer, [leaf, *(one for one in below if not self_issued(one))])
    return found


def self_issued(certificate: x509.Certificate) -> bool:
    """Tell whether issuer and subject are the same name, as in key rollover (RFC 5280 section 3.2)."""
    return normal_dn(certificate.issuer) == normal_dn(certificate.subject)


def issuer_urls(certificate: x509.Certificate) -> list[str]:
    """Return where the issuer's certificate is to be had, by the certificate's own word (caIssuers)."""
    try:
        found = extension(certificate, x509.AuthorityInformationAccess)
    except Unreadable:
        return []
    wanted = [
        one.access_location for one in found or [] if one.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    ]
    return [one.value for one in wanted if isinstance(one, x509.UniformResourceIdentifier)]


def _authority(issuer: x509.Certificate, below: tuple[x509.Certificate, ...]) -> list[str]:
    try:
        found = extension(issuer, x509.BasicConstraints)
    except Unreadable:
        return [f'The basic constraints of "{label(issuer)}" can\'t be read.']
    if found is None:
        return [f'"{label(issuer)}" has no basic constraints, so it does not say that it is a CA.']
    if not found.ca:
        return [f'"{label(issuer)}" is no CA certificate (CA:FALSE), yet it issued one.']
    count = sum(not self_issued(one) for one in below)
    if found.path_length is not None and count > found.path_length:
        return [f'"{label(issuer)}" allows {found.path_length} CA certificates below it; there are {count}.']
    return []


def _usage(issuer: x509.Certificate) -> list[str]:
    try:
        found = extension(issuer, x509.KeyUsage)
    except Unreadable:
        return [f'The key usage of "{label(issuer)}" can\'t be read.']
    if found is not None and not found.key_cert_sign:
        return [f'"{label(issuer)}" may not sign certificates: its key usage lacks keyCertSign.']
    return []


def _validity(issuer: x509.Certificate, at: datetime) -> list[str]:
    if at > issuer.not_valid_after_utc:
        return [f'The CA certificate "{label(issuer)}" expired on {stamp(issuer.not_valid_after_utc)}.']
    if at < issuer.not_valid_before_utc:
        return [f'The CA certificate "{label(issuer)}" is not valid before {stamp(issuer.not_valid_before_utc)}.']
    return []


def _critical(certificate: x509.Certificate) -> list[str]:
    strange = [one.oid for one in raw_extensions(certificate) if one.critical and one.oid not in _UNDERSTOOD]
    return [f'"{label(certificate)}" has a critical extension that is not known here: {", ".join(strange)}.'] * bool(
        strange
    )
