"""Run a real mail server (aiosmtpd) on loopback, with real TLS, and keep what it was given."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.pki import Leaf, pem


@dataclass
class Box:
    """Be a running server: `mails` holds envelopes, `logins` what was tried, `refuse` answers by command or address."""

    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str, str]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    password: str = ""
    address: str = ""

    async def handle_EHLO(  # noqa: N802  # the library's name
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Note whether the line is encrypted."""
        session.host_name = hostname
        self.secured.append(session.ssl is not None)
        return [one for one in responses if not any(word in one for word in self.refuse.get("hide", "").split())]

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender, or refuse it."""
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, or refuse it."""
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.mails.append(envelope)
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, how: str, data: Any) -> AuthResult:
        """Judge a login."""
        assert isinstance(data, LoginPassword)
        self.logins.append((how, data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == self.password, handled=False)


class _Bound(Controller):
    """Listen on a port that the system chose."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def serving(leaf: Leaf | None, folder: Path, *, implicit: bool = False, **more: Any) -> Iterator[Box]:
    """Serve until the block ends: STARTTLS with this certificate, TLS from the first byte, or no TLS without one."""
    box = Box()
    told: dict[str, Any] = {"authenticator": box.authenticate, **more}
    if leaf is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = folder / f"{leaf.certificate.serial_number}.pem"
        chain.write_text(leaf.key_pem + pem(leaf.certificate, *leaf.chain))
        context.load_cert_chain(chain)
        if implicit:
            told |= {"ssl_context": context, "auth_require_tls": False}
        else:
            told |= {"tls_context": context, "require_starttls": True}
    controller = _Bound(box, hostname="127.0.0.1", port=0, ready_timeout=30, **told)
    controller.start()
    box.address = f"127.0.0.1:{controller.port}"
    try:
        yield box
    finally:
        controller.stop()
