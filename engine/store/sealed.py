"""Keep private keys that peers share, for as long as a renewal needs them: encrypted, in files of their own.

    HOME/renewals/<id>/keys/<key>.wrapped   the data key, encrypted under what scrypt makes of the site's secret
    HOME/renewals/<id>/keys/<key>.sealed    the private key, encrypted under the data key

<key> is the SHA-256 of the public key. Without the first file nobody can open the second one, not even with the site's
secret; so the first one is deleted first. Both are AES-256-GCM with a nonce of their own, bound to renewal and key.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import Refused
from engine.store import files
from engine.text import escape

CAP = 64 * 1024
"""Largest file that is read here, in bytes; a key of 8192 bits is about 6 kB."""

KEY, NONCE, SALT = 32, 12, 16
"""Lengths in bytes: of a key of AES-256, of the nonce of GCM, of the salt of scrypt."""

COST, BLOCK, LANES = 2**15, 8, 1
"""What scrypt costs (RFC 7914): 32 MiB and about a tenth of a second, once a command."""


class _Wrapped(msgspec.Struct, frozen=True):
    """Be the file of the wrapped data key."""

    salt: bytes
    cost: int
    nonce: bytes
    content: bytes


class _Sealed(msgspec.Struct, frozen=True):
    """Be the file of the private key."""

    nonce: bytes
    content: bytes


class SealedKeys:
    """Hold the keys of one renewal in its folder `keys`, which is there only while it holds one."""

    def __init__(self, folder: Path, secret: Callable[[], str]) -> None:
        self._folder, self._secret = folder, secret

    def put(self, key: str, private: bytes) -> None:
        """Keep a private key, durably, under the SHA-256 of its public key; one that is there is replaced.

        Raises UsageError when the site's secret can't be had; then nothing was written.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt, data, bound = os.urandom(SALT), AESGCM.generate_key(KEY * 8), self._bound(key)
        wrapping, sealing = os.urandom(NONCE), os.urandom(NONCE)
        wrapped = AESGCM(self._derived(salt, COST)).encrypt(wrapping, data, bound)
        files.make_folder(self._folder)
        with files.explaining(self._folder, "emptied"):  # what a crash left would not open under the new data key
            self._path(key, "sealed").unlink(missing_ok=True)
        files.replace(self._path(key, "wrapped"), msgspec.json.encode(_Wrapped(salt, COST, wrapping, wrapped)))
        sealed = AESGCM(data).encrypt(sealing, private, bound)
        files.replace(self._path(key, "sealed"), msgspec.json.encode(_Sealed(sealing, sealed)))

    def get(self, key: str) -> bytes | None:
        """Return a private key that is kept, None where it is not, or not whole. Read-only.

        Raises Refused when it can't be opened: the site's secret is another one, or the files were altered.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            wrapped = msgspec.json.decode(files.read(self._path(key, "wrapped"), CAP), type=_Wrapped)
            sealed = msgspec.json.decode(files.read(self._path(key, "sealed"), CAP), type=_Sealed)
            if wrapped.cost != COST:
                raise InvalidTag
            derived = AESGCM(self._derived(wrapped.salt, COST))
            data = derived.decrypt(wrapped.nonce, wrapped.content, self._bound(key))
            return AESGCM(data).decrypt(sealed.nonce, sealed.content, self._bound(key))
        except FileNotFoundError:
            return None
        except (InvalidTag, ValueError):
            raise Refused(
                f"The private key that is kept in {escape(self._folder)} can't be opened: the secret of [shared_keys] "
                "is another one than it was kept under, or a file was altered.",
                untouched="Nothing was changed.",
                todo="Put the old secret back. Where it is lost, delete that folder: the key is fetched from its box "
                "once more, if that still has it.",
            ) from None

    def check(self) -> None:
        """Raise UsageError when the site's secret can't be had. Read-only."""
        self._secret()

    def held(self) -> bool:
        """Tell whether anything is kept here. Read-only."""
        return self._folder.is_dir()

    def drop(self) -> Iterator[str]:
        """Delete whatever is kept, data keys first, and yield the name of each file once it is gone for good.

        Idempotent: what a crash left goes, too, and where nothing is kept nothing is yielded.
        """
        if not self.held():
            return
        with files.explaining(self._folder, "emptied"):
            for path in sorted(self._folder.iterdir(), key=_last_the_strange):
                path.unlink(missing_ok=True)
                files.sync_folder(self._folder)
                yield path.name
            with suppress(FileNotFoundError):
                self._folder.rmdir()
            files.sync_folder(self._folder.parent)

    def _path(self, key: str, kind: str) -> Path:
        return self._folder / f"{key}.{kind}"

    def _bound(self, key: str) -> bytes:
        """Return what ties a file to its renewal and key, so that it opens in no other place."""
        return f"{self._folder.parent.name}/{key}".encode()

    def _derived(self, salt: bytes, cost: int) -> bytes:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        return Scrypt(salt=salt, length=KEY, n=cost, r=BLOCK, p=LANES).derive(self._secret().encode())


def _last_the_strange(path: Path) -> tuple[int, str]:
    """Order what is deleted: data keys, private keys, and then what is not ours and may refuse to go."""
    return {".wrapped": 0, ".sealed": 1}.get(path.suffix, 2), path.name
