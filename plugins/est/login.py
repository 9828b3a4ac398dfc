"""Choose how to answer a server that asks for a login, and answer HTTP Digest (RFC 7616). Pure; keeps no secret."""

import hashlib
import re
from typing import NamedTuple

from engine.errors import UsageError
from engine.text import escape

ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
"""Hash functions of Digest, the better first (RFC 7616 section 6.1); the variants `-sess` are not offered by us."""

LIMIT = 4096
"""How much of such a header is read, in characters."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)|\s*({_TOKEN})(?=\s|,|$)\s*,?|.')


class Challenge(NamedTuple):
    """Be one way to log in that a server offers; the scheme and the names of parameters are lower case."""

    scheme: str
    parameters: dict[str, str]


def challenges(header: str) -> list[Challenge]:
    """Read ``WWW-Authenticate`` (RFC 9110 section 11.6.1), several in one; what can't be read is passed over."""
    found: list[Challenge] = []
    for part in _PART.finditer(header[:LIMIT]):
        name, quoted, plain, scheme = part.groups()
        if scheme:
            found.append(Challenge(scheme.lower(), {}))
        elif name and found:
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            found[-1].parameters.setdefault(name.lower(), value)
    return found


def chosen(offered: list[Challenge]) -> Challenge | None:
    """Return the strongest that we can answer: Digest with SHA-256, with MD5, Basic; None when there is none."""
    digests = {_algorithm(one): one for one in reversed(offered) if one.scheme == "digest" and _answerable(one)}
    for algorithm in ALGORITHMS:
        if algorithm in digests:
            return digests[algorithm]
    return next((one for one in offered if one.scheme == "basic"), None)


def digest(challenge: Challenge, user: str, password: str, *, method: str, uri: str, cnonce: str) -> str:
    """Return the header that answers a Digest challenge once, with ``qop=auth`` (RFC 7616 section 3.4).

    Raises UsageError, without the secret, for a user name that can't stand in a header.
    """
    if not (user.isascii() and user.isprintable()) or '"' in user or "\\" in user:
        raise UsageError(
            f"HTTP Digest can't carry the user name '{escape(user, 60)}'.",
            untouched="Nothing was sent.",
            todo="Use an account whose user name has plain letters, digits and signs, and no quotation mark.",
        )
    given, algorithm = challenge.parameters, _algorithm(challenge)
    realm, nonce = given.get("realm", ""), given["nonce"]
    secret = _hash(algorithm, f"{user}:{realm}:{password}")
    asked = _hash(algorithm, f"{method}:{uri}")
    parts = {
        "username": user,
        "realm": realm,
        "uri": uri,
        "nonce": nonce,
        "cnonce": cnonce,
        "response": _hash(algorithm, f"{secret}:{nonce}:00000001:{cnonce}:auth:{asked}"),
    } | ({"opaque": given["opaque"]} if "opaque" in given else {})
    quoted = ", ".join(f'{name}="{_quoted(value)}"' for name, value in parts.items())
    return f"Digest {quoted}, algorithm={algorithm}, qop=auth, nc=00000001"


def _answerable(challenge: Challenge) -> bool:
    """Tell whether this Digest is one of ours, and nothing in it could break out of a header."""
    given = challenge.parameters
    ways = [way.strip().lower() for way in given.get("qop", "").split(",")]
    clean = all(value.isprintable() and value.isascii() for value in given.values())
    return "nonce" in given and "auth" in ways and _algorithm(challenge) in ALGORITHMS and clean


def _algorithm(challenge: Challenge) -> str:
    return challenge.parameters.get("algorithm", "MD5").upper()


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
