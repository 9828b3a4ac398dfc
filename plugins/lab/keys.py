"""Give the lab's approvers SSH keys, as people bring their own elsewhere, and the file that says whose is whose."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from plugins.lab.files import write_private

SIGNERS = "signers"


def key_of(home: Path, person: str) -> Path:
    """Return the file of a person's private key; the public one lies beside it."""
    return home / "keys" / person


def write_keys(home: Path, people: list[str]) -> None:
    """Write a key pair for each person and the file of allowed signers (ssh-keygen(1))."""
    lines = []
    for person in people:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        write_private(key_of(home, person), private)
        write_private(key_of(home, person).with_suffix(".pub"), f"{public} {person}\n".encode())
        lines.append(f'{person} namespaces="certrenew" {public}\n')
    write_private(home / SIGNERS, "".join(lines).encode())
