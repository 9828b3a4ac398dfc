"""Give a CUCM node its ports and its power: which services answer where, and what loads what when it starts."""

import socket
import threading
from collections.abc import Callable

from cryptography import x509

from plugins.lab.api import Answer, Request
from plugins.lab.cucm import axl, rest, soap
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.services import AGE
from plugins.lab.cucm.soap import ControlCenter, fault
from plugins.lab.cucm.ssh import SshServer
from plugins.lab.faults import HOSTILE
from plugins.lab.ports import Port
from plugins.lab.tls import accepted, web_context
from plugins.lab.web import Behind, WebFace

WEB = ("Cisco Tomcat",)
"""What the web interfaces run in; that REST does too is inferred."""


class CucmMachine:
    """Be one running node. `issuing` is the CA certificate that it sends after its own.

    `changed` is called after each change of what runs.
    """

    def __init__(self, node: Node, issuing: list[x509.Certificate]) -> None:
        self.node, self.faults = node, node.faults
        self._stopping = threading.Event()
        self._control = ControlCenter(node)
        self._context = web_context(node.identity, issuing)
        self._face = WebFace(
            Behind(node.name, node.effects, self._admitted, _instead(node), "Apache-Coyote/1.1"),
            self.faults,
            self._stopping,
        )
        self.shell = SshServer(node, self._stopping)
        self.ports = {"https": Port(self._https), "ssh": Port(self.shell.serve)}
        self._needs: dict[str, tuple[str, ...]] = {"https": WEB, "ssh": ()}
        self.changed: Callable[[], None] = lambda: None
        self._power = threading.RLock()
        node.services.changed = self._apply

    @property
    def up(self) -> bool:
        """Tell whether the node has power."""
        return self.node.up

    def add_port(self, name: str, needs: tuple[str, ...], handler: Callable[[socket.socket, int], None]) -> Port:
        """Give the node one more port, open while these services run."""
        self.ports[name], self._needs[name] = Port(handler), needs
        return self.ports[name]

    def start(self, age: float = AGE) -> None:
        """Power on: start all services, with what their stores hold now. Idempotent."""
        with self._power:
            if self.up or self._stopping.is_set():
                return
            self.node.up = True
        self.node.services.boot(age)

    def power_off(self) -> None:
        """Power off: nothing answers any more; restarts under way are lost. Idempotent."""
        with self._power:
            if not self.up:
                return
            self.node.up = False
        self.node.services.halt()

    def stop(self) -> None:
        """Close all ports for good. Idempotent."""
        self._stopping.set()
        self.power_off()
        self.faults.clear()
        for port in self.ports.values():
            port.release()

    def _apply(self) -> None:
        """Open and close ports as services run."""
        with self._power:
            for name, port in self.ports.items():
                if self.up and all(self._runs(service) for service in self._needs[name]):
                    port.open()
                else:
                    port.close()
        self.changed()

    def _runs(self, service: str) -> bool:
        """Tell whether a service is there to answer; one that this release lacks is not needed."""
        return self.node.services.find(service) is None or self.node.services.running(service)

    def _https(self, connection: socket.socket, peer: int) -> None:
        with accepted(self._context, connection) as wrapped:
            self._face.serve(wrapped, peer)

    def _admitted(self, asked: Request) -> Answer:
        if asked.path == axl.PATH:
            return axl.admitted(self.node, asked)
        return self._control.admitted(asked) if asked.path == soap.PATH else rest.admitted(self.node, asked)


def _instead(node: Node) -> dict[str, Answer]:
    """Return what some faults answer instead of doing anything."""
    return {
        "error-5xx": rest.error(node, 503, "Service Unavailable"),
        "denied": rest.error(node, 401, "Unauthorized"),
        "api-disabled": rest.error(node, 403, "Forbidden"),
        "refused": rest.error(node, 400, "Not stored"),
        "hostile": rest.error(node, 400, HOSTILE),
        "refused-200": rest.error(node, 200, "Not stored"),
        "rate-limited": fault(soap.EXCEEDED),
    }
