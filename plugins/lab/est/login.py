"""Decide who may use the EST server: HTTP Basic, HTTP Digest (RFC 7616) or a TLS client certificate."""

import hashlib
import hmac
import secrets
from urllib.request import parse_http_list, parse_keqv_list

from plugins.lab.account import Account
from plugins.lab.api import Answer, Request
from plugins.lab.effects import Effects
from plugins.lab.web import credentials

REALM = "Corp EST"


class Door:
    """Let those in who know the account's password; `scheme` is ``basic``, ``digest`` or ``certificate``."""

    def __init__(self, name: str, account: Account, scheme: str, effects: Effects) -> None:
        self._name, self._account, self._scheme, self._effects = name, account, scheme, effects
        self._nonce = secrets.token_urlsafe(24)

    def refusal(self, asked: Request) -> Answer | None:
        """Return the answer to whoever may not pass; None for whoever may."""
        given = asked.headers.get("authorization", "")
        if self._scheme == "certificate":
            self._effects.add(self._name, "login-refused", username="", count=0, locked=False)
            return text(403, "A client certificate is needed.")
        if not given:
            return self._ask()
        user, password = credentials(asked) if self._scheme == "basic" else self._digest(given, asked)
        return None if self._account.login(user, password) else self._ask()

    def _ask(self) -> Answer:
        digest = f'Digest realm="{REALM}", nonce="{self._nonce}", qop="auth", algorithm=SHA-256, opaque="0a"'
        header = f'Basic realm="{REALM}"' if self._scheme == "basic" else digest
        return text(401, "Who are you?", **{"WWW-Authenticate": header})

    def _digest(self, given: str, asked: Request) -> tuple[str, str]:
        """Return user and password where the response proves that both are known; else what is no login."""
        fields = parse_keqv_list(parse_http_list(given.partition(" ")[2]))
        user, password = self._account.username, self._account.password
        secret = _sha(f"{user}:{REALM}:{password}")
        request = _sha(f"{asked.method}:{asked.path}")
        middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        right = hmac.compare_digest(fields.get("response", ""), _sha(f"{secret}:{middle}:{request}"))
        known = fields.get("username") == user and fields.get("nonce") == self._nonce
        return (user, password) if right and known else (fields.get("username", ""), "")


def text(status: int, words: str, **headers: str) -> Answer:
    """Answer with plain text."""
    return Answer(status, words.encode(), "text/plain", headers=headers)


def _sha(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
