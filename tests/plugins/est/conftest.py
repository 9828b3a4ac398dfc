"""Give tests an EST server that answers as told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.est.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve HTTPS on loopback until the test ends."""
    running = Server(tmp_path)
    with running:
        yield running
