"""Tell which file of a box holds a private key. Pure; sources in docs/reference/expressway.md, "Shared certificate"."""

import re
from collections.abc import Iterator

CAP = 64 * 1024
"""Largest file that is read, in bytes; a private key is at most about 13 kB."""

FILES = 200
"""Most files of the folder that are read; a box has a handful."""

ENTRIES = 5000
"""Most entries of the folder that are looked at."""

_KEY = re.compile(
    rb"-----BEGIN (?P<kind>(?:[A-Z]{1,10} )?PRIVATE KEY)-----[A-Za-z0-9+/=\s]{1,65536}?-----END (?P=kind)-----"
)


def private_key(content: bytes, key: str) -> bytes | None:
    """Return the private key in a file whose public key has this SHA-256, as it stands there, in PEM; None without.

    It ends with a line feed: without one MRA may fail (guide X14.3, troubleshooting). One with a password is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from engine.certificates import key_digest

    for block in _blocks(content):
        try:
            public = load_pem_private_key(block, None).public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if key_digest(public) == key:
            return block.rstrip() + b"\n"
    return None


def _blocks(content: bytes) -> Iterator[bytes]:
    """Yield what may be a private key: PEM as it is, or a file that is one key in DER, made PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_der_private_key,
    )

    yield from (found[0] for found in _KEY.finditer(content))
    if content[:1] == b"\x30":
        try:
            key = load_der_private_key(content, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return
        yield key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
