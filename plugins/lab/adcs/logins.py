"""Let people in as IIS does: NTLM and Negotiate by pyspnego's acceptors, Basic; bound to the TLS channel or not.

NTLM lets in the connection; Basic and Kerberos each request.
"""

import base64
import binascii
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from plugins.lab.account import Account

CHANNEL_BOUND = 0x800
"""GSS_C_CHANNEL_BOUND_FLAG: MIT Kerberos says that the other end bound its login to this channel."""

OFFERS = {
    "all": ("Negotiate", "NTLM", "Basic"),
    "negotiate": ("Negotiate",),
    "ntlm": ("NTLM",),
    "basic": ("Basic",),
}

_ENVIRONMENT = threading.Lock()


@dataclass(frozen=True)
class Door:
    """Be who may come in, and how: `users` is the file of pyspnego's NTLM acceptor, with DOMAIN:USER:PASSWORD."""

    account: Account
    domain: str
    users: Path
    offers: Sequence[str]
    bound: bool
    certificate: x509.Certificate


class Visitor:
    """Be one connection's login. `let_in` returns nothing for who is in, or the challenges to answer 401 with."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._context: spnego.ContextProxy | None = None
        self.who = ""

    def let_in(self, authorization: str) -> list[str]:
        """Judge the header of one request; it may take several."""
        if self.who and not authorization:
            return []
        scheme, _, given = authorization.partition(" ")
        offered = {one.casefold(): one for one in self._door.offers}.get(scheme.casefold())
        self.who = ""
        if offered is None:
            return self._challenges()
        if offered == "Basic":
            return [] if self._basic(given) else self._challenges()
        return self._stepped(offered, given)

    def leave(self) -> None:
        """Forget a login that counts for one request only."""
        if self._context is None or self._context.negotiated_protocol != "ntlm":
            self.who, self._context = "", None

    def _challenges(self) -> list[str]:
        self._context = None
        return [f'{one} realm="{self._door.domain}"' if one == "Basic" else one for one in self._door.offers]

    def _basic(self, given: str) -> bool:
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        name = user.removeprefix(f"{self._door.domain}\\")
        self.who = user if self._door.account.login(name, password) else ""
        return bool(self.who)

    def _stepped(self, scheme: str, given: str) -> list[str]:
        try:
            token = base64.b64decode(given, validate=True)
            with _users(self._door.users):
                self._context = self._context or self._begin(scheme)
                answer = self._context.step(token)
        except (SpnegoError, binascii.Error, ValueError, OSError):
            return self._refused()
        if not self._context.complete:
            return [f"{scheme} {base64.b64encode(answer or b'').decode()}"]
        if not self._is_bound() or self._door.account.locked:
            return self._refused()
        self.who = str(self._context.client_principal)
        return []

    def _begin(self, scheme: str) -> spnego.ContextProxy:
        return spnego.server(
            hostname="localhost",
            service="HTTP",
            protocol="ntlm" if scheme == "NTLM" else "negotiate",
            channel_bindings=end_point(self._door.certificate) if self._door.bound else None,
        )

    def _is_bound(self) -> bool:
        """Tell whether the login is bound where it must be; for NTLM the acceptor has judged that itself."""
        if self._context is None or not self._door.bound or self._context.negotiated_protocol == "ntlm":
            return True
        # Looked for inside, because pyspnego's own flags leave this one out.
        return bool(getattr(getattr(self._context, "_context", None), "_context_attr", 0) & CHANNEL_BOUND)

    def _refused(self) -> list[str]:
        self._door.account.login("", "")  # counts towards the lock
        return self._challenges()


def end_point(certificate: x509.Certificate) -> GssChannelBindings:
    """Return the bindings of RFC 5929, tls-server-end-point, for a certificate signed with SHA-256."""
    return GssChannelBindings(application_data=b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256()))


@contextmanager
def _users(file: Path) -> Iterator[None]:
    """Show pyspnego's NTLM acceptor its users, which it looks for by a variable, for as long as one step takes."""
    with _ENVIRONMENT:
        before = os.environ.get("NTLM_USER_FILE")
        os.environ["NTLM_USER_FILE"] = str(file)
        try:
            yield
        finally:
            if before is None:
                del os.environ["NTLM_USER_FILE"]
            else:
                os.environ["NTLM_USER_FILE"] = before
