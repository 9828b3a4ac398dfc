"""Be a node on loopback that answers as told, by real TLS: the server of the Expressway tests with other answers."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from engine.certificates import to_pem
from engine.contracts import Access
from engine.model import Json
from engine.net import TlsTrust
from engine.testing.pki import new_issuer
from plugins.cucm import Options, soap, wire
from plugins.cucm.store import Cucm
from tests.plugins.expressway.server import NAME, PASSWORD, USER, Asked, Reply
from tests.plugins.expressway.server import Server as Https

__all__ = ["NAME", "PASSWORD", "USER", "Asked", "Reply", "Server"]

NOW = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
ROOT = new_issuer("Root A").certificate
LIST = f"{wire.TRUST}?service="


def answer(value: Json, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status, json.dumps(value).encode())


def snapshot(**stores: Sequence[x509.Certificate]) -> Reply:
    """Answer with stores, written with ``_`` for ``-``."""
    trusts = [
        {
            "service": name.replace("_", "-"),
            "certificate_data": [{"filename": "a.pem", "certificate": to_pem(one)} for one in held],
        }
        for name, held in stores.items()
    ]
    return answer({"trusts": trusts})


def told(operation: str, *services: tuple[str, str, int, int], code: int = 0) -> Reply:
    """Answer for services given as (name, status, reason code, uptime)."""
    items = "".join(
        f"<item><ServiceName>{name}</ServiceName><ServiceStatus>{status}</ServiceStatus><ReasonCode>{reason}"
        f"</ReasonCode><ReasonCodeString/><StartTime/><UpTime>{uptime}</UpTime></item>"
        for name, status, reason, uptime in services
    )
    inner = f"<ReturnCode>{code}</ReturnCode><ReasonCode>-1</ReasonCode><ServiceInfoList>{items}</ServiceInfoList>"
    return _envelope(
        f'<{operation}Response xmlns="{soap.NAMESPACE}"><{operation}Return>{inner}</{operation}Return>'
        f"</{operation}Response>"
    )


def fault(text: str) -> Reply:
    """Answer with a SOAP fault."""
    inner = f"<s:Fault><faultcode>s:Server</faultcode><faultstring>{text}</faultstring></s:Fault>"
    return _envelope(inner, 500)


def _envelope(inner: str, status: int = 200) -> Reply:
    whole = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inner}</s:Body></s:Envelope>'
    return Reply(status, whole.encode(), "text/xml")


ALL = told(
    soap.STATUS,
    ("A Cisco DB", "Started", -1, 5000),
    ("Cisco HAProxy", "Started", -1, 5000),
    ("Cisco Tomcat", "Started", -1, 5000),
    ("Cisco Tftp", "Started", -1, 5000),
    ("Cisco CallManager", "Started", -1, 5000),
)


class Server(Https):
    """Answer as a node with two empty stores and four services that run; one port for REST and SOAP."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.answers = {
            ("GET", wire.SNAPSHOT): snapshot(tomcat_trust=[], CallManager_trust=[]),
            ("POST", wire.UPLOAD): answer({"message": "Uploaded"}),
            ("POST", soap.PATH): ALL,
        }

    def node(
        self,
        options: Options | None = None,
        *,
        trust: TlsTrust | None = None,
        password: Callable[[], str] = lambda: PASSWORD,
        username: str = USER,
        publisher: bool = True,
        now: Callable[[], datetime] = lambda: NOW,
    ) -> Cucm:
        """Return a driver for this server that verifies it, unless `trust` says otherwise."""
        from msgspec.structs import replace

        access = Access(
            node="cucm1",
            kind="cucm",
            address=self.address,
            hostname=NAME,
            username=username,
            password=password,
            trust=trust or TlsTrust(NAME, ca=str(self.ca)),
            now=now,
            publisher=publisher,
        )
        options = options or Options()
        return Cucm(access, replace(options, soap_address=options.soap_address or self.address))
