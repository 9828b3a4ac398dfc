"""Say what a driver may do with a private key, where a site has the peers of a cluster share one certificate."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import Refused

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class PrivateKey:
    """Be a private key that a box gave: the name of its `file` there, and its PEM. Keep it out of everything else."""

    file: str
    pem: bytes = field(repr=False)


class KeyHolder:
    """Be a box from which a private key can be fetched, or that takes one with a certificate; by default neither."""

    @property
    def gives_keys(self) -> bool:
        """Tell whether the site lets the private key of a CSR be fetched from this box. Sends nothing."""
        return False

    @property
    def takes_keys(self) -> bool:
        """Tell whether the site lets a certificate be uploaded here with a key made elsewhere. Sends nothing."""
        return False

    def private_key(self, key: str) -> PrivateKey:
        """Fetch the private key whose public key has this SHA-256 (`engine.certificates.key_digest`). Read-only.

        Raises Refused when the box has none such, and where `gives_keys` is False.
        """
        raise Refused(
            "No way is set to fetch a private key from this box.",
            untouched="Nothing was read.",
            todo="docs/how-to/share-one-certificate.md tells how.",
        )

    def install_with_key(self, slot: str, leaf: "x509.Certificate", private: bytes) -> None:
        """Upload a leaf certificate with its private key (PEM), which was made on another box.

        The caller reads the slot back afterwards. Raises Refused where `takes_keys` is False.
        """
        raise Refused(
            "No way is set to upload a private key to this box.",
            untouched="Nothing was uploaded.",
            todo="docs/how-to/share-one-certificate.md tells how.",
        )

    def check_keys(self) -> None:
        """Raise what `private_key` would, as far as that shows without reading a file; one login. Read-only."""
        return
