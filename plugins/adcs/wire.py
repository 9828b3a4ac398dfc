"""Write the form and read the pages of AD CS web enrolment. Pure.

The pages are localised and their words are never looked at: what tells them apart are the ids of their elements, which
stay, numbers, and HRESULTs. Sources and certainty: docs/reference/adcs.md.
"""

import re
from dataclasses import dataclass
from html import unescape
from typing import Literal
from urllib.parse import urlencode

from engine.text import escape

HOME = "/certsrv/"
SUBMIT = "/certsrv/certfnsh.asp"

REASON_LIMIT = 240
"""How much of a page's own words is shown, in characters."""

PENDING, DENIED = 5, 2
"""Dispositions of a request (CR_DISP_UNDER_SUBMISSION, CR_DISP_DENIED)."""

EMPTY_PROPERTY, NO_REQUEST = 0x80094004, 0x80094002
"""What the CA says of a request number that it does not know."""

MEANINGS = {
    0x80070005: "the CA gave the web server no access: its service is down, or the account may not ask it",
    0x800706BA: "the web server can't reach the CA: its service is down",
    0x80092013: "the CA could not check revocation, so it issues nothing: its CRL is out of reach or out of date",
    0x8009310B: "the CA can't read the request",
    0x800B0101: "a CA certificate has expired, or the clock of the CA is wrong",
    0x80094001: "the subject of the request is not valid for this CA, or too long",
    NO_REQUEST: "the CA has no request of this number",
    0x80094003: "the state of the request does not allow this",
    EMPTY_PROPERTY: "the CA has nothing under this number",
    0x80094006: "the CA service is suspended",
    0x80094011: "this account may not request certificates of this CA (Request Certificates on the CA)",
    0x80094012: "this account may not use this template (Read and Enroll on the template)",
    0x80094014: "a certificate manager denied it",
    0x80094800: "this CA does not offer this template: either the name is not its cn, or it was not added to the CA",
    0x80094801: "the request names no template",
    0x80094802: "the request names a template twice, and differently",
    0x80094803: "the request has no alternative name, and the template wants one",
    0x8009480F: "the template takes the DNS name from Active Directory, not from the request",
    0x80094811: "the key is shorter than the template wants",
}
"""What HRESULTs mean for whoever has to act (winerror.h, MS-ERREF; in our own words)."""


@dataclass(frozen=True)
class Page:
    """Be what a page says of a request. `number` is 0 and `ca` empty where the page does not tell."""

    outcome: Literal["issued", "pending", "denied", "unknown"]
    number: int = 0
    ca: str = ""
    reason: str = ""


def form(csr: str, template: str) -> bytes:
    """Encode a submission: CSR as PEM, template by its cn.

    Alternative names travel in the CSR alone: as attributes they only work on a CA that lets everybody name anything.
    """
    fields = {
        "Mode": "newreq",
        "CertRequest": csr,
        "CertAttrib": f"CertificateTemplate:{template}\r\n",
        "FriendlyType": "Saved-Request Certificate",
        "TargetStoreFlags": "0",
        "SaveCert": "yes",
    }
    return urlencode(fields).encode("ascii")


def certificate_path(number: int) -> str:
    """Return where the certificate of a request is, or the page that says why there is none."""
    return f"/certsrv/certnew.cer?ReqID={number}&Enc=b64"


def chain_path(number: int) -> str:
    """Return where the certificate of a request is with the chain of that very request, as PKCS#7."""
    return f"/certsrv/certnew.p7b?ReqID={number}&Enc=b64"


def submitted(body: bytes) -> Page | None:
    """Read the answer to a submission; None for a page that is none of issued, pending and denied, or several.

    A denied page has a request number too, so a number without a link does not mean that it waits.
    """
    text = _text(body)
    issued = {int(number) for number in _LINK.findall(text)}  # in the raw page: browsers get it in a script
    denied, pending = _element(text, "locDenied"), _element(text, "locInfoReqID")
    ca = _ca(text)
    if [bool(issued), denied is not None, pending is not None].count(True) != 1 or len(issued) > 1:
        return None
    if issued:
        return Page("issued", issued.pop(), ca)
    if pending is not None:
        numbers = _numbers(pending)
        return Page("pending", numbers[0], ca) if len(numbers) == 1 and numbers[0] else None
    why = _element(text, "locInfoReqIDandReason") or ""
    return Page("denied", next(iter(_numbers(why)), 0), ca, reason(text, why))


def status(body: bytes) -> Page | None:
    """Read the page that comes in place of a certificate; None for one that does not say where the request stands."""
    text = _text(body)
    (disposition, message), codes, ca = _disposition(text), _codes(text), _ca(text)
    if disposition == PENDING:
        return Page("pending", ca=ca)
    if disposition == DENIED or 0x80094014 in codes:
        return Page("denied", ca=ca, reason=reason(text, message))
    if codes & {EMPTY_PROPERTY, NO_REQUEST}:
        return Page("unknown", ca=ca)
    return None


def reason(text: str, said: str) -> str:
    """Say why in words of ours where an HRESULT is known, then in the page's own, escaped and cut."""
    known = [f"{MEANINGS[code]} (0x{code:08x})" for code in sorted(_codes(text)) if code in MEANINGS]
    own = escape(_plain(said), REASON_LIMIT).rstrip(".")
    return "; ".join([*known, *([f"the CA says: {own}"] if own else [])]) or "the page gives no reason"


def told(body: bytes) -> str:
    """Say what is known of a page that can't be told: its HRESULTs in words, or that it has none."""
    text = _text(body)
    codes = sorted(code for code in _codes(text) if code >> 31)
    known = [f"0x{code:08x}" + (f", {MEANINGS[code]}" if code in MEANINGS else "") for code in codes]
    return "; ".join(known[:3]) or "it has neither a known element nor an error code"


_LINK = re.compile(r"certnew\.cer\?ReqID=([0-9]{1,10})&", re.IGNORECASE)
_CODE = re.compile(r"\b0x([0-9a-f]{8})\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_NUMBER = re.compile(r"(?<![0-9A-Za-z_.])[0-9]{1,10}(?![0-9A-Za-z_])")
_ELEMENT = r"<(?P<tag>[a-z]{{1,10}})\b[^<>]{{0,400}}?\bID\s*=\s*[\"']?{name}\b[^<>]{{0,400}}>(?P<inner>.{{0,4000}})"
_DISPOSITION = re.compile(
    r"\bID\s*=\s*[\"']?locDispLabel\b.{0,400}?<DD>\s*(?P<code>[0-9]{1,3})\b(?P<rest>.{0,4000})",
    re.IGNORECASE | re.DOTALL,
)
_NEXT = re.compile(r"<DD>(.*?)(?:</?D[DTL]\b|\Z)", re.IGNORECASE | re.DOTALL)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _element(text: str, name: str) -> str | None:
    """Return what is inside the element of this id, as far as its end tag or the next paragraph; None without one."""
    found = re.search(_ELEMENT.format(name=name), text, re.IGNORECASE | re.DOTALL)
    if found is None:
        return None
    return re.split(rf"</{found['tag']}\s*>|<P\b", found["inner"], maxsplit=1, flags=re.IGNORECASE)[0]


def _plain(inner: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", inner)).split())


def _numbers(inner: str) -> list[int]:
    """Return the numbers in an element, whatever the words around them."""
    return [int(number) for number in _NUMBER.findall(_plain(inner))]


def _ca(text: str) -> str:
    """Return the CA's name, which stands last in the head line of each page; empty without one."""
    return escape(_plain(_element(text, "locMSCertSrv") or "").partition("--")[2].strip(), 80)


def _codes(text: str) -> set[int]:
    return {int(code, 16) for code in _CODE.findall(text)}


def _disposition(text: str) -> tuple[int | None, str]:
    """Return the disposition on a status page and the message that follows it; None and empty without one."""
    found = _DISPOSITION.search(text)
    if found is None:
        return None, ""
    message = _NEXT.search(found["rest"])
    return int(found["code"]), message[1] if message else ""
