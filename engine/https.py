"""Talk HTTPS to boxes and authorities, for their drivers: TLS is verified, or pinned; no switch turns that off."""

import base64
import hashlib
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CertrenewError, Failed, NotSent, Unreachable, Untrusted, UsageError
from engine.net import TlsTrust, der, innermost, reading_only, reason, served, split_address
from engine.text import escape

if TYPE_CHECKING:
    import urllib3

BODY_LIMIT = 4 * 1024 * 1024
"""Largest answer that is read, in bytes; a trust store of 500 CA certificates is about 1 MiB."""

TIMEOUT = 20.0
"""How long a connection, and each wait for more of an answer, may take, in seconds."""

TIMES = 15
"""How many times that a whole answer may take: one that comes drop by drop ends, too."""

PIECE = 65536
"""How much of an answer is read at once, in bytes."""


@dataclass(frozen=True)
class Response:
    """Be an HTTP answer: status, content type (lower case, without parameters), body and headers.

    Names of headers are lower case; several of one name are joined by commas. `date` is the time by the sender's own
    clock (RFC 9110 section 6.6.1), None where it does not tell.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    date: datetime | None = None


@dataclass(frozen=True)
class Exchange:
    """Be one request and what came of it, for a transcript: the answer, or the error in words. No header but types.

    `path` and bodies are as they were sent and received: whoever keeps them takes secrets out.
    """

    method: str
    path: str
    sent: bytes = field(repr=False)
    sent_type: str
    answer: Response | None = None
    error: str = ""


class HttpsClient:
    """Talk HTTPS to one box: each request on a connection of its own, so that trust is judged anew every time.

    Redirects are not followed, nothing is repeated, proxies and variables of the environment are ignored, answers are
    capped at `BODY_LIMIT`. Credentials are sent only after the certificate was accepted. `identity` is the certificate
    with its chain, and the key without a password, that are shown to whoever asks for them: two PEM files. Each
    exchange is told to `record`, also one that failed.
    """

    def __init__(
        self,
        address: str,
        trust: TlsTrust,
        *,
        timeout: float = TIMEOUT,
        identity: tuple[Path, Path] | None = None,
        record: Callable[[Exchange], None] = lambda _exchange: None,
    ) -> None:
        self._host, self._port = split_address(address)
        self._address, self._trust, self._timeout, self._identity = address, trust, timeout, identity
        self._record = record

    def request(
        self,
        method: str,
        path: str,
        *,
        basic: Callable[[], tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request and read the whole answer.

        Raises Untrusted or NotSent (nothing was sent), Unreachable (it may or may not have been carried out), Failed
        (the answer is too large) or UsageError (CA file or identity can't be used, or HTTP Basic can't carry a login).
        """
        sent = dict(headers or {})
        about = Exchange(method, path, body or b"", sent.get("Content-Type", ""))
        if basic is not None:
            sent["Authorization"] = _basic(self._address, *basic())
        try:
            answer = self._exchanged(method, path, sent, body)
        except CertrenewError as error:
            self._record(replace(about, error=error.what))
            raise
        self._record(replace(about, answer=answer))
        return answer

    def _exchanged(self, method: str, path: str, sent: dict[str, str], body: bytes | None) -> Response:
        import urllib3

        try:
            with self._pool() as pool:
                answer = pool.request(
                    method,
                    path,
                    headers=sent,
                    body=body,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,  # nothing compressed was asked for, and it may unfold to any size
                )
                return self._read(answer)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if _is_distrust(error):
                raise self._untrusted(reason(error)) from None
            no_connection = urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError
            kind = NotSent if isinstance(error, no_connection) else Unreachable
            raise kind(
                f"{escape(self._address)} did not answer {method} {escape(path)}: {reason(error)}.",
                untouched=_left(method, sent=kind is not NotSent),
                todo="Check that the box is up and reachable from here, then run the same command again.",
            ) from None

    def _pool(self) -> "urllib3.HTTPSConnectionPool":
        import urllib3

        pin = self._pin()
        # With a pin the fingerprint is asserted instead, below, before anything is sent.
        context = reading_only() if pin else self._context()
        if self._identity:
            self._present(context, *self._identity)
        return urllib3.HTTPSConnectionPool(
            self._host,
            self._port,
            timeout=self._timeout,
            maxsize=1,
            ssl_context=context,
            server_hostname=self._trust.hostname,
            assert_hostname=False if pin else self._trust.hostname,
            assert_fingerprint=pin or None,
        )

    def _context(self) -> ssl.SSLContext:
        """Return a context that verifies, one of its own where it is to show our certificate."""
        file = self._trust.ca or ssl.get_default_verify_paths().cafile
        try:
            if self._identity or not file:  # a folder is read as it is needed, and what was read would stay trusted
                return _verifying(self._trust.ca)
            return _kept(self._trust.ca, _version(file))
        except OSError as error:
            raise UsageError(
                f"The CA certificates in {escape(self._trust.ca)} can't be used: {reason(error)}.",
                untouched="Nothing was sent.",
                todo="Put PEM certificates there, or correct `ca` in the site file.",
            ) from None

    def _present(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        """Have the context show our own certificate, also to a server that asks only once it knows the path."""
        try:
            context.load_cert_chain(certificate, key, password="")  # never ask at the terminal
        except OSError as error:
            raise UsageError(
                f"The client certificate {escape(certificate)} with the key {escape(key)} can't be used: "
                f"{reason(error)}.",
                untouched="Nothing was sent.",
                todo="Put the PEM certificate and its own key there; the key may have no password.",
            ) from None
        context.post_handshake_auth = True

    def _pin(self) -> str:
        """Choose which of several pins the connection must show; the connection itself then asserts it."""
        if not self._trust.pins and not self._trust.pins_only:
            return ""
        shown = hashlib.sha256(der(served(self._address, timeout=self._timeout))).hexdigest()
        if shown in self._trust.pins:
            return shown
        if not self._trust.pins_only:
            return ""
        raise self._untrusted(f"it shows the certificate sha256:{shown}, which is none of those expected")

    def _read(self, answer: "urllib3.BaseHTTPResponse") -> Response:
        body, end = bytearray(), time.monotonic() + TIMES * self._timeout
        try:
            while len(body) <= BODY_LIMIT and (more := answer.read1(PIECE)):
                body += more
                if time.monotonic() > end:
                    raise TimeoutError
        finally:
            answer.close()
        if len(body) > BODY_LIMIT:
            raise Failed(
                f"{escape(self._address)} sent more than {BODY_LIMIT} bytes.",
                untouched="It was not read.",
                todo="Look what answers at this address; a box does not send so much.",
            )
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        headers = {name.lower(): answer.headers[name] for name in answer.headers}
        return Response(answer.status, kind, bytes(body), headers, _date(headers.get("date", "")))

    def _untrusted(self, why: str) -> Untrusted:
        return Untrusted(
            f"{escape(self._address)} is not proven to be {escape(self._trust.hostname)}: {why}.",
            untouched="No user name or password was sent.",
            todo="Find out why before anything else; then set the node's `ca` or `pin` in the site file.",
        )


@lru_cache(maxsize=16)
def _kept(ca: str, _version: tuple[int, ...]) -> ssl.SSLContext:
    """Return the context for this version of a file, made once.

    Reading CA certificates takes longer than the rest of a request, those of a system many times as long.
    """
    return _verifying(ca)


def _verifying(ca: str) -> ssl.SSLContext:
    """Make a context that verifies; not the default one, which heeds SSLKEYLOGFILE and so writes down our keys."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    return context


def _version(file: str) -> tuple[int, ...]:
    """Return what changes when somebody writes a file anew; nobody can set the change time. Raises OSError."""
    about = os.stat(file)
    return about.st_dev, about.st_ino, about.st_size, about.st_ctime_ns


def _date(header: str) -> datetime | None:
    """Read the header ``Date``, which is in GMT; None for one that can't be read."""
    from email.utils import parsedate_to_datetime

    try:
        told = parsedate_to_datetime(header)
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _left(method: str, *, sent: bool) -> str:
    """Say what became of a request that got no whole answer."""
    if not sent:
        return "Nothing was sent."
    if method == "GET":
        return "It was only asked for something; nothing was changed."
    return "Whether it did what it was asked is not known; the next run looks first, and does nothing twice."


def _basic(address: str, user: str, password: str) -> str:
    """Write the header of HTTP Basic (RFC 7617 section 2). Raises UsageError, without the secret, for what it lacks."""
    text = user + password
    if ":" in user or not text.isprintable() or any(ord(character) > 255 for character in text):
        raise UsageError(
            f"User name or password for {escape(address)} has characters that HTTP Basic can't carry.",
            untouched="Nothing was sent.",
            todo="Use an account whose user name has no colon, and whose password is of Latin characters.",
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()


def _is_distrust(error: BaseException) -> bool:
    """Tell whether the certificate was at fault, which is found before anything is sent; else TLS merely broke."""
    from urllib3.exceptions import SSLError
    from urllib3.util.ssl_match_hostname import CertificateError

    inner = innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError | CertificateError):
        return True
    return isinstance(inner, SSLError) and "Fingerprints did not match" in str(inner)
