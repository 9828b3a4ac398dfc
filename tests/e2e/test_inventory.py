"""`inventory` tells every certificate and CA of a lab: where, until when, lacking what, and trusted by whom."""

import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.certificates import fingerprint
from plugins.lab.lab import Lab
from tests.e2e.test_report import QUIET
from tests.e2e.typed import Typed, flat

Labs = Callable[..., Lab]
BROWSER = shutil.which("chromium")


def told(lab: Lab, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """Return the inventory as JSON."""
    ended, out, err = Typed(lab, capsys)("inventory", "--json")
    assert (ended, err) == (code, "")
    found = json.loads(out)
    assert set(found) == {"at", "nodes", "certificates", "authorities", "presented"}
    return dict(found)


def trust(found: dict[str, Any]) -> dict[tuple[str, str], bool | None]:
    """Return who trusts what is presented by whom."""
    return {(one["from"], one["to"]): one["trusted"] for one in found["presented"]}


def test_a_healthy_estate_is_told_whole_and_only_read(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """Each certificate once, by its end, with every place; each CA; everything presented is trusted."""
    lab = labs(cucm=True)
    effects = lab.effects.all()
    found = told(lab, capsys)
    names = [one["name"] for one in found["certificates"]]
    assert names[:2] == ["expc.corp.example", "expe.corp.example"]
    assert set(names[2:]) == {"cucm-pub.corp.example", "cucm-sub.corp.example"}
    first = found["certificates"][0]
    assert first["sha256"] == fingerprint(lab.boxes["expc"].serves.certificate)
    assert (first["days_left"], first["state"], first["missing"]) == (12, "soon", [])
    assert {(one["node"], one["where"]) for one in first["places"]} == {
        *(("expc", where) for where in ("slot server", "port https", "port sip"))
    }
    assert first["unasked"] == [
        *("DNS:expc-cluster.corp.example", "DNS:secure-phones.corp.example"),
        "DNS:conference-2-standalonecluster5ab33.corp.example",
    ]
    assert {one["name"]: one["used"] for one in found["authorities"]} == {
        "Corp Root CA G1": True,
        "Corp Issuing CA G1": True,
        "Corp Root CA G2": False,
    }
    assert trust(found) == dict.fromkeys(
        [("expc", "expe"), ("expe", "expc"), ("expc", "cucm-pub"), ("expc", "cucm-sub")], True
    )
    assert lab.effects.all() == effects


def test_what_lacks_is_told(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that a new domain needs, a CA that was forgotten, a certificate that ends soon: in JSON and in words."""
    lab = labs(days_left={"expe": 3})
    box = lab.boxes["expc"]
    box.setup = replace(box.setup, mra=True, domains={"new.example": ("mra",)})
    lab.order("expe", "forget-ca", ca="old")
    found = told(lab, capsys)
    expe = next(one for one in found["certificates"] if one["name"] == "expe.corp.example")
    assert expe["state"] == "soon"
    assert [one["names"] for one in expe["missing"]] == [["DNS:new.example", "DNS:collab-edge.new.example"]]
    assert "DNS:corp.example" in expe["unasked"]
    assert trust(found)["expc", "expe"] is False
    _, out, _ = Typed(lab, capsys)("inventory")
    assert "LACKS DNS:new.example or DNS:collab-edge.new.example: MRA domain new.example on expc" in flat(out)
    assert "3 d SOON" in out
    assert "NOT TRUSTED" in out
    assert "it lacks Corp Issuing CA G1, Corp Root CA G1" in flat(out)
    assert max(map(len, out.splitlines())) <= 80


def test_a_certificate_that_has_ended_is_told_though_its_box_is_not_proven(
    labs: Labs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody logs in where TLS proves nothing, so it ends with 4; what the ports show is there, with its end."""
    lab = labs(days_left={"expe": -3})
    expe = next(one for one in told(lab, capsys, code=4)["certificates"] if one["name"] == "expe.corp.example")
    assert (expe["state"], expe["days_left"] < 0) == ("ended", True)
    _, out, _ = Typed(lab, capsys)("inventory")
    assert "ENDED" in out
    assert "is not proven to be expe.corp.example" in flat(out)


def test_a_name_of_the_site_file_is_asked_for(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person wrote into `names` is needed: it counts as lacking, or as asked for."""
    lab = labs()
    text = lab.site_file.read_text()
    wanted = 'names = ["DNS:more.example", "DNS:secure-phones.corp.example"]'
    lab.site_file.write_text(text.replace("names = []", wanted, 1))
    expc = next(one for one in told(lab, capsys)["certificates"] if one["name"].startswith("expc"))
    assert [(one["names"], one["why"]) for one in expc["missing"]] == [(["DNS:more.example"], "named in the site file")]
    assert "DNS:secure-phones.corp.example" not in expc["unasked"]


def test_a_dead_box_is_told_and_the_rest_is_there(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 5, says what was not read, and what depends on it is not known."""
    lab = labs()
    lab.machines["expe"].stop()
    found = told(lab, capsys, code=5)
    assert [one["name"] for one in found["certificates"]] == ["expc.corp.example"]
    assert trust(found) == {("expc", "expe"): None, ("expe", "expc"): None}
    assert [node["name"] for node in found["nodes"] if node["not_read"]] == ["expe"]
    code, out, _ = Typed(lab, capsys)("inventory")
    assert code == 5
    assert "NOT READ, so not all of it is here: 1 node" in flat(out)


def test_a_slot_that_no_api_reads_is_not_known(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """From X15.5 on a C presents its client slot to the E; what that holds is not told, so nothing is claimed."""
    lab = labs(releases={"expc": "X15.5", "expe": "X15.5"}, switches={"*": {"api_access": "on"}})
    (line,) = [one for one in told(lab, capsys)["presented"] if one["from"] == "expc"]
    if line["sha256"] == "":  # until a driver can read that slot
        assert (line["slot"], line["trusted"]) == ("client", None)
        assert "was not read" in line["why"]
    else:
        assert line["slot"] == "client"


def test_a_wrong_password_is_tried_once(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """One login a box; the wire is told all the same."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")
    found = told(lab, capsys, code=5)
    assert len(lab.effects.of("login-refused")) == 1
    assert {place["where"] for place in found["certificates"][0]["places"]} == {"port https", "port sip"}


def test_the_picture_is_written_and_writes_over_its_own_kind_only(
    labs: Labs, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Private, whole, again when asked again; a file of another kind stays, and then no box is visited."""
    lab, svg = labs(), tmp_path / "estate.svg"
    typed = Typed(lab, capsys)
    for _ in range(2):
        code, out, _ = typed("inventory", "--svg", str(svg))
        assert code == 0
        assert f"Drawn: {svg}" in flat(out)
    assert stat.S_IMODE(svg.stat().st_mode) == 0o600
    assert "traversal: trusted" in svg.read_text()
    mine = tmp_path / "mine.svg"
    mine.write_text("<svg/>")
    lab.machines["expc"].stop()
    code, out, err = typed("inventory", "--svg", str(mine))
    assert (code, out, mine.read_text()) == (2, "", "<svg/>")
    assert "is no picture of certrenew's" in flat(err)
    assert typed("inventory", "--svg", str(tmp_path / "none" / "x.svg"))[0] == 2


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_a_browser_draws_it(labs: Labs, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A browser takes it for a picture of its size, and shows the boxes' names; a broken one it does not."""
    assert BROWSER is not None
    svg = tmp_path / "estate.svg"
    assert Typed(labs(), capsys)("inventory", "--svg", str(svg))[0] == 0
    (tmp_path / "broken.svg").write_text(svg.read_text().replace("</svg>", "", 1))
    page = tmp_path / "page.html"
    shown = """<img src="{0}.svg" onload="document.title += ' {0}:' + this.naturalWidth">"""
    page.write_text("<body>" + "".join(shown.format(name) for name in ("estate", "broken")))
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "<title> estate:1100</title>" in done.stdout, done.stderr[-2000:]
