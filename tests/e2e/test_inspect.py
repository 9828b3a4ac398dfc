"""`inspect` shows what a port presents and what a box holds, with a site or without."""

import json
import unicodedata
from collections.abc import Callable

import pytest

from engine.certificates import fingerprint
from plugins.lab.lab import Lab
from tests.e2e.typed import Typed, flat

Labs = Callable[..., Lab]
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_any_port_is_shown_without_a_site(
    labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOST:PORT needs neither site nor home; it shows the certificate on the wire, and that nothing proves it."""
    lab = labs()
    monkeypatch.chdir(lab.home / "ca")  # a folder without a site file
    typed, box = Typed(lab, capsys), lab.boxes["expe"]
    address = lab.machines["expe"].ports["sip"].address
    code, out, err = typed.anywhere("inspect", address, "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["presented"]["sha256"] == fingerprint(box.serves.certificate)
    assert told["presented"]["days_left"] == 96
    assert "issuer" in told["unverified"]
    code, out, _ = typed.anywhere("inspect", address)
    assert "96 days left" in flat(out)
    assert "NO, not by this system's" in flat(out)
    assert max(map(len, out.splitlines())) <= 80
    assert lab.effects.of("login-refused") == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("127.0.0.1:1", 5, "shows no TLS certificate"),
        ("127.0.0.1:0", 2, "is no HOST:PORT"),
        ("https://a.example/", 2, "without https://"),
        (":443", 2, "is no HOST:PORT"),
        ("a:b:c", 2, "is no HOST:PORT"),
        ("expcc", 2, "Did you mean `expc`?"),
    ],
)
def test_what_can_not_be_shown_says_why(
    labs: Labs, capsys: pytest.CaptureFixture[str], words: str, code: int, told: str
) -> None:
    """A dead port ends with 5, what is no address and an unknown node with 2 and the way on."""
    ended, out, err = Typed(labs(), capsys)("inspect", words)
    assert (ended, out) == (code, "")
    assert told in flat(err)


def test_a_box_is_shown_on_the_wire_and_by_its_api(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """Release, slot, both ports, trusted CAs, CSR and zones of a node; the slot says that the wire shows the same."""
    lab = labs()
    code, out, err = Typed(lab, capsys)("inspect", "expc", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["release"] == "X14.3"
    assert {one["endpoint"] for one in told["wire"]} == {"https", "sip"}
    assert told["slots"]["server"]["on_the_wire"] is True
    assert (told["pending_csr"], told["not_read"]) == (None, {})
    assert [one["count"] for one in told["trusted"]] == [2]
    assert set(told["zones"].values()) == {"Active"}


def test_an_outstanding_restart_and_a_pending_csr_show(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in the slot and not on the wire is shown beside it; a pending CSR is shown with its names."""
    lab = labs()
    lab.boxes["expc"].slots["server"] = lab.boxes["expe"].slots["server"]
    lab.order("expc", "generate-csr")
    typed = Typed(lab, capsys)
    told = json.loads(typed("inspect", "expc", "--json")[1])
    assert told["slots"]["server"]["on_the_wire"] is False
    assert told["slots"]["server"]["subject"].startswith("CN=expe")
    assert "DNS:expc.corp.example" in told["pending_csr"]["sans"]
    text = flat(typed("inspect", "expc")[1])
    assert "a RESTART is outstanding" in text
    assert "CN=expe.corp.example" in text


def test_a_cucm_node_shows_each_store_and_its_services(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """Both stores with their counts, and what loads them."""
    typed = Typed(labs(cucm=True), capsys)
    told = json.loads(typed("inspect", "cucm-sub", "--json")[1])
    assert {one["store"]: one["count"] for one in told["trusted"]} == {"tomcat-trust": 2, "CallManager-trust": 2}
    assert len(told["services"]) == 4
    assert "CallManager-trust" in typed("inspect", "cucm-sub")[1]


def test_what_could_not_be_read_is_said_and_the_wire_is_shown(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """With a wrong password the wire is shown all the same, after one login, and it ends with 5."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")
    typed = Typed(lab, capsys)
    code, out, _ = typed("inspect", "expc", "--json")
    told = json.loads(out)
    assert code == 5
    assert all(one["presented"] for one in told["wire"])
    assert "refused the login" in told["not_read"]["status"]
    assert len(lab.effects.of("login-refused")) == 1
    assert "NOT READ: status" in typed("inspect", "expc")[1]


def test_hostile_text_of_a_box_is_escaped(
    labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of zones and alarms reach the terminal with every control character made visible, in both commands."""
    from engine.contracts import BoxStatus
    from plugins.expressway.device import Expressway

    hostile = "\x1b[2J\u202egnp.\x9b31mx"
    shown = BoxStatus(release="X14.3", uptime=1, zones={hostile: f"Failed: {hostile}"}, alarms=[hostile])
    monkeypatch.setattr(Expressway, "status", lambda _self: shown)
    typed = Typed(labs(), capsys)
    for words in (("inspect", "expc"), ("doctor", "expc")):
        _, out, err = typed(*words)
        assert {one for one in out + err if unicodedata.category(one) in HIDDEN} <= {"\n"}
        assert "\\x1b" in out
