"""Find ports for programs that have to be told one."""

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """Return a port that nobody uses now, for TCP or UDP, outside the range from which the system gives them away.

    So no connection that begins meanwhile takes it before the program listens.
    """
    for _ in range(100):
        place = "127.0.0.1", 20000 + secrets.randbelow(12000)
        with suppress(OSError), socket.create_server(place), socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind(place)
            return place[1]
    raise AssertionError("no port is free")
