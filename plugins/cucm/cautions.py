"""Say what a person should know before a CA certificate is added to Unified CM. Pure; sources in the reference."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

LARGE = 4096
"""Bits of a CA's RSA key that some endpoints refuse in mixed mode; also the most that a node takes (confirmed)."""

MIXED_MODE = (
    "If the cluster is in mixed mode: the vendor's Security Guide asks for a new CTL file after an upload, its MRA "
    "procedures do not, and certrenew makes none; ask whoever runs the cluster."
)
BACKUP = "After the upload the vendor asks for a backup with the Disaster Recovery System; certrenew makes none."


def cautions(certificate: "x509.Certificate") -> Sequence[str]:
    """Return the sentences for one certificate; those on mixed mode and backup are the same for every one."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from engine.certificates import public_key

    found, key = [MIXED_MODE, BACKUP], public_key(certificate)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LARGE:
        large = f"Its key has {key.key_size} bits: some endpoints refuse a CA of {LARGE} bits or more in mixed mode"
        found.append(f"{large}." if key.key_size == LARGE else f"{large}, and a node takes none over {LARGE}.")
    return found
