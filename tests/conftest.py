"""Hold every test to the same rules: a skip in CI is a failure, and no setting of this shell leaks into a test.

At the end of a run it is told how much was tried: what tests counted with `record_property(NAME, NUMBER)`, and the
examples that Hypothesis made. `docs/explanation/reliability.md` repeats those numbers.
"""

import os
import re
from collections import Counter
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from engine.testing import NotApplicable, NotProvided
from tests import stock

FOREIGN = (
    "CERTRENEW_SITE",
    "CERTRENEW_HOME",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)

settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
"""How long examples take to make tells of the machine, which four workers share, and not of the code."""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the person who runs the tests has set for their own use."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _stocked() -> Iterator[None]:
    """Have no test wait for what an earlier one has made."""
    with stock.stocked():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI runs: what a test needs is installed there.

    What a plugin's author declares, that a CA has no such situation or that it is not provided, stays a skip.
    """
    declared = call.excinfo is not None and isinstance(call.excinfo.value, NotApplicable | NotProvided)
    report = yield
    if report.skipped and not declared and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    if call.when == "call" and (examples := _examples(item)):
        item.user_properties.append(("property examples", examples))
    return report


def _examples(item: pytest.Item) -> int:
    """Return how many examples Hypothesis says that a test passed."""
    return sum(map(int, re.findall(r"(\d+) passing", getattr(item, "hypothesis_statistics", ""))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how much was tried; the last report of a test, that of its teardown, has all that it counted."""
    told: Counter[str] = Counter()
    for report in terminalreporter.stats.get("", []):
        if report.when == "teardown":
            told.update({name: number for name, number in report.user_properties if isinstance(number, int)})
    for name, number in sorted(told.items()):
        terminalreporter.write_line(f"tried: {number:,} {name}")
