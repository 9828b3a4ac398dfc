"""Give a box its ports and its power: what is served, and what happens at a restart."""

import socket
import threading
from collections.abc import Callable

from OpenSSL import SSL

from plugins.lab.box import Box
from plugins.lab.faults import Ordered
from plugins.lab.ports import IDLE, Port
from plugins.lab.tls import accepted, blocking, box_context, web_context
from plugins.lab.web import WebFace, expressway


class Machine:
    """Be one running box. `restart_seconds` is how long it is away (about 180 in life, Administrator Guide)."""

    def __init__(self, box: Box, *, restart_seconds: float) -> None:
        self.box, self.faults = box, Ordered()
        self._restart_seconds = restart_seconds
        self._stopping = threading.Event()
        self._face = WebFace(expressway(box), self.faults, self._stopping)
        self.ports = {"https": Port(self._https), "sip": Port(self._sip)}
        self.up = False
        self.power_changed: Callable[[], None] = lambda: None
        self._power = threading.Lock()
        self._restarting: threading.Thread | None = None
        box.restart, box.sip_port = self.restart, self.ports["sip"].number

    def add_port(self, name: str, handler: Callable[[socket.socket, int], None]) -> Port:
        """Give the box one more TLS port, before it starts."""
        self.ports[name] = Port(handler)
        return self.ports[name]

    def start(self) -> None:
        """Load the certificate in the server slot and open all ports. Idempotent."""
        with self._power:
            self._load()
            for port in self.ports.values():
                port.open()
            self.up = True
        self.power_changed()

    def stop(self) -> None:
        """Close all ports for good and wait for a restart that is under way. Idempotent."""
        self._stopping.set()
        self.faults.clear()
        with self._power:
            restarting = self._restarting
        if restarting:
            restarting.join()
        for port in self.ports.values():
            port.release()
        self.up = False

    def restart(self) -> None:
        """Begin a restart and return at once; nothing happens while one is under way or after `stop`."""
        with self._power:
            if not self.up or self._stopping.is_set():
                return
            self.up = False
            self._restarting = threading.Thread(target=self._restart, name=f"lab-restart-{self.box.name}", daemon=True)
            self._restarting.start()

    def _restart(self) -> None:
        faults = self.faults.strike("", "restart")
        self.box.effects.add(self.box.name, "restarting")
        for port in self.ports.values():
            port.close()
        self.power_changed()
        self._stopping.wait(self._restart_seconds)
        for fault in faults:
            if fault.name == "restart-never-ends":
                self.faults.wait_cleared(fault)
        if self._stopping.is_set():
            return
        self.box.boot(old_certificate="restart-old-certificate" in [fault.name for fault in faults])
        self.start()
        shown = {"serves": self.box.serves.fingerprint, "presents": self.box.presents.fingerprint}
        self.box.effects.add(self.box.name, "restarted", **shown)

    def _load(self) -> None:
        serves = self.box.serves
        chain = self.box.chain_sent(serves)
        self._web_context = web_context(serves, chain)
        self._sip_context = box_context(serves, chain)
        # SIP TLS asks for a client certificate; this plain listener takes any, since no zone is behind it.
        self._sip_context.set_verify(SSL.VERIFY_PEER, lambda *_: True)

    def _https(self, connection: socket.socket, peer: int) -> None:
        with accepted(self._web_context, connection) as wrapped:
            self._face.serve(wrapped, peer)

    def _sip(self, connection: socket.socket, _peer: int) -> None:
        """Complete the handshake and wait until the other end goes."""
        blocking(connection, IDLE)
        tls = SSL.Connection(self._sip_context, connection)
        tls.set_accept_state()
        try:
            tls.do_handshake()
            tls.recv(1)
            tls.shutdown()
        except SSL.Error:
            pass
