"""Get DER out of what CAs, mail programs and editors make of it: PEM, bare Base64, UTF-16, quoted mail. Read-only.

The form is RFC 7468 ("lax" parsing and beyond): text around the blocks, any line ends, header lines, foreign blocks.
"""

import base64
import binascii
import codecs
import quopri
import re
import unicodedata
from itertools import zip_longest
from typing import NamedTuple

_BOUNDARY = re.compile(r"-----(BEGIN|END) ([^-\n]{1,64})-----")
_QUOTES = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+")
_BARE = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}")


class Block(NamedTuple):
    """Be one PEM block; `body` is None when its Base64 can't be decoded or its end is missing."""

    label: str
    body: bytes | None


def text_of(data: bytes) -> str:
    """Decode text of any encoding that a Windows or a Unix editor writes, with plain line ends and no mail quotes."""
    text = _decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    return _QUOTES.sub("", text)


def blocks(text: str) -> list[Block]:
    """Return the PEM blocks of a text in order."""
    marks = list(_BOUNDARY.finditer(text))
    found = []
    for mark, after in zip_longest(marks, marks[1:]):
        if mark[1] == "BEGIN":
            closed = after is not None and after[1] == "END" and after[2] == mark[2]
            found.append(
                Block(mark[2].strip(), unbase64(text[mark.end() : after.start()]) if closed and after else None)
            )
    return found


def bare(text: str) -> bytes | None:
    """Decode a text that is Base64 and nothing else; None when it is anything else."""
    packed = _packed(text)
    return unbase64(packed) if _BARE.fullmatch(packed) else None


def unbase64(body: str) -> bytes | None:
    """Decode Base64 with header lines, blanks, missing padding or quoted-printable damage; None for anything else."""
    lines = [line for line in body.split("\n") if ":" not in line]
    return _strict("".join(lines)) or _strict(_unquoted("\n".join(lines)))


def _unquoted(text: str) -> str:
    return quopri.decodestring(text.encode("ascii", "replace")).decode("ascii", "replace")


def _strict(text: str) -> bytes | None:
    packed = _packed(text).rstrip("=")
    if len(packed) % 4 == 1:  # half a byte is left over: the text is cut off, which the decoded value will show
        packed = packed[:-1]
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _packed(text: str) -> str:
    """Drop blanks and invisible characters (mail programs insert no-break and zero-width ones)."""
    packed = "".join(text.split())
    return packed if packed.isascii() else "".join(one for one in packed if unicodedata.category(one) != "Cf")


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    head = data[:400]
    if head.count(0) > len(head) // 3:
        return data.decode("utf-16-be" if head[:1] == b"\0" else "utf-16-le", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
