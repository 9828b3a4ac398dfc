"""Walk BER and DER (ITU-T X.690) just far enough to take values apart that a strict parser refuses whole.

Certificates themselves are parsed by `cryptography`. This walker finds where one ends and the next begins, opens
PKCS#7 in BER, and gets at one extension when another one is malformed. Read-only; nothing here judges.
"""

from collections.abc import Iterator
from typing import NamedTuple

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OID, BOOLEAN = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0x01
MAX_DEPTH = 32
"""How deep values of indefinite length may nest; honest PKCS#7 needs six."""


class Malformed(ValueError):
    """The bytes are no BER."""


class CutOff(Malformed):
    """The bytes end before the value does."""


class Element(NamedTuple):
    """Be one value: its identifier octet, its content, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes


def elements(data: bytes) -> Iterator[Element]:
    """Yield the values that follow each other in the bytes. Raises Malformed, or CutOff when the last is too short."""
    position = 0
    while position < len(data):
        element = first(data, position)
        position += len(element.whole)
        yield element


def until_broken(data: bytes) -> Iterator[Element]:
    """Yield the values that follow each other in the bytes, up to the first that can't be read."""
    try:
        yield from elements(data)
    except Malformed:
        return


def first(data: bytes, position: int = 0) -> Element:
    """Return the value that begins at the position. Raises Malformed or CutOff."""
    start, end, stop = _extent(data, position, 0)
    return Element(data[position], data[start:end], data[position:stop])


def children(element: Element) -> list[Element]:
    """Return the values inside a constructed value. Raises Malformed or CutOff."""
    return list(elements(element.content))


def tlv(tag: int, content: bytes) -> bytes:
    """Encode one value with the shortest definite length, as DER asks."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def dotted(content: bytes) -> str:
    """Write an object identifier's content as ``2.5.29.17``. Raises Malformed."""
    if not content or content[-1] & 0x80:
        raise Malformed("an object identifier is empty or cut off")
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, [top, arcs[0] - 40 * top, *arcs[1:]]))


def _extent(data: bytes, position: int, depth: int) -> tuple[int, int, int]:
    """Return where the content begins and ends and where the next value begins."""
    if len(data) < position + 2:
        raise CutOff("a value ends inside its header")
    if data[position] & 0x1F == 0x1F:
        raise Malformed("identifiers of several octets do not occur here")
    if data[position + 1] == 0x80:
        return _indefinite(data, position, depth)
    start, size = _length(data, position + 1)
    if start + size > len(data):
        raise CutOff("a value is longer than the bytes at hand")
    return start, start + size, start + size


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return where the content begins and how long it is (X.690 8.1.3)."""
    octet = data[position]
    if octet < 0x80:
        return position + 1, octet
    count = octet & 0x7F
    if count > 4:
        raise Malformed("a length of more than four octets")
    if position + 1 + count > len(data):
        raise CutOff("a value ends inside its header")
    return position + 1 + count, int.from_bytes(data[position + 1 : position + 1 + count], "big")


def _indefinite(data: bytes, position: int, depth: int) -> tuple[int, int, int]:
    """Find the end-of-contents octets (X.690 8.1.3.6) by walking over everything before them."""
    if depth >= MAX_DEPTH or not data[position] & 0x20:
        raise Malformed("values of indefinite length nest too deep, or one is not constructed")
    start = end = position + 2
    while data[end : end + 2] != b"\0\0":
        end = _extent(data, end, depth + 1)[2]
    return start, end, end + 2
