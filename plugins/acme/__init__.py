"""Have a certification authority sign by ACME (RFC 8555): DNS-01 by a solver, HTTP-01 by a webroot.

For users: docs/reference/acme.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from engine.contracts import Authority, AuthorityPlugin, Office
from engine.hookspecs import hookimpl
from engine.model import Json, Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one such authority, ``[authorities.NAME.options]``.

    `directory`: where the CA's ACME directory is, an ``https://`` address.

    `account_key`: where the private key of the account is, by reference, such as ``file:acme-account.pem``: PEM without
    a password, or a JWK; RSA or EC. Make one with ``openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out
    acme-account.pem``.

    `challenge`: how control of the names is proven: ``dns-01`` by a TXT record, ``http-01`` by a file that a web server
    on port 80 of each name serves.

    `solver`: for ``dns-01``, the name of the solver that puts records into the DNS.

    `solver_options`: the settings of that solver.

    `webroot`: for ``http-01``, the folder that the web server serves; files go into its ``.well-known/acme-challenge``.

    `ca`: a PEM file with the CA certificates by which the directory's own TLS certificate is verified; the system's
    when absent.

    `contact`: mail addresses that the CA may write to about the account; taken when the account is made.

    `terms_agreed`: you agree to the CA's terms of service. Needed where the directory names terms; the message gives
    their address.

    `eab_kid`: the key identifier of an external account binding, for CAs that give one.

    `eab_key`: where the HMAC key of that binding is, by reference; Base64url, as CAs give it.

    `profile`: the certificate profile to order; the CA's default when empty.
    """

    directory: str
    account_key: str | list[str]
    challenge: Literal["dns-01", "http-01"] = "dns-01"
    solver: str = ""
    solver_options: dict[str, Json] = {}
    webroot: Path | None = None
    ca: Path | None = None
    contact: list[str] = []
    terms_agreed: bool = False
    eab_kid: str = ""
    eab_key: str | list[str] = ""
    profile: str = ""


def connect(office: Office, options: Options) -> Authority:
    """Make the authority; nothing is read or sent. Raises UsageError for settings that do not fit together."""
    from plugins.acme.authority import Acme

    return Acme(office, options)


@hookimpl
def register_authorities() -> Sequence[AuthorityPlugin]:
    """Offer it as ``plugin = "acme"``."""
    return [AuthorityPlugin("acme", Options, connect)]
