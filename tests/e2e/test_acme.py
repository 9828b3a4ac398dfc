"""From the old corporate CA to a new one that is asked by ACME: every command a process of its own, days between."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.query
import dns.rdatatype
import dns.zone
import pytest

from engine.certificates import to_pem
from plugins.lab.control import order
from tests.e2e.test_by_hand import Shell
from tests.nameservers import SECRET, Server, bind, key, zone_file
from tests.plugins.acme.desk import account_pem
from tests.plugins.acme.servers import A2c, a2c, pebble

AUTHORITY = """[authorities.corporate]
plugin = "acme"
roots = ["{root}"]

[authorities.corporate.options]
directory = "{directory}"
account_key = "file:secrets/acme-account.pem"
ca = "{trust}"
contact = ["pki@corp.example"]
terms_agreed = true
"""

BY_FILES = """challenge = "http-01"
webroot = "{webroot}"
"""

BY_DNS = """challenge = "dns-01"
solver = "rfc2136"

[authorities.corporate.options.solver_options]
server = "{place}"
key_name = "certrenew"
key = "file:secrets/acme-dns.key"
resolver = ["{place}"]      # a resolver knows no port 53 here, nor does the zone
nameservers = ["{place}"]
"""

NAMES = ["expc", "expc-cluster", "secure-phones", "conference-2-standalonecluster5ab33"]
"""What the certificate of the Expressway-C is for, below corp.example."""


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[A2c]:
    """Run an ACME server whose officer takes her time."""
    with a2c(tmp_path / "a2c", waits=True) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, ca: A2c) -> Iterator[Shell]:
    """Return a shell beside a lab whose site has that CA for its new one."""
    webroot = tmp_path / "webroot"
    webroot.mkdir()
    authority = AUTHORITY.format(root=ca.folder / "root.pem", directory=ca.directory, trust=ca.trust)
    with beside_a_lab(tmp_path / "lab", authority + BY_FILES.format(webroot=webroot)) as shell:
        yield shell


@contextmanager
def beside_a_lab(home: Path, authority: str) -> Iterator[Shell]:
    """Give a shell beside a lab whose site has this authority for its own."""
    shell = Shell(home)
    shell("lab", "up", "--detach", "--no-cucm")
    try:
        site = home / "certrenew.toml"
        before, _, after = site.read_text().partition("[authorities.corporate]")
        _, mark, after = after.partition("# --- Certificates")
        site.write_text(f"{before}{authority}\n{mark}{after}")
        for name, text in (("acme-account.pem", account_pem()), ("acme-dns.key", SECRET)):
            secret = home / "secrets" / name
            secret.touch(mode=0o600)
            secret.write_text(text)
        yield shell
    finally:
        shell("lab", "down")


@pytest.fixture
def names(tmp_path: Path) -> Iterator[Server]:
    """Run BIND: corp.example takes no updates, and delegates each challenge to a name of a zone that does.

    It is the CA's resolver too: whoever wants an answer and not only what one zone has is led through the aliases.
    """
    folder = tmp_path / "bind"
    folder.mkdir()
    zone_file(folder, "corp.example", *(f"_acme-challenge.{name} CNAME {name}.validation.example." for name in NAMES))
    zone_file(folder, "validation.example")
    zones = """
        view "all" {
            recursion yes;
            zone "corp.example" { type primary; file "corp.example.zone"; };
            zone "validation.example" { type primary; file "validation.example.zone";
                update-policy { grant certrenew zonesub TXT; }; };
        };
    """
    with bind(folder, key("certrenew") + zones) as server:
        yield server


def published(names: Server) -> dict[str, list[str]]:
    """Return the TXT values that the dynamic zone holds, by name, from a transfer of the whole zone."""
    zone = dns.zone.from_xfr(dns.query.xfr(names.host, "validation.example", port=names.port))
    found: dict[str, list[str]] = {}
    for name, _, record in zone.iterate_rdatas(dns.rdatatype.TXT):
        found.setdefault(str(name), []).append(record.to_text().strip('"'))
    return found


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
    to_the_restart(shell)
    added = {
        (entry["node"], entry["fingerprint"])
        for entry in order(shell.home, "effects")
        if entry["kind"] == "trust-appended"
    }
    assert len(added) == 4, "root and issuing CA, on both boxes"
    assert not list((shell.home.parent / "webroot" / ".well-known" / "acme-challenge").iterdir())


def to_the_restart(shell: Shell) -> None:
    """Go on from what the CA issued: trust, approval, installation, approval, restart; the box then has that leaf."""
    shell("advance", "expc-server", "--until", "TrustPropagated")
    leaf = shell.json("show", "expc-server")["items"][0]["leaf"]
    assert "1 approval needed" in shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    assert "Restarted" in shell("run", "expc-server")
    assert "is whole" in shell("journal", "expc-server", "--verify")
    effects: list[dict[str, Any]] = order(shell.home, "effects")
    installed = [entry for entry in effects if entry["kind"] == "certificate-installed"]
    assert [(entry["node"], entry["fingerprint"]) for entry in installed] == [("expc", leaf)]


def test_a_renewal_by_acme_with_records_in_the_dns(tmp_path: Path, names: Server) -> None:
    """Each name is proven by a record behind an alias, written by updates; in the end none of them is left."""
    with by_dns(tmp_path, names) as shell:
        shell("start", "expc-server")
        seen = looked_at_until_issued(shell, names)
        assert {name: len(values) for name, values in seen.items()} == dict.fromkeys(NAMES, 1)
        to_the_restart(shell)
        assert published(names) == {}
        assert SECRET not in str(shell.json("show", "expc-server")) + shell("journal", "expc-server")


def test_cancelling_takes_the_records_away(tmp_path: Path, names: Server) -> None:
    """Whoever cancels between two looks has what was published taken away."""
    with by_dns(tmp_path, names) as shell:
        shell("start", "expc-server")
        until_published(shell, names)
        assert "not withdrawn" not in shell("cancel", "expc-server")
        assert published(names) == {}


def until_published(shell: Shell, names: Server) -> None:
    """Run again and again until the DNS shows a record for each name."""
    for _ in range(20):
        told = shell("run", "expc-server", expect=3)
        if set(published(names)) == set(NAMES):
            return
    raise AssertionError(f"nothing was published: {told}")


@contextmanager
def by_dns(tmp_path: Path, names: Server) -> Iterator[Shell]:
    """Give a shell beside a lab whose site has Pebble for its new CA, which asks that name server."""
    with pebble(tmp_path / "pebble", name_server=names.address) as ca:
        root = tmp_path / "root.pem"
        root.write_text(to_pem(ca.root()))
        authority = AUTHORITY.format(root=root, directory=ca.directory, trust=ca.trust)
        with beside_a_lab(tmp_path / "lab", authority + BY_DNS.format(place=names.address)) as shell:
            yield shell


def looked_at_until_issued(shell: Shell, names: Server) -> dict[str, list[str]]:
    """Look again and again, each time by a new process; return what was published meanwhile."""
    seen: dict[str, list[str]] = {}
    for _ in range(60):
        told = shell("run", "expc-server", expect=3)
        seen |= published(names)
        if "1 approval needed" in told:
            return seen
    raise AssertionError("the CA did not issue")
