"""Talk to one EST server over TLS: the only module here that connects.

A login is sent only when the server asks for it, after its certificate was verified (RFC 7030 sections 3.2.3 and 3.6).
"""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.contracts import Office
from engine.errors import Failed, LoginRefused, NotSent, Refused, Unreachable, Untrusted, UsageError
from engine.https import HttpsClient, Response
from engine.net import TlsTrust
from engine.text import escape
from plugins.est import Options, login, wire

if TYPE_CHECKING:
    from cryptography import x509

TIMEOUT = 60.0
"""How long an answer may take, in seconds: a CA may ask an HSM before it answers."""

UNKNOWN = "Whether it issued a certificate is not known; the request was not sent again."
ASK = "Run the same command again, and it says what to look for or asks the CA once more."

LOGIN_ADVICE = "Check `username` and `password` of the authority, or its `client_certificate`, with the PKI team."


class Client:
    """Be one EST server. After it refused the login once, nothing more is sent to it."""

    def __init__(self, office: Office, options: Options) -> None:
        self._office, self._options, self._place = office, options, wire.place(options.url)
        self.name = escape(office.name)
        self._refused = False
        trust = TlsTrust(self._place.hostname, ca=str(options.ca or ""))
        self._https = HttpsClient(self._place.address, trust, timeout=TIMEOUT, identity=_identity(options))

    def attributes(self) -> Response:
        """Ask what the CA wants in a CSR (section 4.5); the answer is the caller's to judge.

        Sees first whether the password can be had, so that this fails before a submission. Raises UsageError.
        """
        if self._options.password:
            self._office.secret(self._options.password)
        return self._send("GET", "csrattrs")

    def chain(self) -> "list[x509.Certificate]":
        """Return the CA certificates that the server gives (section 4.1). Raises Refused, Failed."""
        answer = self._judged(self._send("GET", "cacerts"), "cacerts")
        if answer.status != 200:
            raise Failed(
                f"{self.name} gave no CA certificates: {wire.words(answer)}.",
                untouched="Nothing was submitted.",
                todo="Try again later. If it stays so, ask the PKI team why /cacerts does not answer.",
            )
        return wire.certificates(answer.body, f"{self.name} (cacerts)")

    def enrol(self, body: bytes) -> Response:
        """Ask for a certificate, once (section 4.2). Raises Refused where certainly none was issued.

        After Unreachable that is unknown, unless it is NotSent.
        """
        try:
            return self._judged(self._send("POST", "simpleenroll", body), "simpleenroll")
        except NotSent:
            raise
        except Unreachable as error:
            error.untouched, error.todo = UNKNOWN, ASK
            raise

    def _send(self, method: str, operation: str, body: bytes | None = None) -> Response:
        if self._refused:
            raise self._login_refused("It refused the login before, so nothing more was sent.")
        if self._options.client_certificate:
            _check_private(self._options.client_key or self._options.client_certificate)
        answer = self._request(method, operation, body)
        if answer.status == 401:
            answer = self._logged_in(answer, method, operation, body)
            if answer.status == 401:
                self._refused = True
                raise self._login_refused("It is not tried again, because accounts get locked.")
        return answer

    def _request(
        self,
        method: str,
        operation: str,
        body: bytes | None,
        *,
        basic: Callable[[], tuple[str, str]] | None = None,
        authorization: str = "",
    ) -> Response:
        headers = {"Content-Type": wire.REQUEST} if body is not None else {}
        if authorization:
            headers["Authorization"] = authorization
        path = f"{self._place.path}/{operation}"
        try:
            return self._https.request(method, path, basic=basic, headers=headers, body=body)
        except Untrusted as error:
            error.todo = f"Find out why before anything else; then set `ca` in the options of {self.name}."
            raise
        except Unreachable as error:
            shown = " and that it accepts `client_certificate`" if self._options.client_certificate else ""
            error.todo = f"Check `url` of {self.name}, that the server is up{shown}; then run the same command again."
            raise

    def _logged_in(self, asked: Response, method: str, operation: str, body: bytes | None) -> Response:
        """Send a request again with the login that the server asks for; the secret lives no longer than this."""
        offered = login.challenges(asked.headers.get("www-authenticate", ""))
        challenge, options = login.chosen(offered), self._options
        if not options.password or challenge is None:
            raise self._no_login([one.scheme for one in offered])
        password = self._office.secret(options.password)
        if challenge.scheme == "basic":
            return self._request(method, operation, body, basic=lambda: (options.username, password))
        uri, nonce = f"{self._place.path}/{operation}", secrets.token_urlsafe(24)
        header = login.digest(challenge, options.username, password, method=method, uri=uri, cnonce=nonce)
        return self._request(method, operation, body, authorization=header)

    def _judged(self, answer: Response, operation: str) -> Response:
        """Raise Refused for what the server certainly did not do; return any other answer."""
        advice = {
            403: f"Ask the PKI team whether '{escape(self._options.username, 60)}' may enrol there.",
            404: "Check `url`: host, port and label.",
            405: "Check `url`: host, port and label.",
            429: f"It was asked too often. Wait {self.pause(answer)} seconds, then run the same command again.",
        }
        if 300 <= answer.status < 400:
            advice[answer.status] = "Redirects are not followed. Ask the PKI team for the final `url`."
        if answer.status not in advice:
            return answer
        raise Refused(
            f"{self.name} does not do {operation} for us: {wire.words(answer)}.",
            untouched="By its answer nothing was issued.",
            todo=advice[answer.status],
        )

    def pause(self, answer: Response) -> int:
        """Return how long the server wants to be left alone, in seconds."""
        return wire.retry_after(answer.headers.get("retry-after", ""), self._office.now())

    def _login_refused(self, untouched: str) -> LoginRefused:
        return LoginRefused(
            f"{self.name} refused the login of '{escape(self._options.username, 60)}' (HTTP 401).",
            untouched=f"Nothing was issued. {untouched}",
            todo=LOGIN_ADVICE,
        )

    def _no_login(self, schemes: list[str]) -> LoginRefused:
        wanted = escape(", ".join(schemes), 100) or "something it does not name"
        lacks = "" if self._options.password else ", and the site gives no password"
        return LoginRefused(
            f"{self.name} asks for a login (HTTP 401, {wanted}){lacks}.",
            untouched="No password was sent; nothing was issued.",
            todo=f"{LOGIN_ADVICE} Basic and Digest can be answered.",
        )


def _identity(options: Options) -> tuple[Path, Path] | None:
    if options.client_certificate is None and options.client_key is not None:
        raise UsageError("`client_key` is given without `client_certificate`.", todo="Give both, or the certificate.")
    if options.client_certificate is None:
        return None
    return options.client_certificate, options.client_key or options.client_certificate


def _check_private(key: Path) -> None:
    """Refuse a key that is somebody else's or that others may read. Raises UsageError."""
    try:
        status = key.stat()
    except OSError as error:
        raise UsageError(
            f"The client key {escape(key)} can't be read: {error.strerror}.",
            untouched="Nothing was sent.",
            todo="Correct `client_key` or `client_certificate` in the site file.",
        ) from None
    if status.st_uid not in (os.getuid(), 0) or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"The client key {escape(key)} is not yours alone.",
            untouched="Nothing was sent.",
            todo=f"Own it and close it: chmod 600 {escape(key)}",
        )
