"""Answer what an EST server is asked: cacerts, csrattrs and simpleenroll (RFC 7030 section 4)."""

import base64
import binascii
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from engine.certificates import der
from engine.errors import UsageError
from plugins.lab.api import Answer, Request
from plugins.lab.authority import CorporateCA, fingerprint, request_digest
from plugins.lab.effects import Effects
from plugins.lab.est.login import text
from plugins.lab.faults import Fault, Ordered
from plugins.lab.switches import Settings

BASE = "/.well-known/est"

CHALLENGE_PASSWORD = bytes.fromhex("06092a864886f70d010907")
P384 = bytes.fromhex("301206072a8648ce3d0201310706052b81040022")
"""The attribute id-ecPublicKey with secp384r1: part of RFC 7030's own example (section 4.5.2)."""


class Desk:
    """Be the registration authority behind the server. Safe for threads."""

    def __init__(
        self,
        name: str,
        authority: CorporateCA,
        effects: Effects,
        chosen: Settings,
        faults: Ordered,
        now: Callable[[], datetime],
    ) -> None:
        self._name, self._authority, self._effects = name, authority, effects
        self._chosen, self._faults, self._now = chosen, faults, now
        self._issued: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def answer(self, asked: Request) -> Answer:
        """Do what somebody asks who may."""
        operations = {
            ("GET", "cacerts"): self._cacerts,
            ("GET", "csrattrs"): self._csrattrs,
            ("POST", "simpleenroll"): self._enrol,
        }
        operation = asked.path.removeprefix(f"{BASE}/")
        if (asked.method, operation) in operations:
            return operations[asked.method, operation](asked)
        known = operation in [name for _, name in operations]
        return text(405, "Method Not Allowed") if known else text(404, "There is no such operation or label here.")

    def _struck(self, asked: Request, sort: str) -> dict[str, Fault]:
        struck = self._faults.strike(asked.path, sort, method=asked.method)
        for fault in struck:
            self._effects.add(
                self._name, "fault-struck", fault=fault.name, flaw=fault.flaw, method=asked.method, path=asked.path
            )
        return {fault.name: fault for fault in struck}

    def _cacerts(self, asked: Request) -> Answer:
        chain = self._authority.new.chain
        return self._bag(chain[1:] if self._struck(asked, "chain") else chain)

    def _csrattrs(self, _asked: Request) -> Answer:
        if self._chosen["est_csrattrs"] != "more":
            return text(int(self._chosen["est_csrattrs"]), "")
        wanted = der.tlv(der.SEQUENCE, CHALLENGE_PASSWORD + P384)
        return Answer(200, base64.b64encode(wanted), "application/csrattrs")

    def _enrol(self, asked: Request) -> Answer:
        if asked.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/pkcs10":
            return text(415, "The request must be application/pkcs10.")
        csr = _request(asked.body)
        if csr is None:
            return text(400, "The request is no PKCS#10 in Base64, or its signature is wrong.")
        struck = self._struck(asked, "enrol")
        if "rejected" in struck:
            self._effects.add(self._name, "request-rejected", request=request_digest(csr))
            return text(400, "Rejected by policy: ask the PKI team (ticket PKI-4711).")
        if "pending" in struck:
            self._effects.add(self._name, "request-pending", request=request_digest(csr))
            return self._later(struck["pending"].seconds)
        return self._issue(csr, struck["flawed"].flaw if "flawed" in struck else "")

    def _issue(self, csr: x509.CertificateSigningRequest, flaw: str) -> Answer:
        digest = request_digest(csr)
        with self._lock:
            leaf = self._issued.get(digest) if self._chosen["est_repeated"] == "same" else None
            if leaf is None:
                try:
                    leaf = self._authority.sign(csr, now=self._now(), flaw=flaw)[0]
                except UsageError as error:
                    return text(400, error.what)
                self._issued[digest] = leaf
                self._effects.add(self._name, "certificate-issued", request=digest, fingerprint=fingerprint(leaf))
        return self._bag([leaf])

    def _later(self, seconds: float) -> Answer:
        """Answer 202 with Retry-After (section 4.2.3)."""
        whole = int(seconds)
        date = format_datetime(self._now().replace(microsecond=0) + timedelta(seconds=whole + 1), usegmt=True)
        value = {"seconds": str(whole), "date": date}.get(self._chosen["est_retry_after"])
        return text(202, "Waiting for an officer (ticket PKI-4711).", **({"Retry-After": value} if value else {}))

    def _bag(self, certificates: Sequence[x509.Certificate]) -> Answer:
        """Answer with a certs-only PKCS#7 (RFC 5272 section 4.1)."""
        content = pkcs7.serialize_certificates(list(certificates), Encoding.DER)
        encoded = {"lines": base64.encodebytes(content), "one-line": base64.b64encode(content), "binary": content}
        return Answer(200, encoded[self._chosen["est_encoding"]], "application/pkcs7-mime; smime-type=certs-only")


def _request(body: bytes) -> x509.CertificateSigningRequest | None:
    """Read a body as RFC 8951 section 3 has it: Base64 of DER, blanks passed over; None for anything else."""
    try:
        csr = x509.load_der_x509_csr(base64.b64decode(b"".join(body.split()), validate=True))
        return csr if csr.is_signature_valid else None
    except (ValueError, binascii.Error):
        return None
