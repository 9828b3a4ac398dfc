"""Serve acme2certifier over TLS on loopback: ``python serve.py PORT CERTIFICATE_AND_KEY``.

It runs in an environment of its own, not in this project's (requirements/acme2certifier.txt).
"""

import ssl
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Quiet(WSGIRequestHandler):
    """Log nothing, and look up no name."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        pass

    def address_string(self) -> str:
        return str(self.client_address[0])


class Threaded(ThreadingMixIn, WSGIServer):
    """Serve each connection in a thread, so that one that is kept open holds nobody up."""

    daemon_threads = True


def main(port: int, chain: str) -> None:
    """Serve until the process is ended."""
    from acme2certifier.acme_srv.db_handler import initialize
    from acme2certifier.share.acme2certifier_wsgi import application

    initialize()
    server = make_server("127.0.0.1", port, application, server_class=Threaded, handler_class=Quiet)
    server.base_environ["HTTPS"] = "on"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("serving", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
