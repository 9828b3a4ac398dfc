"""Be the HTTPS face of a simulated system: Basic authentication, ordered faults, and the answers of what is behind."""

import base64
import binascii
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer
from typing import cast

from plugins.lab import api
from plugins.lab.api import Answer, Request, message
from plugins.lab.box import Box
from plugins.lab.effects import Effects
from plugins.lab.faults import HOSTILE, Fault, Ordered
from plugins.lab.form import Pages

BODY_LIMIT = 4 * 1024 * 1024
"""Largest request body that is read, in bytes."""

INSTEAD = {
    "error-5xx": message(503, "Service Unavailable"),
    "denied": message(401, "Unauthorized"),
    "api-disabled": message(403, "Forbidden"),
    "refused": message(400, "Bad Request"),
    "refused-200": message(200, "Bad Request"),
    "hostile": message(400, HOSTILE),
}
"""What some faults answer instead of doing anything."""

GARBAGE = b"<!DOCTYPE html><html><head><title>Login</title></head><body>\x00\xff Please log in.</body></html>"


@dataclass(frozen=True)
class Behind:
    """Be what a face shows: `answer` does what a request asks, `instead` is what some faults answer in its place.

    `clock` is what the header ``Date`` tells, in seconds since 1970.
    """

    name: str
    effects: Effects
    answer: Callable[[Request], Answer]
    instead: Mapping[str, Answer]
    software: str
    clock: Callable[[], float] = time.time


def expressway(box: Box) -> Behind:
    """Return what is behind the face of an Expressway."""
    pages = Pages(box)
    return Behind(
        box.name,
        box.effects,
        lambda asked: pages.answer(asked) if pages.has(asked) else _admitted(box, asked),
        INSTEAD,
        "Expressway",
        lambda: box.now().timestamp(),
    )


def _admitted(box: Box, asked: Request) -> Answer:
    """Answer whoever may use the API: 401 for a refused login (confirmed), 403 without API access (inferred)."""
    if not box.account.login(*credentials(asked)):
        refused = message(401, "Unauthorized")
        return replace(refused, headers={"WWW-Authenticate": 'Basic realm="Expressway"'})
    if not box.api_on:
        box.effects.add(box.name, "api-refused", path=asked.path)
        return message(403, "Forbidden")
    return api.answer(box, asked)


class WebFace:
    """Serve one system over connections that are already TLS. `stopping` ends slow answers."""

    def __init__(self, behind: Behind, faults: Ordered, stopping: threading.Event) -> None:
        self.behind, self.faults, self.stopping = behind, faults, stopping

    def serve(self, connection: socket.socket, peer: int) -> None:
        """Answer every request on one connection."""
        face = self

        class Handler(_Handler):
            """Be the handler of this face's connections."""

            web = face
            server_version = face.behind.software

        Handler(connection, ("127.0.0.1", peer), cast(BaseServer, None))

    def answer(self, asked: Request) -> tuple[Answer | None, list[str]]:
        """Return the answer, none for a dropped connection, and the names of the faults that struck."""
        struck = self.faults.strike(asked.path, method=asked.method)
        for fault in struck:
            self._note(fault, asked)
        names = [fault.name for fault in struck]
        if "drop-before" in names:
            return None, names
        instead = next((self.behind.instead[name] for name in names if name in self.behind.instead), None)
        answer = instead or self.behind.answer(asked)
        return self._spoilt(answer, names), names

    def _note(self, fault: Fault, asked: Request) -> None:
        node, struck = self.behind.name, {"fault": fault.name, "method": asked.method, "path": asked.path}
        self.behind.effects.add(node, "fault-struck", **struck)
        if fault.name == "slow":
            self.stopping.wait(fault.seconds)

    def _spoilt(self, answer: Answer, names: list[str]) -> Answer:
        """Change an answer after the thing was done; what must follow it still follows."""
        if "garbage" in names:
            return Answer(200, GARBAGE, "text/html", then=answer.then)
        if "error-5xx-after" in names:
            return replace(self.behind.instead["error-5xx"], then=answer.then)
        return answer


class _Handler(BaseHTTPRequestHandler):
    """Read requests and write answers; everything else is the face's."""

    web: WebFace
    protocol_version = "HTTP/1.1"
    sys_version = ""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return self._write(message(413, "Request Entity Too Large"), [])
        asked = api.request(self.command, self.path, dict(self.headers.items()), body)
        answer, faults = self.web.answer(asked)
        if answer is not None and "drop-after" not in faults:
            self._write(answer, faults)
        else:
            self.close_connection = True
        if answer is not None and answer.then:
            self.close_connection = True
            answer.then()
        return None

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _body(self) -> bytes | None:
        """Read a body whole; None for one that is not taken. Raises OSError where the connection ended earlier."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > BODY_LIMIT:
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the request was cut off")
        return body

    def _write(self, answer: Answer, faults: list[str]) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.then or "truncated" in faults:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if "truncated" in faults else answer.body)
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the time by the box's own clock (RFC 9110 section 6.6.1)."""
        return super().date_time_string(self.web.behind.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: the effects log is what the lab tells."""


def credentials(asked: Request) -> tuple[str, str]:
    """Read Basic credentials; none, or none that can be read, are empty ones."""
    try:
        given = asked.headers.get("authorization", "").removeprefix("Basic ").strip()
        text = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password
