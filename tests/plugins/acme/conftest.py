"""Give tests a Pebble that several share, and a desk before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.acme.desk import Desk, Memory, at_pebble
from tests.plugins.acme.fake import Fake, fake_ca
from tests.plugins.acme.servers import Pebble, pebble


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Run one Pebble that offers alternate chains, for all tests that need no special one."""
    with pebble(tmp_path_factory.mktemp("pebble"), PEBBLE_ALTERNATE_ROOTS="2") as running:
        yield running


@pytest.fixture
def desk(shared: Pebble) -> Desk:
    """Return a desk before the shared Pebble, with an account of its own."""
    return at_pebble(shared)


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[Fake]:
    """Run a CA that does as it is told."""
    with fake_ca(tmp_path) as running:
        yield running


@pytest.fixture
def dns() -> Memory:
    """Return a DNS that is empty."""
    return Memory()


@pytest.fixture
def fake_desk(ca: Fake, dns: Memory) -> Desk:
    """Return a desk before that CA."""
    return Desk({"directory": ca.directory, "ca": ca.trust}, solver=dns)
