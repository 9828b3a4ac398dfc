"""Give a simulated SSH server its host key."""

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

if TYPE_CHECKING:
    import asyncssh


class HostKey:
    """Be one host key, made anew with each lab."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        """Return its kind and public key, as they stand in known_hosts."""
        return self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    @property
    def fingerprint(self) -> str:
        """Return its fingerprint, as ``ssh-keygen -l`` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def private(self) -> "asyncssh.SSHKey":
        """Return it as the server takes it."""
        import asyncssh

        return asyncssh.import_private_key(self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
