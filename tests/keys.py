"""Let tests take RSA keys from a small stock in turn: making them is a third of what a lab does in a short life."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import rsa

STOCK = 32
"""More than one test takes, so that none gets a key twice."""


@contextmanager
def stocked() -> Iterator[None]:
    """Have every RSA key come from the stock until the block ends."""
    make, turns = rsa.generate_private_key, cycle(range(STOCK))

    @cache
    def kept(bits: int, _turn: int) -> rsa.RSAPrivateKey:
        return make(65537, bits)

    with mock.patch.object(rsa, "generate_private_key", lambda public_exponent, key_size: kept(key_size, next(turns))):
        yield
