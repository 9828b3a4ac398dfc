"""Give tests a patient whose boxes were never visited: what would have been seen of them is made up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.context import Settings
from engine.cli.examining import patient
from engine.doctor.checks import CHECKS
from engine.doctor.findings import Diagnosis
from engine.doctor.patient import Patient
from engine.registry import Registry
from tests.pki import NOW

SITE = """
schema = 1

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "127.0.0.1:1"
hostname = "expc.example"
username = "admin"
password = "env:EXPC"

[authorities.corp]
plugin = "manual"

[certificates.expc-server]
node = "expc"
authority = "corp"

[people.ann]
name = "Ann"
uid = 4711
roles = ["uc"]

[people.bob]
name = "Bob"
uid = 4712
roles = ["change"]

[approval]
unsigned_approvals = true
"""

Make = Callable[..., Patient]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a maker of patients: from a site's text, with texts in it replaced, and plugins besides ours."""

    def made(*changes: tuple[str, str], more: str = "", plugins: tuple[object, ...] = ()) -> Patient:
        text = SITE + more
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "certrenew.toml"
        file.write_text(text)
        file.chmod(0o600)
        one = patient(Settings(site=file, home=tmp_path / "home"), ())
        one.now = NOW
        if plugins and one.site:
            one.site.registry = one.registry = Registry(one.registry.distributions, plugins)
        return one

    return made


def run(name: str, one: Patient) -> list[Diagnosis]:
    """Run one check of the table."""
    (check,) = [check for check in CHECKS if check.name == name]
    return list(check.run(one))


def told(found: list[Diagnosis]) -> list[tuple[str, int]]:
    """Return outcome and exit code of each finding."""
    return [(one.outcome.value, one.exit_code) for one in found]
