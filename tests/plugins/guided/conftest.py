"""Give tests labs that are quick."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from plugins.lab.estate import Options
from plugins.lab.lab import Lab

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Start labs with options; they are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(**options: Any) -> Lab:
            quick = {"key": "ec-256", "restart_seconds": 0.05, "cucm": False}
            return stack.enter_context(Lab(tmp_path / f"lab{next(count)}", Options(**{**quick, **options})))

        yield start
