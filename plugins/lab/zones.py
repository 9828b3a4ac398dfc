"""Bring traversal zones up by a real mutual TLS handshake between two boxes, each judging by its own trusted CA list.

The Expressway-C always is the TLS client, the Expressway-E the server (213872, 225693, confirmed). The C's peer address
must be a name in the E's certificate, and the E's "TLS verify subject name" one in the C's (221624, guide X14.3,
confirmed). Words of the causes are OpenSSL's; those of a real box are unknown.
"""

import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime

from OpenSSL import SSL

from plugins.lab.authority import fingerprint
from plugins.lab.box import Box, ZoneStatus
from plugins.lab.handshake import INTERVAL, Verdicts, carries, drain, peer_of, refusal
from plugins.lab.machine import Machine
from plugins.lab.ports import IDLE, LOOPBACK
from plugins.lab.releases import does
from plugins.lab.tls import CLOSED, Judgement, blocking, box_context, cause


class TraversalZone:
    """Be the zone between two machines; its worker on the C repeats the handshake every `INTERVAL` seconds.

    `seen` says which certificate each side saw of the other when they last met: node to SHA-256.

    A real zone keeps its connection and learns of changed trust when it connects again; the lab does so at once, and
    so it finds after an `INTERVAL` only what nobody did, like a certificate that runs out.
    """

    types = ("TraversalClient", "TraversalServer")

    def __init__(
        self,
        name: str,
        client: Machine,
        server: Machine,
        *,
        verify_name: str,
        peer_address: str = "",
        port: str = "traversal",
    ) -> None:
        self.name, self.client, self.server = name, client, server
        self.peer_address = peer_address or server.box.hostname
        self.verify_name = verify_name
        self._port = server.add_port(port, self._accept)
        self._verdicts = Verdicts()
        self._changed = threading.Condition()
        self._due, self._stopped = True, False
        self._worker = threading.Thread(target=self._work, name="lab-zone", daemon=True)
        self._attempts, self._trying = 0, False
        self.seen: dict[str, str] = {}
        self._report("System unreachable", "System unreachable")

    def start(self) -> None:
        """Begin to connect."""
        self._worker.start()

    def stop(self) -> None:
        """Stop connecting and wait for the worker. Idempotent."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._verdicts.stop()
        if self._worker.is_alive():
            self._worker.join()

    def wake(self) -> None:
        """Make the zone connect again at once, because something changed; while a box is down, so is the zone."""
        with self._changed:
            if self._attempts and (outage := self._outage()):
                self._report(*outage)  # or a box could be back before the worker comes to look
            self._due = True
            self._changed.notify_all()

    def status(self, node: str) -> ZoneStatus:
        """Return how the zone stands on one side."""
        box = self.client.box if node == self.client.box.name else self.server.box
        return box.zones[self.name]

    def wait(self, status: str, timeout: float) -> ZoneStatus:
        """Wait until both sides have this status by a handshake made after this call; return the C's side.

        Raises TimeoutError after `timeout` seconds, with the cause.
        """
        with self._changed:
            self._due, fresh = True, self._attempts + 2 if self._trying else self._attempts + 1
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._attempts >= fresh and self._both(status), timeout)
        now = self.status(self.client.box.name)
        if not done:
            raise TimeoutError(f"zone {self.name} is {now.status} after {timeout} s: {now.cause}")
        return now

    def settle(self) -> None:
        """Wait for the first handshake, whatever came of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._attempts > 0 or self._stopped)

    def _both(self, status: str) -> bool:
        return all(machine.box.zones[self.name].status == status for machine in (self.client, self.server))

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._stopped, INTERVAL)
                if self._stopped:
                    return
                self._due, self._trying = False, True
            causes = self._outage() or self._attempt()
            with self._changed:
                if not self._due:  # or else it is out of date: something changed meanwhile
                    self._report(*causes)
                self._trying, self._attempts = False, self._attempts + 1
                self._changed.notify_all()

    def _outage(self) -> tuple[str, str] | None:
        """Return the causes on both sides while a box is down."""
        if self.client.up and self.server.up:
            return None
        return "Connect failed" if self.client.up else "System unreachable", "System unreachable"

    def _report(self, client: str, server: str) -> None:
        """Set both sides' status; an empty cause is Active."""
        sides = (
            (self.client.box, self.types[0], self.peer_address, client),
            (self.server.box, self.types[1], self.client.box.hostname, server),
        )
        for box, kind, address, why in sides:
            now = ZoneStatus(self.name, kind, address, self._port.number, self.verify_name)
            self._note(box, replace(now, status="Failed" if why else "Active", cause=why))

    def _note(self, box: Box, now: ZoneStatus) -> None:
        before = box.zones.get(self.name)
        if before and (before.status, before.cause) == (now.status, now.cause):
            return
        box.set_zone(replace(now, since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")))
        if before:
            kind = "zone-up" if now.status == "Active" else "zone-down"
            box.effects.add(box.name, kind, zone=self.name, cause=now.cause)

    def _attempt(self) -> tuple[str, str]:
        """Connect once; return the cause of failure on either side, empty for none."""
        with socket.socket() as connection:
            connection.bind((LOOPBACK, 0))
            with self._verdicts.expecting(connection.getsockname()[1]) as verdict:
                try:
                    connection.settimeout(IDLE)
                    connection.connect((LOOPBACK, self._port.number))
                except OSError:
                    return "Connect failed", "System unreachable"
                mine = self._connect(connection)
                connection.close()
                return mine, verdict()

    def _connect(self, connection: socket.socket) -> str:
        box = self.client.box
        blocking(connection, IDLE)
        context = box_context(box.presents, box.chain_sent(box.presents), box.trust_in_use(), box.now())
        judgement = Judgement()
        context.set_verify(SSL.VERIFY_PEER, judgement)
        tls = SSL.Connection(context, connection)
        tls.set_connect_state()
        try:
            tls.do_handshake()
            if not carries(tls, self.peer_address):
                return f"TLS negotiation failed: the peer's certificate does not name {self.peer_address}"
            tls.sendall(b"SERVICE\r\n")
            self._saw(box, tls)
            return refusal(tls.recv(200))
        except (SSL.Error, OSError) as error:
            return cause(error, judgement)

    def _saw(self, box: Box, tls: SSL.Connection) -> None:
        certificate = peer_of(tls)
        self.seen[box.name] = fingerprint(certificate) if certificate else ""

    def _accept(self, connection: socket.socket, peer: int) -> None:
        """Be the E's side of the handshake."""
        verdict = CLOSED
        try:
            verdict = self._judge(connection)
        finally:
            self._verdicts.say(peer, verdict)

    def _judge(self, connection: socket.socket) -> str:
        box = self.server.box
        blocking(connection, IDLE)
        context = box_context(box.serves, box.chain_sent(box.serves), box.trust_in_use(), box.now())
        judgement = Judgement(check_usage=self._checks_usage())
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judgement)
        if box.settings["names_its_cas"] == "on":
            for authority in box.trust_in_use():
                context.add_client_ca(authority)
        tls = SSL.Connection(context, connection)
        tls.set_accept_state()
        try:
            tls.do_handshake()
            if not tls.recv(200):
                return CLOSED
            self._saw(box, tls)
            named = carries(tls, self.verify_name)
            tls.sendall(b"OK\r\n" if named else b"NO the certificate does not carry the TLS verify subject name\r\n")
            return "" if named else f"The peer's certificate does not name {self.verify_name}"
        except (SSL.Error, OSError) as error:
            drain(connection)
            return cause(error, judgement)

    def _checks_usage(self) -> bool:
        """Tell whether inbound SIP TLS looks at the extended key usage: X15.5 can switch it off (225693)."""
        box = self.server.box
        return not (does("eku-checking-mode", box.release, box.kind) and box.settings["eku_checking"] == "off")


class NeighbourZone(TraversalZone):
    """Be a zone to a system of somebody else, in which the box is the TLS client."""

    types = ("Neighbor", "Neighbor")
