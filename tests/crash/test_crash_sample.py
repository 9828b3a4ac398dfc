"""Kill renewals at a few boundaries, other ones in each run; `make crash` does so at all of them."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.matrix import bench
from tests.crash.result import LAST, PAGE, last, page
from tests.crash.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_anywhere_it_is_resumed_and_does_everything_once(
    scenario: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Wherever its commands are killed, a renewal ends with every effect there once and a journal that verifies."""
    (longest,) = (one.longest for one in last() if one.scenario == scenario)
    point = random.SystemRandom().randrange(longest)
    with bench(scenario, tmp_path) as renew:
        outcome = renew(point)
    repeat = f"python -m tests.crash --scenario {scenario} --point {point}"
    assert outcome.wrong == "", f"killed {outcome.told}; {repeat}"
    assert outcome.killed or point > 0.9 * longest, f"it came to its end unkilled; {repeat}"
    record_property("renewals killed at a boundary", 1)
    record_property("kills at a boundary", len(outcome.killed))


def test_the_page_tells_the_last_run() -> None:
    """The page in the docs is what `make crash` would write of the last result of each scenario, and none failed."""
    assert PAGE.read_text() == page(last()), f"{PAGE.name} was changed by hand, or {LAST.name}"
    assert [one.scenario for one in last()] == list(SCENARIOS)
    assert [one.scenario for one in last() if one.failed or one.passed * one.every < 500] == []
