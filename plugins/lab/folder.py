"""Keep what a box has in its folder of certificates as files, and serve them over SFTP to root.

The folder, and that root may copy a private key from it: 218034 and 213872 (confirmed). So are server.pem and ca.pem:
guide X14.3 and a published client. Names of the files with keys are in no source, so the lab's are a switch.
"""

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from plugins.lab.account import Account
from plugins.lab.authority import Key, pem
from plugins.lab.box import Box
from plugins.lab.files import write_private
from plugins.lab.hostkey import HostKey

if TYPE_CHECKING:
    import asyncssh

CERTS = "tandberg/persistent/certs"
"""Where a box keeps its certificates, under its root."""

LIVE = "privkey.pem"


class KeyFolder:
    """Be the folder of one box on this machine's disk, under `root`, and its SFTP server.

    Only `account` is let in; everything under `root` is what it sees of the box.
    """

    def __init__(self, box: Box, root: Path, account: Account) -> None:
        self._box, self.root, self.account, self._key = box, root, account, HostKey()
        box.stored = self.write
        self.write()

    @property
    def path(self) -> Path:
        """Return where the files are."""
        return self.root / CERTS

    @property
    def host_key(self) -> str:
        """Return the fingerprint of the server's host key."""
        return self._key.fingerprint

    def write(self) -> None:
        """Have the files say what the box holds now; files of others stay."""
        box = self._box
        with box.lock:
            live = box.slots["server"]
            wanted = {"server.pem": pem([live.certificate]), LIVE: _key(live.key), "ca.pem": pem(box.trusted)}
            ours = ("pending", *(name for name in NAMES.values() if name))
            if box.pending and (name := NAMES[box.settings["pending_key_file"]]):
                wanted |= {name: _key(box.pending.key), "pending": box.pending.pem}
            for name in ours:
                if name not in wanted:
                    (self.path / name).unlink(missing_ok=True)
            for name, content in wanted.items():
                write_private(self.path / name, content)

    def serve(self, connection: socket.socket, _peer: int) -> None:
        """Serve one connection until it ends."""
        import asyncssh

        self._key.serve(
            connection,
            lambda: _server(self.account),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.root).encode()),
        )


NAMES = {"privkey.pem.csr": "privkey.pem.csr", "csr-key.pem": "csr-key.pem", "none": ""}
"""What the file with the pending CSR's key is called, by the settings of the switch `pending_key_file`."""


def _server(account: Account) -> "asyncssh.SSHServer":
    """Make what asyncssh asks about a login; the class is made here because asyncssh is imported late."""
    import asyncssh

    class Server(asyncssh.SSHServer):
        """Let the account in by its password."""

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return account.login(username, password)

    return Server()


def _key(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
