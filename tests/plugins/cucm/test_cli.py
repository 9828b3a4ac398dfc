"""The command line of simulated nodes: logins, prompts, pages, host keys, and what goes wrong on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import TrustStore
from engine.errors import CertrenewError, Failed, LoginRefused, NotSent, Refused, Unreachable, Untrusted
from engine.https import Exchange
from engine.testing import TrustStoreConformance
from plugins.cucm import connect
from plugins.lab.lab import Lab
from plugins.lab.ports import Port
from tests.plugins.cucm.labs import MakeLab, access, driver, options, ssh

pytestmark = pytest.mark.lab

RESTART = "utils service restart Cisco Tomcat"


def typist(lab: Lab, password: Callable[[], str] | None = None, **more: Any) -> TrustStore:
    """Return a driver that restarts everything at the command line."""
    return driver(lab, password=password, **ssh(lab, restarts="ssh", **more))


def typed(lab: Lab) -> list[str]:
    """Return what was typed at the publisher."""
    return [str(entry["line"]) for entry in lab.effects.of("command-typed", "cucm-pub")]


class TestTypist(TrustStoreConformance):
    """A driver that works at the command line keeps the contract of services."""

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return typist(self._make_lab(), password)


@pytest.mark.parametrize("login", ["keyboard-interactive", "password", "both"])
def test_each_kind_of_login_is_answered(make_lab: MakeLab, login: str) -> None:
    """Whichever way the node asks for the password, it is let in, and a wrong one is sent once."""
    lab = make_lab(ssh_login=login)
    assert [one.name for one in typist(lab).services()][:1] == ["Cisco CallManager"]
    node = typist(lab, lambda: "wrong")
    for call in (node.services, node.services):
        with pytest.raises(LoginRefused, match="SSH"):
            call()
    assert len(lab.effects.of("login-refused", "cucm-pub")) == 1


def test_a_password_goes_to_no_other_question(make_lab: MakeLab) -> None:
    """Where a new password is asked for, nothing is sent, and the question is shown."""
    lab = make_lab(ssh_login="expired")
    with pytest.raises(Failed, match="New password") as caught:
        typist(lab).services()
    assert caught.value.untouched == "No password was sent."
    assert lab.effects.of("login-refused") == []


def test_a_host_key_that_nobody_confirmed_gets_no_password(make_lab: MakeLab) -> None:
    """The key that was shown is named, so that a person can compare it; nothing is trusted on first use."""
    lab = make_lab()
    shown = ssh(lab)["ssh_host_key"]
    for key in ("", "SHA256:" + "A" * 43, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"):
        with pytest.raises(Untrusted, match="SHA256:") as caught:
            driver(lab, **{**ssh(lab), "ssh_host_key": key, "restarts": "ssh"}).services()
        assert shown in caught.value.what
        assert caught.value.untouched == "No password was sent."
    assert typed(lab) == []
    assert typist(lab).services()


def test_the_key_itself_may_be_given(make_lab: MakeLab) -> None:
    """A line as in known_hosts, kind and key, does as well as its fingerprint."""
    lab = make_lab()
    assert lab.cucm
    line = lab.cucm.machines["cucm-pub"].shell.key.public
    assert driver(lab, **{**ssh(lab), "ssh_host_key": f"{line} a comment", "restarts": "ssh"}).services()


def test_a_slow_start_is_waited_for(make_lab: MakeLab) -> None:
    """The prompt may take its time, up to `ssh_start` and not beyond; then nothing was typed."""
    lab = make_lab(cli_start="1")
    assert typist(lab).services()
    before = typed(lab)
    with pytest.raises(NotSent, match="no prompt after 1 seconds") as caught:
        typist(make_lab(cli_start="30"), ssh_start=1).services()
    assert "`ssh_start`" in caught.value.todo
    assert typed(lab) == before


def test_a_node_without_ssh_was_sent_nothing(make_lab: MakeLab) -> None:
    """Where nothing listens, it is said that nothing was sent."""
    lab = make_lab()
    unused = Port(lambda _connection, _peer: None)
    with pytest.raises(NotSent, match="gives no SSH session"):
        typist(lab, ssh_address=unused.address).services()
    unused.release()


def test_tomcat_is_restarted_where_the_command_line_is_open(make_lab: MakeLab) -> None:
    """With a host key what the Control Center keeps to the platform is typed; without one it is a person's."""
    lab = make_lab()
    with pytest.raises(Refused, match="by a person"):
        driver(lab).restart_service("Cisco Tomcat")
    assert typed(lab) == []
    node = driver(lab, **ssh(lab))
    assert not any(one.guided for one in node.services())
    before = node.service("Cisco Tomcat").since
    node.restart_service("Cisco Tomcat")
    assert node.service("Cisco Tomcat").since > before
    node.restart_service("Cisco Tftp")
    assert [line for line in typed(lab) if "restart" in line] == [RESTART]


def test_only_what_runs_is_named(make_lab: MakeLab) -> None:
    """Read at the command line, too, a stopped TFTP and a HAProxy that is not there are left out."""
    names = [one.name for one in typist(make_lab(tftp="off", haproxy="absent")).services()]
    assert names == ["Cisco CallManager", "Cisco Tomcat"]


def test_people_may_restart_all(make_lab: MakeLab) -> None:
    """An open command line does not overrule a site that leaves restarts to people."""
    lab = make_lab()
    node = driver(lab, **ssh(lab, restarts="people"))
    assert all(one.guided for one in node.services())
    with pytest.raises(Refused):
        node.restart_service("Cisco Tomcat")
    assert typed(lab) == []


FAULTS = {"drop-before": Unreachable, "drop-after": Unreachable, "truncated": Unreachable, "refused": Failed}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.items())
def test_a_restart_whose_end_was_not_seen_is_an_error(
    make_lab: MakeLab, fault: str, kind: type[CertrenewError]
) -> None:
    """Whatever breaks off, it is not known whether the service restarted, and nothing is typed twice."""
    lab = make_lab()
    lab.order("cucm-pub", fault, path=RESTART, method="SSH")
    with pytest.raises(kind) as caught:
        typist(lab).restart_service("Cisco Tomcat")
    assert "not known" in caught.value.untouched
    assert len(lab.effects.of("fault-struck", "cucm-pub")) == 1
    lab.clear("cucm-pub")
    assert typist(lab).restart_service("Cisco Tomcat")


def test_what_was_said_is_told_without_the_password(make_lab: MakeLab) -> None:
    """Each command and what it showed goes into the transcript, and nothing of the login."""
    lab, heard = make_lab(), list[Exchange]()
    assert lab.cucm
    connect(access(lab, record=heard.append), options(lab, **ssh(lab, restarts="ssh"))).services()
    assert [one.path for one in heard] == ["set cli pagination off", "utils service list"]
    assert heard[-1].answer
    assert b"Cisco Tomcat[STARTED]" in heard[-1].answer.body
    assert lab.cucm.nodes["cucm-pub"].account.password not in repr([(one.sent, one.answer) for one in heard])
    lab.order("cucm-pub", "drop-before", path="utils", method="SSH")
    with pytest.raises(Unreachable):
        connect(access(lab, record=heard.append), options(lab, **ssh(lab, restarts="ssh"))).services()
    assert (heard[-1].path, bool(heard[-1].error)) == ("utils service list", True)
    assert heard[-1].answer is None


def test_nothing_of_the_user_is_read(make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's SSH configuration nor the agent has a say: with both broken it works as before."""
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "config").write_text("Host *\n  Port 1\n  ProxyCommand false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody"))
    assert typist(make_lab()).services()
