"""From the old corporate CA to a new one that is asked by ACME: every command a process of its own, days between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.lab.control import order
from tests.e2e.test_by_hand import Shell
from tests.plugins.acme.desk import account_pem
from tests.plugins.acme.servers import A2c, a2c

AUTHORITY = """[authorities.corporate]
plugin = "acme"
roots = ["{folder}/root.pem"]

[authorities.corporate.options]
directory = "{directory}"
account_key = "file:secrets/acme-account.pem"
ca = "{trust}"
contact = ["pki@corp.example"]
challenge = "http-01"
webroot = "{webroot}"
"""


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[A2c]:
    """Run an ACME server whose officer takes her time."""
    with a2c(tmp_path / "a2c", waits=True) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, ca: A2c) -> Iterator[Shell]:
    """Return a shell beside a lab whose site has that CA for its new one."""
    shell, webroot = Shell(tmp_path / "lab"), tmp_path / "webroot"
    shell("lab", "up", "--detach", "--no-cucm")
    webroot.mkdir()
    site = shell.home / "certrenew.toml"
    before, _, after = site.read_text().partition("[authorities.corporate]")
    _, mark, after = after.partition("# --- Certificates")
    authority = AUTHORITY.format(folder=ca.folder, directory=ca.directory, trust=ca.trust, webroot=webroot)
    site.write_text(f"{before}{authority}\n{mark}{after}")
    secret = shell.home / "secrets" / "acme-account.pem"
    secret.touch(mode=0o600)
    secret.write_text(account_pem())
    yield shell
    shell("lab", "down")


def until_it_waits_for(shell: Shell, text: str) -> str:
    """Run again and again, as a timer would, until what is waited for is this; return the last output."""
    for _ in range(60):
        told = shell("run", "expc-server", expect=3)
        if text in " ".join(told.split()):
            return told
    raise AssertionError(f"never waited for {text}: {told}")


def test_a_renewal_by_acme_with_days_between(shell: Shell, ca: A2c) -> None:
    """Ordered, proven, pending, approved at the CA much later, trusted, installed, restarted, by separate processes."""
    shell("start", "expc-server")
    until_it_waits_for(shell, "has not issued yet")
    waiting = shell.json("show", "expc-server")
    assert (waiting["state"], waiting["wait"]["on"]) == ("CSRPending", "authority")
    assert 0 < waiting["wait"]["poll_after"] <= 3600
    ticket = waiting["items"][0]["ticket"]
    assert ticket["order"].startswith("https://")
    assert "PRIVATE" not in str(ticket)
    ca.approve()
    shell("advance", "expc-server", "--until", "TrustPropagated")
    leaf = shell.json("show", "expc-server")["items"][0]["leaf"]
    assert "1 approval needed" in shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    assert "Restarted" in shell("run", "expc-server")
    assert "is whole" in shell("journal", "expc-server", "--verify")
    effects = order(shell.home, "effects")
    installed = [entry for entry in effects if entry["kind"] == "certificate-installed"]
    assert [(entry["node"], entry["fingerprint"]) for entry in installed] == [("expc", leaf)]
    added = {(entry["node"], entry["fingerprint"]) for entry in effects if entry["kind"] == "trust-appended"}
    assert len(added) == 4, "root and issuing CA, on both boxes"
    assert not list((shell.home.parent / "webroot" / ".well-known" / "acme-challenge").iterdir())
