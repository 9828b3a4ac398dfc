"""Each fault does what its line says, only where and as often as it was ordered, and is gone when it is cleared."""

import base64
import http.client
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509

from engine.errors import UsageError
from plugins.lab.authority import fingerprint, pem
from plugins.lab.faults import FAULTS
from plugins.lab.lab import Lab

from .client import CERTS, CSR, Client, connect, leaf_of

pytestmark = pytest.mark.lab
GENERATE = f"{CERTS}/generate_csr"
BROKEN = (http.client.HTTPException, ConnectionError, ssl.SSLError)


def made(lab: Lab) -> int:
    """Count the CSRs that were made on the Expressway-C."""
    return len(lab.effects.of("csr-generated", "expc"))


def slow(lab: Lab, expc: Client) -> None:
    """The client's patience ends first; with more patience the answer comes."""
    lab.order("expc", "slow", count=1, seconds=60)
    with pytest.raises(TimeoutError):
        Client(lab, "expc", timeout=0.2).get("/api/raml")
    lab.order("expc", "slow", count=1, seconds=0.01)
    assert expc.get("/api/raml").status == 200


def drop_before(lab: Lab, expc: Client) -> None:
    """Nothing was done."""
    lab.order("expc", "drop-before", count=1)
    with pytest.raises(BROKEN):
        expc.post_json(GENERATE, CSR)
    assert made(lab) == 0


def drop_after(lab: Lab, expc: Client) -> None:
    """It was done, and nobody heard."""
    lab.order("expc", "drop-after", count=1)
    with pytest.raises(BROKEN):
        expc.post_json(GENERATE, CSR)
    assert made(lab) == 1


def error_5xx(lab: Lab, expc: Client) -> None:
    """Nothing was done, for as many requests as ordered."""
    lab.order("expc", "error-5xx", count=2)
    assert [expc.post_json(GENERATE, CSR).status for _ in range(3)] == [503, 503, 200]
    assert made(lab) == 1


def error_5xx_after(lab: Lab, expc: Client) -> None:
    """It was done all the same."""
    lab.order("expc", "error-5xx-after", count=1)
    assert expc.post_json(GENERATE, CSR).status == 503
    assert made(lab) == 1


def denied(lab: Lab, expc: Client) -> None:
    """As to a wrong password; the account is not nearer to its lock."""
    lab.order("expc", "denied", count=9)
    assert {expc.get("/status.xml").status for _ in range(9)} == {401}
    assert expc.get("/status.xml").status == 200


def api_disabled(lab: Lab, expc: Client) -> None:
    """As when the account may not use the API."""
    lab.order("expc", "api-disabled", count=1)
    assert expc.post_json(GENERATE, CSR).status == 403
    assert made(lab) == 0


def truncated(lab: Lab, expc: Client) -> None:
    """Half of the body comes, so that the length does not fit."""
    lab.order("expc", "truncated", count=1)
    with pytest.raises(http.client.IncompleteRead) as broken:
        expc.get(f"{CERTS}/root")
    assert broken.value.partial.startswith(b"-----BEGIN CERTIFICATE-----")


def garbage(lab: Lab, expc: Client) -> None:
    """200 and a web page; it was done."""
    lab.order("expc", "garbage", count=1)
    answer = expc.post_json(GENERATE, CSR)
    assert (answer.status, answer.type) == (200, "text/html")
    assert made(lab) == 1


def refused(lab: Lab, expc: Client) -> None:
    """400 and a Message that says no; nothing was done."""
    lab.order("expc", "refused", count=1)
    assert expc.post_json(GENERATE, CSR).outcome == (400, "Bad Request")
    assert made(lab) == 0


def hostile(lab: Lab, expc: Client) -> None:
    """400 and a Message with an escape sequence and a bidirectional override; nothing was done."""
    lab.order("expc", "hostile", count=1)
    status, said = expc.post_json(GENERATE, CSR).outcome
    assert status == 400
    assert {"\x1b", "\x9b", "\n", "\u202e"} <= set(said)
    assert made(lab) == 0


def set_clock(lab: Lab, expc: Client) -> None:
    """Handshakes are judged by the box's own clock, and the API tells it; set right again all is well."""
    lab.order("expe", "set-clock", seconds=20 * 24 * 3600)  # the C's certificate ends in 12 days
    assert "certificate expired" in lab.await_zone("Failed").cause
    lab.order("expe", "set-clock", seconds=0)
    lab.await_zone("Active")
    lab.order("expc", "set-clock", seconds=-3600)
    told = re.search(rb"<SystemTime[^>]*>([^<]+)<", expc.get("/status.xml").body)
    assert told
    off = datetime.now(UTC) - datetime.fromisoformat(f"{told[1].decode()}+00:00")
    assert 3590 < off.total_seconds() < 3620


def refused_200(lab: Lab, expc: Client) -> None:
    """200 and a Message that says no; nothing was done."""
    lab.order("expc", "refused-200", count=1)
    assert expc.post_json(GENERATE, CSR).outcome == (200, "Bad Request")
    assert made(lab) == 0


def restart_never_ends(lab: Lab, expc: Client) -> None:
    """The ports stay closed until the fault is cleared, then the box comes back."""
    lab.order("expc", "restart-never-ends")
    expc.restart()
    lab.effects.wait("restarting", "expc")
    lab.await_zone("Failed")
    with pytest.raises(ConnectionRefusedError):
        connect(lab, "expc")
    assert "restarted" not in lab.effects.kinds()
    assert lab.clear("expc") == 1
    lab.effects.wait("restarted", "expc")
    lab.await_zone("Active")


def restart_old_certificate(lab: Lab, expc: Client) -> None:
    """The slot holds the new certificate, the wire shows the old; the next restart puts it right."""
    expc.trust_new()
    old, leaf = expc.served(), leaf_of(lab.sign(expc.request_csr()))
    expc.post_file(f"{CERTS}/server", leaf)
    lab.order("expc", "restart-old-certificate", count=1)
    expc.restart()
    lab.effects.wait("restarted", "expc")
    assert (expc.served(), expc.get(f"{CERTS}/server").body) == (old, leaf)
    expc.restart()
    lab.effects.wait("restarted", "expc", count=2)
    assert expc.served() == fingerprint(x509.load_pem_x509_certificate(leaf))


def restart_now(lab: Lab, _expc: Client) -> None:
    """Somebody restarts the box."""
    lab.order("expc", "restart-now")
    lab.effects.wait("restarted", "expc")


def discard_csr(lab: Lab, expc: Client) -> None:
    """The pending CSR is gone; without one nothing happens."""
    lab.order("expc", "discard-csr")
    assert "csr-discarded" not in lab.effects.kinds()
    expc.request_csr()
    lab.order("expc", "discard-csr")
    assert expc.get(GENERATE).status == 404


def replace_csr(lab: Lab, expc: Client) -> None:
    """Another CSR, with another key, waits in its place."""
    first = x509.load_pem_x509_csr(expc.request_csr())
    lab.order("expc", "replace-csr")
    second = x509.load_pem_x509_csr(expc.get(GENERATE).body)
    assert first.public_key() != second.public_key()


def generate_csr(lab: Lab, expc: Client) -> None:
    """Somebody else's CSR waits; one that waited already stays."""
    lab.order("expc", "generate-csr")
    theirs = expc.get(GENERATE).body
    lab.order("expc", "generate-csr")
    assert (expc.get(GENERATE).body, made(lab)) == (theirs, 1)


def forget_ca(lab: Lab, expc: Client) -> None:
    """By generation or by fingerprint; the new CA unless something else is said."""
    expc.trust_new()
    lab.order("expc", "forget-ca")
    assert lab.boxes["expc"].trusted == lab.authority.old.chain
    lab.order("expc", "forget-ca", ca=fingerprint(lab.authority.old.root.certificate).upper())
    assert lab.boxes["expc"].trusted == [lab.authority.old.issuing.certificate]
    with pytest.raises(UsageError, match="names no CA"):
        lab.order("expc", "forget-ca", ca="middle")


def disable_api(lab: Lab, expc: Client) -> None:
    """The account may not use the API any more."""
    lab.order("expc", "disable-api")
    assert expc.get("/api/raml").status == 403
    assert len(lab.effects.of("api-refused")) == 1


def enable_api(lab: Lab, expc: Client) -> None:
    """And may again."""
    lab.order("expc", "disable-api")
    lab.order("expc", "enable-api")
    assert expc.get("/api/raml").status == 200


CASES: dict[str, Callable[[Lab, Client], None]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        slow,
        drop_before,
        drop_after,
        error_5xx,
        error_5xx_after,
        denied,
        api_disabled,
        truncated,
        garbage,
        refused,
        refused_200,
        hostile,
        set_clock,
        restart_never_ends,
        restart_old_certificate,
        restart_now,
        discard_csr,
        replace_csr,
        generate_csr,
        forget_ca,
        disable_api,
        enable_api,
    )
}


@pytest.mark.parametrize("fault", [name for name, kind in FAULTS.items() if "expressway" in kind.boxes])
def test_each_fault_does_what_it_says(lab: Lab, expc: Client, fault: str) -> None:
    """A fault without a case here fails; the order is in the effects log."""
    CASES[fault](lab, expc)
    assert fault in [entry["fault"] for entry in lab.effects.of("fault-ordered", "expc")]


def test_a_fault_strikes_only_its_box_and_its_path(lab: Lab, expc: Client, expe: Client) -> None:
    """The prefix is that of /api/..., whether the request named v1 or not."""
    lab.order("expc", "error-5xx", path="/api/provisioning/certs")
    assert [expc.get(path).status for path in ("/api/raml", "/status.xml")] == [200, 200]
    assert [expc.get(f"{prefix}/provisioning/certs/root").status for prefix in ("/api", "/api/v1")] == [503, 503]
    assert expe.get(f"{CERTS}/root").status == 200
    assert {entry["node"] for entry in lab.effects.of("fault-struck")} == {"expc"}


def test_clearing_ends_the_named_fault_or_all(lab: Lab, expc: Client) -> None:
    """What was used up does not count as cleared."""
    lab.order("expc", "error-5xx")
    lab.order("expc", "drop-before", path="/nowhere")
    lab.order("expc", "denied", count=1)
    assert expc.get("/api/raml").status == 503
    assert lab.state()["expc"]["faults"] == ["error-5xx", "drop-before"]
    assert lab.clear("expc", "error-5xx") == 1
    assert expc.get("/api/raml").status == 200
    assert (lab.clear("expc"), lab.clear("expc")) == (1, 0)


@pytest.mark.parametrize(("node", "fault"), [("expc", "flood"), ("cucm", "slow")])
def test_what_does_not_exist_is_refused(lab: Lab, node: str, fault: str) -> None:
    """With the way to find out what does."""
    with pytest.raises(UsageError, match=r"no (fault|node)") as refused:
        lab.order(node, fault)
    assert refused.value.todo


def test_stopping_the_lab_ends_slow_answers_and_endless_restarts(make_lab: Callable[..., Lab]) -> None:
    """Nothing that was ordered can keep the lab from ending."""
    lab = make_lab()
    lab.order("expe", "restart-never-ends")
    lab.machines["expe"].restart()
    lab.effects.wait("restarting", "expe")
    lab.order("expc", "slow", seconds=3600)
    with pytest.raises(TimeoutError):
        Client(lab, "expc", timeout=0.1).get("/api/raml")
    lab.stop()
    assert "restarted" not in lab.effects.kinds()


@pytest.mark.parametrize("sent", [0, 100])
def test_a_request_that_is_cut_off_does_nothing(lab: Lab, expc: Client, sent: int) -> None:
    """Where whoever asks dies before the body is there whole, the box does nothing; the same request whole is done."""
    credentials = base64.b64encode(f"admin:{expc.password}".encode()).decode()
    body = pem(lab.authority.new.chain[1:])
    head = f"POST {CERTS}/root HTTP/1.1\r\nContent-Length: {len(body)}\r\nAuthorization: Basic {credentials}\r\n"
    head += "Content-Type: application/x-pem-file\r\nX-CSRF-Header: any\r\n\r\n"
    before = lab.effects.kinds()
    with connect(lab, "expc") as tls:
        tls.sendall(head.encode() + body[:sent])
    assert lab.wait_idle()
    assert lab.effects.kinds() == before
    with connect(lab, "expc") as tls:
        tls.sendall(head.encode() + body)
        assert b" 200 " in tls.recv(100)
    assert lab.effects.kinds() == [*before, "trust-appended"]
