"""`discover` describes a site from its boxes: proven first, asked with one login, and added without touching a word."""

import json
import os
import pty
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.certificates import fingerprint
from engine.discovery.write import save
from engine.errors import UsageError
from engine.site import NotFilledIn, load
from plugins.lab.lab import Lab
from tests.e2e.story import Story
from tests.e2e.typed import Typed, flat, to_the_end

Labs = Callable[..., Lab]


def url(lab: Lab, node: str = "expc") -> str:
    """Return where a box of the lab is discovered."""
    return f"https://{lab.machines[node].ports['https'].address}"


def login(lab: Lab, node: str = "expc") -> list[str]:
    """Return the options for a box that the file does not know."""
    words = ["--user", "admin", "--password", "file:secrets/{node}", "--ca", str(lab.home / "trust/boxes.pem")]
    return [*words, "--hostname", lab.boxes[node].hostname]


def fill_in(file: Path, **given: str) -> None:
    """Put values at the places that are still to be filled in, as a person would."""
    with pytest.raises(NotFilledIn) as left:
        load(file)
    assert set(left.value.places) == set(given)
    text = file.read_text()
    for place, value in given.items():
        text = text.replace(f'"<fill in: {left.value.places[place]}>"', f'"{value}"')
    file.write_text(text)


def test_from_an_empty_folder_to_a_renewed_certificate(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """C and then E are discovered, what is asked for is filled in, and a renewal by that file ends in Restarted."""
    lab = labs()
    lab.site_file.unlink()
    typed = Typed(lab, capsys)
    code, out, err = typed("discover", url(lab), *login(lab), "--write")
    assert (code, err) == (0, "")
    assert "Expressway-C, X14.3" in flat(out)
    assert "nodes.expe.address" in out, "who was not reached is asked for"
    code, out, _ = typed("discover", url(lab, "expe"), "--hostname", "expe.corp.example", "--write")
    assert code == 0, "user and password are those of the file"
    assert stat.S_IMODE(lab.site_file.stat().st_mode) == 0o600
    fill_in(lab.site_file, **{"people.approver.name": "Chris Change"})
    site = load(lab.site_file)
    assert {name: one.kind for name, one in site.nodes.items()} == {"expc": "expressway-c", "expe": "expressway-e"}
    assert [(one.kind, one.client, one.server) for one in site.connections] == [("traversal", "expc", "expe")]
    assert set(site.nodes["expc"].tls) == {"https", "sip"}
    lab.site_file.write_text(lab.site_file.read_text().replace("[people.approver]", "[people.change-manager]"))
    story = Story(lab)
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("certificate-installed") == ["expc"]
    lab.await_zone("Active")


def test_a_file_that_says_it_all_is_left_alone(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """The lab's own commented file has nothing to gain: not a byte of it changes, and nothing on the box does."""
    lab = labs(cucm=True)
    before, effects = lab.site_file.read_bytes(), lab.effects.all()
    for node in ("expc", "expe"):
        code, out, err = Typed(lab, capsys)("discover", url(lab, node), "--write")
        assert (code, err) == (0, "")
        assert "says all of it already" in flat(out)
    assert lab.site_file.read_bytes() == before
    assert lab.effects.all() == effects


def test_what_lacks_is_shown_and_then_added_behind_what_is_there(
    labs: Labs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --write nothing is written; with it every old byte stays where it was, and the file's mode too."""
    lab = labs(cucm=True)
    text = lab.site_file.read_text()
    old = text[: text.index("[nodes.cucm-pub]")] + text[text.index("# --- Certification authorities") :]
    old = old.replace("# --- People ---", "# --- People: ask Erin first ---")
    lab.site_file.write_text(old)
    lab.site_file.chmod(0o640)
    typed = Typed(lab, capsys)
    code, out, _ = typed("discover", url(lab))
    assert (code, lab.site_file.read_text()) == (0, old)
    assert "+[nodes.cucm-pub]" in out
    assert "To have it written, give --write." in flat(out)
    assert typed("discover", url(lab), "--write")[0] == 0
    new = lab.site_file.read_text()
    assert new.startswith(old)
    assert 'kind = "mra"' in new[len(old) :]
    assert stat.S_IMODE(lab.site_file.stat().st_mode) == 0o640
    fill_in(
        lab.site_file,
        **{"nodes.cucm-pub.address": "127.0.0.1:1", "nodes.cucm-pub.username": "u", "nodes.cucm-pub.password": "env:P"},
    )
    assert load(lab.site_file).nodes["cucm-pub"].kind == "cucm"


def test_as_json_it_is_one_value(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is shown is there by stable keys; times, names and fingerprints as elsewhere."""
    lab = labs()
    lab.site_file.unlink()
    code, out, err = Typed(lab, capsys)("discover", url(lab), *login(lab), "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert set(told) == {
        *("site", "node", "address", "survey", "slots", "trusted", "needs", "added", "filled_in", "to_decide"),
        "written",
    }
    assert told["written"] is False
    assert not lab.site_file.exists()
    assert told["added"]["connections"] == [{"kind": "traversal", "client": "expc", "server": "expe"}]
    assert told["slots"]["server"]["sha256"] == fingerprint(lab.boxes["expc"].serves.certificate)
    assert told["survey"]["zones"][0]["peers"] == ["expe.corp.example"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--hostname", "expc.corp.example", "--user", "admin", "--password", "env:PATH"], 4, "--pin"),
        (
            ["--pin", "0" * 64, "--user", "admin", "--password", "env:PATH", "--hostname", "a"],
            4,
            "none of those expected",
        ),
        (["--pin", "12", "--user", "admin", "--password", "env:PATH", "--hostname", "a"], 2, "no SHA-256 fingerprint"),
        (["--user", "admin", "--password", "env:PATH"], 2, "Give --hostname NAME"),
        (["--hostname", "expc.corp.example", "--password", "env:PATH"], 2, "Give --user NAME"),
        (["--hostname", "expc.corp.example", "--user", "admin"], 2, "Give --password REF"),
    ],
)
def test_what_is_lacking_or_not_proven_gets_no_login(
    labs: Labs,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    told: str,
) -> None:
    """Nothing is trusted because it is seen for the first time: the message says what is shown and what to give."""
    monkeypatch.setenv("X", "secret")
    lab = labs()
    lab.site_file.unlink()
    ended, out, err = Typed(lab, capsys)("discover", url(lab), *words, "--write")
    assert (ended, out) == (code, "")
    assert told in flat(err)
    assert not lab.site_file.exists()
    assert lab.effects.of("login-refused") == []


def test_a_refused_login_and_a_dead_box_end_with_5(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong password is tried once; a port where nothing is tells so."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")
    typed = Typed(lab, capsys)
    code, _, err = typed("discover", url(lab))
    assert code == 5
    assert "refused the login" in flat(err)
    assert len(lab.effects.of("login-refused")) == 1
    code, _, err = typed("discover", "https://127.0.0.1:1", *login(lab))
    assert code == 5
    assert "did not answer" in flat(err)


@pytest.mark.parametrize(
    "given",
    ["http://a.example", "https://u@a.example", "https://a.example/web", "https://a.example:0", "https://", "a:b:c"],
)
def test_what_is_no_address_is_not_contacted(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    """Only https, a host and a port; the message says how."""
    code, _, err = Typed(None, capsys).anywhere("--site", str(tmp_path / "x.toml"), "discover", given)
    assert code == 2
    assert "is no address of a box" in flat(err)


def test_a_node_without_such_a_driver_says_so(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """A CUCM node of the file can't tell of the estate around it."""
    lab = labs(cucm=True)
    address = json.loads((lab.home / "lab.json").read_text())["nodes"]["cucm-pub"]["api"]
    code, _, err = Typed(lab, capsys)("discover", address)
    assert code == 2
    assert "can't tell of the estate" in flat(err)


def test_hostile_text_of_a_box_is_shown_and_never_obeyed(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters become visible, and what would be TOML stays text."""
    lab = labs()
    lab.site_file.unlink()
    hostile = '\x1b[2J\u202e"\n[people.eve]\nname = "Eve'
    box = lab.boxes["expc"]
    box.setup = replace(box.setup, neighbors={hostile: hostile}, domains={hostile: ("mra",)}, peers=(hostile,))
    box.set_zone(replace(next(iter(box.zones.values())), name=hostile))
    code, out, err = Typed(lab, capsys)("discover", url(lab), *login(lab), "--write")
    assert code == 0
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert {one for one in out + err if unicodedata.category(one) in hidden} <= {"\n"}
    fill_in(
        lab.site_file,
        **{"people.approver.name": "C", "nodes.expe.address": "e:1", "nodes.expe.tls.https": "e:1"},
    )
    assert set(load(lab.site_file).people) & {"eve"} == set()


def test_on_a_terminal_it_asks_for_the_login_and_pins_only_what_a_person_confirmed(labs: Labs, tmp_path: Path) -> None:
    """A no to the fingerprint sends no password and writes nothing; a yes makes it the node's pin, once confirmed."""
    lab, file = labs(), tmp_path / "certrenew.toml"
    (tmp_path / "secrets").mkdir(mode=0o700)
    secret = tmp_path / "secrets" / "expc"
    secret.write_text(lab.boxes["expc"].account.password)
    secret.chmod(0o600)
    words = ["--site", str(file), "--home", str(tmp_path / "home"), "discover", url(lab), "--hostname"]

    def sit_down(*answers: str) -> tuple[int, str]:
        above, below = pty.openpty()
        os.write(above, "".join(f"{answer}\n" for answer in answers).encode())
        program = [sys.executable, "-m", "engine.cli", *words, "expc.corp.example"]
        with subprocess.Popen(program, stdin=below, stdout=below, stderr=below) as run:
            os.close(below)
            out = to_the_end(above)
            return run.wait(), out

    shown = fingerprint(lab.boxes["expc"].serves.certificate)
    code, out = sit_down("admin", "", "n")
    assert (code, file.exists()) == (4, False)
    assert shown in out
    assert "No user name or password was sent" in flat(out)
    code, out = sit_down("admin", "", "y", "y")
    assert code == 0, out
    assert f'pin = "sha256:{shown}"' in file.read_text()
    assert 'password = "file:secrets/expc"' in file.read_text()


def test_a_file_that_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    """Between reading and writing somebody saved the file, or made it: theirs stays."""
    file = tmp_path / "certrenew.toml"
    file.write_text("theirs")
    for old in ("", "mine"):
        with pytest.raises(UsageError, match="changed by somebody"):
            save(file, old, "new")
        assert file.read_text() == "theirs"
    with pytest.raises(UsageError, match="changed by somebody"):
        save(tmp_path / "gone.toml", "mine", "new")
    assert not (tmp_path / "gone.toml").exists()
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    save(link, "theirs", "new")
    assert (link.is_symlink(), file.read_text()) == (True, "new")
