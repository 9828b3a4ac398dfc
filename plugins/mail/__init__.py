"""Tell people of events by mail, over SMTP with TLS. For users: docs/reference/observers.md."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from engine.contracts import Observer, ObserverAccess, ObserverPlugin
from engine.hookspecs import hookimpl
from engine.model import Value

_ATOM, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,254}}$){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one such observer, ``[observers.NAME.options]``.

    `server`: HOST or HOST:PORT of the mail server; the port is 587 by default, and 465 with `tls = "implicit"`.

    `tls`: ``starttls`` (default): the connection begins in clear text and nothing but the wish for TLS is sent over it;
    or ``implicit``: TLS from the first byte. Without TLS nothing is ever sent.

    `ca`: a PEM file with the CA certificates that verify the server; by default the system's store. The certificate
    must carry the host of `server`.

    `username`: the account to log in with; by default none is sent. `password`: where its password is, as a reference.

    `sender`: the address that the mails are from. `to`: the addresses that they go to.
    """

    server: str
    tls: Literal["starttls", "implicit"] = "starttls"
    ca: Path | None = None
    username: str = ""
    password: str | list[str] = ""
    sender: str
    to: list[str]

    def __post_init__(self) -> None:
        if not _SERVER.fullmatch(self.server):
            raise ValueError("`server` must be HOST or HOST:PORT")
        if bool(self.username) != bool(self.password):
            raise ValueError("`username` and `password` go together")
        if not self.to:
            raise ValueError("`to` must have an address")
        for address in (self.sender, *self.to):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"`{address}` is no plain mail address, such as a.b@example.com")


def connect(access: ObserverAccess, options: Options) -> Observer:
    """Make the observer; nothing is sent."""
    from plugins.mail.client import Mail

    return Mail(access, options)


@hookimpl
def register_observers() -> Sequence[ObserverPlugin]:
    """Offer it as ``plugin = "mail"``."""
    return [ObserverPlugin("mail", Options, connect)]
