"""Hold that a transcript says what was exchanged, and keeps nothing that must stay secret."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.https import Exchange, HttpsClient, Response
from engine.model import Json
from engine.net import TlsTrust
from engine.runner.transcript import TEXT_LIMIT, Transcript
from engine.store import Store
from engine.store.beside import FULL, TRANSCRIPT_CAP
from tests.engine.report.samples import stored

SECRET = "s3cr:et-\"<&>'%"


@pytest.fixture
def kept() -> list[Json]:
    """Return a list for entries."""
    return []


@pytest.fixture
def transcript(kept: list[Json]) -> Transcript:
    """Return a transcript that knows one secret."""
    return Transcript(kept.append, lambda: [SECRET], lambda: "2026-11-23T16:00:00Z")


def _note(transcript: Transcript, sent: bytes, answer: bytes, kind: str = "text/plain") -> None:
    exchange = Exchange("POST", f"/x?p={quote(SECRET)}", sent, "application/json", Response(200, kind, answer))
    transcript.exchange("install", "expc", "127.0.0.1:1", exchange)


def test_an_exchange_is_told_with_sizes_and_digests(transcript: Transcript, kept: list[Json]) -> None:
    """Method, path, status, types, sizes, digests and texts of both bodies are kept."""
    _note(transcript, b'{"a": 1}', b"fine")
    entry = kept[0]
    assert (entry["node"], entry["method"], entry["status"], entry["path"]) == ("expc", "POST", 200, "/x?p=[secret]")
    assert entry["sent"] == {
        "type": "application/json",
        "bytes": 8,
        "sha256": hashlib.sha256(b'{"a": 1}').hexdigest(),
        "text": '{"a": 1}',
    }
    assert entry["received"]["text"] == "fine"


def spellings() -> Iterator[bytes]:
    """Return how a box could echo the secret."""
    yield SECRET.encode()
    yield quote(SECRET).encode()
    yield json.dumps({"x": SECRET}).encode()
    yield SECRET.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()
    yield base64.b64encode(SECRET.encode())
    for user in ("admin", "soapadmin", "u"):
        yield b"Basic " + base64.b64encode(f"{user}:{SECRET}".encode())


@pytest.mark.parametrize("echo", list(spellings()))
@pytest.mark.parametrize("side", ["sent", "received"])
def test_a_secret_is_kept_in_no_spelling(transcript: Transcript, kept: list[Json], echo: bytes, side: str) -> None:
    """What a box echoes, or a body carries, is replaced in each spelling, and its digest left out."""
    _note(transcript, *((echo, b"") if side == "sent" else (b"", echo)))
    assert "[secret]" in kept[0][side]["text"]
    assert "sha256" not in kept[0][side]
    assert not any(form.decode().rstrip("=") in json.dumps(kept, ensure_ascii=False) for form in spellings())


@pytest.mark.parametrize(
    "text",
    ["password=hunter22", '{"passwd": "hunter22"}', "<Password>hunter22</Password>", "Set-Cookie: hunter22; Path=/"],
)
def test_what_is_named_like_a_secret_is_left_out(transcript: Transcript, kept: list[Json], text: str) -> None:
    """Passwords and cookies that certrenew never knew are left out by their names."""
    _note(transcript, b"", text.encode())
    assert "hunter22" not in json.dumps(kept)


def test_a_private_key_is_left_out(transcript: Transcript, kept: list[Json]) -> None:
    """A private key in a body is replaced, also one that was cut off."""
    _note(transcript, b"-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n", b"-----BEGIN PRIVATE KEY-----\nMIIabc")
    assert "MIIabc" not in json.dumps(kept)


def test_a_long_or_binary_body_is_not_kept_whole(transcript: Transcript, kept: list[Json]) -> None:
    """Of a long text the beginning is kept, of what is no text only size and digest."""
    _note(transcript, b"", b"x" * (TEXT_LIMIT + 100))
    _note(transcript, b"", b"\x00" * 10, kind="application/octet-stream")
    assert len(kept[0]["received"]["text"]) == TEXT_LIMIT
    assert kept[0]["received"]["bytes"] == TEXT_LIMIT + 100
    assert "text" not in kept[1]["received"]


def test_a_request_that_failed_is_told_too() -> None:
    """What never got an answer is recorded with the reason."""
    seen: list[Exchange] = []
    client = HttpsClient("127.0.0.1:1", TlsTrust("box.example"), record=seen.append)
    with pytest.raises(Exception, match="did not answer"):
        client.request("GET", "/status.xml", basic=lambda: ("admin", SECRET))
    assert [(one.method, one.path, one.answer) for one in seen] == [("GET", "/status.xml", None)]
    assert "did not answer" in seen[0].error
    assert SECRET not in repr(seen)


def test_a_full_transcript_ends_and_says_so(tmp_path: Path) -> None:
    """Nothing is added beyond its greatest size; the last entry says that it is full."""
    store = stored(tmp_path / "home")
    file = store.home / "renewals" / "r1" / "transcript.jsonl"
    file.write_bytes(b"x" * (TRANSCRIPT_CAP - 30))
    file.chmod(0o600)
    for _ in range(5):
        store.note("r1", {"kind": "exchange", "text": "y" * 100})
    assert store.transcript("r1").endswith(b"x" + FULL)
    assert len(store.transcript("r1")) <= TRANSCRIPT_CAP


def test_a_transcript_that_can_not_be_written_stops_nothing(tmp_path: Path) -> None:
    """Where no transcript can be written, no error is raised and nothing is read."""
    store = Store(tmp_path / "nowhere")
    store.note("r1", {"kind": "exchange"})
    store = stored(tmp_path / "home")
    assert store.transcript("r1") == b""
