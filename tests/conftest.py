"""Hold every test to the same rules: a skip in CI is a failure, and no setting of this shell leaks into a test."""

import os
from collections.abc import Generator

import pytest

from engine.testing import NotApplicable, NotProvided

FOREIGN = (
    "CERTRENEW_SITE",
    "CERTRENEW_HOME",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the person who runs the tests has set for their own use."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI runs: what a test needs is installed there.

    What a plugin's author declares, that a CA has no such situation or that it is not provided, stays a skip.
    """
    declared = call.excinfo is not None and isinstance(call.excinfo.value, NotApplicable | NotProvided)
    report = yield
    if report.skipped and not declared and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
