"""Whole renewals signed by an AD CS, every command a process of its own, nothing kept between them but the store."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_by_hand import Shell
from tests.plugins.adcs import kdc

SUBMIT = "/certsrv/certfnsh.asp"
MakeShell = Callable[..., Shell]


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[MakeShell]:
    """Return a maker of shells beside labs with an AD CS, by switches; the labs are stopped at the end."""
    running: list[Shell] = []

    def make(environment: Mapping[str, str] | None = None, **switches: str) -> Shell:
        shell = Shell(tmp_path / f"lab{len(running)}")
        shell.env |= environment or {}
        chosen = [word for name, setting in switches.items() for word in ("--switch", f"adcs.{name}={setting}")]
        shell("lab", "up", "--detach", "--no-cucm", "--authority", "adcs", *chosen)
        running.append(shell)
        shell("start", "expc-server")
        return shell

    yield make
    for shell in running:
        shell("lab", "down")


def happened(shell: Shell, kind: str) -> list[Any]:
    """Return the effects of a kind in the lab."""
    return [entry for entry in shell.json("lab", "effects") if entry["kind"] == kind]


def words(told: str) -> str:
    """Return what was printed on one line."""
    return " ".join(told.split())


def is_signed(shell: Shell) -> bool:
    """Go on as far as nobody has to agree, and tell whether the certificate came on the way."""
    return "adcs signed: expc.corp.example" in words(shell("run", "expc-server", expect=3))


def to_the_end(shell: Shell) -> None:
    """Approve and go on until the renewal is over, and see what must be true then."""
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager", "--yes")
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager", "--yes")
    assert "Restarted" in shell("run", "expc-server")
    assert "is whole" in shell("journal", "expc-server", "--verify")
    assert [entry["node"] for entry in happened(shell, "certificate-installed")] == ["expc"]
    served = shell.json("lab", "state")["expc"]["serves"]
    assert "G2" in served["issuer"]


def test_from_the_old_ca_to_the_new_with_a_pending_wait(shells: MakeShell) -> None:
    """Submitted once, pending over several polls and processes, issued, spread, installed, restarted."""
    shell = shells(polls="2")
    for _ in range(3):
        told = words(shell("run", "expc-server", expect=3))
        assert "adcs has the request for expc-server" in told
        assert "A certificate manager has to issue request 83 at CORP-ISSUING-CA01" in told
    why = shell.json("why", "expc-server")
    assert (why["wait"]["on"], why["wait"]["poll_after"]) == ("authority", 5)
    to_the_end(shell)
    assert [entry["number"] for entry in happened(shell, "request-submitted")] == [83]
    password = (shell.home / "secrets" / "adcs").read_text()
    files = [path for path in shell.home.rglob("*") if path.is_file() and "secrets" not in path.parts]
    assert len(files) > 10
    assert [path for path in files if password.encode() in path.read_bytes()] == []


def test_kerberos_by_keytab_alone(shells: MakeShell, tmp_path: Path) -> None:
    """No user and no password in the site: the keytab of the account is enough, from a real KDC."""
    kdc.needs_kerberos()
    (tmp_path / "kdc").mkdir()
    with kdc.running(tmp_path / "kdc") as realm:
        keytab = {"KRB5_CLIENT_KTNAME": f"FILE:{realm.keytab}", "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}"}
        shell = shells({**realm.environment, **keytab}, logins="negotiate", polls="1")
        site = shell.home / "certrenew.toml"
        lines = site.read_text().replace('auth = "ntlm"', 'auth = "kerberos"').splitlines()
        without = [line for line in lines if "svc-expressway" not in line and "secrets/adcs" not in line]
        site.write_text("\n".join(without))
        for _ in range(2):
            shell("run", "expc-server", expect=3)
        assert is_signed(shell)
        (submitted,) = happened(shell, "request-submitted")
        assert submitted["requester"] == f"{kdc.USER}@{kdc.REALM}"
        assert happened(shell, "login-refused") == []


def test_a_certificate_manager_issues_it(shells: MakeShell) -> None:
    """Somebody else decides at the CA, days later, and the next run goes on."""
    shell = shells(decision="manager")
    shell("run", "expc-server", expect=3)
    assert "No request 84 waits" in shell("lab", "issue", "84", expect=2)
    shell("lab", "issue", "83")
    assert is_signed(shell)


def test_a_certificate_manager_denies_it(shells: MakeShell) -> None:
    """A no ends the wait with the reason; the same CSR can be submitted again."""
    shell = shells(decision="manager", language="fr")
    shell("run", "expc-server", expect=3)
    shell("lab", "issue", "83", "--deny")
    told = words(shell("run", "expc-server", expect=4))
    assert "adcs refused the request: request 83: a certificate manager denied it (0x80094014)" in told
    shell("resubmit", "expc-server", "--reason", "the PKI team asked for it")
    assert "request 84" in words(shell("run", "expc-server", expect=3))
    shell("lab", "issue", "84")
    assert is_signed(shell)


@pytest.fixture
def uncertain(shells: MakeShell) -> Shell:
    """Cut the connection after the POST arrived, and see that this is told and not repeated."""
    shell = shells()
    site = shell.home / "certrenew.toml"
    site.write_text(site.read_text().replace('auth = "ntlm"', 'auth = "basic"'))
    shell("lab", "fault", "adcs", "drop-after", "--path", SUBMIT, "--method", "POST", "--count", "1")
    assert "did not answer POST /certsrv/certfnsh.asp" in words(shell("run", "expc-server", expect=5))
    for _ in range(2):
        told = words(shell("run", "expc-server", expect=3))
        assert "Whether adcs got the request for expc-server is uncertain" in told
        for hint in ("template ExpresswayServerClient", "requester CORP\\svc-expressway", "--request NUMBER"):
            assert hint in told
    assert len(happened(shell, "request-submitted")) == 1
    return shell


def test_an_uncertain_submission_is_found_at_the_ca(uncertain: Shell) -> None:
    """A person names its number; it is collected, and no second request is made."""
    assert "no request number of an AD CS" in words(uncertain("confirm", "expc-server", "--request", "x", expect=2))
    uncertain("confirm", "expc-server", "--request", "83")
    to_the_end(uncertain)
    assert len(happened(uncertain, "request-submitted")) == 1


def test_an_uncertain_submission_is_not_at_the_ca(uncertain: Shell) -> None:
    """A person says that it is not there, and it is submitted again, once."""
    uncertain("confirm", "expc-server", "--not-there")
    assert is_signed(uncertain)
    assert [entry["number"] for entry in happened(uncertain, "request-submitted")] == [83, 84]


def test_a_submission_that_was_not_sent_is_sent_by_the_next_run(shells: MakeShell) -> None:
    """A connection that breaks during the login leaves nothing uncertain."""
    shell = shells()
    shell("lab", "fault", "adcs", "drop-before", "--path", SUBMIT, "--method", "POST", "--count", "1")
    assert "Nothing was submitted" in words(shell("run", "expc-server", expect=5))
    assert happened(shell, "request-submitted") == []
    assert is_signed(shell)


def test_a_refused_login_submits_nothing_and_leaves_nothing_uncertain(shells: MakeShell) -> None:
    """One try, told with its reason; once the password is right, the next run submits."""
    shell = shells()
    secret = shell.home / "secrets" / "adcs"
    right = secret.read_text()
    secret.write_text("wrong-password-of-the-test")
    told = words(shell("run", "expc-server", expect=5))
    assert "refused the login of 'CORP\\svc-expressway' by ntlm" in told
    assert "wrong-password-of-the-test" not in told
    assert len(happened(shell, "login-refused")) == 1
    secret.write_text(right)
    assert is_signed(shell)
    assert len(happened(shell, "request-submitted")) == 1
