"""Have a corporate PKI sign by EST, Enrollment over Secure Transport (RFC 7030, RFC 8951).

What it asks and what each answer means, with sources: docs/reference/est.md.
"""

from collections.abc import Sequence
from pathlib import Path

from engine.contracts import Authority, AuthorityPlugin, Office
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one such authority, ``[authorities.NAME.options]``; `url` is needed.

    `url`: where EST is, ``https://HOST[:PORT]/.well-known/est``, with ``/LABEL`` behind it where the PKI has several
    profiles.

    `ca`: a PEM file with the CA certificates that the server's own TLS certificate is verified by; by default those
    that this machine trusts.

    `username`: the account for HTTP Basic or Digest, sent only when the server asks for it; may be empty where the
    password needs none.

    `password`: where its password is, as a reference like a node's `password`; by default there is none.

    `client_certificate`: a PEM file with a certificate for TLS client authentication, its chain behind it; by default
    none is shown. It is the certificate of whoever runs certrenew, not of a box.

    `client_key`: a PEM file with the key of that certificate, without a password, readable by its owner alone; by
    default it is in the same file.
    """

    url: str
    ca: Path | None = None
    username: str = ""
    password: str | list[str] = ""
    client_certificate: Path | None = None
    client_key: Path | None = None


def connect(office: Office, options: Options) -> Authority:
    """Make the authority; nothing is sent yet. Raises UsageError for settings that don't fit together."""
    from plugins.est.authority import Est

    return Est(office, options)


@hookimpl
def register_authorities() -> Sequence[AuthorityPlugin]:
    """Offer it as ``plugin = "est"``."""
    return [AuthorityPlugin("est", Options, connect)]
