"""Start labs that are quick: EC keys, and a restart that takes a moment."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from plugins.lab.estate import Options
from plugins.lab.lab import Lab

from .client import Client

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Start labs with options; they are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(**options: Any) -> Lab:
            chosen = Options(**{"key": "ec-256", "restart_seconds": 0.05, "cucm": False, **options})
            return stack.enter_context(Lab(tmp_path / f"lab{next(count)}", chosen))

        yield start


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Start the default estate."""
    return make_lab()


@pytest.fixture
def cucm(make_lab: MakeLab) -> Lab:
    """Start the default estate with its CUCM cluster; what one node gets is at the other at once."""
    return make_lab(cucm=True, switches={"*": {"replication": "0"}})


@pytest.fixture
def expc(lab: Lab) -> Client:
    """Be an administrator of the Expressway-C."""
    return Client(lab, "expc")


@pytest.fixture
def expe(lab: Lab) -> Client:
    """Be an administrator of the Expressway-E."""
    return Client(lab, "expe")
