"""What the driver sends, and what it does when the other end misbehaves, over real TLS on loopback."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from engine.contracts import CsrSpec, Device
from engine.errors import ApiDisabled, CertrenewError, Failed, LoginRefused, Refused, Unreachable, Untrusted, UsageError
from engine.https import BODY_LIMIT
from engine.net import TlsTrust
from engine.testing.pki import new_issuer, new_request
from plugins.expressway import Options
from tests.plugins.expressway.server import CERTS, NAME, PASSWORD, RAML, RESTART, STATUS, Reply, Server, said

SPEC = CsrSpec(names=["DNS:box.example"], subject=[("CN", "box.example"), ("C", "GB")], key="RSA 4096")
LEAF = new_issuer("Some Root").sign(new_request("box.example", ["box.example"]))

WRITES: dict[str, Callable[[Device], None]] = {
    f"{CERTS}/generate_csr": lambda device: device.generate_csr(SPEC),
    f"{CERTS}/server": lambda device: device.install("server", LEAF),
    f"{CERTS}/root": lambda device: device.add_trusted(LEAF),
    RESTART: lambda device: device.restart(),
}
each_write = pytest.mark.parametrize("path", WRITES)


@each_write
def test_every_write_carries_the_header_and_is_sent_once(server: Server, path: str) -> None:
    """X14.2 and later want X-CSRF-Header on writes; each is one POST, with the login in it."""
    WRITES[path](server.device())
    writes = [asked for asked in server.asked if asked.method != "GET"]
    assert [(asked.method, asked.path) for asked in writes] == [("POST", path)]
    assert writes[0].headers["x-csrf-header"] == "certrenew"
    assert all(asked.headers["authorization"].startswith("Basic ") for asked in server.asked)
    assert all("x-csrf-header" not in asked.headers for asked in server.asked if asked.method == "GET")


@each_write
def test_release_and_description_are_asked_first_and_once(server: Server, path: str) -> None:
    """The first two requests of an object are for the status and the description, and they are not repeated."""
    device = server.device()
    WRITES[path](device)
    WRITES[path](device)
    assert server.seen()[:2] == ["/status.xml", "/api/raml"]
    assert [server.seen().count(probe) for probe in ("/status.xml", "/api/raml")] == [1, 1]


@each_write
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, b"busy"), Failed),
        (Reply(302, b"", headers={"Location": "/login"}), Failed),
        (said("Bad Request"), Failed),
        (Reply(200, b"<html>Please log in</html>", "text/html"), Failed),
        (Reply(200, b'{"Message": "OK"}', cut=3), Unreachable),
        (Reply(dropped=True), Unreachable),
        (Reply(200, b" " * (BODY_LIMIT + 1)), Failed),
    ],
    ids=["5xx", "redirect", "200-refusal", "web-page", "truncated", "dropped", "endless"],
)
def test_a_write_that_goes_wrong_raises_and_is_not_repeated(
    server: Server, path: str, reply: Reply, kind: type[CertrenewError]
) -> None:
    """Whatever is answered instead of success, the write raises and was sent once; the first test is the control."""
    server.answers["POST", path] = reply
    with pytest.raises(kind) as caught:
        WRITES[path](server.device())
    assert type(caught.value) is kind
    assert server.seen("POST") == [path]
    assert PASSWORD not in "".join([caught.value.what, caught.value.untouched, caught.value.todo])


@pytest.mark.parametrize("path", ["/status.xml", "/api/raml", f"{CERTS}/root", f"{CERTS}/generate_csr"])
def test_after_a_refused_login_nothing_is_sent(server: Server, path: str) -> None:
    """One 401, at whatever request, and the object sends nothing more, not even another read."""
    server.answers["GET", path] = said("Unauthorized", 401)
    device = server.device()
    reads: list[Callable[[], object]] = [device.status, device.trusted, device.pending_csr, device.restart]
    with pytest.raises(LoginRefused):
        [read() for read in reads]
    count = len(server.asked)
    assert server.seen()[-1] == path
    for read in reads:
        with pytest.raises(LoginRefused, match="refused the login"):
            read()
    assert len(server.asked) == count


def test_a_login_that_is_accepted_goes_on(server: Server) -> None:
    """The control: with the right password all four go through."""
    device = server.device()
    device.status(), device.trusted(), device.pending_csr(), device.restart()
    assert server.seen()[-1] == RESTART


def test_no_api_access_says_release_account_and_where_to_switch_it_on(server: Server) -> None:
    """A 403 names what the box said of itself, and what to do."""
    server.answers["GET", "/api/raml"] = said("Forbidden", 403)
    with pytest.raises(ApiDisabled, match=r"box \(X14\.3\) knows 'admin' but does not allow") as caught:
        server.device().trusted()
    assert "Administrator accounts" in caught.value.todo


def test_advanced_account_security_is_named_when_it_is_on(server: Server) -> None:
    """In that mode nobody has the API, and a switch at the account would not help."""
    mode = "<Configuration><AdvancedAccountSecurity>True</AdvancedAccountSecurity></Configuration></Software>"
    server.answers["GET", "/status.xml"] = Reply(200, STATUS.replace("</Software>", mode).encode())
    server.answers["GET", "/api/raml"] = said("Forbidden", 403)
    with pytest.raises(ApiDisabled) as caught:
        server.device().trusted()
    assert "Advanced account security mode is on" in caught.value.todo
    assert "Administrator accounts" not in caught.value.todo


@pytest.mark.parametrize("reply", [said("Not Found", 404), Reply(200, b"<html></html>"), Reply(200, b"")])
def test_a_description_that_cannot_be_read_is_said(server: Server, reply: Reply) -> None:
    """Status yes, description no: that is said with the release; `advisory` goes on without it."""
    server.answers["GET", "/api/raml"] = reply
    with pytest.raises(Failed, match=r"box \(X14\.3\) tells its status, but the description of its API") as caught:
        server.device().restart()
    assert "advisory" in caught.value.todo
    assert not server.seen("POST")
    server.device(Options(api_description="advisory")).restart()
    assert server.seen("POST") == [RESTART]


def test_a_function_that_is_not_listed_is_not_tried(server: Server) -> None:
    """What the box's own description lacks is refused before it is sent; `advisory` tries it."""
    server.answers["GET", "/api/raml"] = Reply(200, RAML.replace("/restart", "/other").encode())
    with pytest.raises(ApiDisabled, match="has no POST /api/provisioning/restart"):
        server.device().restart()
    assert not server.seen("POST")
    server.device(Options(api_description="advisory")).restart()
    assert server.seen("POST") == [RESTART]


def _trust(server: Server, case: str) -> TlsTrust:
    return {
        "wrong pin": TlsTrust(NAME, pins=frozenset({"0" * 64}), pins_only=True),
        "unknown CA": TlsTrust(NAME),
        "other name": TlsTrust("other.example", ca=str(server.ca)),
        "right pin": TlsTrust(NAME, pins=frozenset({server.pin}), pins_only=True),
        "right CA": TlsTrust(NAME, ca=str(server.ca)),
    }[case]


@pytest.mark.parametrize("case", ["wrong pin", "unknown CA", "other name"])
def test_nothing_is_sent_to_a_box_that_is_not_proven(server: Server, case: str) -> None:
    """Neither request nor password leaves before the certificate is verified or pinned."""
    device = server.device(trust=_trust(server, case))
    with pytest.raises(Untrusted):
        device.status()
    assert server.asked == []


@pytest.mark.parametrize("case", ["right pin", "right CA"])
def test_a_proven_box_is_talked_to(server: Server, case: str) -> None:
    """The control: a pin, or a verified chain and name, is enough."""
    assert server.device(trust=_trust(server, case)).status().release == "X14.3"


@pytest.mark.parametrize(("user", "password"), [("admin", "s3cret\u20ac"), ("ad:min", "s3cret"), ("admin", "s3cret\n")])
def test_a_password_that_cannot_be_sent_is_refused_without_showing_it(server: Server, user: str, password: str) -> None:
    """What HTTP Basic can't carry is a configuration error; the message shows nothing of it."""
    with pytest.raises(UsageError) as caught:
        server.device(username=user, password=lambda: password).status()
    assert server.asked == []
    assert "s3cret" not in "".join([caught.value.what, caught.value.untouched, caught.value.todo, repr(caught.value)])


def test_a_csr_in_unknown_words_is_settled_by_looking(server: Server) -> None:
    """HTTP 200 and a text nobody knows: made if one is pending now, an error if not."""
    server.answers["POST", f"{CERTS}/generate_csr"] = said("Done, have a nice day")
    with pytest.raises(Failed, match="have a nice day"):
        server.device().generate_csr(SPEC)
    pem = new_request("box.example", ["box.example"])
    made = Reply(200, pem.public_bytes(Encoding.PEM), "text/plain")
    server.after = lambda asked: server.answers.update({("GET", asked.path): made}) if asked.method == "POST" else None
    server.device().generate_csr(SPEC)
    assert server.seen("POST") == [f"{CERTS}/generate_csr"] * 2


def test_a_pending_csr_stops_another(server: Server) -> None:
    """Where one is pending nothing is posted; the first test of this module is the control."""
    pem = new_request("box.example", ["box.example"]).public_bytes(Encoding.PEM)
    server.answers["GET", f"{CERTS}/generate_csr"] = Reply(200, pem, "text/plain")
    with pytest.raises(Refused, match="pending"):
        server.device().generate_csr(SPEC)
    assert not server.seen("POST")


@pytest.mark.parametrize("reply", [Reply(404, b"<html>", "text/html"), Reply(200, b""), Reply(500, b"{}")])
def test_only_the_box_itself_can_say_that_no_csr_is_pending(server: Server, reply: Reply) -> None:
    """An answer of another form proves nothing, so no CSR is made."""
    server.answers["GET", f"{CERTS}/generate_csr"] = reply
    with pytest.raises(Failed):
        server.device().generate_csr(SPEC)
    assert not server.seen("POST")


def test_further_texts_can_mean_success(server: Server) -> None:
    """A text that is not known fails, and says so without claiming that nothing happened; a setting makes it known."""
    server.answers["POST", RESTART] = said("Restart initiated")
    with pytest.raises(Failed, match="Restart initiated") as caught:
        server.device().restart()
    assert "not known" in caught.value.untouched
    server.device(Options(success_texts=["restart initiated"])).restart()


def test_the_box_words_are_escaped_and_capped(server: Server) -> None:
    """What a box says can't move the cursor, hide behind a direction mark or fill the screen."""
    text = "\\u001b[2J\\u202e" + "x" * 500
    server.answers["POST", RESTART] = said(text, 400)
    with pytest.raises(Failed) as caught:
        server.device().restart()
    assert caught.value.what.isprintable()
    assert "\\x1b[2J\\u202exxx" in caught.value.what
    assert len(caught.value.what) < 300


def test_another_slot_is_refused_without_asking_for_it(server: Server) -> None:
    """No API is known for the client store, so at most the box's description is read; the server slot is asked for."""
    device = server.device()
    assert device.slots() == ("server",)
    with pytest.raises(UsageError, match="slot other is not known"):
        device.certificate("other")
    assert server.asked == []
    with pytest.raises(UsageError, match="slot client is not known"):
        device.certificate("client")
    assert [path for path in server.seen() if path.startswith(CERTS)] == []
    with pytest.raises(Failed):
        device.certificate("server")
    assert server.seen()[-1] == f"{CERTS}/server"


def test_settings_are_what_the_engine_reads(server: Server) -> None:
    """Times and the restart question come from the settings; without settings the documented defaults hold."""
    device = server.device()
    assert (device.restart_timeout, device.poll_interval, device.trust_needs_restart) == (900, 5, False)
    device = server.device(Options(restart_timeout=30, poll_interval=1, trust_needs_restart=True))
    assert (device.restart_timeout, device.poll_interval, device.trust_needs_restart) == (30, 1, True)
