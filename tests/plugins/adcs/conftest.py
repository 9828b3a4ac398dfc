"""Give tests an AD CS on loopback, and a Kerberos realm."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.plugins.adcs import kdc
from tests.plugins.adcs.server import Server

MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Return a maker of running CAs, by switches; all are stopped at the end."""
    running: list[Server] = []

    def make(**chosen: str) -> Server:
        folder = tmp_path / f"ca{len(running)}"
        folder.mkdir()
        running.append(Server(folder, **chosen))
        running[-1].start()
        return running[-1]

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """Return a CA that issues at once and requires Extended Protection."""
    return make_server()


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kdc.Kdc]:
    """Run a KDC for the tests of one module; skip where it can't be."""
    kdc.needs_kerberos()
    with kdc.running(tmp_path_factory.mktemp("kdc")) as running:
        yield running


@pytest.fixture
def kerberos(realm: kdc.Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> kdc.Kdc:
    """Point Kerberos of this process, client and acceptor alike, at the test's realm; no ticket is there yet."""
    for name, value in {**realm.environment, "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}"}.items():
        monkeypatch.setenv(name, value)
    return realm
