"""Make many renewals that wait, each on a box that answers when it likes: over TLS on loopback, one port for all.

A renewal's only step asks its boxes once, through the engine's HTTPS client, and waits. What is real is what costs: the
store, the locks, the runner, TLS with a verified certificate.
"""

import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from engine.contracts import Access, DeviceDriver
from engine.errors import Waiting
from engine.estate import Estate, Node, Policy
from engine.hookspecs import hookimpl
from engine.https import HttpsClient
from engine.model import Actor, Item, Renewal, Value
from engine.registry import Registry
from engine.runner import Runner
from engine.runner.site import Site
from engine.store import Store
from engine.workflow import Arrow, Proof, Step, Work, Workflow
from tests.pki import CA, pem

AT = "2026-11-23T16:00:00Z"
BY = Actor(person="ann", uid=1000, account="ann", host="ops1")
NAME = "box.example"

Gate = Callable[[str], None]
"""Hold a box's answer back: called with the box's name, in a thread of its own; raises to break the answer off."""


class Server(ThreadingHTTPServer):
    """Accept as many connections at once as there are."""

    request_queue_size, daemon_threads = 512, True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked gets no answer, and tells."""


@contextmanager
def boxes(folder: Path, gate: Gate) -> Iterator[str]:
    """Be all boxes, until the block ends; give the address. The CA that verifies them is ``FOLDER/ca.pem``."""
    root = CA.root("Root")
    leaf = root.issue(NAME)
    (folder / "ca.pem").write_text(pem(root.certificate))
    (folder / "box.pem").write_text(leaf.key_pem + pem(leaf.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "box.pem")

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_GET(self) -> None:
            gate(self.path.strip("/"))
            self.send_response(204)
            self.end_headers()

        def log_request(self, *_: object) -> None:
            """Keep quiet."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Options(Value, frozen=True, kw_only=True):
    """Be no settings."""


def _asker(access: Access, _options: Options) -> Any:
    return HttpsClient(access.address, access.trust, timeout=60, record=access.record)


def _ask(work: Work) -> Proof:
    """Ask the box, and wait for it."""
    for item in work.items:
        client: Any = work.peer(item.node)
        assert client.request("GET", f"/{item.node}").status == 204
    raise Waiting("The box is not ready.", on="box", poll_after=3600)


ASK = Step(name="ask", purpose="ask the box", rests_on=(), phases=(), prove=_ask)
WORKFLOW = Workflow("ask", "New", ("Done",), (Arrow("ask", ("New",), "Done"),), {"ask": ASK})


class Plugin:
    """Register driver and workflow."""

    __name__ = "slow"

    @hookimpl
    def register_devices(self) -> list[DeviceDriver]:
        """Offer the driver."""
        return [DeviceDriver("slow", Options, _asker)]

    @hookimpl
    def register_workflows(self) -> list[Workflow]:
        """Offer the workflow."""
        return [WORKFLOW]


def runner(home: Path, address: str, nodes: Mapping[str, list[str]]) -> Runner:
    """Begin a renewal for each ID, on these nodes, and return who carries them on. The CA is beside the home."""
    names = sorted({name for some in nodes.values() for name in some})
    node = {
        "kind": "expressway-c",
        "driver": "slow",
        "address": address,
        "hostname": NAME,
        "ca": home.parent / "ca.pem",
    }
    estate = Estate(
        file=home.parent / "certrenew.toml",
        distributions=[],
        nodes={name: Node(name=name, **node) for name in names},  # type: ignore[arg-type]
        connections=[],
        authorities={},
        certificates={},
        people={},
        policy=Policy(),
    )
    store = Store(home)
    for id, some in nodes.items():
        items = [Item(certificate=f"{id}-{name}", node=name, slots=["server"], authority="corp") for name in some]
        renewal = Renewal(id=id, workflow="ask", state="New", created=AT, since=AT, requester=BY, items=items)
        store.create(renewal, BY, AT, "begun")
    site = Site(estate=estate, registry=Registry(extra=(Plugin(),)), store=store, actor=BY)
    return Runner(site, lambda: "unused")


def main(folder: str, latency: str) -> None:
    """Be boxes that take that many seconds for an answer, in a process of their own: until standard input is closed.

    Prints the address, and at the end the most requests that were under way at once.
    """
    lock, under_way, most = threading.Lock(), 0, 0

    def gate(_box: str) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(float(latency))
        with lock:
            under_way -= 1

    with boxes(Path(folder), gate) as address:
        print(address, flush=True)
        sys.stdin.read()
    print(most, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
