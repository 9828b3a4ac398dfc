"""Listen on loopback ports that can be closed and opened again under the same number.

While closed, a port stays bound but not listening: connections are refused, and no other program can take it.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

LOOPBACK = "127.0.0.1"

IDLE = 10.0
"""How long one connection may keep the lab waiting, in seconds."""

Handler = Callable[[socket.socket, int], None]
"""Takes a connection, and the port number of the other end; it may raise OSError when the connection breaks."""


class Port:
    """Hold one loopback port chosen by the system and serve each connection in a thread of its own."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._reserved = _bound(0)
        self.number: int = self._reserved.getsockname()[1]
        self._changed = threading.Condition()
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()

    @property
    def address(self) -> str:
        """Return the port as ``127.0.0.1:NUMBER``."""
        return f"{LOOPBACK}:{self.number}"

    def open(self) -> None:
        """Listen. Idempotent."""
        with self._changed:
            if self._listening:
                return
            self._listening = _bound(self.number)
            self._listening.listen(64)
            self._spawn(self._accept, self._listening)

    def close(self) -> None:
        """Refuse new connections, break those that are open and wait for their threads. Idempotent."""
        with self._changed:
            listening, self._listening = self._listening, None
            threads = self._threads - {threading.current_thread()}
            if listening:
                _shut(listening)
            for connection in self._open:
                _shut(connection)
        for thread in threads:
            thread.join()
        if listening:
            listening.close()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until every connection was served to its end; tell whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout)

    def release(self) -> None:
        """Close and give the number back to the system. Idempotent."""
        self.close()
        self._reserved.close()

    def _spawn(self, work: Callable[..., None], *values: object) -> None:
        thread = threading.Thread(target=self._run, args=(work, *values), name=f"lab-{self.number}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, work: Callable[..., None], *values: object) -> None:
        try:
            work(*values)
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, peer = listening.accept()
            except OSError:  # `close` shut it down
                return
            with self._changed:
                if self._listening is not listening:
                    connection.close()
                    return
                connection.settimeout(IDLE)
                # Otherwise an answer's second write waits 40 ms for the acknowledgement of the first.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # The handler wraps the connection in TLS, which takes the socket over; the copy can still break it.
                guard = connection.dup()
                self._open.add(guard)
                self._spawn(self._serve, connection, guard, peer[1])

    def _serve(self, connection: socket.socket, guard: socket.socket, peer: int) -> None:
        try:
            with contextlib.suppress(OSError):
                self._handler(connection, peer)
        finally:
            with self._changed:
                self._open.discard(guard)
                self._changed.notify_all()
            _shut(guard)
            guard.close()
            connection.close()


def _bound(number: int) -> socket.socket:
    """Return a socket bound to a loopback port, beside another that is bound there but does not listen."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, number))
    except OSError:
        bound.close()
        raise
    return bound


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
