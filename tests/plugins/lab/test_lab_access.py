"""Who may do what at a box: logins, locks, API access, the CSRF header, and no door that needs none."""

import base64
import socket

import pytest

from plugins.lab.lab import Lab
from plugins.lab.ports import LOOPBACK
from plugins.lab.releases import RELEASES

from .client import CERTS, CSR, Client, served
from .conftest import MakeLab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("path", ["/api/raml", "/status.xml", f"{CERTS}/server", "/nowhere"])
def test_every_path_needs_the_login(lab: Lab, expc: Client, path: str) -> None:
    """Without credentials, with wrong ones and with ones that can't be read the answer is 401."""
    assert expc("GET", path, login=False).status == 401
    assert Client(lab, "expc", password="wrong").get(path).status == 401
    for header in ("Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"\xff\xfe").decode()):
        lab.boxes["expc"].account._refused = 0
        assert expc("GET", path, headers={"Authorization": header}, login=False).status == 401
    assert expc.get(path).status in (200, 404)


def test_too_many_refused_logins_lock_the_account(lab: Lab, expc: Client, expe: Client) -> None:
    """Inferred: boxes ban and lock. Then the right password does not help, and the other box knows nothing of it."""
    wrong = Client(lab, "expc", password="wrong")
    for _ in range(4):
        wrong.get("/api/raml")
    assert expc.get("/api/raml").status == 200
    wrong.get("/api/raml")
    assert expc.get("/api/raml").status == 401
    assert expe.get("/api/raml").status == 200
    assert [entry["count"] for entry in lab.effects.of("login-refused", "expc")] == [1, 2, 3, 4, 5, 6]
    assert len(lab.effects.of("account-locked", "expc")) == 1


def test_a_box_that_never_locks_counts_all_the_same(make_lab: MakeLab) -> None:
    """Zero is never."""
    lab = make_lab(switches={"*": {"lockout_after": "0"}})
    for _ in range(7):
        Client(lab, "expc", password="wrong").get("/api/raml")
    assert Client(lab, "expc").get("/api/raml").status == 200
    assert len(lab.effects.of("login-refused")) == 7


@pytest.mark.parametrize("release", RELEASES)
def test_from_x15_2_the_api_is_off_until_somebody_allows_it(make_lab: MakeLab, release: str) -> None:
    """Change history of X15.2; XML and REST alike, and a wrong password still is 401."""
    lab = make_lab(releases={"expc": release})
    expc, off = Client(lab, "expc"), release in ("X15.2", "X15.4", "X15.5")
    assert [expc.get(path).status for path in ("/api/raml", "/status.xml")] == [403, 403] if off else [200, 200]
    assert Client(lab, "expc", password="wrong").get("/api/raml").status == 401
    lab.order("expc", "enable-api")
    assert expc.get("/api/raml").status == 200


@pytest.mark.parametrize("release", RELEASES)
def test_from_x14_2_a_restart_needs_the_csrf_header(make_lab: MakeLab, release: str) -> None:
    """Administrator Guide X15.0: any value will do; other writes do not need it."""
    lab = make_lab(releases={"expc": release}, switches={"*": {"api_access": "on"}})
    expc = Client(lab, "expc")
    if release == "X12.5":
        assert expc("POST", "/api/provisioning/restart").status == 200
    else:
        assert expc("POST", "/api/provisioning/restart").outcome == (403, "Forbidden")
        assert "restarting" not in lab.effects.kinds()
        assert expc.restart().outcome == (200, "OK")
    lab.effects.wait("restarted", "expc")
    assert expc.post_json(f"{CERTS}/generate_csr", CSR).status == 200


def test_v1_is_another_name_of_the_same_api(expc: Client) -> None:
    """REST API Summary Guide; what the API lists depends on what the box is."""
    for path in ("raml", "provisioning/sysinfo", "provisioning/certs/root"):
        assert expc.get(f"/api/{path}").body == expc.get(f"/api/v1/{path}").body


def test_the_box_lists_the_resources_that_it_has(expc: Client, expe: Client) -> None:
    """/controller/ belongs to a C, /edge/ to an E; what is not listed is not there."""
    for client, has, lacks in ((expc, "controller", "edge"), (expe, "edge", "controller")):
        listed = client.get("/api/raml").body.decode()
        assert listed.startswith("#%RAML 0.8")
        assert f"/provisioning/{has}/zone/" in listed
        assert f"/provisioning/{lacks}/" not in listed
        paths = [line.rstrip(":") for line in listed.splitlines() if line.startswith("/")]
        assert {client.get(f"/api{path}").status for path in paths if not path.endswith("restart")} <= {200, 404}
    assert expe.get("/api/provisioning/controller/zone/traversalclient").status == 404


def test_a_request_that_is_too_large_or_malformed_is_refused(lab: Lab, expc: Client) -> None:
    """And the box goes on."""
    for length in ("99999999", "-1", "x"):
        assert expc("POST", f"{CERTS}/root", headers={"Content-Length": length}).status == 413
    with socket.create_connection((LOOPBACK, lab.machines["expc"].ports["https"].number), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(100)
    assert expc.get("/api/raml").status == 200


def test_everything_listens_on_loopback_and_keeps_its_port_through_a_restart(lab: Lab, expe: Client) -> None:
    """Free ports chosen by the system; the same ones after the restart."""
    ports = {name: port.number for name, port in lab.machines["expe"].ports.items()}
    assert set(ports) == {"https", "sip", "traversal"}
    old = {name: served(lab, "expe", name) for name in ports}
    expe.restart()
    lab.effects.wait("restarted", "expe")
    assert {name: port.number for name, port in lab.machines["expe"].ports.items()} == ports
    assert {name: served(lab, "expe", name) for name in ports} == old


def test_no_secret_reaches_the_effects_or_the_state(lab: Lab, expc: Client) -> None:
    """Neither passwords nor private keys."""
    expc.request_csr()
    Client(lab, "expc", password="hunter2").get("/api/raml")
    told = (lab.home / "effects.jsonl").read_text() + str(lab.state())
    for secret in ("hunter2", "PRIVATE", *(box.account.password for box in lab.boxes.values())):
        assert secret not in told
