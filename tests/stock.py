"""Let tests keep what takes long to make and is as good the next time; together that is half of what a lab does."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from unittest import mock

from asyncssh.editor import SSHLineEditor
from cryptography.hazmat.primitives.asymmetric import rsa

STOCK = 32
"""How many RSA keys of a size there are. More than one test takes, so that none gets a key twice."""


@contextmanager
def stocked() -> Iterator[None]:
    """Until the block ends, take every RSA key from the stock, and read what a line editor can print from a copy."""
    with _keys(), _printable():
        yield


@contextmanager
def _keys() -> Iterator[None]:
    make, turns = rsa.generate_private_key, cycle(range(STOCK))

    @cache
    def kept(bits: int, _turn: int) -> rsa.RSAPrivateKey:
        return make(65537, bits)

    with mock.patch.object(rsa, "generate_private_key", lambda public_exponent, key_size: kept(key_size, next(turns))):
        yield


@contextmanager
def _printable() -> Iterator[None]:
    """Have asyncssh go once through all characters that can be typed, and not for each session: they are the same."""
    build, known = SSHLineEditor._build_printable, {}

    def copy(editor: SSHLineEditor) -> None:
        keys = frozenset(editor._keymap)
        if keys not in known:
            build(editor)
            known[keys] = editor._printable
        editor._printable = known[keys]

    with mock.patch.object(SSHLineEditor, "_build_printable", copy):
        yield
