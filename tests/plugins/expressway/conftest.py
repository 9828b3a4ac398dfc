"""Give tests a server that answers as told, and labs that are quick."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import Access
from engine.net import TlsTrust
from plugins.lab.authority import pem
from plugins.lab.estate import Options as LabOptions
from plugins.lab.lab import Lab
from tests.plugins.expressway.server import Server

MakeLab = Callable[..., Lab]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve HTTPS on loopback until the test ends."""
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Start labs with options; they are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(**options: Any) -> Lab:
            chosen = LabOptions(**{"key": "ec-256", "restart_seconds": 0.05, **options})
            return stack.enter_context(Lab(tmp_path / f"lab{next(count)}", chosen))

        yield start


def access(lab: Lab, node: str, password: Callable[[], str] | None = None) -> Access:
    """Return what a driver needs to reach a box of the lab; it verifies against both generations of the CA."""
    box, ca = lab.boxes[node], lab.home / "both.pem"
    ca.write_bytes(pem([*lab.authority.old.chain, *lab.authority.new.chain]))
    return Access(
        node=node,
        kind=box.kind,
        address=lab.machines[node].ports["https"].address,
        hostname=box.hostname,
        username=box.account.username,
        password=password or (lambda: box.account.password),
        trust=TlsTrust(box.hostname, ca=str(ca)),
        now=lambda: datetime.now(UTC),
    )
