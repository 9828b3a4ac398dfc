"""Be an AD CS: take requests at its web enrolment, keep them by number, decide them as switched or as a person says."""

import base64
import secrets
import socket
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from engine.errors import UsageError
from plugins.lab.account import Account
from plugins.lab.adcs.logins import OFFERS, Door, Visitor
from plugins.lab.adcs.pages import Pages
from plugins.lab.api import Answer, Request
from plugins.lab.authority import certify, pem
from plugins.lab.box import Identity
from plugins.lab.faults import Ordered
from plugins.lab.files import write_private
from plugins.lab.offices import Kit
from plugins.lab.ports import Port
from plugins.lab.tls import accepted, web_context
from plugins.lab.web import Behind, WebFace

NAME, CA_NAME, DOMAIN, USER = "adcs", "CORP-ISSUING-CA01", "CORP", "svc-expressway"
OFFICER = f"{DOMAIN}\\pki.manager"
TEMPLATE = "ExpresswayServerClient"
FIRST = 83
"""Number of the first request; a CA that is in use does not begin at one."""

LOCKOUT = 5
"""Refused logins until the account is locked."""

OPTIONS = f"""url = "{{url}}"
template = "{TEMPLATE}"    # its cn, which has no blanks
ca = "trust/boxes.pem"          # by which its web server is verified
auth = "ntlm"                   # kerberos needs a domain; the lab has none
username = "{DOMAIN}\\\\{USER}"
password = "file:secrets/{NAME}"
poll_after = 5                  # seconds; some minutes in life
"""
"""The options of the site's authority."""

PAGE, INSTEAD_BODY = "text/html", b"<HTML><Body>Service unavailable</Body></HTML>"
INSTEAD = {
    "error-5xx": Answer(503, INSTEAD_BODY, PAGE),
    "denied": Answer(401, b"", PAGE, {"WWW-Authenticate": "Negotiate, NTLM"}),
    "api-disabled": Answer(403, INSTEAD_BODY, PAGE),
}
"""What some faults answer instead of doing anything."""

OK, ADMIN_DENIED, UNKNOWN, STATE = 0, 0x80094014, 0x80094004, 0x80094003


@dataclass
class Asked:
    """Be one request in the CA's database. `polls` is how often it is still to be found waiting, None without end."""

    number: int
    csr: x509.CertificateSigningRequest | None
    requester: str
    attributes: str
    polls: int | None = None
    denied: str = ""
    issued: list[x509.Certificate] = field(default_factory=list)


class AdCs:
    """Be one CA with its web server, on loopback. `requests` holds what was asked, by number."""

    name = plugin = NAME

    def __init__(self, kit: Kit) -> None:
        self.authority, self.effects, self.chosen, self.now = kit.authority, kit.effects, kit.settings, kit.now
        self.faults = Ordered()
        self.requests: dict[int, Asked] = {}
        self.pages = Pages(CA_NAME, self.chosen["language"], self.chosen["status_page"] == "disposition")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        identity = self._identity()
        self._context = web_context(identity, self.authority.old.chain)
        self.account = Account(NAME, secrets.token_urlsafe(18), LOCKOUT, self.effects, USER)
        self._door = self._make_door(kit.home, identity)
        self.port = Port(self._https)

    def _identity(self) -> Identity:
        key, now = ec.generate_private_key(ec.SECP256R1()), self.now()
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        start = now - timedelta(days=30)
        issuing = self.authority.old.issuing
        leaf = certify(issuing, subject, key.public_key(), names, start=start, end=now + timedelta(days=300))
        return Identity(leaf, key)

    def _make_door(self, home: Path, identity: Identity) -> Door:
        users = home / "secrets" / "adcs-users"
        write_private(users, f"{DOMAIN}:{USER}:{self.account.password}\n".encode())
        bound = self.chosen["extended_protection"] == "required"
        return Door(self.account, DOMAIN, users, OFFERS[self.chosen["logins"]], bound, identity.certificate)

    @property
    def url(self) -> str:
        """Return where it is; by name, because Kerberos knows no addresses."""
        return f"https://localhost:{self.port.number}"

    @property
    def files(self) -> dict[str, bytes]:
        """Return the secrets that the engineer has."""
        return {f"secrets/{NAME}": self.account.password.encode()}

    @property
    def site_options(self) -> str:
        """Return the lines of ``[authorities.adcs.options]``."""
        return OPTIONS.format(url=self.url)

    def start(self) -> None:
        """Begin to listen."""
        self.port.open()

    def stop(self) -> None:
        """Stop listening. Idempotent."""
        self._stopping.set()
        self.port.release()

    def _https(self, connection: socket.socket, peer: int) -> None:
        visitor = Visitor(self._door)
        with accepted(self._context, connection) as wrapped:
            behind = Behind(NAME, self.effects, lambda asked: self._answer(visitor, asked), INSTEAD, "Microsoft-IIS")
            WebFace(behind, self.faults, self._stopping).serve(wrapped, peer)

    # ---- web enrolment ----

    def _answer(self, visitor: Visitor, asked: Request) -> Answer:
        challenges = visitor.let_in(asked.headers.get("authorization", ""))
        if challenges:
            return Answer(401, b"", PAGE, {"WWW-Authenticate": ", ".join(challenges)})
        who = visitor.who
        visitor.leave()
        resource = {
            ("GET", "/certsrv"): lambda: _page(self.pages.home()),
            ("POST", "/certsrv/certfnsh.asp"): lambda: self._submitted(who, asked),
            ("GET", "/certsrv/certnew.cer"): lambda: self._fetched(asked, chain=False),
            ("GET", "/certsrv/certnew.p7b"): lambda: self._fetched(asked, chain=True),
        }.get((asked.method, asked.path))
        return resource() if resource else Answer(404, b"", PAGE)

    def _submitted(self, who: str, asked: Request) -> Answer:
        form = parse_qs(asked.body.decode("ascii", "replace"))
        attributes = form.get("CertAttrib", [""])[0]
        with self._lock:
            entry = Asked(FIRST + len(self.requests), _csr(form.get("CertRequest", [""])[0]), who, attributes)
            self.requests[entry.number] = entry
            self.effects.add(NAME, "request-submitted", number=entry.number, requester=who, attributes=attributes)
            self._decide(entry)
        if entry.denied:
            return _page(self.pages.denied(entry.number, entry.denied))
        if entry.issued:
            return _page(self.pages.issued(entry.number, browser=_is_browser(asked)))
        return _page(self.pages.pending(entry.number))

    def _decide(self, entry: Asked) -> None:
        template = _template(entry.attributes)
        polls = self.chosen.number("polls")
        if entry.csr is None:
            self._deny(entry, self.pages.words("unreadable"))
        elif template != TEMPLATE:
            self._deny(entry, self.pages.words("no template", template))
        elif self.chosen["decision"] == "deny":
            self._deny(entry, self.pages.words("denied by", OFFICER))
        elif self.chosen["decision"] == "issue" and not polls:
            self._issue(entry)
        else:
            entry.polls = polls if self.chosen["decision"] == "issue" else None
            self.effects.add(NAME, "request-pending", number=entry.number)

    def _fetched(self, asked: Request, *, chain: bool) -> Answer:
        number = "".join(asked.query.get("ReqID", [""]))
        with self._lock:
            entry = self.requests.get(int(number)) if number.isdecimal() else None
            if entry is None:
                return _page(self.pages.status(0, "", UNKNOWN))
            self._wait_less(entry)
        if entry.denied:
            return _page(self.pages.status(2, entry.denied, ADMIN_DENIED))
        if not entry.issued:
            return _page(self.pages.status(5, self.pages.words("waiting"), OK))
        self.effects.add(NAME, "certificate-fetched", number=entry.number, chain=chain)
        return _certificate(entry.issued, asked, chain=chain)

    def _wait_less(self, entry: Asked) -> None:
        """Count a question, and issue what has waited as often as it was to."""
        if entry.polls is None or entry.issued:
            return
        if entry.polls:
            entry.polls -= 1
        else:
            self._issue(entry)

    # ---- deciding ----

    def decide(self, number: int, *, issue: bool) -> None:
        """Play the certificate manager: issue or deny a request that waits. Raises UsageError for another one."""
        with self._lock:
            entry = self.requests.get(number)
            if entry is None or entry.issued or entry.denied:
                waiting = [str(one.number) for one in self.requests.values() if not one.issued and not one.denied]
                raise UsageError(
                    f"No request {number} waits at the lab's AD CS.",
                    untouched="Nothing was decided.",
                    todo=f"Waiting: {', '.join(waiting) or 'none'}.",
                )
            if issue:
                self._issue(entry)
            else:
                self._deny(entry, self.pages.words("denied by", OFFICER))

    def _issue(self, entry: Asked) -> None:
        if entry.csr is not None:
            entry.issued = self.authority.sign(entry.csr, now=self.now())
            self.effects.add(NAME, "request-issued", number=entry.number)

    def _deny(self, entry: Asked, why: str) -> None:
        entry.denied = why
        self.effects.add(NAME, "request-denied", number=entry.number, reason=why)


def _csr(text: str) -> x509.CertificateSigningRequest | None:
    try:
        csr = x509.load_pem_x509_csr(text.encode("ascii", "replace"))
        return csr if csr.is_signature_valid else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def _template(attributes: str) -> str:
    lines = [line.partition(":") for line in attributes.splitlines()]
    return next((value.strip() for name, _, value in lines if name.strip().casefold() == "certificatetemplate"), "")


def _page(text: str) -> Answer:
    return Answer(200, text.encode(), f"{PAGE}; Charset=UTF-8")


def _is_browser(asked: Request) -> bool:
    return "Mozilla" in asked.headers.get("user-agent", "")


def _certificate(issued: list[x509.Certificate], asked: Request, *, chain: bool) -> Answer:
    """Give a certificate, or the PKCS#7 of its chain; Base64 is labelled CERTIFICATE either way.

    Only what calls itself a browser is told the true content type.
    """
    body = pkcs7.serialize_certificates(issued, Encoding.DER) if chain else issued[0].public_bytes(Encoding.DER)
    if asked.query.get("Enc") == ["b64"]:
        body = _labelled(body) if chain else pem(issued[:1])
    true = "application/x-pkcs7-certificates" if chain else "application/pkix-cert"
    return Answer(200, body, true if _is_browser(asked) else PAGE)


def _labelled(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\r\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\r\n"
