"""`init` writes a site file that `doctor` accepts once everything is filled in; it asks, and never overwrites."""

import os
import pty
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.certificates import fingerprint
from engine.errors import SiteError
from engine.site import load
from plugins.lab.lab import Lab
from tests.e2e.typed import Typed, flat, to_the_end

Labs = Callable[..., Lab]


def options(lab: Lab) -> list[str]:
    """Return what an engineer would type for the Expressways of a lab."""
    words: list[str] = []
    for name, machine in lab.machines.items():
        box = machine.box
        words += [f"--{box.kind}", f"{box.hostname}={machine.ports['https'].address}"]
        assert box.hostname.startswith(name)
    words += ["--user", "admin", "--password", "file:secrets/{node}", "--ca", str(lab.home / "trust/boxes.pem")]
    return [*words, "--roots", str(lab.home / "ca/new-root.pem"), "--engineer", "Erin", "--approver", "Chris Change"]


def test_a_file_from_options_is_accepted_by_doctor(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """With every option given the file loads as it is, only its owner may read it, and doctor finds no failure."""
    lab = labs()
    typed, file = Typed(lab, capsys), lab.home / "mine.toml"
    code, out, _ = typed.anywhere("init", str(file), *options(lab))
    assert code == 0
    assert f"certrenew --site {file} doctor" in flat(out)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    site = load(file)
    assert set(site.nodes) == {"expc", "expe"}
    assert [(one.kind, one.client, one.server) for one in site.connections] == [("traversal", "expc", "expe")]
    assert set(site.certificates) == {"expc-server", "expe-server"}
    assert site.people["erin"].uid == os.getuid()
    assert site.people["chris-change"].uid is None
    assert file.read_text().count("#") > 10
    code, out, _ = typed.anywhere("--site", str(file), "--home", str(lab.home / "new"), "doctor")
    assert code == 0, out
    assert "Nothing failed" in out


def test_a_file_from_nothing_names_every_place_to_be_filled_in(tmp_path: Path) -> None:
    """Without any option the file is TOML with places to be filled in; each is named, and filling them in is enough."""
    file = tmp_path / "certrenew.toml"
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "init", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(SiteError) as error:
        load(file)
    places = ["address", "hostname", "username", "password", "tls.https"]
    named = [f"`nodes.expressway-c.{place}`" for place in places] + ["`people.approver.name`"]
    assert error.value.what == f"{file}: not filled in yet: {', '.join(named)}."
    assert all(f"  {place.strip('`')}: " in done.stdout for place in named)
    text = file.read_text()
    for wanted, given in (
        ("<fill in: HOST or HOST:PORT>", "127.0.0.1:1"),
        ("<fill in: the name in its certificate>", "expc.example"),
        ("<fill in: an account that may use the API>", "admin"),
        ("<fill in: env:NAME, file:PATH or keyring:SERVICE/USER>", "env:EXPC"),
        ("<fill in: the name of somebody else, who may approve>", "Chris"),
    ):
        assert wanted in text
        text = text.replace(wanted, given)
    file.write_text(text)
    assert load(file).people["approver"].name == "Chris"


def test_a_whole_estate_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cluster peers are connected, CUCM subscribers name their publisher, a command becomes a list of arguments."""
    file = tmp_path / "certrenew.toml"
    boxes = ["--expressway-c", "c1.example", "--expressway-c", "c2.example", "--expressway-e", "10.0.0.9:8443"]
    cucm = ["--cucm", "pub.example", "--cucm", "sub.example:443", "--cucm-user", "osadmin"]
    words = [*boxes, *cucm, "--password", "command:pass show 'box {node}'", "--pin", f"c1={'AB:' * 31}AB"]
    assert Typed(None, capsys).anywhere("init", str(file), *words)[0] == 0
    tables = tomllib.loads(file.read_text())
    relations = {(one["kind"], one["client"], one["server"]) for one in tables["connections"]}
    assert relations == {
        *(("traversal", c, "expressway-e") for c in ("c1", "c2")),
        ("cluster", "c1", "c2"),
        *(("mra", c, "pub") for c in ("c1", "c2")),
    }
    assert tables["nodes"]["sub"]["publisher"] == "pub"
    assert tables["nodes"]["c1"]["password"] == ["pass", "show", "box c1"]
    assert tables["nodes"]["c1"]["pin"] == f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--authority", "manuel"], "Did you mean `manual`?"),
        (["--expressway-c", "c.example", "--pin", f"d={'a' * 64}"], "Allowed: `c`"),
        (["--expressway-c", "c.example", "--pin", "c=abc"], "no SHA-256 fingerprint"),
    ],
)
def test_what_is_wrong_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    """A wrong option ends with 2 and leaves no file."""
    file = tmp_path / "certrenew.toml"
    code, _, err = Typed(None, capsys).anywhere("init", str(file), *words)
    assert code == 2
    assert told in flat(err)
    assert not file.exists()


def test_a_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is there stays as it is, also when it appears at the last moment; a missing folder is told."""
    from engine.cli import beginning
    from engine.errors import UsageError

    file = tmp_path / "certrenew.toml"
    file.write_text("mine")
    code, _, err = Typed(None, capsys).anywhere("init", str(file))
    assert (code, file.read_text()) == (2, "mine")
    assert "left as it is" in flat(err)
    with pytest.raises(UsageError, match="there already"):
        beginning._write(file, "other")
    assert file.read_text() == "mine"
    assert Typed(None, capsys).anywhere("init", str(tmp_path / "none" / "x.toml"))[0] == 2


def test_on_a_terminal_it_asks_and_pins_only_what_a_person_confirmed(tmp_path: Path, labs: Labs) -> None:
    """Each question may be left out; a box's fingerprint is shown, and only a yes makes it a pin."""
    lab, file = labs(), tmp_path / "certrenew.toml"
    c, e = (f"{m.box.hostname}={m.ports['https'].address}" for m in (lab.machines["expc"], lab.machines["expe"]))
    answers = [c, e, "", "admin", "env:BOX", "", "", "Chris", "y", "n"]
    above, below = pty.openpty()
    words = [sys.executable, "-m", "engine.cli", "init", str(file)]
    os.write(above, "".join(f"{answer}\n" for answer in answers).encode())
    with subprocess.Popen(words, stdin=below, stdout=below, stderr=below) as run:
        os.close(below)
        out = to_the_end(above)
        assert run.wait() == 0, out
    site = load(file)
    shown = fingerprint(lab.boxes["expc"].serves.certificate)
    assert site.nodes["expc"].pin == f"sha256:{shown}"
    assert site.nodes["expe"].pin == ""
    assert shown in out
    assert fingerprint(lab.boxes["expe"].serves.certificate) in out
    assert site.nodes["expc"].password == "env:BOX"
    assert set(site.people) >= {"chris"}
