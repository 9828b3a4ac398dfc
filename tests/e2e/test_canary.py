"""Passwords that nobody else has, followed through a whole renewal with failures: they are found nowhere."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.errors import LoginRefused
from plugins.lab.lab import Lab
from tests.e2e.story import Story

EARLY = [["show", "ID", "--json"], ["plan", "ID"], ["advance", "ID"]]
COMMANDS = [
    ["list", "--all"],
    ["list", "--all", "--json"],
    ["show", "ID"],
    ["show", "ID", "--json"],
    ["why", "ID"],
    ["why", "ID", "--json"],
    ["journal", "ID", "--json"],
    ["journal", "ID", "--verify"],
    ["plan", "ID"],
    ["plan", "ID", "--json"],
    ["queue", "--as", "change-manager", "--json"],
    ["advance", "ID"],
]


@pytest.fixture
def story(labs: Callable[..., Lab]) -> Story:
    """Return a story among boxes whose passwords are canaries, with markup and quotes in them."""
    lab = labs(cucm=True, switches={"*": {"soap_rate": "0", "soap_account": "separate"}})
    assert lab.cucm is not None
    for name in canaries(lab):
        (lab.home / "secrets" / name).write_bytes(f"canary-{name}-\"<&>'%+".encode())
    for name, box in lab.boxes.items():
        box.account.password = canaries(lab)[name]
    for name, node in lab.cucm.nodes.items():
        node.account.password = canaries(lab)[name]
        node.soap_account.password = canaries(lab)["cucm-pub-soap"]
    story = Story(lab)
    user = 'soap_username = "soapadmin"'
    story.edit_site(user, f'{user}\nsoap_password = "file:secrets/cucm-pub-soap"')
    return story


def canaries(lab: Lab) -> dict[str, str]:
    """Return every secret of the lab by the name of its file."""
    return {path.name: path.read_text() for path in (lab.home / "secrets").iterdir()}


def forms(secret: str, username: str) -> Iterator[bytes]:
    """Return how a secret could look in a file or on a screen."""
    for text in (secret, quote(secret), json.dumps(secret)[1:-1], secret.replace("&", "&amp;").replace("<", "&lt;")):
        yield text.encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")
    yield base64.b64encode(f"{username}:{secret}".encode()).rstrip(b"=")


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Return every file that was written for people or to be kept, those inside zips too."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".zip":
            yield str(path), path.read_bytes()
        elif path.is_file():
            with zipfile.ZipFile(path) as archive:
                yield from ((f"{path}:{name}", archive.read(name)) for name in archive.namelist())


def typed(story: Story, out: Path, commands: list[list[str]]) -> Iterator[tuple[str, bytes]]:
    """Type commands, each as a process of its own, and return what it printed."""
    reports = [["report", "ID", "--out", str(out / "pack")], ["report", "ID", "--zip", "--out", str(out / "pack.zip")]]
    for command in [*commands, *reports]:
        words = [story.id if word == "ID" else word for word in command]
        site = ["--site", str(story.lab.site_file), "--home", str(story.lab.home)]
        done = subprocess.run([sys.executable, "-m", "engine.cli", *site, *words], capture_output=True, check=False)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        yield " ".join(words), done.stdout + done.stderr


def fail(story: Story, kind: type[Exception], state: str) -> str:
    """Go on until something fails, and return what is said of it."""
    with pytest.raises(kind) as failed:
        story.until(state)
    return f"{failed.value!r} {failed.value}"


def test_no_secret_is_found_anywhere(story: Story, tmp_path: Path) -> None:
    """After refused logins, broken answers and a whole renewal, no file, page, message or progress holds a password."""
    lab, said = story.lab, list[str]()
    secret = lab.home / "secrets" / "expc"
    right = secret.read_bytes()
    secret.write_bytes(b"canary-wrong-password")
    story.begin()
    said.append(fail(story, LoginRefused, "Inspected"))
    secret.write_bytes(right)
    story.runner = story.as_("engineer")
    lab.order("expc", "denied")
    said.append(fail(story, LoginRefused, "Inspected"))
    story.runner = story.as_("engineer")
    lab.clear("expc")
    story.until("Validated")
    (tmp_path / "out" / "late").mkdir(parents=True)
    outputs = dict(typed(story, tmp_path / "out", EARLY))
    assert story.until("Restarted").state == "Restarted"
    outputs |= {f"{name} (late)": text for name, text in typed(story, tmp_path / "out" / "late", COMMANDS)}
    outputs |= {f"progress {number}": text.encode() for number, (_, text) in enumerate(story.told)}
    outputs |= {f"error {number}": text.encode() for number, text in enumerate(said)}
    outputs |= (
        dict(written(lab.home / "renewals")) | dict(written(lab.home / "locks")) | dict(written(tmp_path / "out"))
    )
    assert len(outputs) > 100
    secrets = {**canaries(lab), "wrong": "canary-wrong-password"}
    hidden = [
        form
        for secret in secrets.values()
        for name in ("admin", "certadmin", "soapadmin")
        for form in forms(secret, name)
    ]
    assert holding(outputs, hidden) == []
    assert holding({"planted": b"x" + base64.b64encode(b"canary-wrong-password")}, hidden) == ["planted"]


def holding(outputs: dict[str, bytes], hidden: list[bytes]) -> list[str]:
    """Return which outputs hold something that must be hidden."""
    return [name for name, content in outputs.items() if any(form in content for form in hidden)]
