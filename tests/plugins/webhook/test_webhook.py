"""Hold the webhook: one signed request over TLS for each event, a body that no name can leave, no secret anywhere."""

import json
import re
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import Observer, ObserverAccess
from engine.errors import CertrenewError, Failed, Refused, Unreachable, Untrusted, UsageError
from engine.model import Json
from engine.testing.authorities import HOSTILE
from engine.testing.observers import ObserverConformance, told
from plugins.webhook import Options, connect
from plugins.webhook.wire import NAMES, body, fields, signature
from tests.engine.web import OK, Web, serving
from tests.pki import CA, pem
from tests.reference import DOCS

SECRET = "canary-93bd"
TOKEN = "T0K3N-canary"
NOW = datetime(2026, 11, 23, 16, 0, 5, tzinfo=UTC)
ROOT = CA.root("Hook Root")
PATH = f"/services/{TOKEN}?a=b"


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Write the CA certificate that verifies the receiver."""
    path = tmp_path / "root.pem"
    path.write_text(pem(ROOT.certificate))
    return path


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Run a receiver that takes everything."""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path) as running:
        yield running


def _observer(address: str, ca: Path | None, **more: Any) -> Observer:
    secrets = {"env:KEY": SECRET, "env:URL": f"https://{address}{PATH}", "env:BAD": f"http://{address}{PATH}"}
    access = ObserverAccess("hook", lambda: NOW, lambda reference: secrets[str(reference)])
    told_: dict[str, Any] = {"url": f"https://{address}{PATH}", "secret": "env:KEY", "ca": ca, **more}
    return connect(access, Options(**told_))


def _received(web: Web) -> tuple[str, dict[str, str], bytes]:
    """Return request line, headers (names in lower case) and body of the one request."""
    (request,) = [one for one in web.received if one]
    head, _, content = request.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    return line, {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}, content


class TestWebhook(ObserverConformance):
    """The webhook keeps to the contract of observers."""

    secret = SECRET

    @pytest.fixture(autouse=True)
    def _with_a_server(self, web: Web, ca: Path) -> None:
        self._web, self._ca = web, ca

    def make(self, reachable: bool = True) -> Observer:
        return _observer(self._web.address if reachable else "127.0.0.1:1", self._ca)


# ---- the request ---------------------------------------------------------------------------------------------------


def test_one_signed_request_for_each_event(web: Web, ca: Path) -> None:
    """The request goes to the path of the address, names the event, and its signature covers time and body."""
    renewal, event = told()
    _observer(web.address, ca).observe(renewal, event)
    line, headers, content = _received(web)
    assert line == f"POST {PATH} HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["certrenew-event"] == event["hash"]
    assert headers["certrenew-timestamp"] == str(int(NOW.timestamp()))
    assert headers["certrenew-signature"] == signature(SECRET, int(NOW.timestamp()), content)
    sent = json.loads(content)
    assert tuple(sent) == NAMES
    assert sent["state"] == "Validated"
    assert sent["waits_for"] == "approval"
    assert SECRET not in web.text


def test_the_receiver_of_the_docs_takes_it(web: Web, ca: Path, tmp_path: Path) -> None:
    """The receiver's lines in the docs take our request, and refuse another body, time, key or an old one."""
    page = (DOCS / "reference" / "observers.md").read_text()
    (snippet,) = [one for one in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "hmac" in one]
    assert len([line for line in snippet.splitlines() if line.startswith("    ")]) <= 5
    (tmp_path / "receiver.py").write_text(snippet)
    genuine = runpy.run_path(str(tmp_path / "receiver.py"))["genuine"]
    _observer(web.address, ca).observe(*told())
    _, headers, content = _received(web)
    time, sign, now = headers["certrenew-timestamp"], headers["certrenew-signature"], NOW.timestamp()
    assert genuine(SECRET, time, sign, content, now)
    assert not genuine(SECRET, time, sign, content + b" ", now)
    assert not genuine(SECRET, str(int(time) + 1), sign, content, now)
    assert not genuine("other", time, sign, content, now)
    assert not genuine(SECRET, time, "", content, now)
    assert not genuine(SECRET, time, sign, content, now + 3600)


def test_an_address_may_be_a_secret(web: Web, ca: Path) -> None:
    """The address may be given by reference; a wrong one behind it is told without showing it."""
    _observer(web.address, ca, url="env:URL").observe(*told())
    assert _received(web)[0].startswith(f"POST {PATH} ")
    with pytest.raises(UsageError) as caught:
        _observer(web.address, ca, url="env:BAD").observe(*told())
    assert TOKEN not in f"{caught.value}{caught.value.todo}"


@pytest.mark.parametrize("url", ["https://", "https://u:p@h.example/", "https://h.example:x/", "https://h\n.example/"])
def test_an_address_that_can_not_be_is_told(url: str) -> None:
    """An address without a host, with a login in it, or with a port or characters that can't be, is refused."""
    with pytest.raises(UsageError, match="no address"):
        _observer("127.0.0.1:1", None, url=url).observe(*told())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Refused) for status in (400, 413, 422)),
        *((status, Failed) for status in (301, 302, 401, 404, 429, 503)),
    ],
)
def test_any_other_answer_is_no_success(tmp_path: Path, ca: Path, status: int, kind: type[CertrenewError]) -> None:
    """What the receiver can never take is given up; all else is tried again. A redirect is not followed."""
    answer = f"HTTP/1.1 {status} x\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path, answer) as web:
        with pytest.raises(kind) as caught:
            _observer(web.address, ca).observe(*told())
        assert type(caught.value) is kind
        assert str(status) in caught.value.what
        assert TOKEN not in caught.value.what
        assert len([one for one in web.received if one]) == 1


def test_an_endless_answer_is_cut(tmp_path: Path, ca: Path) -> None:
    """An answer that is too large is not read to its end."""
    answer = OK.replace(b"Content-Length: 2\r\n\r\n{}", b"\r\n") + b"x" * (5 * 1024 * 1024)
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path, answer) as web, pytest.raises(Failed, match="more than"):
        _observer(web.address, ca).observe(*told())


def test_another_server_gets_nothing(tmp_path: Path, ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that is not proven gets no request; a proxy of the environment is not used."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with serving(CA.root("Other").issue("IP:127.0.0.1"), tmp_path) as web:
        with pytest.raises(Untrusted):
            _observer(web.address, ca).observe(*told())
        assert web.text == ""
    with serving(ROOT.issue("IP:127.0.0.1"), tmp_path) as web:
        _observer(web.address, ca).observe(*told())
        assert len(web.received) == 1


def test_an_error_tells_the_host_alone(ca: Path) -> None:
    """Where nobody listens, the error names host and port, but not the path that may be a secret."""
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 did not answer:") as caught:
        _observer("127.0.0.1:1", ca).observe(*told())
    assert TOKEN not in f"{caught.value}{caught.value.todo}"


# ---- the body ------------------------------------------------------------------------------------------------------

TEMPLATE = {"text": "*${certificates}*: ${text} ($$5)", "fields": [{"title": "State", "value": "${state}"}, 7, None]}


def test_a_template_is_filled(web: Web, ca: Path, tmp_path: Path) -> None:
    """The texts of a JSON file get the values; everything else of it is sent as it is."""
    file = tmp_path / "body.json"
    file.write_text(json.dumps(TEMPLATE))
    _observer(web.address, ca, template=file).observe(*told())
    sent = json.loads(_received(web)[2])
    assert sent == {
        "text": "*conformance*: conformance ($5)",
        "fields": [{"title": "State", "value": "Validated"}, 7, None],
    }


@given(st.text())
def test_no_value_leaves_its_text(text: str) -> None:
    """Whatever a name is, the body is JSON of the template's shape, in ASCII, and shows no control character."""
    renewal, event = told(text=text)
    sent = body(fields(renewal, event), json.dumps(TEMPLATE).encode())
    assert sent.isascii()
    found: dict[str, Json] = json.loads(sent)
    assert {name: type(value) for name, value in found.items()} == {"text": str, "fields": list}
    assert all(
        character.isprintable() or character in "\u00a0\u3000" or ord(character) > 127 for character in found["text"]
    )


def test_hostile_names_are_escaped() -> None:
    """Control and bidirectional characters reach nobody's screen, in the usual body and in a template's."""
    values = fields(*told(text=HOSTILE))
    for sent in (body(values), body(values, json.dumps(TEMPLATE).encode())):
        assert b"\\\\x1b[2J\\\\u202e\\\\x0d\\\\x0aBcc" in sent


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b'"${stat}"', "Did you mean `state`?"),
        (b'"costs $ 5"', "begins no placeholder"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_wrong_template_is_told(template: bytes, words: str) -> None:
    """A template that can't be filled is an error with the way out; it holds nothing that was sent."""
    with pytest.raises(UsageError) as caught:
        body(fields(*told()), template)
    assert words in f"{caught.value.what} {caught.value.todo}"


def test_a_template_that_is_not_there_is_told(ca: Path, tmp_path: Path, web: Web) -> None:
    """An absent file is an error, and nothing is sent."""
    with pytest.raises(UsageError, match="can't be read"):
        _observer(web.address, ca, template=tmp_path / "none.json").observe(*told())
    assert web.received == []
