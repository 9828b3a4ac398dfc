"""A port can be closed and opened again, and nobody can take it in between."""

import socket
import threading

import pytest

from plugins.lab.ports import LOOPBACK, Port


def talk(port: Port) -> bytes:
    """Connect and read one answer."""
    with socket.create_connection((LOOPBACK, port.number), 5) as connection:
        return connection.recv(10)


def test_a_closed_port_refuses_connections_and_keeps_its_number() -> None:
    """Open, close, open: the same number, while no other program can listen on it."""
    port = Port(lambda connection, _peer: connection.sendall(b"hello"))
    try:
        with pytest.raises(ConnectionRefusedError):
            talk(port)
        for _ in range(3):
            port.open()
            port.open()
            assert talk(port) == b"hello"
            port.close()
            with pytest.raises(ConnectionRefusedError):
                talk(port)
            with socket.socket() as thief, pytest.raises(OSError, match="in use"):
                thief.bind((LOOPBACK, port.number))
    finally:
        port.release()
    with socket.socket() as heir:
        heir.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # past connections linger, a listener would not let us
        heir.bind((LOOPBACK, port.number))
        heir.listen()


def test_closing_breaks_open_connections_and_waits_for_their_threads() -> None:
    """No thread and no connection outlives the box."""
    inside, ended = threading.Event(), threading.Event()

    def wait(connection: socket.socket, _peer: int) -> None:
        inside.set()
        connection.recv(1)
        ended.set()

    port = Port(wait)
    port.open()
    with socket.create_connection((LOOPBACK, port.number), 5) as connection:
        assert inside.wait(5)
        port.release()
        assert ended.is_set()
        assert connection.recv(1) == b""
    assert not [thread for thread in threading.enumerate() if thread.name == f"lab-{port.number}"]


def test_a_port_is_idle_when_every_connection_was_served() -> None:
    """Whoever waits for idleness waits for what was begun, and is told when that does not come in time."""
    begun, go_on = threading.Event(), threading.Event()

    def serve(connection: socket.socket, _peer: int) -> None:
        begun.set()
        go_on.wait(5)
        connection.sendall(b"done")

    port = Port(serve)
    port.open()
    try:
        with socket.create_connection((LOOPBACK, port.number), 5) as connection:
            assert begun.wait(5)
            assert not port.wait_idle(0.05)
            go_on.set()
            assert connection.recv(10) == b"done"
        assert port.wait_idle(5)
    finally:
        port.release()
