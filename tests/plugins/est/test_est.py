"""The EST backend against a server that answers as told: what is sent, and what each answer means."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from engine.certificates import read_certificates, read_csr, to_pem
from engine.contracts import Issued, Office, Pending, Rejected
from engine.errors import (
    CertrenewError,
    Failed,
    LoginRefused,
    NotSent,
    Refused,
    Unreachable,
    Untrusted,
    UsageError,
)
from engine.https import BODY_LIMIT
from engine.testing.answers import HOSTILE, check_answer, signing_request
from engine.testing.expect import texts
from engine.testing.pki import new_issuer
from plugins.est import Options, connect
from tests.plugins.est.server import (
    BASE,
    BASIC,
    CACERTS,
    CSRATTRS,
    ENROL,
    ISSUER,
    LEAF,
    NOW,
    PASSWORD,
    REQUEST,
    USER,
    Server,
    bag,
    plain,
    ticket,
)
from tests.plugins.expressway.server import Reply

PENDING = plain(202, "Waiting for an officer", Retry_After="60")


@pytest.mark.parametrize("answer", [bag(LEAF), PENDING, plain(202, "\x1b[2J soon"), plain(400, "no \x1b[2J way")])
@pytest.mark.parametrize("text", ["conformance", HOSTILE])
def test_every_answer_can_be_stored_and_shown(server: Server, answer: Reply, text: str) -> None:
    """Whatever a server says, and whatever a request is called, reaches people without control characters."""
    server.answers[ENROL] = answer
    check_answer(server.est().submit(signing_request(text)))


def submitted(server: Server) -> Pending:
    """Submit to a server that has the request wait."""
    server.answers[ENROL] = PENDING
    answer = server.est().submit(REQUEST)
    assert isinstance(answer, Pending)
    return answer


# ---- what is sent --------------------------------------------------------------------------------------------------


def test_the_csr_goes_out_once_and_comes_back_with_its_chain(server: Server) -> None:
    """CA certificates first, then one POST of the CSR's DER in Base64; leaf and chain come back as PEM."""
    answer = server.est().submit(REQUEST)
    assert isinstance(answer, Issued)
    assert read_certificates(answer.content, "x") == [LEAF, ISSUER.certificate]
    assert [(one.method, one.path) for one in server.asked] == [CACERTS, ENROL]
    post = server.asked[1]
    assert post.headers["content-type"] == "application/pkcs10"
    assert "content-transfer-encoding" not in post.headers
    sent = base64.b64decode(post.body)
    assert sent == read_csr(REQUEST.csr.encode(), "x").public_bytes(Encoding.DER)


def test_a_label_is_part_of_every_path(server: Server) -> None:
    """RFC 7030 3.2.2."""
    server.answers = {(method, path.replace(BASE, f"{BASE}/uc")): one for (method, path), one in server.answers.items()}
    assert isinstance(server.est(url=f"{server.url}/uc").submit(REQUEST), Issued)
    assert server.seen() == [f"{BASE}/uc/cacerts", f"{BASE}/uc/simpleenroll"]


# ---- pending -------------------------------------------------------------------------------------------------------


def test_pending_goes_on_over_many_polls_and_new_objects(server: Server) -> None:
    """The very same body is sent each time, by objects that know nothing but the stored ticket, until it is issued."""
    kept = ticket(submitted(server).ticket)
    for _ in range(5):
        server.clock.forward(61)
        answer = server.est().collect(kept)
        assert isinstance(answer, Pending)
        assert answer.poll_after == 60
        kept = ticket(answer.ticket)
    server.answers[ENROL] = bag(LEAF)
    server.clock.forward(61)
    assert isinstance(server.est().collect(kept), Issued)
    assert len(server.bodies()) == 7
    assert len(set(server.bodies())) == 1


def test_before_the_named_moment_nobody_is_asked(server: Server) -> None:
    """RFC 7030 4.2.3: a client must wait; however often it is called, nothing is sent until then."""
    first, asked = submitted(server), len(server.asked)
    server.clock.forward(59)
    early = server.est().collect(ticket(first.ticket))
    assert isinstance(early, Pending)
    assert early.ticket == first.ticket
    assert 1 <= early.poll_after <= 2
    assert "Waiting for an officer" in early.todo
    assert len(server.asked) == asked
    server.clock.forward(1)
    server.est().collect(ticket(first.ticket))
    assert len(server.asked) == asked + 2


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ({"Retry_After": "90"}, 90),
        ({"Retry_After": "Mon, 23 Nov 2026 16:03:00 GMT"}, 180),
        ({"Retry_After": "99999999"}, 86400),
        ({"Retry_After": "0"}, 1),
        ({"Retry_After": "tomorrow"}, 600),
        ({}, 600),
    ],
)
def test_every_form_of_retry_after(server: Server, header: dict[str, str], wait: int) -> None:
    """Seconds, a date by the office's clock, too long, at once, nonsense, absent."""
    server.answers[ENROL] = plain(202, "", **header)
    answer = server.est().submit(REQUEST)
    assert isinstance(answer, Pending)
    assert answer.poll_after == wait
    assert NOW.isoformat()[:10] in str(answer.ticket["not_before"]) or wait == 86400


def test_a_part_of_a_second_does_not_shorten_the_wait(server: Server) -> None:
    """The moment is kept in whole seconds, rounded up."""
    server.clock.forward(0.9)
    kept = ticket(submitted(server).ticket)
    server.clock.forward(59.5)
    asked = len(server.asked)
    server.est().collect(kept)
    assert len(server.asked) == asked


def test_a_ticket_that_was_damaged_is_told_and_nothing_is_sent(server: Server) -> None:
    """Neither another CSR nor a wait that is no time leads to a request."""
    for wrong in ({}, {"csr": "x", "not_before": "2026-11-23T16:00:00Z"}, {"csr": REQUEST.csr, "not_before": "soon"}):
        with pytest.raises(Failed):
            server.est().collect(dict(wrong))
    assert server.asked == []


def test_cancelling_tells_nobody(server: Server) -> None:
    """EST has no such message."""
    kept = ticket(submitted(server).ticket)
    asked = len(server.asked)
    server.est().cancel(kept)
    assert len(server.asked) == asked


# ---- answers that are no certificate -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 409, 415, 422])
def test_a_refusal_is_the_authoritys_own_words(server: Server, status: int) -> None:
    """RFC 7030 4.2.3: a 4xx with a text; escaped and capped."""
    server.answers[ENROL] = plain(status, "CSR attributes are\r\nincomplete \x1b[31m" + "x" * 900)
    answer = server.est().submit(REQUEST)
    assert isinstance(answer, Rejected)
    assert answer.reason.startswith(f"HTTP {status}, 'CSR attributes are incomplete \\x1b[31mxx")
    assert len(answer.reason) < 340


def test_a_refusal_without_words_says_so(server: Server) -> None:
    """A page for browsers, or a message in CMS, is not shown."""
    server.answers[ENROL] = Reply(400, b"<html>no</html>", "text/html")
    answer = server.est().submit(REQUEST)
    assert isinstance(answer, Rejected)
    assert "text/html" in answer.reason
    assert "<html>" not in answer.reason


@pytest.mark.parametrize("operation", [CACERTS, ENROL])
@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (plain(403, "not you"), "may enrol"),
        (plain(404, "no label"), "label"),
        (plain(405, "no"), "label"),
        (plain(429, "slow down", Retry_After="33"), "Wait 33 seconds"),
        (plain(302, "", Location="https://127.0.0.1:1/elsewhere"), "final `url`"),
        (plain(307, "", Location="https://127.0.0.1:1/elsewhere"), "final `url`"),
    ],
)
def test_what_certainly_issued_nothing_is_refused(
    server: Server, operation: tuple[str, str], reply: Reply, word: str
) -> None:
    """So that nothing stays uncertain: not allowed, no such place, too often, a redirect, which is not followed."""
    server.answers[operation] = reply
    with pytest.raises(Refused) as error:
        server.with_login().submit(REQUEST)
    assert word in error.value.todo
    assert "nothing was issued" in error.value.untouched
    assert server.seen()[-1] == operation[1]


@pytest.mark.parametrize(
    "reply",
    [
        plain(500, "broken"),
        plain(503, "busy", Retry_After="5"),
        plain(408),
        plain(204),
        Reply(200, b"<html>Please log in</html>", "text/html"),
        Reply(200, b"", "application/pkcs7-mime"),
        Reply(200, bag(LEAF).body[:200], "application/pkcs7-mime"),
    ],
    ids=["500", "503", "408", "204", "web page", "empty", "half a PKCS#7"],
)
def test_what_may_have_issued_is_uncertain(server: Server, reply: Reply) -> None:
    """It is Failed and neither NotSent nor Refused, so that a person is asked; nothing was sent twice."""
    server.answers[ENROL] = reply
    with pytest.raises(Failed) as error:
        server.est().submit(REQUEST)
    assert not isinstance(error.value, Unreachable | LoginRefused)
    assert "not known" in error.value.untouched
    assert len(server.bodies()) == 1


@pytest.mark.parametrize("reply", [Reply(dropped=True), Reply(200, bag(LEAF).body, cut=40)], ids=["dropped", "cut off"])
def test_a_connection_that_breaks_after_the_request_is_uncertain(server: Server, reply: Reply) -> None:
    """Unreachable, and not NotSent; the request went out once."""
    server.answers[ENROL] = reply
    with pytest.raises(Unreachable) as error:
        server.est().submit(REQUEST)
    assert not isinstance(error.value, NotSent)
    assert "not known" in error.value.untouched
    assert len(server.bodies()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(dropped=True),
        plain(500),
        plain(204),
        Reply(200, b"<html>", "text/html"),
        Reply(200, bag(LEAF).body, cut=40),
    ],
    ids=["dropped", "500", "204", "web page", "cut off"],
)
def test_without_a_chain_nothing_is_submitted(server: Server, reply: Reply) -> None:
    """What goes wrong with cacerts, which is asked first, is NotSent."""
    server.answers[CACERTS] = reply
    with pytest.raises(NotSent) as error:
        server.est().submit(REQUEST)
    assert error.value.untouched == "Nothing was submitted."
    assert server.bodies() == []


def test_a_server_that_is_away_got_nothing(server: Server) -> None:
    """No connection is NotSent, when submitting and when collecting."""
    kept = ticket(submitted(server).ticket)
    server.clock.forward(61)
    away = server.est(url=f"https://127.0.0.1:1{BASE}")
    for call in (lambda: away.submit(REQUEST), lambda: away.collect(kept), lambda: away.cautions(REQUEST)):
        with pytest.raises(NotSent):
            call()


@pytest.mark.parametrize("operation", [CACERTS, ENROL])
def test_an_answer_that_is_too_large_is_not_read(server: Server, operation: tuple[str, str]) -> None:
    """More than the limit is an error, not memory."""
    server.answers[operation] = Reply(200, b"A" * (BODY_LIMIT + 1), "application/pkcs7-mime")
    with pytest.raises(Failed, match="more than"):
        server.est().submit(REQUEST)


def test_a_request_that_is_no_csr_is_not_sent(server: Server) -> None:
    """Whatever is in its place, certainly nothing was sent."""
    with pytest.raises(NotSent):
        server.est().submit(replace(REQUEST, csr="no CSR"))
    assert server.asked == []


# ---- trust ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ca", ["other", "system"])
def test_an_unverified_server_gets_nothing(server: Server, ca: str, tmp_path: Path) -> None:
    """Another CA, or none of ours: no request and no password; the advice names the setting."""
    (tmp_path / "other.pem").write_text(to_pem(new_issuer("Other").certificate))
    server.challenge = BASIC
    with pytest.raises(Untrusted) as error:
        server.with_login(ca=tmp_path / "other.pem" if ca == "other" else None).submit(REQUEST)
    assert "`ca`" in error.value.todo
    assert server.asked == []
    assert server.vault.given == []


def test_a_server_of_another_name_gets_nothing(server: Server) -> None:
    """The certificate must carry the host of the URL."""
    with pytest.raises(Untrusted):
        server.est(url=server.url.replace("127.0.0.1", "localhost")).submit(REQUEST)
    assert server.asked == []


def test_the_environment_changes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, CA bundles and key logs of the environment are not used."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    assert isinstance(server.est().submit(REQUEST), Issued)


# ---- login ---------------------------------------------------------------------------------------------------------


def test_the_password_is_sent_only_when_it_is_asked_for(server: Server) -> None:
    """RFC 7030 3.2.3: the server asks with 401, then the same request goes out with the login."""
    assert isinstance(server.with_login().submit(REQUEST), Issued)
    assert not any("authorization" in asked.headers for asked in server.asked)
    assert server.vault.given == []
    server.challenge = BASIC
    assert isinstance(server.with_login().submit(REQUEST), Issued)
    assert server.vault.given == ["env:X", "env:X"]


def test_a_wrong_login_is_sent_once(server: Server) -> None:
    """Accounts get locked: after one refusal this object sends nothing more, whatever it is asked."""
    server.challenge, server.vault.password = BASIC, lambda: "wrong"
    est = server.with_login()
    calls: list[Callable[[], object]] = [
        lambda: est.cautions(REQUEST),
        lambda: est.submit(REQUEST),
        lambda: est.submit(REQUEST),
    ]
    for call in calls:
        with pytest.raises(LoginRefused):
            call()
    assert len([asked for asked in server.asked if "authorization" in asked.headers]) == 1
    assert len(server.asked) == 2


@pytest.mark.parametrize("challenge", [BASIC, 'Negotiate, Bearer realm="x"', "", "Digest qop=auth"])
def test_a_login_that_can_not_be_answered_is_told(server: Server, challenge: str) -> None:
    """No password in the site, or a way that we don't know: LoginRefused, and nothing secret went out."""
    server.challenge, server.right = challenge or " ", lambda _asked: False
    est = server.est() if challenge == BASIC else server.with_login()
    with pytest.raises(LoginRefused, match="asks for a login") as error:
        est.submit(REQUEST)
    assert "No password was sent" in error.value.untouched
    assert not any("authorization" in asked.headers for asked in server.asked)


def test_a_secret_that_can_not_be_had_stops_it_beforehand(server: Server) -> None:
    """While cautions are gathered, before anything is journalled or submitted; and submitting says that it did not."""

    def missing(_reference: object) -> str:
        raise UsageError("The variable X is not set.", todo="Set it.")

    office = Office("est", server.clock, secret=missing)
    est = connect(office, Options(url=server.url, ca=server.ca, username=USER, password="env:X"))
    with pytest.raises(UsageError, match="X is not set"):
        est.cautions(REQUEST)
    assert server.asked == []
    server.challenge = BASIC
    with pytest.raises(Refused, match="X is not set"):
        est.submit(REQUEST)
    assert not any("authorization" in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    "reply", [bag(LEAF), PENDING, plain(400, USER), plain(500, USER), Reply(200, b"x"), Reply(dropped=True)]
)
def test_the_password_stays_out_of_everything(server: Server, reply: Reply) -> None:
    """It is in no attribute, no ticket, no answer of ours and no error, though it was sent."""
    server.challenge = BASIC
    server.answers[ENROL] = reply
    est, told = server.with_login(), ""
    try:
        answer = est.submit(REQUEST)
        told = json.dumps(answer.ticket) + answer.todo if isinstance(answer, Pending) else str(answer)
    except CertrenewError as error:
        told = f"{error!r} {error.what} {error.todo} {error.untouched}"
    assert PASSWORD not in told
    assert PASSWORD not in "".join(texts(est))
    assert PASSWORD not in repr(est)
    assert any("authorization" in asked.headers for asked in server.asked)


# ---- client certificate --------------------------------------------------------------------------------------------


def test_a_key_that_others_may_read_is_refused(server: Server, tmp_path: Path) -> None:
    """And one that is not there; nothing is sent, and the message says what to type."""
    key = tmp_path / "client.pem"
    with pytest.raises(UsageError, match="can't be read"):
        server.est(client_certificate=key).cautions(REQUEST)
    key.write_text(to_pem(LEAF))
    key.chmod(0o640)
    with pytest.raises(UsageError, match="not yours alone") as error:
        server.est(client_certificate=key).cautions(REQUEST)
    assert f"chmod 600 {key}" in error.value.todo
    key.chmod(0o600)
    with pytest.raises(UsageError, match="can't be used"):
        server.est(client_certificate=key).cautions(REQUEST)
    assert server.asked == []


def test_a_key_without_a_certificate_is_a_mistake(server: Server, tmp_path: Path) -> None:
    """Told when the authority is made."""
    with pytest.raises(UsageError, match="without `client_certificate`"):
        server.est(client_key=tmp_path / "key.pem")


# ---- cautions and what people look for -----------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [plain(204), plain(404), plain(403), plain(500), Reply(200, b" ")])
def test_a_server_without_csrattrs_has_no_cautions(server: Server, reply: Reply) -> None:
    """RFC 7030 4.5.2: 204 and 404 say that there are none; other trouble with them stops nothing."""
    server.answers[CSRATTRS] = reply
    assert server.est().cautions(REQUEST) == []


def test_wanted_attributes_are_told(server: Server) -> None:
    """What the CSR lacks, a sentence each; what can't be read is one too."""
    server.answers[CSRATTRS] = Reply(
        200, base64.b64encode(bytes.fromhex("300b06092a864886f70d010907")), "application/csrattrs"
    )
    (told,) = server.est().cautions(REQUEST)
    assert "challengePassword" in told
    server.answers[CSRATTRS] = Reply(200, b"\x30\x05xx", "application/csrattrs")
    (told,) = server.est().cautions(REQUEST)
    assert "can't be read" in told


def test_people_are_told_what_to_look_for_without_asking_the_server(server: Server) -> None:
    """Key and subject, and that a request has no number."""
    trace = server.est().trace(REQUEST)
    assert "CN=expc-server" in trace
    assert "--not-there" in trace
    assert len(trace) < 400
    with pytest.raises(UsageError, match="no request numbers") as error:
        server.est().adopt("4711")
    assert "--not-there" in error.value.todo
    assert server.asked == []
    assert not server.est().repeatable
