"""The lab on the command line: a process of its own that other processes command, and that ends when told to."""

import json
import os
import re
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest
from cryptography import x509
from typer.testing import CliRunner

from engine.errors import CertrenewError, UsageError
from plugins.lab import site
from plugins.lab.commands import app
from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from plugins.lab.requests import make_request

from .conftest import MakeLab

pytestmark = pytest.mark.lab
Run = Callable[..., str]


def run(*arguments: str | Path) -> str:
    """Run one command and return its stdout; errors for people are raised as they are."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, CertrenewError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start one lab in the background for the tests that only command it."""
    folder = tmp_path_factory.mktemp("lab") / "home"
    run("up", "--detach", "--home", folder, "--release", "expe=X15.4", "--switch", "expc.send_chain=intermediates")
    yield folder
    run("down", "--home", folder)


def test_up_detached_returns_when_everything_answers(home: Path) -> None:
    """State, effects, zone and MRA are there at once, with the options that were asked for."""
    state = json.loads(run("state", "--home", home, "--json"))
    assert {name: box["release"] for name, box in state.items()} == {
        "expc": "X14.3",
        "expe": "X15.4",
        "cucm-pub": "14",
        "cucm-sub": "14",
    }
    assert state["expc"]["zones"] == {"Traversal to expe": {"status": "Active", "cause": ""}}
    assert {now["status"] for node in ("cucm-pub", "cucm-sub") for now in state[node]["mra"].values()} == {"Active"}
    kinds = [entry["kind"] for entry in json.loads(run("effects", "--home", home, "--json"))]
    assert kinds[:2] == ["zone-up", "zone-up"]


def test_the_same_for_people(home: Path) -> None:
    """One line for each thing that a person looks for."""
    told = run("state", "--home", home)
    for words in ("expc: expressway-c X14.3, up", "server slot", "Traversal to expe: Active", "tftp: Active"):
        assert words in told
    assert "zone-up" in run("effects", "--home", home)


def test_the_effects_file_is_the_same_log(home: Path) -> None:
    """One JSON object a line."""
    lines = (home / "effects.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == json.loads(run("effects", "--home", home, "--json"))[: len(lines)]


def test_a_second_lab_in_the_same_folder_is_refused(home: Path) -> None:
    """Attached or detached, from the command line or in a test; the first goes on."""
    before = (home / "lab.json").read_bytes()
    for arguments in (["up"], ["up", "--detach"]):
        with pytest.raises(UsageError, match="already running") as refused:
            run(*arguments, "--home", home)
        assert "lab down" in refused.value.todo
    with pytest.raises(UsageError, match="already running"):
        Lab(home)
    assert (home / "lab.json").read_bytes() == before
    assert run("state", "--home", home)


def test_sign_plays_the_pki_team(home: Path, tmp_path: Path) -> None:
    """Leaf first, then its chain, to stdout or to a file; several CSRs in one go; flaws and generations."""
    files = []
    for name in ("a.corp.example", "b.corp.example"):
        files.append(tmp_path / f"{name}.csr")
        files[-1].write_bytes(make_request(name, {}, key="ec-256", fqdn_only=True).pem)
    signed = x509.load_pem_x509_certificates(run("sign", *files, "--home", home).encode())
    assert len(signed) == 6
    assert signed[2].subject == signed[2].issuer == signed[5].subject
    out = tmp_path / "signed.pem"
    run("sign", files[0], "--home", home, "--out", out, "--flaw", "leaf-only", "--generation", "old")
    (leaf,) = x509.load_pem_x509_certificates(out.read_bytes())
    assert "G1" in leaf.issuer.rfc4514_string()


@pytest.mark.parametrize("wrong", [["--flaw", "ugly"], ["--generation", "middle"], []])
def test_sign_refuses_what_it_cannot_sign(home: Path, tmp_path: Path, wrong: list[str]) -> None:
    """An unknown flaw or generation, and a file that is no CSR."""
    file = tmp_path / "x.csr"
    file.write_bytes(make_request("x.corp.example", {}, key="ec-256", fqdn_only=True).pem if wrong else b"hello")
    with pytest.raises(UsageError):
        run("sign", file, "--home", home, *wrong)
    with pytest.raises(UsageError, match="can't be read"):
        run("sign", tmp_path / "missing.csr", "--home", home)


def test_faults_are_ordered_and_cleared_from_another_process(home: Path) -> None:
    """And what does not exist is refused there too."""
    run("fault", "expc", "error-5xx", "--count", "3", "--path", "/api/nothing", "--home", home)
    assert json.loads(run("state", "--home", home, "--json"))["expc"]["faults"] == ["error-5xx"]
    assert "1" in run("fault", "expc", "--clear", "--home", home)
    for words in (["expc", "flood"], ["cucm", "slow"], ["expc"]):
        with pytest.raises(UsageError):
            run("fault", *words, "--home", home)


def test_a_person_restarts_a_service_of_a_cucm_node(home: Path) -> None:
    """It returns when the service is back, with what its store held; what does not exist is refused."""
    run("fault", "cucm-sub", "forget-ca", "--ca", "old", "--store", "tomcat-trust", "--home", home)
    assert "has restarted" in run("restart-service", "cucm-sub", "Cisco HAProxy", "--home", home)
    shown = json.loads(run("state", "--home", home, "--json"))["cucm-sub"]["services"]
    assert {name: len(now["loaded"]) for name, now in shown.items()}["Cisco HAProxy"] == 0
    assert "Cisco HAProxy: Started, loaded 0 CA" in run("state", "--home", home)
    with pytest.raises(UsageError, match="no service"):
        run("restart-service", "cucm-sub", "Cisco Teapot", "--home", home)


def test_calls_are_played_from_another_process(home: Path) -> None:
    """In maintenance mode no more are taken, and a CUCM node has none."""
    assert "2 calls, 7 registrations" in run("use", "expc", "--calls", "2", "--registrations", "7", "--home", home)
    run("page", "expc", "maintenance-on", "--home", home)
    with pytest.raises(UsageError, match="no new calls"):
        run("use", "expc", "--calls", "3", "--registrations", "7", "--home", home)
    with pytest.raises(UsageError, match="Only the Expressways"):
        run("use", "cucm-pub", "--home", home)
    run("page", "expc", "maintenance-off", "--home", home)


@pytest.mark.parametrize("command", ["faults", "flaws", "switches"])
def test_lists_need_no_lab(command: str) -> None:
    """What can be ordered, flawed and switched."""
    assert len(run(command).splitlines()) > 10


def test_down_ends_the_lab_and_is_fine_when_none_runs(tmp_path: Path) -> None:
    """The ports are closed, the token is gone, the lock is free; a fresh lab may start in the same folder."""
    home = tmp_path / "home"
    run("up", "--detach", "--home", home)
    first = json.loads((home / "lab.json").read_text())
    assert "stopped" in run("down", "--home", home)
    assert not (home / site.TOKEN).exists()
    assert "No lab" in run("down", "--home", home)
    for command in ("state", "effects"):
        with pytest.raises(UsageError, match="No lab is running"):
            run(command, "--home", home)
    run("up", "--detach", "--home", home, "--no-cucm")
    second = json.loads((home / "lab.json").read_text())
    assert first["nodes"]["expc"]["password"] != second["nodes"]["expc"]["password"]
    assert [name for name in first["nodes"] if name not in second["nodes"]] == ["cucm-pub", "cucm-sub"]
    run("down", "--home", home)
    with pytest.raises(UsageError, match="no folder"):
        run("down", "--home", tmp_path / "elsewhere")


def test_down_ends_a_lab_whose_control_endpoint_does_not_answer(tmp_path: Path) -> None:
    """By a signal to the process that lab.json names."""
    home = tmp_path / "home"
    run("up", "--detach", "--home", home)
    (home / site.TOKEN).write_text("wrong")
    assert "stopped" in run("down", "--home", home)


def test_a_lab_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """The lock goes with its process."""
    home = tmp_path / "home"
    child = subprocess.Popen(
        [sys.executable, "-c", f"from plugins.lab.commands import app; app(['up', '--home', {str(home)!r}])"],
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert b"The lab is up" in child.stdout.readline()
        child.kill()
    assert "No lab" in run("down", "--home", home)
    with Lab(home, Options(key="ec-256")):
        pass


@pytest.mark.parametrize("number", [2, 15])
def test_ctrl_c_and_sigterm_end_an_attached_lab_in_order(tmp_path: Path, number: int) -> None:
    """It says where everything is, waits, and exits 0."""
    home = tmp_path / "home"
    child = subprocess.Popen(
        [sys.executable, "-c", f"from plugins.lab.commands import app; app(['up', '--home', {str(home)!r}])"],
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert b"The lab is up" in child.stdout.readline()
        child.send_signal(number)
        assert child.wait(20) == 0
    assert not (home / site.TOKEN).exists()


def test_a_lab_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Wrong options come back from the child as they were meant for the person."""
    for wrong in (["--release", "15"], ["--switch", "send_chain=all"], ["--days-left", "expq=3"], ["--switch", "x"]):
        with pytest.raises(UsageError):
            run("up", "--detach", "--home", tmp_path / "home", *wrong)
    assert "No lab" in run("down", "--home", tmp_path / "home")


@pytest.mark.parametrize(
    "wrong",
    [
        {"switches": {"expe": {"send_chain": "all"}}},
        {"switches": {"cucm": {"send_chain": "leaf"}}},
        {"releases": {"expc": "14"}},
        {"key": "dsa"},
        {"ca_names": "odd"},
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """No folder, no lock, no socket is left."""
    with pytest.raises(UsageError):
        Lab(tmp_path / "home", Options(**wrong))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_the_labs_is_left_alone(tmp_path: Path) -> None:
    """Neither a real site file is written over, nor secrets put where others can write."""
    real = tmp_path / "certrenew.toml"
    real.write_text("schema = 1\n")
    with pytest.raises(UsageError, match="not a lab's site file"):
        Lab(tmp_path)
    assert real.read_text() == "schema = 1\n"
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(UsageError, match="written by others"):
        Lab(shared)
    assert list(shared.iterdir()) == []


def test_files_are_for_their_owner_only(lab: Lab) -> None:
    """0600 and 0700, whatever the umask."""
    for path in [lab.home, *lab.home.rglob("*")]:
        allowed = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == allowed, path


def test_the_site_file_is_complete(lab: Lab) -> None:
    """Every reference leads to a file, every name to a table; secrets are referred to, not written down."""
    text = lab.site_file.read_text()
    site_file: dict[str, Any] = tomllib.loads(text)
    assert site_file["schema"] == 1
    for name, node in site_file["nodes"].items():
        assert (lab.home / node["password"].removeprefix("file:")).read_text() == lab.boxes[name].account.password
        assert x509.load_pem_x509_certificates((lab.home / node["ca"]).read_bytes()) == lab.authority.old.chain
        assert node["tls"] == {port: held.address for port, held in lab.machines[name].ports.items()}
        assert node["address"] == node["tls"]["https"]
        assert lab.boxes[name].account.password not in text
    (root,) = site_file["authorities"]["corporate"]["roots"]
    assert x509.load_pem_x509_certificate((lab.home / root).read_bytes()) == lab.authority.new.root.certificate
    assert {entry["node"] for entry in site_file["certificates"].values()} == set(site_file["nodes"])
    assert site_file["people"]["engineer"]["uid"] == os.getuid()
    assert set(site_file["approval"]["rules"][0]["roles"]) <= {
        role for person in site_file["people"].values() for role in person["roles"]
    }


def test_lab_json_has_the_members_that_others_rely_on(lab: Lab) -> None:
    """DESIGN, lab: nodes with kind, release, api, tls and login; authorities; approvers; and the process."""
    told = json.loads((lab.home / "lab.json").read_text())
    for name, node in told["nodes"].items():
        box = lab.boxes[name]
        assert (node["kind"], node["release"]) == (box.kind, box.release)
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", node["api"])
        assert (node["username"], node["password"]) == ("admin", box.account.password)
        assert {"https", "sip"} <= set(node["tls"])
    assert Path(told["authorities"]["corporate"]["roots"][0]).is_file()
    assert told["pid"] == os.getpid()
    assert set(told["approvers"]) == {"change-manager", "second-manager"}


def test_the_default_estate_is_the_one_that_a_renewal_needs(lab: Lab) -> None:
    """The C's certificate ends in 12 days and has four names; no box knows the new CA."""
    state = lab.state()
    leaf = lab.boxes["expc"].serves.certificate
    assert (leaf.not_valid_after_utc - lab.now()).days == 12
    assert len(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == 4
    assert all("G1" in ca["subject"] for box in state.values() for ca in box["trusts"])
    assert lab.boxes["expc"].zones.keys() == lab.boxes["expe"].zones.keys()


def test_a_stopped_lab_leaves_no_thread_and_no_lock(make_lab: MakeLab) -> None:
    """And may be stopped twice, or by another thread than the one that built it."""
    lab = make_lab()
    assert "lab-zone" in [thread.name for thread in threading.enumerate()]
    stopper = threading.Thread(target=lab.stop)
    stopper.start()
    stopper.join()
    lab.stop()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("lab-")] == []
    with filelock.FileLock(lab.home / site.LOCK).acquire(timeout=0):
        pass


def test_help_loads_nothing_heavy() -> None:
    """`certrenew lab --help` must feel instant."""
    probe = (
        "import sys; import plugins.lab.commands;"
        "print([name for name in ('cryptography', 'OpenSSL', 'ssl', 'msgspec', 'filelock') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"
