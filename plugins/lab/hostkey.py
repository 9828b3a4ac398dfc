"""Give a simulated SSH server its host key, and serve a connection under it."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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

    def serve(self, connection: socket.socket, server: "Callable[[], asyncssh.SSHServer]", **options: Any) -> None:
        """Serve one connection until it ends.

        `server` makes what asyncssh asks about a login, `options` are its own and say what a session does.
        """
        import asyncssh

        with suppress(asyncssh.Error, OSError):
            asyncio.run(self._serve(connection, server, options))

    async def _serve(
        self, connection: socket.socket, server: "Callable[[], asyncssh.SSHServer]", options: dict[str, Any]
    ) -> None:
        import asyncssh

        connection.setblocking(False)
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        served = await asyncssh.run_server(
            connection, server_factory=server, server_host_keys=[asyncssh.import_private_key(key)], **options
        )
        await served.wait_closed()
