"""The same by hand: every command a process of its own, nothing kept between them but the store."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.lab.control import order

CERTRENEW = [sys.executable, "-m", "engine.cli"]


class Shell:
    """Type commands in one folder; each is a new process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "CERTRENEW_HOME": str(home), "CERTRENEW_SITE": str(home / "certrenew.toml")}

    def __call__(self, *words: str, expect: int = 0) -> str:
        """Run one command and return what it printed on both streams."""
        done = subprocess.run([*CERTRENEW, *words], env=self.env, capture_output=True, text=True, check=False)
        told = done.stdout + done.stderr
        assert done.returncode == expect, f"{words} ended with {done.returncode}: {told}"
        assert "Traceback" not in told
        return told

    def json(self, *words: str) -> Any:
        """Run a reading command and return its one JSON value from standard output."""
        done = subprocess.run([*CERTRENEW, *words, "--json"], env=self.env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*CERTRENEW, *words], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def sign(self) -> str:
        """Play the PKI team; return the file that came back."""
        csr = next(self.home.glob("renewals/*/papers/expc-server.csr"))
        self("lab", "sign", "--home", str(self.home), str(csr), "--out", str(self.home / "back.pem"))
        return str(self.home / "back.pem")

    def until_a_person(self) -> Any:
        """Run again and again while a box is waited for; return what is waited for then."""
        for _ in range(60):
            self("run", "expc-server", expect=3)
            wait = self.json("why", "expc-server")["wait"]
            if wait["on"] != "box":
                return wait
        raise AssertionError("a box was waited for too long")


@pytest.fixture
def cucm(tmp_path: Path) -> Iterator[Shell]:
    """Return a shell beside a lab with CUCM."""
    shell = Shell(tmp_path / "lab")
    shell("lab", "up", "--detach")
    yield shell
    shell("lab", "down")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Return a shell beside a lab that was started from the command line."""
    shell = Shell(tmp_path / "lab")
    shell("lab", "up", "--home", str(shell.home), "--detach", "--no-cucm")
    yield shell
    shell("lab", "down", "--home", str(shell.home))


def test_a_renewal_from_separate_shells(shell: Shell) -> None:
    """Start, run, supply, plan, approve and run lead to the end, and every look on the way tells what to type next."""
    assert "No renewal is open" in shell("list")
    shell("start", "expc-server")
    assert "certrenew run" in shell("list")
    assert "certrenew supply" in shell("run", "expc-server", expect=3)
    waiting = shell.json("show", "expc-server")
    assert (waiting["state"], waiting["wait"]["on"], waiting["days_left"]) == ("CSRPending", "person", 12)
    assert shell.json("why", "expc-server")["who"] == "whoever gets the certificate from corporate"
    shell("supply", "expc-server", shell.sign())
    assert shell.json("show", "expc-server")["wait"] is None
    shell("advance", "expc-server", "--until", "TrustPropagated")
    plan = shell.json("plan", "expc-server")
    assert (plan["step"], plan["effect"], plan["approvals"][0]["missing"]) == ("install", "serve", 1)
    assert "1 approval needed" in shell("run", "expc-server", expect=3)
    assert shell.json("why", "expc-server")["who"] == "change-manager, second-manager"
    assert "UNSIGNED" in shell("approve", "expc-server", "--plan", plan["digest"][:12], "--as", "change-manager")
    shell("advance", "expc-server")
    shell("approve", "expc-server", "--as", "second-manager")
    final = shell("run", "expc-server")
    assert "Restarted" in final
    assert "UNSIGNED" in final
    assert "is whole" in shell("journal", "expc-server", "--verify")
    assert shell.json("list") == []


def test_cucm_from_separate_shells_with_faults_in_the_middle(cucm: Shell) -> None:
    """Publisher down, a wrong password, replication and a busy Control Center: resumed each time, nothing repeated."""
    cucm("start", "expc-server")
    cucm("run", "expc-server", expect=3)
    cucm("supply", "expc-server", cucm.sign())
    cucm("advance", "expc-server", "--until", "Validated")
    cucm("lab", "fault", "cucm-pub", "power-off")
    assert "did not answer" in " ".join(cucm("run", "expc-server", expect=5).split())
    cucm("lab", "fault", "cucm-pub", "power-on")
    while {one["status"] for one in cucm.json("lab", "state")["cucm-pub"]["services"].values()} != {"Started"}:
        continue
    secret = cucm.home / "secrets" / "cucm-sub"
    right = secret.read_text()
    secret.write_text("wrong")
    assert "refused the login" in " ".join(cucm("run", "expc-server", expect=5).split())
    secret.write_text(right)
    assert cucm.until_a_person()["on"] == "approval"
    cucm("approve", "expc-server", "--as", "change-manager")
    cucm("lab", "fault", "cucm-pub", "rate-limited", "--count", "1")
    while asked := re.match(r"(Cisco \w+) on (\S+) has to be restarted", (wait := cucm.until_a_person())["what"]):
        cucm("lab", "restart-service", asked[2], asked[1])
    assert wait["on"] == "approval"
    cucm("approve", "expc-server", "--as", "change-manager")
    cucm("run", "expc-server", expect=3)
    cucm("approve", "expc-server", "--as", "change-manager")
    assert "Restarted" in cucm("run", "expc-server")
    entries = order(cucm.home, "effects")
    restarts = [(entry["node"], entry["service"]) for entry in entries if entry["kind"] == "service-restarted"]
    assert len(set(restarts)) == len(restarts) == 8
    uploads = [(e["node"], e.get("store"), e["fingerprint"]) for e in entries if e["kind"] == "trust-appended"]
    assert len(set(uploads)) == len(uploads)
    assert [entry["node"] for entry in entries if entry["kind"] == "login-refused"] == ["cucm-sub"]


def test_a_killed_process_loses_nothing_and_repeats_nothing(shell: Shell) -> None:
    """SIGKILL while the box restarts: the next process waits for the same restart, and asks for no second one."""
    shell("start", "expc-server")
    shell("run", "expc-server", expect=3)
    shell("supply", "expc-server", shell.sign())
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    shell("run", "expc-server", expect=3)
    shell("approve", "expc-server", "--as", "change-manager")
    running = shell.begin("run", "expc-server")
    assert running.stderr is not None
    for line in running.stderr:
        if "is restarting" in line:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stderr.close()
    assert shell.json("show", "expc-server")["state"] == "Installed"
    assert "Restarted" in shell("run", "expc-server")
    kinds = [entry["kind"] for entry in order(shell.home, "effects")]
    assert kinds.count("restarted") == 1
    assert kinds.count("certificate-installed") == 1
    assert kinds.count("csr-generated") == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["start", "expc-servr"], 2, "expc-server"),
        (["show", "nothing"], 2, "No renewal is called"),
        (["run", "nothing"], 2, "No renewal is called"),
        (["--site", "absent.toml", "show", "x"], 2, "absent.toml"),
        (["advance", "x", "--override", "san-match"], 2, "--override and --reason go together"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_what_can_not_be_used_is_told_in_one_line(shell: Shell, words: list[str], code: int, says: str) -> None:
    """A usage error ends with 2, names what is wrong and changes nothing."""
    assert says in shell(*words, expect=code)
    assert not (shell.home / "renewals").exists()


def test_a_file_that_is_no_certificate_is_named_for_what_it_is(shell: Shell) -> None:
    """Handing in the CSR itself is told as such, and nothing is kept."""
    shell("start", "expc-server")
    shell("run", "expc-server", expect=3)
    csr = next(shell.home.glob("renewals/*/papers/expc-server.csr"))
    assert "signing request" in shell("supply", "expc-server", str(csr), expect=2)
    assert shell.json("show", "expc-server")["items"][0]["leaf"] == ""


def test_the_demo_ends_with_proof_on_the_wire(tmp_path: Path) -> None:
    """`lab demo` exits 0 and prints what it proved from outside."""
    done = subprocess.run(
        [*CERTRENEW, "lab", "demo", "--home", str(tmp_path / "demo")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "by a mutual TLS handshake made just now: expe saw and accepted" in " ".join(done.stdout.split())
    assert "Renewed and proven" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
