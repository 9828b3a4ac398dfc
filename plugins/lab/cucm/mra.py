"""Show whether MRA works: the Expressway-C connects to each service of each CUCM node by a real mutual TLS handshake.

Since X14.0.2 its traffic server shows its certificate, from X15.5 that of the client slot, to CUCM's TFTP (6972) and
CallManager, which verify it even in non-secure mode (225476, 225693, 225746, confirmed). That a service judges by what
it loaded when it started is inferred from the vendor's order to restart it. Words of the causes are OpenSSL's.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from OpenSSL import SSL

from plugins.lab.box import Box
from plugins.lab.cucm.machine import CucmMachine
from plugins.lab.handshake import INTERVAL, Verdicts, carries, drain, refusal
from plugins.lab.machine import Machine
from plugins.lab.ports import IDLE, LOOPBACK
from plugins.lab.tls import CLOSED, Judgement, blocking, box_context, cause

CONSUMERS = {
    "tftp": ("Cisco Tftp",),
    "callmanager": ("Cisco CallManager",),
    "tomcat": ("Cisco Tomcat", "Cisco HAProxy"),
    "xmpp": ("Cisco XCP Router",),
}
"""The services that must accept the Expressway-C, each with what has to run for it."""


@dataclass(frozen=True)
class MraStatus:
    """Be how one service of one node stands with the Expressway-C: `cause` as that sees it, `verdict` as the node."""

    node: str
    consumer: str
    status: str = "Failed"
    cause: str = "not tried yet"
    verdict: str = ""


class Mra:
    """Connect again whenever something changed, and at least every `INTERVAL` seconds. Safe for threads."""

    def __init__(
        self,
        client: Machine,
        nodes: Sequence[CucmMachine],
        issuing: Sequence[x509.Certificate],
    ) -> None:
        self._client, self._issuing = client, list(issuing)
        self._nodes = {machine.node.name: machine for machine in nodes}
        self._verdicts = Verdicts()
        self._now = {
            (machine.node.name, consumer): MraStatus(machine.node.name, consumer)
            for machine in nodes
            for consumer in CONSUMERS
            if _serves(machine, consumer)
        }
        for name, consumer in self._now:
            self._listen(self._nodes[name], consumer)
        self._changed = threading.Condition()
        self._due, self._stopped, self._trying, self._rounds = True, False, False, 0
        self._worker = threading.Thread(target=self._work, name="lab-mra", daemon=True)

    def _listen(self, machine: CucmMachine, consumer: str) -> None:
        machine.add_port(
            consumer, CONSUMERS[consumer], lambda connection, peer: self._accept(machine, consumer, connection, peer)
        )

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
        """Connect again at once, because something changed."""
        with self._changed:
            self._due = True
            self._changed.notify_all()

    def all(self, node: str = "", consumer: str = "") -> list[MraStatus]:
        """Return how things stand, of one node or one service if named."""
        with self._changed:
            return [now for now in self._now.values() if node in ("", now.node) and consumer in ("", now.consumer)]

    def status(self, node: str = "", consumer: str = "") -> MraStatus:
        """Return the first that is Failed, or else the first. Raises ValueError when there is none."""
        found = self.all(node, consumer)
        if not found:
            raise ValueError(f"MRA in the lab has no {consumer} on {node}")
        return next((now for now in found if now.status == "Failed"), found[0])

    def settle(self) -> None:
        """Wait for the first round, whatever came of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._rounds > 0 or self._stopped)

    def wait(self, status: str, node: str, consumer: str, timeout: float) -> MraStatus:
        """Wait until `status` is this by handshakes made after this call.

        Raises TimeoutError after `timeout` seconds, with the cause.
        """
        done = self._wait(lambda: self.status(node, consumer).status == status, timeout)
        now = self.status(node, consumer)
        if not done:
            raise TimeoutError(
                f"MRA is {now.status} after {timeout} s: {now.consumer} of {now.node}: {now.cause}; {now.verdict}"
            )
        return now

    def look(self, timeout: float = 60.0) -> list[MraStatus]:
        """Return how all stand, by handshakes made after this call. Raises TimeoutError."""
        if not self._wait(lambda: True, timeout):
            raise TimeoutError(f"no handshakes within {timeout} s")
        return self.all()

    def _wait(self, wanted: Callable[[], bool], timeout: float) -> bool:
        """Wait for a round that begins after this call, and until then or later `wanted` is so."""
        with self._changed:
            self._due, fresh = True, self._rounds + 2 if self._trying else self._rounds + 1
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._rounds >= fresh and wanted(), timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._stopped, INTERVAL)
                if self._stopped:
                    return
                self._due, self._trying = False, True
            found = [self._attempt(*key) for key in self._now]
            with self._changed:
                for now in found:
                    self._note(now)
                self._trying, self._rounds = False, self._rounds + 1
                self._changed.notify_all()

    def _note(self, now: MraStatus) -> None:
        before = self._now[now.node, now.consumer]
        self._now[now.node, now.consumer] = now
        if self._rounds and before != now:
            effects = self._nodes[now.node].node.effects
            kind = "mra-up" if now.status == "Active" else "mra-down"
            effects.add(now.node, kind, consumer=now.consumer, cause=now.cause, verdict=now.verdict)

    def _attempt(self, name: str, consumer: str) -> MraStatus:
        """Connect once and return how that service stands."""
        machine = self._nodes[name]
        if not self._client.up:
            return MraStatus(name, consumer, cause="System unreachable")
        with socket.socket() as connection:
            connection.bind((LOOPBACK, 0))
            with self._verdicts.expecting(connection.getsockname()[1]) as verdict:
                try:
                    connection.settimeout(IDLE)
                    connection.connect((LOOPBACK, machine.ports[consumer].number))
                except OSError:
                    return MraStatus(name, consumer, cause="Connect failed")
                mine = self._connect(connection, machine.node.hostname)
                connection.close()
                theirs = verdict()
        return MraStatus(name, consumer, "Failed" if mine or theirs else "Active", mine, theirs)

    def _connect(self, connection: socket.socket, hostname: str) -> str:
        """Be the Expressway-C's side: judge by its trusted CA list; nothing is returned when all is well."""
        box: Box = self._client.box
        blocking(connection, IDLE)
        context = box_context(box.presents, box.chain_sent(box.presents), box.trust_in_use(), box.now())
        judgement = Judgement()
        context.set_verify(SSL.VERIFY_PEER, judgement)
        tls = SSL.Connection(context, connection)
        tls.set_connect_state()
        try:
            tls.do_handshake()
            if not carries(tls, hostname):
                return f"TLS negotiation failed: the peer's certificate does not name {hostname}"
            tls.sendall(b"GET\r\n")
            return refusal(tls.recv(200))
        except (SSL.Error, OSError) as error:
            return cause(error, judgement)

    def _accept(self, machine: CucmMachine, consumer: str, connection: socket.socket, peer: int) -> None:
        verdict = CLOSED
        try:
            verdict = self._judge(machine, consumer, connection)
        finally:
            self._verdicts.say(peer, verdict)

    def _judge(self, machine: CucmMachine, consumer: str, connection: socket.socket) -> str:
        """Be the service's side: judge by what it loaded when it started."""
        blocking(connection, IDLE)
        context = box_context(machine.node.identity, self._issuing, _loaded(machine, consumer))
        judgement = Judgement()
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judgement)
        tls = SSL.Connection(context, connection)
        tls.set_accept_state()
        try:
            tls.do_handshake()
            if not tls.recv(200):
                return CLOSED
            tls.sendall(b"OK\r\n")
            return ""
        except (SSL.Error, OSError) as error:
            drain(connection)
            return cause(error, judgement)


def _serves(machine: CucmMachine, consumer: str) -> bool:
    """Tell whether a node has a consumer: the first service behind it is there, and activated."""
    service = machine.node.services.find(CONSUMERS[consumer][0])
    return service is not None and service.activated


def _loaded(machine: CucmMachine, consumer: str) -> list[x509.Certificate]:
    """Return what every service of a consumer has loaded; one that has not restarted yet is enough to refuse."""
    found = [machine.node.services.find(name) for name in CONSUMERS[consumer]]
    loaded = [service.loaded for service in found if service is not None]
    return [certificate for certificate in loaded[0] if all(certificate in other for other in loaded[1:])]
