"""Run real name servers on loopback, BIND 9 and Knot, and one that answers whatever a test wants."""

import random
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.tsig
import pytest

from tests.ports import free_port
from tests.programs import needs

SECRET = "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5YWI="
"""What every key of these tests has for a secret; no error may show it."""

STARTUP = 20
"""How long a server may take until it says that it is up, in seconds."""


class Server:
    """A running name server; `address` is HOST:PORT. Ended by its own process id."""

    def __init__(self, command: list[str], host: str, port: int) -> None:
        self.host, self.port, self.address = host, port, f"{host}:{port}"
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()

    def says(self, text: str, before: int = 0) -> None:
        """Wait until the server has logged a text once more than `before` times."""
        with self._more:
            self._more.wait_for(lambda: self._count(text) > before or self._process.poll() is not None, STARTUP)
            assert self._count(text) > before, "".join(self._lines)

    def said(self, text: str) -> int:
        """Count how often the server has logged a text."""
        with self._more:
            return self._count(text)

    def _count(self, text: str) -> int:
        return "".join(self._lines).count(text)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(STARTUP)
        self._reader.join(STARTUP)
        assert self._process.stderr is not None
        self._process.stderr.close()


def standard_address() -> str:
    """Find an address of loopback where port 53 is free, for what can't be told a port; skip where none may be had."""
    for _ in range(20):
        host = f"127.{random.randint(2, 254)}.{random.randint(1, 254)}.{random.randint(1, 250)}"  # noqa: S311
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((host, 53))
                udp.bind((host, 53))
            except PermissionError:
                pytest.skip("port 53 may be opened by root alone")
            except OSError:
                continue
            return host
    pytest.skip("port 53 is taken everywhere on loopback")


@contextmanager
def bind(folder: Path, configuration: str) -> Iterator[Server]:
    """Run BIND with the zones that `configuration` has, beside what makes it keep to itself."""
    program, port = needs("named"), free_port()
    alone = f"""
        options {{
            directory "{folder}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};
            listen-on port {port} {{ 127.0.0.1; }}; recursion no; dnssec-validation no;
            empty-zones-enable no; notify no;
        }};
        controls {{}};
    """
    (folder / "named.conf").write_text(alone + configuration)
    server = Server([program, "-g", "-n", "1", "-c", str(folder / "named.conf")], "127.0.0.1", port)
    try:
        server.says(" running\n")
        yield server
    finally:
        server.stop()


@contextmanager
def knot(folder: Path, configuration: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Run Knot with what `configuration` has, beside where it listens and keeps things.

    Unlike BIND, which listens only where an interface says so, it may have any address of loopback.
    """
    program, port = needs("knotd"), port or free_port()
    alone = f"""
server:
    rundir: {folder}
    listen: {host}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: {folder}
"""
    (folder / "knot.conf").write_text(alone + configuration)
    server = Server([program, "-c", str(folder / "knot.conf")], host, port)
    try:
        server.says("server started")
        yield server
    finally:
        server.stop()


def key(name: str, algorithm: str = "hmac-sha256") -> str:
    """Write a key as BIND's configuration has it."""
    return f'key "{name}" {{ algorithm {algorithm}; secret "{SECRET}"; }};\n'


def zone_file(folder: Path, zone: str, *records: str, server: str = "127.0.0.1") -> Path:
    """Write a zone with one name server and these records, each a line of the file."""
    head = ["$TTL 60", f"$ORIGIN {zone}.", "@ SOA ns1 hostmaster 1 3600 600 86400 1", "@ NS ns1", f"ns1 A {server}"]
    path = folder / f"{zone}.zone"
    path.write_text("\n".join([*head, *records]) + "\n")
    return path


Reply = Callable[[dns.message.Message], bytes | None]
"""What a made-up server answers to a message; None: it hangs up without a word."""


@contextmanager
def made_up(reply: Reply, keys: dict[str, str] | None = None) -> Iterator[str]:
    """Answer every message by UDP and TCP as `reply` says; yields HOST:PORT."""
    ring = {dns.name.from_text(name): dns.tsig.Key(name, secret) for name, secret in (keys or {}).items()}

    def answer(octets: bytes) -> bytes | None:
        return reply(dns.message.from_wire(octets, keyring=ring or False, continue_on_error=True))

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            octets, connection = self.request
            if said := answer(octets):
                connection.sendto(said, self.client_address)

    class Streams(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.rfile.read(2), "big")
            if said := answer(self.rfile.read(length)):
                self.wfile.write(len(said).to_bytes(2, "big") + said)

    port = free_port()
    with (
        socketserver.UDPServer(("127.0.0.1", port), Datagrams) as datagrams,
        socketserver.TCPServer(("127.0.0.1", port), Streams) as streams,
    ):
        servers: list[socketserver.BaseServer] = [datagrams, streams]
        threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers]
        for thread in threads:
            thread.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            for server in servers:
                server.shutdown()
            for thread in threads:
                thread.join()
