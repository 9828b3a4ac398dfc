"""Every way to log in, with Extended Protection and without, against real acceptors; and what is never sent."""

import logging
import socket
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from engine.certificates import to_pem
from engine.contracts import Issued
from engine.errors import ApiDisabled, CertrenewError, LoginRefused, NotSent, Untrusted, UsageError
from engine.testing.expect import texts
from engine.testing.pki import new_issuer
from plugins.adcs import login
from plugins.lab.api import Answer
from tests.plugins.adcs import kdc
from tests.plugins.adcs.conftest import MakeServer
from tests.plugins.adcs.kdc import REALM, USER, Kdc
from tests.plugins.adcs.server import HOME, REQUEST, SUBMIT, Server
from tests.ports import free_port
from tests.programs import needs

PROTECTION = pytest.mark.parametrize("protection", ["required", "off"])
CANARY = "canary-Passw0rd-never-shown"


def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the channel binding away from the client, and nothing else."""
    monkeypatch.setattr(login, "bindings", lambda _end_point: None)


def said(error: CertrenewError) -> str:
    """Return all that an error says."""
    return "".join([error.what, error.untouched, error.todo, repr(error)])


@PROTECTION
@pytest.mark.parametrize(("auth", "logins"), [("ntlm", "ntlm"), ("negotiate", "negotiate"), ("basic", "basic")])
def test_each_way_in(make_server: MakeServer, auth: str, logins: str, protection: str) -> None:
    """NTLM, Negotiate without a domain, and Basic get their certificate, also where each is all that is offered."""
    server = make_server(extended_protection=protection, logins=logins)
    assert isinstance(server.backend(auth=auth).submit(REQUEST), Issued)
    assert "login-refused" not in server.kinds()


@PROTECTION
@pytest.mark.parametrize("auth", ["kerberos", "negotiate"])
@pytest.mark.parametrize("how", ["password", "keytab"])
def test_kerberos(
    make_server: MakeServer, kerberos: Kdc, monkeypatch: pytest.MonkeyPatch, how: str, auth: str, protection: str
) -> None:
    """With a ticket by password or by the keytab of the account, from a real KDC."""
    server = make_server(extended_protection=protection, logins="negotiate")
    who = f"{USER}@{REALM}"
    if how == "keytab":
        monkeypatch.setenv("KRB5_CLIENT_KTNAME", f"FILE:{kerberos.keytab}")
        backend = server.backend(auth=auth, username="", password="")
    else:
        backend = server.backend(kerberos.password, auth=auth, username=who)
    assert isinstance(backend.submit(REQUEST), Issued)
    assert [one.requester for one in server.requests.values()] == [who]
    assert "login-refused" not in server.kinds()


def test_the_kdc_of_tests_finds_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody takes the port between finding and listening, another one is tried."""
    for program in ("krb5kdc", "kdb5_util", "kadmin.local"):
        needs(program)
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = iter([other.getsockname()[1], free_port()])
        monkeypatch.setattr(kdc, "free_port", lambda: next(ports, other.getsockname()[1]))
        with kdc.running(tmp_path):
            assert next(ports, None) is None, "control: the first port was tried"


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_without_channel_binding_protection_refuses(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """Control: the same client without the binding is refused where it is required, and let in where it is not."""
    unbound(monkeypatch)
    required, off = make_server(), make_server(extended_protection="off")
    with pytest.raises(LoginRefused):
        required.backend(auth=auth).submit(REQUEST)
    assert required.requests == {}
    assert isinstance(off.backend(auth=auth).submit(REQUEST), Issued)


def test_without_channel_binding_protection_refuses_kerberos(
    make_server: MakeServer, kerberos: Kdc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: Kerberos too."""
    unbound(monkeypatch)
    required, off = make_server(logins="negotiate"), make_server(logins="negotiate", extended_protection="off")
    asked: dict[str, Any] = {"auth": "kerberos", "username": f"{USER}@{REALM}"}
    with pytest.raises(LoginRefused):
        required.backend(kerberos.password, **asked).submit(REQUEST)
    assert required.requests == {}
    assert isinstance(off.backend(kerberos.password, **asked).submit(REQUEST), Issued)


def test_a_binding_to_another_certificate_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the acceptor compares; a relay that shows a certificate of its own gets nowhere."""
    true, other = login.bindings, new_issuer("Relay").certificate
    from cryptography.hazmat.primitives.serialization import Encoding

    monkeypatch.setattr(login, "bindings", lambda _end_point: true(other.public_bytes(Encoding.DER)))
    with pytest.raises(LoginRefused):
        server.backend().submit(REQUEST)


@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "basic"])
def test_a_refused_login_is_sent_once(server: Server, auth: str) -> None:
    """A wrong password costs one try, and the same object never tries again (lockout)."""
    backend = server.backend(CANARY, auth=auth)
    with pytest.raises(LoginRefused) as caught:
        backend.submit(REQUEST)
    assert server.kinds() == ["login-refused"]
    before = len(server.asked)
    with pytest.raises(LoginRefused, match="refused the login of"):
        backend.collect({"host": "", "ca": "", "request": 83})
    assert len(server.asked) == before
    assert "not tried again" in caught.value.untouched


def test_a_wrong_kerberos_password_is_a_refused_login(server: Server, kerberos: Kdc) -> None:
    """The KDC refuses it: the CA gets no login at all, and nothing tries again."""
    backend = server.backend(CANARY, auth="kerberos", username=f"{USER}@{REALM}")
    with pytest.raises(LoginRefused) as first:
        backend.submit(REQUEST)
    with pytest.raises(LoginRefused) as caught:
        backend.submit(REQUEST)
    assert CANARY not in said(first.value)
    assert CANARY not in said(caught.value)
    assert "No login of 'svc-expressway@CORP.EXAMPLE' to localhost came about: " in first.value.what
    assert [one.headers.get("authorization") for one in server.asked] == [None]


def test_no_ticket_says_what_to_do(server: Server, kerberos: Kdc) -> None:
    """Without a ticket nothing is sent, and the advice is kinit."""
    with pytest.raises(NotSent) as caught:
        server.backend(auth="kerberos", username="", password="").submit(REQUEST)
    assert "No Kerberos credentials available" in caught.value.what
    assert "kinit" in caught.value.todo


@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "basic"])
def test_the_password_is_nowhere(
    make_server: MakeServer, auth: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in errors, attributes, tickets or logs, plain or as Basic's Base64, whether the login works or not."""
    caplog.set_level(logging.DEBUG)
    server = make_server(decision="manager")
    right = server.backend(auth=auth)
    answer = right.submit(REQUEST)
    wrong = server.backend(CANARY, auth=auth)
    with pytest.raises(LoginRefused) as caught:
        wrong.submit(REQUEST)
    kept = "".join([*texts(right), *texts(wrong), *texts(answer), said(caught.value), caplog.text])
    for secret in (server.account.password, CANARY):
        assert secret not in kept
        assert b64encode(f"CORP\\{USER}:{secret}".encode()).decode() not in kept


def test_a_password_that_is_not_there_sends_nothing(server: Server) -> None:
    """A reference that leads nowhere is told as it is, and nothing is uncertain."""

    def missing(_reference: object) -> str:
        raise UsageError("the variable CA_PASSWORD is not set.", todo="Set it.")

    backend = server.backend(fetch=missing)
    with pytest.raises(NotSent, match="CA_PASSWORD is not set"):
        backend.submit(REQUEST)
    assert [one.method for one in server.asked] == ["GET"]


@pytest.mark.parametrize("password", ["pass\nword", "pässword", "\u202e"])
def test_basic_says_what_it_cannot_carry(server: Server, password: str) -> None:
    """Characters that servers read differently are refused before anything is sent, without showing them."""
    with pytest.raises(NotSent, match="HTTP Basic") as caught:
        server.backend(password, auth="basic").submit(REQUEST)
    assert password not in said(caught.value)


def test_a_stranger_gets_no_login(server: Server) -> None:
    """A web server that `ca` does not verify is refused before any login."""
    server.ca.write_text(to_pem(new_issuer("Stranger").certificate))
    with pytest.raises(Untrusted) as caught:
        server.backend().submit(REQUEST)
    assert server.asked == []
    assert "No user name or password was sent" in caught.value.untouched


def test_another_name_gets_no_login(server: Server) -> None:
    """A certificate for another name is refused, too."""
    with pytest.raises((Untrusted, NotSent)):
        server.backend(url=server.url.replace("localhost", "127.0.0.2")).submit(REQUEST)
    assert server.asked == []


@pytest.mark.parametrize("path", [HOME, SUBMIT])
@pytest.mark.parametrize("auth", ["ntlm", "basic"])
def test_redirects_are_not_followed(make_server: MakeServer, auth: str, path: str) -> None:
    """Neither before the login nor after it does anything go where a redirect points."""
    server, other = make_server(), make_server()
    server.before[path] = Answer(302, b"", "text/html", {"Location": f"{other.url}{path}"})
    with pytest.raises(CertrenewError, match=r"elsewhere|middle of the login"):
        server.backend(auth=auth).submit(REQUEST)
    assert other.asked == []


def test_a_login_that_is_not_offered_is_not_sent(make_server: MakeServer) -> None:
    """Basic goes to no server that asks for another login."""
    server = make_server(logins="negotiate")
    with pytest.raises(NotSent, match="takes no Basic; it offers Negotiate"):
        server.backend(auth="basic").submit(REQUEST)
    assert [one.headers.get("authorization") for one in server.asked] == [None]


@pytest.mark.parametrize(("status", "words"), [(404, "has no /certsrv/"), (200, "answers 200"), (503, "answers 503")])
def test_what_is_no_web_enrolment_gets_no_login(server: Server, status: int, words: str) -> None:
    """A server that asks for no login is told apart, and nothing is sent to it."""
    server.before[HOME] = Answer(status, b"", "text/html")
    with pytest.raises(NotSent, match=words):
        server.backend().submit(REQUEST)
    assert [one.headers.get("authorization") for one in server.asked] == [None]


def test_a_login_without_the_right_to_enrol_is_told(server: Server) -> None:
    """403 after the login is no refused login, and certainly nothing was submitted."""
    server.instead[SUBMIT] = Answer(403, b"", "text/html")
    with pytest.raises(ApiDisabled, match="does not let it use web enrolment"):
        server.backend().submit(REQUEST)


def test_the_environment_has_no_say(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, CA bundles and netrc of the environment are not heeded."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.setenv(name, "/nonexistent")
    assert isinstance(server.backend().submit(REQUEST), Issued)
