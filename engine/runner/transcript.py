"""Write down what was said to boxes and seen on the wire, without secrets: notes for the report, not the truth.

Covered is what goes through `engine.https.HttpsClient` and `Work.served` while a step runs. Authorities speak through
clients of their own and aren't covered; what was submitted and what came back stands in the journal.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from html import escape as in_xml
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.https import Exchange
from engine.model import Json

if TYPE_CHECKING:
    from cryptography import x509

TEXT_LIMIT = 4096
"""How much of a body is kept, in characters; its size and SHA-256 are those of all of it."""

HIDDEN = "[secret]"

CODED_LIMIT = 6
"""The shortest piece of Base64 that is taken for a secret, in characters; shorter ones are everywhere."""

_TEXT = re.compile(r"text/.*|application/(.*\+)?(json|xml|yaml)|application/x-www-form-urlencoded|multipart/.*")
_NAMED = re.compile(
    r"""((?:password|passwd|pwd|secret|token|passphrase|api_?key|authorization|cookie)["']?\s*[:=>]\s*["']?)([^"'<&\s,}]+)""",
    re.IGNORECASE,
)
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


class Transcript:
    """Be what one command adds to a renewal's transcript; `write` keeps an entry."""

    def __init__(self, write: Callable[[Json], None], secrets: Callable[[], Iterable[str]], at: Callable[[], str]):
        self._write, self._secrets, self._at = write, secrets, at

    def exchange(self, step: str, node: str, address: str, exchange: Exchange) -> None:
        """Note one request to a box, and its answer or why none came."""
        hide = _Hider(self._secrets())
        answer = exchange.answer
        entry: dict[str, Json] = {"kind": "exchange", "at": self._at(), "step": step, "node": node, "address": address}
        entry |= {"method": exchange.method, "path": hide(exchange.path)}
        if exchange.sent:
            entry["sent"] = _body(exchange.sent, exchange.sent_type.partition(";")[0], hide)
        if answer is not None:
            entry |= {"status": answer.status, "received": _body(answer.body, answer.content_type, hide)}
        else:
            entry["error"] = hide(exchange.error)
        self._write(entry)

    def look(self, step: str, address: str, seen: "x509.Certificate | None", error: str = "") -> None:
        """Note what a TLS port presented, or why nothing was seen."""
        from engine.certificates import fingerprint

        shown: dict[str, Json] = {"sha256": fingerprint(seen)} if seen is not None else {"error": error}
        self._write({"kind": "handshake", "at": self._at(), "step": step, "address": address, **shown})


def _body(content: bytes, kind: str, hide: "_Hider") -> dict[str, Json]:
    """Describe a body: its digest is left out where a secret was, because a digest of it could be used to guess it."""
    text = content.decode("utf-8", "replace")
    shown = hide(text)
    about: dict[str, Json] = {"type": kind, "bytes": len(content)}
    if shown == text:
        about["sha256"] = hashlib.sha256(content).hexdigest()
    if _TEXT.fullmatch(kind.strip().lower()):
        about["text"] = shown[:TEXT_LIMIT]
    return about


class _Hider:
    """Replace what must not be kept: each secret in the spellings it could come in, and what is named like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [secret for secret in secrets if secret]
        self._spelled = sorted({form for secret in known for form in _spellings(secret)}, key=len, reverse=True)
        self._coded = {part for secret in known for part in _coded(secret)}

    def __call__(self, text: str) -> str:
        for secret in self._spelled:
            text = text.replace(secret, HIDDEN)
        for part in self._coded:
            text = _without_word(text, part)
        return _NAMED.sub(rf"\1{HIDDEN}", _KEY.sub("[private key]", text))


def _spellings(secret: str) -> Iterable[str]:
    yield from (secret, quote(secret), quote(secret, safe=""), in_xml(secret), in_xml(secret, quote=False))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]


def _coded(secret: str) -> Iterable[str]:
    """Return what Base64 makes of a secret wherever it begins in a longer text, such as after a user name."""
    for content in {secret.encode(), secret.encode("latin-1", "replace")}:
        for before, first in ((0, 0), (1, 2), (2, 3)):
            whole = base64.b64encode(b"-" * before + content).decode()
            part = whole[first : (before + len(content)) * 8 // 6]
            if len(part) >= CODED_LIMIT:
                yield part


def _without_word(text: str, part: str) -> str:
    """Replace every Base64 word that holds a part."""
    while (start := text.find(part)) >= 0:
        end = start + len(part)
        while start > 0 and text[start - 1] in _BASE64:
            start -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        text = text[:start] + HIDDEN + text[end:]
    return text
