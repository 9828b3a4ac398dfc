"""Give tests a lab of their own, and a story in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.story import Story

QUICK: dict[str, Any] = {"restart_seconds": 0.3, "cucm": False}


@pytest.fixture
def labs(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Callable[..., Lab]]:
    """Return a maker of running labs; all are stopped at the end, and the faults that were ordered are counted."""
    running: list[Lab] = []

    def make(**options: Any) -> Lab:
        lab = Lab(tmp_path / f"lab{len(running)}", Options(**{**QUICK, **options}))
        running.append(lab)
        lab.start()
        return lab

    yield make
    record_property("faults ordered in the lab", sum(len(lab.effects.of("fault-ordered")) for lab in running))
    for lab in running:
        lab.stop()


@pytest.fixture
def story(labs: Callable[..., Lab]) -> Story:
    """Return a story in the default lab: X14.3 boxes, an old and a new corporate CA."""
    return Story(labs())


@pytest.fixture
def desk(story: Story, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Return a desk beside the default lab."""
    return Desk(story, capsys)
