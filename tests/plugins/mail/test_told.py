"""Tell the whole story: commands of a site with a mail and a webhook observer, against real servers."""

import email
import email.policy
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.cli import main
from engine.runner.observers.start import STARTED
from tests.engine.web import Web
from tests.engine.web import serving as web_serving
from tests.pki import CA, pem
from tests.plugins.mail.server import Box, serving

ROOT = CA.root("Told Root")
CANARIES = ("canary-mail-password", "canary-hook-key", "canary-hook-path")

SITE = """
schema = 1

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "127.0.0.1:1"
hostname = "expc.example"
username = "admin"
password = "env:EXPC"

[authorities.corp]
plugin = "manual"

[certificates.expc-server]
node = "expc"
authority = "corp"

[observers.mail]
plugin = "mail"

[observers.mail.options]
server = "{mail}"
ca = "root.pem"
username = "certrenew"
password = "env:MAIL"
sender = "certrenew@a.example"
to = ["ops@b.example"]

[observers.hook]
plugin = "webhook"
events = ["all"]

[observers.hook.options]
url = "env:HOOK"
secret = "env:KEY"
ca = "root.pem"
"""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Box, Web]]:
    """Run both servers, write the site file, and wait at the end until all deliveries have ended."""
    (tmp_path / "root.pem").write_text(pem(ROOT.certificate))
    leaf = ROOT.issue("IP:127.0.0.1")
    with ExitStack() as stack:
        box = stack.enter_context(serving(leaf, tmp_path))
        web = stack.enter_context(web_serving(leaf, tmp_path))
        box.password = CANARIES[0]
        for name, value in zip(
            ("MAIL", "KEY", "HOOK"), (*CANARIES[:2], f"https://{web.address}/{CANARIES[2]}"), strict=True
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("EXPC", "canary-box")
        site = tmp_path / "certrenew.toml"
        site.write_text(SITE.format(mail=box.address))
        site.chmod(0o600)
        yield box, web
        _wait()


def _wait() -> None:
    for one in STARTED:
        one.wait(120)
    STARTED.clear()


def _run(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--site", str(folder / "certrenew.toml"), "--home", str(folder / "home"), *arguments])
    _wait()
    return int(ended.value.code or 0)


def test_people_and_systems_are_told(
    tmp_path: Path, servers: tuple[Box, Web], capsys: pytest.CaptureFixture[str]
) -> None:
    """A box that is away makes one mail, the webhook gets every event, each once, and no secret is anywhere."""
    box, web = servers
    assert _run(tmp_path, "start", "expc-server") == 0
    assert _run(tmp_path, "run", "expc-server") == 5
    assert _run(tmp_path, "run", "expc-server") == 5
    (envelope,) = box.mails
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.SMTP)
    assert mail["Subject"] == "[certrenew] expc-server on expc: is stopped: another system failed"
    assert "127.0.0.1:1" in mail.get_content()
    events = [json.loads(one.partition(b"\r\n\r\n")[2]) for one in web.received if one]
    assert [event["kind"] for event in events] == ["created", "stopped", "tried"]
    assert mail["Message-ID"] == f"<{events[1]['event']}@a.example>"
    out, err = capsys.readouterr()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    bodies = b"".join(one.partition(b"\r\n\r\n")[2] for one in web.received)
    for canary in (*CANARIES, "canary-box"):
        assert canary not in out + err
        assert canary.encode() not in kept + envelope.content + bodies


def test_what_could_not_be_told_is_a_warning(
    tmp_path: Path, servers: tuple[Box, Web], capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused login is one warning of the next command; the step, its exit code and the webhook are not touched."""
    box, web = servers
    box.password = "another"
    assert _run(tmp_path, "start", "expc-server") == 0
    assert _run(tmp_path, "run", "expc-server") == 5
    capsys.readouterr()
    assert _run(tmp_path, "cancel", "expc-server") == 0
    out, err = capsys.readouterr()
    (warning,) = [line for line in err.splitlines() if line.startswith("Warning")]
    assert "Observer mail could not tell event 2" in warning
    assert "does not let certrenew in (it answers 535)" in warning
    assert not any(canary in out + err for canary in CANARIES)
    assert len(box.logins) == 1, "a wrong password is not sent again so soon"
    assert len([one for one in web.received if one]) == 3
