"""Get at a certificate's or CSR's extensions one by one, so that one malformed extension does not hide the others.

`cryptography` parses all extensions at once and raises for all when one is malformed (RFC 5280 section 4.2 says what
they should look like; certificates in use differ). The slow path here takes the bytes of one extension and has them
parsed alone, inside a certificate that holds nothing else. Read-only.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from engine.certificates import der

try:  # the public module loads SSH keys and bcrypt, too, which makes the shortest command a tenth slower
    from cryptography.hazmat.primitives._serialization import Encoding, PublicFormat
except ImportError:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = [
    "UNPARSED",
    "Encoding",
    "Item",
    "PublicFormat",
    "Raw",
    "Unreadable",
    "dressed",
    "extension",
    "quiet",
    "raw_extension",
    "raw_extensions",
    "unreadable",
]

Item = x509.Certificate | x509.CertificateSigningRequest
"""What has a subject, a public key and extensions."""

UNPARSED = (
    ValueError,
    TypeError,  # a name with a bit string where it has no place
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""Everything that `cryptography` raises for a malformed certificate, CSR or part of one; found by fuzzing, too."""

_FILTERS = threading.RLock()

T = TypeVar("T", bound=x509.ExtensionType)

_EXTENSION_REQUESTS = {"1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14"}
"""The CSR attributes that hold extensions: RFC 2985 section 5.4.2, and the older one of Microsoft."""


class Unreadable(ValueError):
    """An extension is there, but malformed or there twice."""


class Raw(NamedTuple):
    """Be one extension as it stands: its object identifier, whether critical, its value, and all its bytes."""

    oid: str
    critical: bool
    value: bytes
    whole: bytes


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the parser's warnings (attributes too long, serial number zero) from reaching the caller.

    Python keeps its warning filters for the whole process, so threads take turns here.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def extension(item: Item, kind: type[T]) -> T | None:
    """Return the extension of that class, or None when it is absent. Raises Unreadable when it can't be parsed."""
    try:
        with quiet():
            return item.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except UNPARSED:
        return _alone(item, kind)


def unreadable(item: Item) -> list[str]:
    """Return the object identifiers of the extensions that can't be parsed, in order, without repetition."""
    try:
        with quiet():
            item.extensions  # noqa: B018  the property parses
    except UNPARSED:
        found = raw_extensions(item)
        twice = [one.oid for one in found if sum(other.oid == one.oid for other in found) > 1]
        return list(dict.fromkeys([*twice, *(one.oid for one in found if _parsed(one) is None)])) or ["?"]
    return []


@lru_cache(maxsize=1024)
def raw_extensions(item: Item) -> tuple[Raw, ...]:
    """Return the extensions as they stand; none when their frame is broken (`unreadable` says so)."""
    try:
        return tuple(_raw(element) for element in _extension_elements(item))
    except (ValueError, IndexError):
        return ()


def raw_extension(item: Item, oid: str) -> Raw | None:
    """Return the first extension with that object identifier as it stands, or None."""
    return next((one for one in raw_extensions(item) if one.oid == oid), None)


def dressed(extensions: bytes = b"", subject: bytes = b"") -> x509.Certificate:
    """Return a certificate that holds these DER extensions and this DER subject and is otherwise empty."""
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    day = der.tlv(0x17, b"260101000000Z")
    key = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107") + der.tlv(der.BIT_STRING, b"\0\4")
    body = [
        bytes.fromhex("a003020102020101"),
        algorithm,
        der.tlv(der.SEQUENCE, b""),
        der.tlv(der.SEQUENCE, day + day),
        subject or der.tlv(der.SEQUENCE, b""),
        der.tlv(der.SEQUENCE, key),
        der.tlv(0xA3, der.tlv(der.SEQUENCE, extensions)) if extensions else b"",
    ]
    signature = der.tlv(der.BIT_STRING, b"\0")
    return x509.load_der_x509_certificate(
        der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, b"".join(body)) + algorithm + signature)
    )


def _alone(item: Item, kind: type[T]) -> T | None:
    found = [one for one in raw_extensions(item) if one.oid == kind.oid.dotted_string]
    if not found:
        return None
    parsed = _parsed(found[0])
    if len(found) > 1 or not isinstance(parsed, kind):
        raise Unreadable(f"the extension {kind.oid.dotted_string} can't be read")
    return parsed


def _parsed(one: Raw) -> x509.ExtensionType | None:
    try:
        with quiet():
            value: x509.ExtensionType = next(iter(dressed(extensions=one.whole).extensions)).value
            return value
    except UNPARSED:
        return None


def _raw(element: der.Element) -> Raw:
    oid, *rest = der.children(element)
    critical = len(rest) > 1 and rest[0].tag == der.BOOLEAN and rest[0].content != b"\0"
    return Raw(der.dotted(oid.content), critical, rest[-1].content, element.whole)


def _extension_elements(item: Item) -> list[der.Element]:
    if isinstance(item, x509.Certificate):
        body = der.children(der.first(item.tbs_certificate_bytes))
        return [one for part in body if part.tag == 0xA3 for one in der.children(der.children(part)[0])]
    body = der.children(der.first(item.tbs_certrequest_bytes))
    attributes = [der.children(one) for part in body if part.tag == 0xA0 for one in der.children(part)]
    wanted = [values for oid, values in attributes if der.dotted(oid.content) in _EXTENSION_REQUESTS]
    return [one for values in wanted for one in der.children(der.children(values)[0])]
