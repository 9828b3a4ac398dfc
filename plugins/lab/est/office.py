"""Be a running EST server: its port, its TLS, its account and what the engineer gets to know of it."""

import secrets
import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from plugins.lab.account import Account
from plugins.lab.api import Answer, Request
from plugins.lab.authority import certify, pem
from plugins.lab.box import Identity
from plugins.lab.est.enrol import BASE, Desk
from plugins.lab.est.login import Door, text
from plugins.lab.estate import DOMAIN
from plugins.lab.faults import Ordered
from plugins.lab.offices import Kit
from plugins.lab.ports import LOOPBACK, Port
from plugins.lab.tls import accepted, web_context
from plugins.lab.web import Behind, WebFace

INSTEAD = {
    "error-5xx": text(503, "Service Unavailable"),
    "denied": text(401, "Unauthorized", **{"WWW-Authenticate": 'Basic realm="Corp EST"'}),
    "api-disabled": text(403, "This account may not enrol here."),
}
"""What some faults answer instead of doing anything."""

USER = "svc-certrenew"


class EstOffice:
    """Be the authority ``est`` of the lab; the corporate CA's new generation signs."""

    name = plugin = "est"

    def __init__(self, kit: Kit) -> None:
        self._kit, self.faults = kit, Ordered()
        password = secrets.token_urlsafe(18)
        self.account = Account(self.name, password, kit.settings.number("lockout_after"), kit.effects, USER)
        self._door = Door(self.name, self.account, kit.settings["est_login"], kit.effects)
        self._desk = Desk(self.name, kit.authority, kit.effects, kit.settings, self.faults, kit.now)
        self._stopping = threading.Event()
        self.port = Port(self._https)
        self._context = self._tls()
        self.files = self._for_the_engineer()

    @property
    def url(self) -> str:
        """Return where EST is."""
        return f"https://{self.port.address}{BASE}"

    def _for_the_engineer(self) -> dict[str, bytes]:
        client = self._certified([x509.DNSName(f"certrenew.{DOMAIN}")], f"certrenew.{DOMAIN}")
        key = client.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = pem([client.certificate, *self._kit.authority.old.chain[:1]])
        return {"secrets/est": self.account.password.encode(), "secrets/est-client.pem": chain + key}

    @property
    def site_options(self) -> str:
        """Return the lines of ``[authorities.est.options]``."""
        plain = f'username = "{USER}"\npassword = "file:secrets/est"   # sent only when the server asks for it\n'
        shown = 'client_certificate = "secrets/est-client.pem"  # certificate, chain and key in one file\n'
        by_certificate = self._kit.settings["est_login"] == "certificate"
        return f'url = "{self.url}"\nca = "trust/boxes.pem"          # who signed the server\'s own certificate\n' + (
            shown if by_certificate else f"{plain}# or: {shown}"
        )

    def start(self) -> None:
        """Begin to listen."""
        self.port.open()

    def stop(self) -> None:
        """Close the port for good. Idempotent."""
        self._stopping.set()
        self.faults.clear()
        self.port.release()

    def _tls(self) -> ssl.SSLContext:
        """Ask every client for a certificate, and let in who has none; one that is shown must be the old CA's."""
        names = [x509.DNSName(f"est.{DOMAIN}"), x509.IPAddress(ip_address(LOOPBACK))]
        context = web_context(self._certified(names, f"est.{DOMAIN}"), self._kit.authority.old.chain[:1])
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=pem(self._kit.authority.old.chain).decode())
        return context

    def _certified(self, names: Sequence[x509.GeneralName], common_name: str) -> Identity:
        key, now = ec.generate_private_key(ec.SECP256R1()), self._kit.now()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        leaf = certify(
            self._kit.authority.old.issuing,
            subject,
            key.public_key(),
            names,
            start=now - timedelta(days=1),
            end=now + timedelta(days=300),
        )
        return Identity(leaf, key)

    def _https(self, connection: socket.socket, peer: int) -> None:
        with accepted(self._context, connection) as wrapped:
            known = bool(wrapped.getpeercert(binary_form=True))
            behind = Behind(self.name, self._kit.effects, lambda asked: self._admitted(asked, known), INSTEAD, "EST")
            WebFace(behind, self.faults, self._stopping).serve(wrapped, peer)

    def _admitted(self, asked: Request, known: bool) -> Answer:
        """Answer whoever may ask; `known` is who showed a client certificate."""
        open_to_all = self._kit.settings["est_protects"] == "enrolment" and not asked.path.endswith("/simpleenroll")
        refusal = None if known or open_to_all else self._door.refusal(asked)
        return refusal or self._desk.answer(asked)
