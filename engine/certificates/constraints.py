"""Hold the names of certificates against the name constraints of a CA above them (RFC 5280 section 4.2.1.10).

Anything that can't be read or is of a form that can't be compared is refused, not passed over. Read-only.
"""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.certificates.extensions import Unreadable, extension
from engine.certificates.facts import label
from engine.certificates.naming import normal_dn, normal_host
from engine.text import escape


def broken(issuer: x509.Certificate, below: list[x509.Certificate]) -> list[str]:
    """Return a sentence for each certificate whose names the issuer's name constraints do not allow."""
    try:
        limits = extension(issuer, x509.NameConstraints)
    except Unreadable:
        return [f'The name constraints of "{label(issuer)}" can\'t be read.']
    if limits is None:
        return []
    return [text for one in below for text in _refused(issuer, limits, one)]


def _refused(issuer: x509.Certificate, limits: x509.NameConstraints, subject: x509.Certificate) -> list[str]:
    try:
        held = _names(subject)
    except Unreadable:
        return [f'The names of "{label(subject)}" can\'t be held against the constraints of "{label(issuer)}".']
    bad = [name for name in held if not _allowed(name, limits)]
    return [f'"{label(issuer)}" does not allow the name {_shown(name)} in "{label(subject)}".' for name in bad]


def _names(subject: x509.Certificate) -> list[x509.GeneralName]:
    """Return all names that constraints apply to: alternative names, the subject, and its email without any other."""
    extended = extension(subject, x509.SubjectAlternativeName)
    found: list[x509.GeneralName] = list(extended or [])
    if list(subject.subject):
        found.append(x509.DirectoryName(subject.subject))
    if not any(isinstance(one, x509.RFC822Name) for one in found):
        mails = subject.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
        found += [x509.RFC822Name._init_without_validation(str(one.value)) for one in mails]
    return found


def _allowed(name: x509.GeneralName, limits: x509.NameConstraints) -> bool:
    permitted = [one for one in limits.permitted_subtrees or [] if type(one) is type(name)]
    excluded = [one for one in limits.excluded_subtrees or [] if type(one) is type(name)]
    if not permitted and not excluded:
        return True
    rule = _RULES.get(type(name))
    if rule is None:
        return False
    try:
        return not any(rule(name, one) for one in excluded) and (
            not permitted or any(rule(name, one) for one in permitted)
        )
    except ValueError:
        return False


def _dns(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    """Compare host names: every name that ends in the constraint's labels is inside."""
    host, zone = normal_host(str(name.value)), normal_host(str(limit.value)).removeprefix(".")
    return not zone or host == zone or host.endswith("." + zone)


def _host(host: str, zone: str) -> bool:
    """Compare the host of a mail address or URI: a constraint without a leading dot is that host alone."""
    return (
        normal_host(host).endswith(normal_host(zone))
        if zone.startswith(".")
        else normal_host(host) == normal_host(zone)
    )


def _mail(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    local, _, host = str(name.value).rpartition("@")
    own, at, zone = str(limit.value).rpartition("@")
    return (not at or own == local) and _host(host, zone)


def _uri(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    """Compare the host of a URI; one without a host, or with an address for one, can't be compared."""
    host = urlsplit(str(name.value)).hostname
    if not host or _is_address(host):
        raise ValueError("the URI names no host")
    return _host(host, str(limit.value))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _address(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    network, address = limit.value, name.value
    if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
        raise ValueError("the constraint is no network")
    return ipaddress.ip_address(str(address)) in network


def _directory(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    """Compare distinguished names: the constraint is the beginning of every name inside it."""
    inside, zone = normal_dn(name.value), normal_dn(limit.value)
    return inside[: len(zone)] == zone


_RULES: dict[type[x509.GeneralName], Callable[[x509.GeneralName, x509.GeneralName], bool]] = {
    x509.DNSName: _dns,
    x509.RFC822Name: _mail,
    x509.UniformResourceIdentifier: _uri,
    x509.IPAddress: _address,
    x509.DirectoryName: _directory,
}


def _shown(name: x509.GeneralName) -> str:
    value = name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else name.value
    return escape(value, 120)
