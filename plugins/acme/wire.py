"""Say what goes into ACME messages and what comes out of them. Pure: no connection, no clock."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from acme import messages
from cryptography import x509
from cryptography.x509.oid import NameOID
from josepy.json_util import JSONObjectWithFields, field

from engine.certificates import NotACertificate, read_certificates, read_csr
from engine.contracts import Suggestion
from engine.errors import Failed, Refused
from engine.model import Json
from engine.text import escape, stamp

LONGEST = 7 * 24 * 3600
"""How long a CA may put us off at once, in seconds; what asks for more is asked again after this."""

_URN = "urn:ietf:params:acme:error:"


class NewOrder(messages.NewOrder):
    """Be an order that may say which certificate it replaces (RFC 9773 section 5); `acme` has no such member."""

    replaces: str | None = field("replaces", omitempty=True)


class Published(JSONObjectWithFields):
    """Be the empty object that answers a challenge (RFC 8555 section 7.5.1)."""

    def __bool__(self) -> bool:
        """Be something: `acme` would send what counts as nothing as an empty body, which only asks."""
        return True


# ---- names -----------------------------------------------------------------------------------------------------------


def csr(text: str) -> x509.CertificateSigningRequest:
    """Read a CSR. Raises Failed for anything else."""
    try:
        return read_csr(text.encode("utf-8", "replace"), "the request")
    except NotACertificate as error:
        raise Failed(
            f"What should be signed is no certificate signing request; it is {error.kind}.",
            untouched="Nothing was ordered.",
            todo="Begin again from the box with: certrenew restage ID",
        ) from None


def identifiers(csr: x509.CertificateSigningRequest, challenge: str) -> list[str]:
    """Return the names to order, such as ``dns:box.example`` and ``ip:192.0.2.1``, each once, in their order.

    Raises Refused for what ACME can't carry or this challenge can't prove (RFC 8555 sections 7.1.3, 7.4 and 8; RFC 8738
    section 7), so that no order is spent on it.
    """
    names = _alternative_names(csr)
    ordered = list(dict.fromkeys(_identifier(name) for name in names))
    if not ordered:
        raise _refused("The CSR has no alternative name", "Give the certificate names, then: certrenew restage ID")
    stray = [name for name in _common_names(csr) if name.lower() not in {one.partition(":")[2] for one in ordered}]
    if stray:
        raise _refused(
            f"The CSR's common name, {escape(stray[0], 100)}, is none of its alternative names, which ACME needs",
            "Add it as a name in the site file if it is a host name; else have another authority sign. "
            "Then: certrenew restage ID",
        )
    _provable(ordered, challenge)
    return ordered


def _alternative_names(csr: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        return list(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []
    except ValueError:
        raise _refused("The CSR's extensions can't be read", "Make a new CSR: certrenew restage ID") from None


def _common_names(csr: x509.CertificateSigningRequest) -> list[str]:
    return [str(one.value) for one in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if one.value]


def _identifier(name: x509.GeneralName) -> str:
    match name:
        case x509.DNSName():
            return f"dns:{name.value.lower()}"
        case x509.IPAddress():
            return f"ip:{name.value}"
    kind = {"UniformResourceIdentifier": "URI", "RFC822Name": "mail address"}.get(type(name).__name__, "other")
    raise _refused(
        f"The CSR has an alternative name of a kind that ACME can't carry ({kind}: {escape(name.value, 100)})",
        "Do without this name on the box, or have an authority of another kind sign. Then: certrenew restage ID",
    )


def _provable(ordered: list[str], challenge: str) -> None:
    other = {"dns-01": "ip:", "http-01": "dns:*."}[challenge]
    bad = [name for name in ordered if name.startswith(other)]
    if bad:
        raise _refused(
            f"{challenge} can't prove {escape(bad[0].partition(':')[2], 100)}",
            "Set `challenge` to the other kind in the authority's options, or do without this name.",
        )


def _refused(what: str, todo: str) -> Refused:
    return Refused(f"{what}.", untouched="Nothing was ordered.", todo=todo)


def order(names: list[str], *, profile: str, replaces: str) -> NewOrder:
    """Return the message that orders a certificate for these names."""
    kinds = {"dns": messages.IDENTIFIER_FQDN, "ip": messages.IDENTIFIER_IP}
    split = [name.partition(":") for name in names]
    wanted = [messages.Identifier(typ=kinds[kind], value=value) for kind, _, value in split]
    return NewOrder(identifiers=wanted, profile=profile or None, replaces=replaces or None)


def status(found: messages.Order | messages.Authorization) -> str:
    """Return the state of an order or an authorization; empty when it has none."""
    named: messages.Status | None = found.status
    return named.name if named is not None else ""


def name_of(authorization: messages.Authorization) -> str:
    """Return the identifier that an authorization is for, as in `identifiers`, a wildcard with its star."""
    star = "*." if authorization.wildcard else ""
    return f"{authorization.identifier.typ.name}:{star}{authorization.identifier.value.lower()}"


# ---- renewal information ---------------------------------------------------------------------------------------------


def certificate_id(certificate: x509.Certificate) -> str:
    """Return a certificate's name for renewal information (RFC 9773 section 4.1); empty when it can have none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return ""
    serial = certificate.serial_number
    # As in DER: big-endian, and a leading zero where the first bit would make it negative.
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_base64url(found)}.{_base64url(number)}" if found else ""


def replaced(current: str) -> str:
    """Return `certificate_id` of a certificate given as PEM; empty when there is none."""
    return certificate_id(read_certificates(current.encode(), "the certificate in use")[0]) if current else ""


def window(found: Json) -> Suggestion:
    """Read renewal information (RFC 9773 section 4.2). Raises Failed, also for a window that ends before it begins."""
    try:
        given = found["suggestedWindow"]
        start, end = datetime.fromisoformat(given["start"]), datetime.fromisoformat(given["end"])
        if start < end:
            return Suggestion(start=stamp(start), end=stamp(end), url=escape(found.get("explanationURL", ""), 300))
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise Failed("The CA's renewal information can't be read.", untouched="Nothing was kept.", todo="Renew as usual.")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


# ---- waiting ---------------------------------------------------------------------------------------------------------


def retry_after(header: str, now: datetime, default: int) -> int:
    """Read Retry-After (RFC 9110 section 10.2.3), seconds or a date, as seconds from `now`; 1 to `LONGEST`."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return max(1, min(int(text[:12]), LONGEST))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return default
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(1, min(int((moment - now).total_seconds()), LONGEST))


def patience(since: datetime, now: datetime) -> int:
    """Say after how many seconds to ask again where the CA does not: soon at first, hourly after a day.

    Powers of two, because each other answer makes an entry in the renewal's journal.
    """
    twelfths = max(2, int((now - since) / timedelta(seconds=12)))
    return min(1 << (twelfths.bit_length() - 1), 3600)


# ---- problems --------------------------------------------------------------------------------------------------------


def code(problem: messages.Error) -> str:
    """Return the ACME error code of a problem document, such as ``rateLimited``; empty for any other kind."""
    kind = str(problem.typ)
    return escape(kind.removeprefix(_URN), 60) if kind.startswith(_URN) else ""


def words(problem: messages.Error) -> str:
    """Return what a problem document says, its subproblems too, escaped."""
    said = [_words(problem), *(_words(one) for one in (problem.subproblems or ())[:5])]
    return "; ".join(dict.fromkeys(one for one in said if one)) or "no reason given"


def _words(problem: messages.Error) -> str:
    about = escape(problem.identifier.value, 80) + ": " if problem.identifier else ""
    text = escape(problem.detail or problem.title or "", 300).rstrip(".")
    kind = code(problem) or escape(problem.typ, 80)
    return f"{about}{text} ({kind})" if text else f"{about}{kind}"


def failures(authorizations: list[messages.Authorization]) -> Iterator[str]:
    """Yield why names could not be proven, a line for each failed challenge."""
    for one in authorizations:
        for challenge in one.challenges or ():
            if challenge.error is not None:
                yield f"{escape(name_of(one).partition(':')[2], 100)}: {words(challenge.error)}"
