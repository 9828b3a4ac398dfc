"""Build what is sent to a box and judge what comes back. Pure: no connection is opened here.

Each fact names its source by the headings of docs/reference/expressway.md.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.contracts import CsrSpec
from engine.errors import Failed
from engine.model import Json
from engine.text import escape
from plugins.expressway.limits import FIELDS, KEYS, dns_names
from plugins.expressway.raml import Api

if TYPE_CHECKING:
    from cryptography import x509

STATUS = "/status.xml"
RAML = "/api/raml"
CSR = "/api/provisioning/certs/generate_csr"
SERVER = "/api/provisioning/certs/server"
ROOT = "/api/provisioning/certs/root"
RESTART = "/api/provisioning/restart"
DNS = "/api/provisioning/common/dns/dns"

WRITE_HEADERS = {"X-CSRF-Header": "certrenew"}
"""Needed by writes from X14.2 on, whatever its value; harmless before ("Writes")."""

SUCCESS: dict[str, tuple[str, ...]] = {
    CSR: ("OK",),  # inferred; whatever else it says with HTTP 200 is settled by looking for the CSR
    SERVER: ("OK",),  # seen
    ROOT: ("Root Certificate updated.", "OK"),  # seen; inferred
    RESTART: ("OK", ""),  # unknown: no body is documented, so saying nothing is taken as yes
}
"""The texts that mean success, by function; every other text is a refusal ("Answers")."""

CONFLICT = "Conflict"
"""What a box says to a second CSR ("Answers")."""

REFUSALS = ("bad request", CONFLICT.casefold())
"""The texts that are known to mean no, whatever the HTTP status (seen)."""

_BLOCK = re.compile(rb"-----BEGIN [^-\r\n]+-----[^-]*-----END [^-\r\n]+-----")

SHOWN = 200
"""How much of a box's own words is shown, in characters."""


@dataclass(frozen=True)
class Body:
    """Be a request's body with its media type."""

    content: bytes = field(repr=False)
    media: str


def csr_body(spec: CsrSpec) -> Body:
    """Build the request for a CSR: every field is there, empty when unused. `spec` must be within `limits`."""
    subject = dict(spec.subject)
    fields: dict[str, Json] = {name: subject.get(short, "") for short, name in FIELDS.items()}
    fields |= {
        "Additional_FQDNS": dns_names(spec),
        "KeyLength": KEYS[spec.key],
        "DigestAlgorithm": spec.digest,
    }
    return Body(json.dumps(fields).encode(), "application/json")


def upload_body(pem: bytes, setting: str, api: Api, path: str, also: str = "") -> Body:
    """Build the request for one PEM certificate; with `also`, a further ``FIELD=VALUE``, a form ("Uploads")."""
    declared = api.bodies("POST", path)
    plain = [media for media in declared if media != "application/json" and not media.startswith("multipart/")]
    if not also and (setting == "raw" or (setting == "auto" and plain and "multipart/form-data" not in declared)):
        return Body(pem, plain[0] if plain else "text/plain")
    names = [name for name in declared.get("multipart/form-data", []) if name != also.partition("=")[0]]
    return _multipart(pem, names[0] if len(names) == 1 else "file", also)


def _multipart(pem: bytes, name: str, also: str) -> Body:
    """Wrap one file in a form (RFC 7578); the boundary is a digest of the content, so it does not occur in it."""
    boundary = hashlib.sha256(pem).hexdigest()
    field, _, value = also.partition("=")
    first = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n' if also else ""
    head = (
        f"{first}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="certificate.pem"\r\n'
        "Content-Type: application/x-pem-file\r\n\r\n"
    )
    content = head.encode() + pem + f"\r\n--{boundary}--\r\n".encode()
    return Body(content, f"multipart/form-data; boundary={boundary}")


def message(content: bytes) -> str | None:
    """Return the box's own words: the `Message` of a JSON answer, None when there is none. Never raises."""
    found = _object(content).get("Message")
    if isinstance(found, list):
        return "; ".join(str(part) for part in found)
    return found if isinstance(found, str) else None


def own_name(content: bytes) -> str:
    """Return the box's FQDN from its DNS settings, empty when they do not tell. Never raises."""
    settings = _object(content)
    parts = [settings.get("SystemHostName"), settings.get("DomainName")]
    told = [part.strip(". ") for part in parts if isinstance(part, str)]
    return ".".join(told) if len(told) == 2 and all(told) else ""


def _object(content: bytes) -> dict[str, Json]:
    """Read a JSON object, alone or as the only member of a list; empty for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else {}


def accepted(path: str, status: int, content: bytes, more: Sequence[str] = ()) -> bool:
    """Tell whether an answer to a write means success, by status and text; `more` are texts of the settings.

    What the function of the client store answers is unknown; it is taken to be what that of the server slot does.
    """
    said = message(content)
    if said is None and not content.strip():
        said = ""
    known = {text.casefold().rstrip(".") for text in (*SUCCESS.get(path, SUCCESS[SERVER]), *more)}
    return 200 <= status < 300 and said is not None and said.strip().casefold().rstrip(".") in known


def unclear(status: int, content: bytes) -> bool:
    """Tell whether a write was answered with success in HTTP, but in words that are not known to refuse."""
    return 200 <= status < 300 and not _refuses(content)


def _refuses(content: bytes) -> bool:
    return (message(content) or "").strip().casefold().rstrip(".") in REFUSALS


def conflicts(status: int, content: bytes) -> bool:
    """Tell whether the answer says that a CSR is pending already: in words, or as HTTP 409 (inferred)."""
    return status == 409 or (message(content) or "").strip().casefold() == CONFLICT.casefold()


def words(status: int, content: bytes) -> str:
    """Return what a box answered, for people: status, and its own words, escaped and capped."""
    said = message(content)
    if said is None:
        said = content.decode("utf-8", "replace").strip()
    return f"HTTP {status}, '{escape(said, SHOWN)}'" if said else f"HTTP {status} and no text"


def refusal(node: str, what: str, status: int, content: bytes, todo: str) -> Failed:
    """Make the error for a write that was not taken; only the box's own refusal proves that nothing was changed."""
    certain = _refuses(content) or (message(content) is not None and 400 <= status < 500)
    unsure = "Whether it did so all the same is not known; it was not asked again."
    return Failed(
        f"{escape(node)} did not {what}: {words(status, content)}.",
        untouched="By its answer it changed nothing." if certain else unsure,
        todo=todo,
    )


def no_csr(status: int, content: bytes) -> bool:
    """Tell whether the answer says that no CSR is pending: 404 with a JSON object ("Answers").

    A 404 of another form may mean that the function is not there, which proves nothing about a CSR.
    """
    return status == 404 and bool(_object(content))


def certificates(content: bytes, node: str, what: str) -> "list[x509.Certificate]":
    """Read the certificates of an answer in PEM; none for an empty one. Raises Failed when it is cut off or no PEM.

    A block that can't be read is passed over where others can: a malformed CA certificate that somebody trusted years
    ago must not keep a renewal from happening, and one that is not seen is at worst added once more.
    """
    blocks = _BLOCK.findall(content)
    if content.count(b"-----BEGIN ") != len(blocks):
        raise _unreadable(node, what, "it is cut off")
    found = [certificate for block in blocks for certificate in _readable(block)]
    if not found and content.strip():
        raise _unreadable(node, what, words(200, content))
    return found


def _readable(block: bytes) -> "list[x509.Certificate]":
    from engine.certificates import NotACertificate, read_certificates

    try:
        return read_certificates(block, "")
    except NotACertificate:
        return []


def request(content: bytes, node: str) -> "x509.CertificateSigningRequest":
    """Read the pending CSR of an answer. Raises Failed."""
    from engine.certificates import NotACertificate, read_csr

    try:
        return read_csr(content, "")
    except NotACertificate as error:
        raise _unreadable(node, "pending CSR", f"it is {error.kind}") from None


def _unreadable(node: str, what: str, why: str) -> Failed:
    return Failed(
        f"The {what} of {escape(node)} can't be read: {why}.",
        untouched="Nothing was changed.",
        todo="Look at Maintenance > Security on the box's web page; then run the same command again.",
    )
