"""Hold the mails: only over TLS to the right server, one login, once an event, words that help and harm nobody."""

import email
import email.policy
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import Observer, ObserverAccess
from engine.errors import CertrenewError, Failed, LoginRefused, Refused, SiteError, Unreachable, Untrusted, UsageError
from engine.model import Json
from engine.settings import convert
from engine.testing.authorities import HOSTILE
from engine.testing.observers import ObserverConformance, told
from plugins.mail import Options, connect
from plugins.mail.wire import WAITS, body, message, subject
from tests.pki import CA, pem
from tests.plugins.mail.server import Box, serving

SECRET = "canary-ü-5e77"
NOW = datetime(2026, 11, 23, 16, 0, 5, tzinfo=UTC)
ROOT = CA.root("Mail Root")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Write the CA certificate that verifies the server."""
    path = tmp_path / "root.pem"
    path.write_text(pem(ROOT.certificate))
    return path


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Run a server that wants STARTTLS and takes a login."""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path) as running:
        running.password = SECRET
        yield running


def _options(box: Box, ca: Path | None, **more: Any) -> Options:
    told: dict[str, Any] = {"server": box.address, "ca": ca, "sender": "uc@a.example", "to": ["ops@b.example"], **more}
    return Options(**told)


def _observer(box: Box, ca: Path | None, **more: Any) -> Observer:
    access = ObserverAccess("mail", lambda: NOW, lambda _: SECRET)
    return connect(access, _options(box, ca, **more))


LOGIN = {"username": "certrenew", "password": "env:MAIL"}


def _read(box: Box) -> EmailMessage:
    (envelope,) = box.mails
    content = envelope.content
    assert isinstance(content, bytes)
    return email.message_from_bytes(content, policy=email.policy.SMTP)


def _text(mail: EmailMessage) -> str:
    text: str = mail.get_content()
    return text


class TestMail(ObserverConformance):
    """The mail observer keeps to the contract of observers."""

    secret = SECRET

    @pytest.fixture(autouse=True)
    def _with_a_server(self, box: Box, ca: Path) -> None:
        self._box, self._ca = box, ca

    def make(self, reachable: bool = True) -> Observer:
        if reachable:
            return _observer(self._box, self._ca, **LOGIN)
        return _observer(Box(address="127.0.0.1:1"), self._ca, **LOGIN)


# ---- the connection ------------------------------------------------------------------------------------------------


def test_a_mail_goes_out_over_tls_after_one_login(box: Box, ca: Path) -> None:
    """STARTTLS first, then one login, then one mail with the envelope of the settings."""
    _observer(box, ca, to=["ops@b.example", "uc@c.example"], **LOGIN).observe(*told())
    assert box.secured == [False, True]
    assert box.logins == [("PLAIN", "certrenew", SECRET)]
    (envelope,) = box.mails
    assert envelope.mail_from == "uc@a.example"
    assert envelope.rcpt_tos == ["ops@b.example", "uc@c.example"]
    assert SECRET not in str(envelope.content)


def test_login_is_used_where_plain_is_not_offered(tmp_path: Path, ca: Path) -> None:
    """A server that has LOGIN alone gets that; one that has neither gets nothing."""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path, auth_exclude_mechanism=["PLAIN"]) as running:
        running.password = SECRET
        _observer(running, ca, **LOGIN).observe(*told())
        assert [how for how, _, _ in running.logins] == ["LOGIN"]
        assert len(running.mails) == 1
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path, auth_exclude_mechanism=["PLAIN", "LOGIN"]) as running:
        with pytest.raises(Failed, match="no login that we have"):
            _observer(running, ca, **LOGIN).observe(*told())
        assert running.mails == []


def test_no_login_where_none_is_set(box: Box, ca: Path) -> None:
    """Without a user name none is sent, and no secret is fetched."""
    _observer(box, ca).observe(*told())
    assert (box.logins, len(box.mails)) == ([], 1)


def test_tls_from_the_first_byte(tmp_path: Path, ca: Path) -> None:
    """With `implicit` the connection begins with TLS; a server that speaks first in clear text gets nothing."""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path, implicit=True) as running:
        running.password = SECRET
        _observer(running, ca, tls="implicit", **LOGIN).observe(*told())
        assert len(running.mails) == 1
    with serving(None, tmp_path) as running:
        with pytest.raises(Unreachable):
            _observer(running, ca, tls="implicit", **LOGIN).observe(*told())
        assert (running.mails, running.logins, running.secured) == ([], [], [])


def test_without_starttls_nothing_is_sent(tmp_path: Path, ca: Path) -> None:
    """A server that offers no STARTTLS, or on whose line it was taken away, gets neither login nor mail."""
    with serving(None, tmp_path, auth_require_tls=False) as running:
        with pytest.raises(Failed, match="offers no STARTTLS"):
            _observer(running, ca, **LOGIN).observe(*told())
        assert (running.mails, running.logins) == ([], [])
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path) as running:
        running.refuse["hide"] = "STARTTLS"
        with pytest.raises(Failed, match="offers no STARTTLS"):
            _observer(running, ca, **LOGIN).observe(*told())
        assert (running.mails, running.logins) == ([], [])


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("wrong", ["root", "name", "old"])
def test_another_server_gets_nothing(tmp_path: Path, ca: Path, wrong: str, implicit: bool) -> None:
    """A certificate of another CA, of another name or that has expired: no login, no mail, tried again later."""
    leaf = {
        "root": lambda: CA.root("Other").issue("IP:127.0.0.1"),
        "name": lambda: ROOT.issue("other.example"),
        "old": lambda: ROOT.issue(
            "IP:127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=NOW.replace(year=2021)
        ),
    }[wrong]()
    with serving(leaf, tmp_path, implicit=implicit) as running:
        with pytest.raises(Untrusted, match="not proven") as caught:
            _observer(running, ca, tls="implicit" if implicit else "starttls", **LOGIN).observe(*told())
        assert (running.mails, running.logins) == ([], [])
        assert SECRET not in f"{caught.value} {caught.value.todo}"


def test_a_refused_login_is_tried_once(box: Box, ca: Path) -> None:
    """A wrong password is sent once, by one mechanism, and no mail; the error does not hold it."""
    box.password = "another"
    with pytest.raises(LoginRefused, match="535") as caught:
        _observer(box, ca, **LOGIN).observe(*told())
    assert (len(box.logins), box.mails) == (1, [])
    assert SECRET not in f"{caught.value}{caught.value.todo}{caught.value.untouched}"


def test_a_ca_file_that_is_none_is_told(box: Box, tmp_path: Path) -> None:
    """A `ca` that can't be used is an error that names it, and nothing is sent."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(UsageError, match=r"empty\.pem can't be used"):
        _observer(box, empty).observe(*told())
    with pytest.raises(Untrusted):
        _observer(box, None).observe(*told())  # the system's store does not have our root
    assert box.secured == [False]


# ---- what a server may answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "kind"),
    [
        ("MAIL", "451 later", Failed),
        ("MAIL", "550 no", Refused),
        ("ops@b.example", "450 later", Failed),
        ("ops@b.example", "550 no such user\x1b[2J", Refused),
        ("DATA", "452 full", Failed),
        ("DATA", "554 spam", Refused),
    ],
)
def test_later_and_never_are_told_apart(
    box: Box, ca: Path, command: str, answer: str, kind: type[CertrenewError]
) -> None:
    """An answer of 4xx has the mail tried again, one of 5xx has it given up; the server's words are escaped."""
    box.refuse[command] = answer
    with pytest.raises(kind) as caught:
        _observer(box, ca).observe(*told())
    assert type(caught.value) is kind
    assert answer[:3] in caught.value.what
    assert "\x1b" not in caught.value.what
    assert box.mails == []


def test_one_wrong_recipient_does_not_hurt_the_others(box: Box, ca: Path) -> None:
    """Those whom the server takes get the mail once; the others are named, and it is not sent again to all."""
    box.refuse["gone@b.example"] = "550 no such user"
    with pytest.raises(Refused, match=r"gone@b\.example: 550"):
        _observer(box, ca, to=["gone@b.example", "ops@b.example"]).observe(*told())
    (envelope,) = box.mails
    assert envelope.rcpt_tos == ["ops@b.example"]


def test_a_server_that_breaks_off_is_unreachable(tmp_path: Path, ca: Path) -> None:
    """A connection that ends in the middle has the mail tried again."""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path) as running:
        running.refuse["MAIL"] = "421 bye"
        with pytest.raises(Failed):
            _observer(running, ca).observe(*told())


# ---- the mail ------------------------------------------------------------------------------------------------------


def test_the_mail_says_what_helps(box: Box, ca: Path) -> None:
    """Certificate, node, state, what it waits for, who can act and what to type stand in it, in plain text."""
    renewal, event = told()
    renewal["items"][0] |= {"certificate": "expc-server", "node": "expc.example", "authority": "corp"}
    renewal["wait"]["todo"] = "certrenew approve r1 --plan 0123456789ab"
    renewal["who"] = ["Bob Ö.", "Eve"]
    event["text"] = "One approval is missing."
    _observer(box, ca).observe(renewal, event)
    mail = _read(box)
    assert mail["Subject"] == "[certrenew] expc-server on expc.example: waits for an approval"
    assert mail["From"] == "certrenew <uc@a.example>"
    assert mail["To"] == "ops@b.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Mon, 23 Nov 2026 16:00:05 +0000"
    assert mail.get_content_type() == "text/plain"
    text = _text(mail)
    for words in ("One approval is missing.", "Bob Ö., Eve", "certrenew approve r1 --plan 0123456789ab", "Validated"):
        assert words in text
    assert "slot server, signed by corp" in text


def test_the_same_event_has_the_same_message_id() -> None:
    """Told again at another time, the mail has the same Message-ID; another event has another."""
    renewal, event = told()
    first = message(renewal, event, "a@b.example", ["c@d.example"], NOW)
    again = message(renewal, event, "a@b.example", ["c@d.example"], NOW.replace(hour=17))
    other = message(*told("state"), "a@b.example", ["c@d.example"], NOW)
    assert first["Message-ID"] == again["Message-ID"] == f"<{event['hash']}@b.example>"
    assert other["Message-ID"] != first["Message-ID"]
    assert first["References"] == other["References"]


def test_hostile_names_stay_text(box: Box, ca: Path) -> None:
    """Names from outside add no header, no recipient and no control character, in a mail of seven bits."""
    _observer(box, ca).observe(*told(text=HOSTILE + "\r\n.\r\nMAIL FROM:<x@y.example>\r\n" + "ü" * 300))
    (envelope,) = box.mails
    assert envelope.rcpt_tos == ["ops@b.example"]
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii()
    assert all(len(line) <= 998 for line in envelope.content.split(b"\r\n"))
    mail = _read(box)
    assert "Bcc" not in mail
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "X-Peer", "X-MailFrom"),
        *("X-RcptTo", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    } & set(mail.keys())
    assert "\\x1b[2J\\u202e\\x0d\\x0aBcc:" in _text(mail)
    assert not re.search(r"[^\n -~ü…]", _text(mail).replace("\r\n", "\n"))


@pytest.mark.parametrize("on", WAITS)
def test_every_wait_has_words(on: str) -> None:
    """Whatever a renewal waits on, subject and text say so in words, and the text names who can act where known."""
    renewal, event = told()
    renewal["wait"]["on"] = on
    renewal["who"] = []
    assert subject(renewal, event).endswith(WAITS[on])
    assert ("Who can act:" in body(renewal, event)) == (on in ("approval", "person", "authority", "check", "fault"))


def test_states_deeds_and_news_have_words() -> None:
    """What was reached, what a person did and a kind that nobody foresaw have a headline each."""
    assert subject(*told("state")).endswith("is now Validated")
    assert subject(*told("override")).endswith("overridden")
    assert "Override:     validity: conformance" in body(*told("override"))
    assert subject(*told("news\x1b")).endswith("has news: news\\x1b")


def test_one_that_is_over_has_nothing_next() -> None:
    """Of a renewal that has ended no command is told as next."""
    values: dict[str, Json] = {"ended": True, "state": "Restarted"}
    assert "Next:" not in body(*told("state", values=values))
    assert "Next:" in body(*told("state"))


# ---- the settings --------------------------------------------------------------------------------------------------

RIGHT: dict[str, Json] = {"server": "mail.example", "sender": "a@b.example", "to": ["c@d.example"]}


@pytest.mark.parametrize(
    ("key", "value", "told_"),
    [
        ("server", "smtp://mail.example", "HOST or HOST:PORT"),
        ("to", [], "must have an address"),
        ("to", ["a@b.example\r\nBcc: x@y.example"], "is no plain mail address"),
        ("to", ["a..b@c.example"], "is no plain mail address"),
        ("sender", "Anna <a@b.example>", "is no plain mail address"),
        ("username", "u", "go together"),
        ("password", "env:X", "go together"),
        ("tls", "none", "can't be `none`"),
    ],
)
def test_wrong_settings_are_told(key: str, value: Json, told_: str) -> None:
    """A setting that can't be is an error of the site file; the right ones are taken."""
    convert(RIGHT, Options, "[observers.mail]")
    with pytest.raises(SiteError) as caught:
        convert({**RIGHT, key: value}, Options, "[observers.mail]")
    assert told_ in caught.value.what
    assert "\r" not in caught.value.what


@pytest.mark.parametrize(
    ("server", "tls", "address"),
    [
        ("mail.example", "starttls", ("mail.example", 587)),
        ("mail.example", "implicit", ("mail.example", 465)),
        ("mail.example:25", "starttls", ("mail.example", 25)),
        ("[2001:db8::1]", "starttls", ("2001:db8::1", 587)),
        ("[2001:db8::1]:2525", "implicit", ("2001:db8::1", 2525)),
    ],
)
def test_the_port_follows_from_the_kind_of_tls(server: str, tls: str, address: tuple[str, int]) -> None:
    """Without a port it is the one for submission with that kind of TLS (RFC 6409, RFC 8314)."""
    observer = connect(
        ObserverAccess("mail", lambda: NOW), convert({**RIGHT, "server": server, "tls": tls}, Options, "x")
    )
    assert (vars(observer)["_host"], vars(observer)["_port"]) == address


def test_keys_are_not_logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, box: Box, ca: Path) -> None:
    """A variable that has TLS keys written down is not heeded."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    _observer(box, ca).observe(*told())
    assert not (tmp_path / "keys").exists()
    assert ssl.create_default_context().keylog_filename, "control: another context does"
