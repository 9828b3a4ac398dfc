"""Give tests a Pebble that several share, and a desk before it."""

from collections.abc import Iterator

import pytest

from tests.plugins.acme.desk import Desk, at_pebble
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
