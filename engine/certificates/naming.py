"""Write the names in a certificate as text, and tell when two of them are the same name.

The subject alternative name extension is RFC 5280 section 4.2.1.6. It is taken apart here, name by name, because one
malformed name must not make the others disappear from a comparison of old and new. Read-only.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from cryptography import x509

from engine.certificates import der
from engine.certificates.extensions import (
    UNPARSED,
    Item,
    dressed,
    quiet,
    raw_extension,
    raw_extensions,
    unreadable,
)

SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"

_STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1A: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}
"""Character string types by tag: UTF8String, PrintableString, IA5String, VisibleString, TeletexString, BMPString."""


def names(item: Item) -> list[str]:
    """Return the subject alternative names of a certificate or CSR, in its own order.

    Shapes: ``DNS:a.example``, ``IP:10.0.0.1``, ``URI:sip:a@b.example``, ``email:a@b.example``, ``dirName:CN=x``,
    ``RID:1.2.3``, ``other:OID:value``. What can't be decoded is shown in hex, never dropped.
    """
    value = raw_extension(item, SUBJECT_ALTERNATIVE_NAME)
    if value is None:
        return []
    return [_written(one) for frame in der.until_broken(value.value) for one in der.until_broken(frame.content)]


def names_are_whole(item: Item) -> bool:
    """Tell whether `names` saw every name: the extension is well framed and there at most once."""
    found = [one.value for one in raw_extensions(item) if one.oid == SUBJECT_ALTERNATIVE_NAME]
    try:
        well_framed = "?" not in unreadable(item)
        return well_framed and len(found) < 2 and all(der.children(der.first(value)) for value in found)
    except der.Malformed:
        return False


def normal_name(name: str) -> str:
    """Return the form in which equal names are equal text; a bare host name or address is taken as DNS or IP.

    DNS names compare without regard to case (RFC 5280 section 7.2), Unicode labels as their A-labels, addresses by
    value, the host part of URI and email without regard to case (sections 7.4, 7.5); all else as it stands.
    """
    kind, colon, value = name.partition(":")
    form = _FORMS.get(kind) if colon else None
    if form:
        return f"{kind}:{form(value)}"
    return name if colon and kind in _KINDS else _bare(name)


def same_name(a: str, b: str) -> bool:
    """Tell whether two names, written as `names` writes them or bare, are of the same type and equal."""
    return normal_name(a) == normal_name(b)


def normal_host(host: str) -> str:
    """Return a host name in lower case, with A-labels for Unicode labels and without a final dot."""
    return ".".join(_a_label(label) for label in host.strip().rstrip(".").split("."))


def _written(element: der.Element) -> str:
    writer = _WRITERS.get(element.tag)
    try:
        return writer(element) if writer else f"other:{element.tag:#x}:{element.content.hex()}"
    except (*UNPARSED, IndexError):
        return f"other:{element.tag:#x}:{element.content.hex()}"


def _ascii(kind: str) -> Callable[[der.Element], str]:
    return lambda element: f"{kind}:{element.content.decode('ascii', 'backslashreplace')}"


def _address(element: der.Element) -> str:
    return f"IP:{ipaddress.ip_address(element.content)}"


def _directory(element: der.Element) -> str:
    with quiet():
        return f"dirName:{dressed(subject=element.content).subject.rfc4514_string()}"


def _other(element: der.Element) -> str:
    oid, wrapped = der.children(element)
    value = der.children(wrapped)[0]
    encoding = _STRINGS.get(value.tag)
    text = value.content.decode(encoding) if encoding else value.content.hex()
    return f"other:{der.dotted(oid.content)}:{text}"


_WRITERS: dict[int, Callable[[der.Element], str]] = {
    0xA0: _other,
    0x81: _ascii("email"),
    0x82: _ascii("DNS"),
    0xA4: _directory,
    0x86: _ascii("URI"),
    0x87: _address,
    0x88: lambda element: f"RID:{der.dotted(element.content)}",
}


def _a_label(label: str) -> str:
    mapped = unicodedata.normalize("NFKC", label).lower()
    if mapped.isascii():
        return mapped
    return "xn--" + unicodedata.normalize("NFC", mapped).encode("punycode").decode("ascii")


def _normal_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value.strip().strip("[]")))
    except ValueError:
        return value.lower()


def _normal_email(value: str) -> str:
    local, at, host = value.rpartition("@")
    return f"{local}{at}{normal_host(host)}"


def _normal_uri(value: str) -> str:
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?([^/?#;@]*@)?([^/?#;:]*)(.*)", value, re.DOTALL)
    if not found:
        return value
    scheme, slashes, user, host, rest = found.groups()
    return f"{scheme.lower()}:{slashes or ''}{user or ''}{normal_host(host) if slashes or user else host}{rest}"


def _bare(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name.strip().strip('[]'))}"
    except ValueError:
        return f"DNS:{normal_host(name)}"


_FORMS: dict[str, Callable[[str], str]] = {
    "DNS": normal_host,
    "IP": _normal_address,
    "URI": _normal_uri,
    "email": _normal_email,
}
_KINDS = {*_FORMS, "dirName", "RID", "other"}


def normal_value(value: str | bytes) -> str | bytes:
    """Prepare one attribute value for comparison: case and insignificant spaces do not count (RFC 5280 section 7.1)."""
    if isinstance(value, bytes):
        return value
    kept = "".join(character for character in value if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold()).split())


def normal_fields(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the attributes of a name so that equal names are equal values, whatever the order."""
    return sorted((short, str(normal_value(value))) for short, value in fields)


@lru_cache(maxsize=4096)
def normal_dn(name: x509.Name) -> tuple[frozenset[tuple[str, str | bytes]], ...]:
    """Return a distinguished name so that names equal by RFC 5280 section 7.1 are equal values.

    PrintableString and UTF8String agree, and the order inside a multi-valued RDN does not matter.
    """
    return tuple(frozenset((one.oid.dotted_string, normal_value(one.value)) for one in rdn) for rdn in name.rdns)
