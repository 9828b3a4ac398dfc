"""Give tests a node that answers as told, and labs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from plugins.lab.estate import Options as LabOptions
from plugins.lab.lab import Lab
from tests.plugins.cucm.labs import MakeLab
from tests.plugins.cucm.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve HTTPS on loopback until the test ends."""
    running = Server(tmp_path)
    with running:
        yield running


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Start labs whose nodes have these switches; they are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(releases: dict[str, str] | None = None, imp: bool = False, **switches: str) -> Lab:
            both = {node: {"soap_rate": "0", **switches} for node in ("cucm-pub", "cucm-sub")}
            quick: dict[str, Any] = {"key": "ec-256", "restart_seconds": 0.05}
            chosen = LabOptions(**quick, switches=both, releases=releases or {}, imp=imp)
            return stack.enter_context(Lab(tmp_path / f"lab{next(count)}", chosen))

        yield start
