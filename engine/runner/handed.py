"""Read the files that people hand over."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UsageError
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

FILE_LIMIT = 1024 * 1024
"""Largest file a person may hand over, in bytes; a chain of ten certificates is about 20 kB."""


def certificates_in(path: Path) -> "list[x509.Certificate]":
    """Read the certificates in a file of any form. Raises UsageError."""
    from engine.certificates import read_certificates

    return read_certificates(read_file(path), str(path))


def read_file(path: Path) -> bytes:
    """Read a file that a person named, up to `FILE_LIMIT`; ``-`` is what is pasted on standard input.

    Raises UsageError that says what is wrong with it.
    """
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with path.open("rb") as file:
                content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise UsageError(
            f"{escape(path)} can't be read: {error.strerror}.", untouched="Nothing was changed.", todo="Check the path."
        ) from None
    if len(content) > FILE_LIMIT:
        raise UsageError(f"{escape(path)} is larger than {FILE_LIMIT} bytes.", todo="Is it the right file?")
    return content
