"""Answer the REST and XML requests of one box: one table of resources, from which the RAML page is written too.

Paths: Cisco's REST API Reference Guide X8.10 (contents) and Administrator Guide X15.0 (confirmed); bodies of the
certificate resources: github.com/jasonneurohr/py-expressway (seen); what no source shows is marked in
docs/reference/lab.md and behind a switch.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qs, urlsplit

from engine.model import Json
from plugins.lab.authority import pem
from plugins.lab.box import Box
from plugins.lab.configuration import CONFIGURATION, Read
from plugins.lab.releases import does
from plugins.lab.requests import Refusal
from plugins.lab.status import status_xml


@dataclass(frozen=True)
class Request:
    """Be one request; header names are lower case and `path` begins with ``/api/`` whether v1 was named or not."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """Be one answer; `then` is done after it was sent."""

    status: int
    body: bytes
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[], None] | None = None


Resource = Callable[[Box, Request], Answer]


def request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Take a request apart; ``/api/v1/`` is another name of ``/api/`` (REST API Summary Guide, confirmed)."""
    parts = urlsplit(target)
    path = "/api/" + parts.path.removeprefix("/api/v1/") if parts.path.startswith("/api/v1/") else parts.path
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method, path.rstrip("/"), parse_qs(parts.query), lower, body)


def message(status: int, text: str, **more: Json) -> Answer:
    """Answer with ``{"Message": ...}``, which is how success and failure are told (Summary Guide, confirmed)."""
    return Answer(status, json.dumps({"Message": text, **more}).encode())


def resources(box: Box) -> dict[str, dict[str, Resource]]:
    """Return what this box has: ``controller`` is a C's, ``edge`` an E's, the rest both (Summary Guide, confirmed)."""
    foreign = "/edge/" if box.kind == "expressway-c" else "/controller/"
    absent = () if client_api(box) else (CLIENT,)
    return {path: methods for path, methods in RESOURCES.items() if foreign not in path and path not in absent}


def client_api(box: Box) -> bool:
    """Tell whether the client slot of this box is reached by the API: unknown, so by a switch."""
    return "client" in box.slots and box.settings["client_store_api"] == "listed"


def answer(box: Box, asked: Request) -> Answer:
    """Do what an authenticated request asks."""
    methods = resources(box).get(asked.path)
    if methods is None:
        return message(404, "Not Found")
    if asked.method not in methods:
        return Answer(405, b'{"Message": "Method Not Allowed"}', headers={"Allow": ", ".join(methods)})
    return methods[asked.method](box, asked)


def _restart(box: Box, asked: Request) -> Answer:
    if does("csrf-header", box.release, box.kind) and "x-csrf-header" not in asked.headers:
        box.effects.add(box.name, "csrf-refused", path=asked.path)
        return message(403, "Forbidden")
    return replace(message(200, "OK"), then=box.restart)


def _get_csr(box: Box, _asked: Request) -> Answer:
    pending = box.pending
    return Answer(200, pending.pem, "text/plain") if pending else message(404, "Not Found")


def _post_csr(box: Box, asked: Request) -> Answer:
    try:
        fields = json.loads(asked.body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return message(400, "Bad Request")
    try:
        box.generate_csr(fields, digest=str(fields.get("DigestAlgorithm", "sha256")).lower())
    except Refusal as refusal:
        conflict = str(refusal) == "Conflict"
        return message(int(box.settings["csr_conflict_status"]), "Conflict") if conflict else _refused(box, refusal)
    return message(200, "CSR generated successfully.")


def _get_slot(slot: str) -> Resource:
    return lambda box, _asked: Answer(200, pem([box.slots[slot].certificate]), "text/html")


def _post_slot(slot: str) -> Resource:
    def upload(box: Box, asked: Request) -> Answer:
        try:
            box.upload(_uploaded(box, asked), slot=slot, also_client=slot == "server" and _also_client(box, asked))
        except Refusal as refusal:
            return _refused(box, refusal)
        return message(200, "OK")

    return upload


def _also_client(box: Box, asked: Request) -> bool:
    """Tell whether an upload to the server slot goes to the client slot, too."""
    field, _, value = COPY.partition("=")
    kind = asked.headers.get("content-type", "")
    wanted = {"off": False, "on": True, "asked": form_part(kind, asked.body, field).strip() == value.encode()}
    return wanted[box.settings["server_as_client"]] and "client" in box.slots


def _get_root(box: Box, _asked: Request) -> Answer:
    return Answer(200, pem(box.trusted), "text/html")


def _post_root(box: Box, asked: Request) -> Answer:
    try:
        box.append_trust(_uploaded(box, asked))
    except Refusal as refusal:
        return _refused(box, refusal)
    return message(200, "Root Certificate updated.")


def _refused(box: Box, refusal: Refusal) -> Answer:
    text = str(refusal) if box.settings["refusal_text"] == "reason" else "Bad Request"
    return message(int(box.settings["refusal_status"]), text)


def _uploaded(box: Box, asked: Request) -> bytes:
    """Return the uploaded file in the encoding that the box's switch allows; an empty one is refused further on."""
    kind = asked.headers.get("content-type", "")
    multipart = kind.lower().startswith("multipart/form-data")
    if box.settings["upload_encoding"] not in ("both", "multipart" if multipart else "raw"):
        return b""
    return form_part(kind, asked.body, "file") if multipart else asked.body


def form_part(kind: str, body: bytes, name: str) -> bytes:
    """Return a field of a form, nothing where it is not there."""
    parsed = message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    for part in parsed.walk():
        if _field_name(part) == name:
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else b""
    return b""


def _field_name(part: "Message[str, str]") -> str:
    return str(part.get_param("name", "", header="content-disposition"))


def _told(read: Read) -> Resource:
    return lambda box, _asked: Answer(200, json.dumps(read(box)).encode())


def _status(box: Box, _asked: Request) -> Answer:
    return Answer(200, status_xml(box), "text/xml")


def _getxml(box: Box, asked: Request) -> Answer:
    return Answer(200, status_xml(box, asked.query.get("location", ["/Status"])[0]), "text/xml")


def _raml(box: Box, _asked: Request) -> Answer:
    lines = ["#%RAML 0.8", "title: Expressway REST API", "baseUri: /api", "protocols: [ HTTPS ]"]
    listed = RESOURCES if box.settings["raml_groups"] == "both" else resources(box)
    for path, methods in listed.items():
        if path.startswith("/api/provisioning"):
            lines += [f"{path.removeprefix('/api')}:", *(f"  {method.lower()}:" for method in methods)]
    return Answer(200, "\n".join([*lines, ""]).encode(), "application/raml+yaml")


CERTS = "/api/provisioning/certs"
CLIENT = f"{CERTS}/client"
"""The lab's own name for the function of the client slot: no document tells one."""
COPY = "use_as_client=true"
"""The lab's own field by which an upload to the server slot is copied to the client slot, and its value."""

RESOURCES: dict[str, dict[str, Resource]] = {
    "/api/raml": {"GET": _raml},
    f"{CERTS}/generate_csr": {"GET": _get_csr, "POST": _post_csr},
    f"{CERTS}/server": {"GET": _get_slot("server"), "POST": _post_slot("server")},
    CLIENT: {"GET": _get_slot("client"), "POST": _post_slot("client")},
    f"{CERTS}/root": {"GET": _get_root, "POST": _post_root},
    "/api/provisioning/restart": {"POST": _restart},
    **{path: {"GET": _told(read)} for path, read in CONFIGURATION.items()},
    "/status.xml": {"GET": _status},
    "/getxml": {"GET": _getxml},
}
"""What a box has; whether it has discarding a CSR (DELETE) is unknown, so the lab has not."""
