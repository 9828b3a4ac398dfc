"""Damage good inputs, and make bad ones: what a reader of outside bytes has to survive."""

import random
from collections.abc import Iterator, Sequence

TOKENS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b'"', b"'", b"\\", b"<", b">", b"&", b"]]>", b"<!--", b"--",
    b"[", b"]", b"{", b"}", b",", b":", b"=", b"null", b"true", b"-1", b"1e999", b"9" * 30, b"NaN", b'""', b"[]", b"{}",
    b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"-----BEGIN ", b"MII", b"\x30\x80", b"\x30\x84",
    b"\x06\x03U\x04\x03", b"\xa0\x03\x02\x01\x02", b"\x1b[2J", "\u202e".encode(), "é".encode("latin-1"), b"%s", b"../",
)  # fmt: skip
"""What means something to one reader or another."""


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Take a seed and damage it in a few places. All chance comes from `chance`, so that it can be made again."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        data = _damaged(data, seeds, chance)
    return data


def _damaged(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 1, 4, 20, 200)))
    match chance.randrange(7):
        case 0:
            return data[:start] + bytes(chance.randrange(256) for _ in range(end - start)) + data[end:]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:start] + chance.choice(TOKENS) + data[end:]
        case 3:
            return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]
        case 4:
            return data[:start]
        case 5:
            other = chance.choice(seeds)
            return data[:start] + other[chance.randint(0, len(other)) :]
        case _:
            return data[:start] + bytes((byte ^ (1 << chance.randrange(8))) for byte in data[start:end]) + data[end:]


BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE Status [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 10))
    + b"]><Status>&j;</Status>"
)
"""Entities that become a billion times longer when they are put in ("billion laughs")."""

QUADRATIC = b'<!DOCTYPE Status [<!ENTITY a "' + b"x" * 50_000 + b'">]><Status>' + b"&a;" * 50_000 + b"</Status>"
"""One long entity, put in very often."""

EXTERNAL = (
    b'<!DOCTYPE Status [<!ENTITY a SYSTEM "file:///etc/hostname">]><Status>&a;</Status>',
    b'<!DOCTYPE Status [<!ENTITY % a SYSTEM "file:///etc/hostname"> %a;]><Status/>',
)
"""Documents that would have a parser read a file, or ask another host."""

DEEP_JSON = (b"[", b'{"a":', b'[{"Message":')
DEEP_XML = (b"<a>", b"<Status>")


def hurtful(size: int) -> Iterator[bytes]:
    """Yield inputs of about `size` bytes that are made to take a reader's time or memory."""
    yield from (BILLION, QUADRATIC[:size], *EXTERNAL)
    for unit in (*DEEP_JSON, *DEEP_XML, *TOKENS, *_REPEATED):
        yield unit * (size // len(unit))
    for first, unit in _LED:
        yield first + unit * (size // len(unit))


_REPEATED = (
    b"A", b"9", b" ", b"\n", b"\t", b"a: ", b"> ", b"=0A=\n", b"-----BEGIN X-----\n", b"-----BEGIN X-----",
    b"<a b='c'>", b"<a ", b"<p id=locDenied>", b"ID=locDispLabel ", b"<DD>", b"certnew.cer?ReqID=1&", b"0x80094800 ",
    b"DNS:a, ", b"Not After : ", b"X509v3 Subject Alternative Name: \n", b"/CN=a", b"\x30\x03\x02\x01\x01", b"a = 1\n",
    b"[[a]]\n", b"[a.a]\n", b"a.", b"/a:\n", b'"a":1,', b"=?a?q?a?=", b"a=b,", b'a="', b"\\",
)  # fmt: skip
_LED = (
    (b"-----BEGIN CERTIFICATE-----\n", b"MIIB"),
    (b"Certificate:\n    Data:\n        Subject: ", b"CN = a, "),
    (b"Certificate:\n    Data:\n        Subject: ", b" "),
    (b"<html>", b"<"),
    (b'{"trusts":[', b'{"service":"tomcat"},'),
    (b'{"Message":"', b"a"),
    (b"x = ", b"["),
    (b"x = ", b"{a="),
    (b"Digest ", b'a="b\\'),
)
