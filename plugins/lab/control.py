"""Let other processes order faults, sign CSRs, read state and effects, and stop a lab: JSON over loopback.

Every request carries a random token that only the lab's owner can read (``secrets/control-token``, 0600), so neither
another account nor a web page in a browser can command the lab.
"""

import hmac
import http.client
import json
import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer
from typing import cast
from urllib.parse import urlsplit

from engine.errors import CertrenewError, Failed, UsageError
from engine.model import Json
from engine.text import escape
from plugins.lab import site
from plugins.lab.ports import Port

LIMIT = 1024 * 1024
"""Largest order that is read, in bytes."""

PATIENCE = 60.0
"""How long an order may take, in seconds."""

Order = Callable[..., Json]


class ControlServer:
    """Listen for orders; `orders` maps a name to what carries it out, `stop` is set by the order ``stop``."""

    def __init__(self, orders: dict[str, Order], stop: threading.Event) -> None:
        self.token = secrets.token_urlsafe(32)
        self.orders, self.stop = orders, stop
        self._port = Port(self._serve)

    @property
    def url(self) -> str:
        """Return where orders go."""
        return f"http://{self._port.address}"

    def start(self) -> None:
        """Begin to listen."""
        self._port.open()

    def close(self) -> None:
        """Stop listening. Idempotent."""
        self._port.release()

    def _serve(self, connection: socket.socket, peer: int) -> None:
        server = self

        class Handler(_Handler):
            """Be the handler of this server's connections."""

            control = server

        Handler(connection, ("127.0.0.1", peer), cast(BaseServer, None))

    def carry_out(self, order: Json) -> tuple[int, Json]:
        """Return the HTTP status and the JSON answer to one order."""
        if not isinstance(order, dict) or order.get("do") not in self.orders:
            return 400, {"what": "There is no such order."}
        try:
            return 200, {"result": self.orders[str(order.pop("do"))](**order)}
        except CertrenewError as error:
            return 400, {"what": error.what, "untouched": error.untouched, "todo": error.todo}
        except (TypeError, ValueError) as error:
            return 400, {"what": f"The lab does not take this order: {error}."}


class _Handler(BaseHTTPRequestHandler):
    """Take one order a connection."""

    control: ControlServer

    def do_POST(self) -> None:
        """Check the token, carry the order out and answer."""
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.control.token}".encode()):
            return self._write(403, {"what": "Wrong token."})
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LIMIT:
            return self._write(413, {"what": "The order is too large."})
        try:
            order = json.loads(self.rfile.read(int(length)))
        except ValueError:
            order = None
        stop = isinstance(order, dict) and order.get("do") == "stop"
        self._write(*((200, {"result": None}) if stop else self.control.carry_out(order)))
        if stop:
            self.control.stop.set()
        return None

    def _write(self, status: int, value: Json) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


def order(home: Path, do: str, **values: Json) -> Json:
    """Send one order to the lab that runs in `home` and return its result.

    Raises UsageError when no lab runs there or the lab does not take the order, Failed when it does not answer.
    """
    url, token = _where(home)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        body = json.dumps({"do": do, **values})
        connection.request("POST", "/", body, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except ConnectionRefusedError as error:
        raise not_running(home) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failed(f"The lab in {escape(home)} did not answer: {escape(error)}.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise UsageError(**said)
    return said["result"]


def not_running(home: Path) -> UsageError:
    """Say that no lab runs in `home`, and how to start one."""
    return UsageError(
        f"No lab is running in {escape(home)}.", todo=f"Start one with: certrenew lab up --detach --home {escape(home)}"
    )


def _where(home: Path) -> tuple[str, str]:
    try:
        url = json.loads((home / site.DESCRIPTION).read_text(encoding="utf-8"))["control"]["url"]
        return str(url), (home / site.TOKEN).read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        raise not_running(home) from error
