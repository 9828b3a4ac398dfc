"""Talk HTTPS to web enrolment: the only module here that connects.

Each exchange has a connection of its own, on which it is first seen that the server is who it should be and wants a
login; then the login's steps follow, bound to this very TLS channel (RFC 5929, tls-server-end-point), and only the last
of them carries the request. Redirects are not followed, nothing is repeated, proxies, netrc and variables of the
environment are ignored, and answers are capped.
"""

import base64
import re
import ssl
from contextlib import closing
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, IncompleteRead, NewConnectionError

from engine.contracts import Office
from engine.errors import ApiDisabled, CertrenewError, Failed, NotSent, Unreachable, Untrusted
from engine.text import escape
from plugins.adcs import URL, Options, wire
from plugins.adcs.login import NOTHING_SENT, Login

BODY_LIMIT = 1024 * 1024
"""Largest answer that is read, in bytes; a chain of ten certificates is about 20 kB."""

PIECE = 64 * 1024
"""How much of an answer is read at once, in bytes."""

TIMEOUT = (20.0, 120.0)
"""How long a connection, and each wait for more of an answer, may take, in seconds; a CA signs within the second."""

STEPS = 4
"""Most steps of a login: NTLM has two, Negotiate at most two more."""


class _OneConnection(HTTPAdapter):
    """Use one TLS context, and one connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0, pool_block=True)

    def init_poolmanager(self, *values: Any, **named: Any) -> None:
        super().init_poolmanager(*values, ssl_context=self._context, **named)


class _Answer:
    """Be a whole answer; `end_point` is the certificate that the connection showed, in DER."""

    def __init__(self, given: requests.Response) -> None:
        connection = getattr(given.raw, "connection", None)
        wrapped = getattr(connection, "sock", None)
        self.end_point: bytes = wrapped.getpeercert(binary_form=True) if wrapped is not None else b""
        self.status, self.headers = given.status_code, given.headers
        self.body = b""
        # Piece by piece to the end, because only a read at the end finds an answer that was cut off.
        while len(self.body) <= BODY_LIMIT and (more := given.raw.read(PIECE, decode_content=False)):
            self.body += more

    def offers(self, scheme: str) -> bool:
        """Tell whether the server wants a login and takes this scheme."""
        return self.status == 401 and re.search(rf"(?i)(^|,)\s*{scheme}\b", self._challenge) is not None

    def token(self, scheme: str) -> bytes | None:
        """Return what the server sends as its part of the login; None when it sends nothing."""
        found = re.search(rf"(?i)(?:^|,)\s*{scheme}\s+([A-Za-z0-9+/]+=*)\s*(?:,|$)", self._challenge)
        try:
            return base64.b64decode(found[1], validate=True) if found else None
        except ValueError:
            return None

    @property
    def _challenge(self) -> str:
        return self.headers.get("WWW-Authenticate", "")


class _Request(NamedTuple):
    """Be what is asked; `form` is None where nothing is posted."""

    method: str
    path: str
    form: bytes | None = None


class Client:
    """Send requests to one web enrolment; after it refused the login once, it is never sent again (lockout)."""

    def __init__(self, office: Office, options: Options) -> None:
        found = URL.fullmatch(options.url)
        self._name = (found["host"] if found else "").strip("[]")
        self.host = (found["address"] if found else "").lower()
        self._authority, self._ca = escape(office.name), options.ca
        self._login = Login(office, options, self._name)

    def get(self, path: str) -> bytes:
        """Read. Raises Untrusted, LoginRefused, ApiDisabled, NotSent or Failed."""
        return self._exchange(_Request("GET", path))

    def post(self, path: str, form: bytes) -> bytes:
        """Send a form, once. Raises like `get`; after Failed, NotSent not among it, it may have been carried out."""
        return self._exchange(_Request("POST", path, form))

    def _exchange(self, what: _Request) -> bytes:
        self._login.check()
        with closing(requests.Session()) as session:
            session.trust_env = False
            session.mount("https://", _OneConnection(self._tls()))
            wall = self._ask(session, _Request("GET", wire.HOME), sent=False)
            self._check_wall(wall)
            send = self._basic if self._login.scheme == "Basic" else self._negotiated
            return self._judged(send(session, wall, what))

    # ---- logging in ----

    def _basic(self, session: requests.Session, _wall: _Answer, what: _Request) -> _Answer:
        return self._ask(session, what, self._login.basic(), sent=True)

    def _negotiated(self, session: requests.Session, wall: _Answer, what: _Request) -> _Answer:
        """Log in step by step, on the one connection; the request goes with the step that can be the last."""
        context = self._login.begin(wall.end_point)
        step = self._login.step(context, None)
        for _ in range(STEPS):
            if step is None:
                break
            bare = what._replace(form=what.form and b"")
            answer = self._ask(session, bare if step.opening else what, step.header, sent=not step.opening)
            if answer.status != 401 and step.opening:
                raise NotSent(
                    f"{self.host} answered HTTP {answer.status} in the middle of the login.",
                    untouched=NOTHING_SENT,
                    todo="Look at web enrolment there, then run the same command again.",
                )
            if answer.status != 401:
                return answer
            given = answer.token(self._login.scheme)
            step = self._login.step(context, given) if given else None
        raise self._login.refused()

    # ---- sending ----

    def _tls(self) -> ssl.SSLContext:
        """Make a context that verifies; not a default one, which heeds SSLKEYLOGFILE and so writes down our keys."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(str(self._ca))
        except OSError as error:
            reason = "it holds no PEM certificates" if isinstance(error, ssl.SSLError) else error.strerror
            raise NotSent(
                f"The CA certificates in {escape(self._ca)} can't be used: {reason}.",
                untouched="Nothing was sent.",
                todo=f"Put PEM certificates there, or correct `ca` of authority {self._authority}.",
            ) from None
        return context

    def _ask(self, session: requests.Session, what: _Request, login: str = "", *, sent: bool) -> _Answer:
        """Send one request and read its answer; `sent` says that it may be carried out."""
        headers = {"User-Agent": "certrenew", "Accept": "*/*", "Accept-Encoding": "identity"}
        headers |= {"Authorization": login} if login else {}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if what.form is not None else {}
        try:
            with session.request(
                what.method,
                f"https://{self.host}{what.path}",
                headers=headers,
                data=what.form,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
                verify=str(self._ca),
            ) as given:
                answer = _Answer(given)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._broken(error, what, sent=sent) from None
        if len(answer.body) > BODY_LIMIT:
            kind, untouched = (Failed, "The rest was not read.") if sent else (NotSent, NOTHING_SENT)
            raise kind(f"{self.host} sent more than {BODY_LIMIT} bytes for {escape(what.path)}.", untouched=untouched)
        return answer

    def _broken(self, error: Exception, what: _Request, *, sent: bool) -> CertrenewError:
        """Say what a failed request was: nobody there, somebody else there, or no answer."""
        causes = _causes(error)
        verdict = next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)
        if verdict is not None:
            return Untrusted(
                f"{self.host} is not proven to be {escape(self._name)}: {escape(verdict.verify_message).rstrip('.')}.",
                untouched="No user name or password was sent.",
                todo=f"Find out why before anything else; then correct `ca` of authority {self._authority}.",
            )
        early = not sent or any(isinstance(one, NewConnectionError | requests.ConnectTimeout) for one in causes)
        kind = NotSent if early else Unreachable
        return kind(
            f"{self.host} did not answer {what.method} {escape(what.path)}: {_reason(causes)}.",
            untouched=NOTHING_SENT if early else "Whether it was carried out is not known." if what.form else "",
            todo="Check that it is up and reachable from here, then run the same command again.",
        )

    # ---- judging ----

    def _check_wall(self, wall: _Answer) -> None:
        """See that the server wants a login that can be given, and keeps the connection for its steps."""
        name = self._authority
        if wall.offers(self._login.scheme):
            if self._login.scheme == "Basic" or wall.end_point:
                return
            what = "closes the connection before the login is done"
            todo = "Reach it without a proxy or load balancer: the steps of a login need one connection."
        elif wall.status == 401:
            offered = escape(wall.headers.get("WWW-Authenticate", "nothing"), 120)
            what = f"takes no {self._login.scheme}; it offers {offered}"
            todo = f"Set another `auth` for authority {name}, or have it switched on in IIS."
        elif 300 <= wall.status < 400:
            to = escape(wall.headers.get("Location", ""), 120)
            what = f"sends elsewhere, to {to}, and a login is not given to others"
            todo = f"Set `url` of authority {name} to where web enrolment really is."
        elif wall.status == 404:
            what, todo = "has no /certsrv/", "Check `url`; the CA needs the role service Web Enrollment."
        else:
            what = f"answers {wall.status} where it should ask for a login"
            todo = f"Check `url` of authority {name}, and that anonymous access to /certsrv/ is off."
        raise NotSent(f"{self.host} {what}.", untouched="No user name, password or request was sent.", todo=todo)

    def _judged(self, answer: _Answer) -> bytes:
        if answer.status == 401:
            raise self._login.refused()
        if answer.status == 403:
            raise ApiDisabled(
                f"{self.host} knows {self._login.who} but does not let it use web enrolment (HTTP 403).",
                untouched=NOTHING_SENT,
                todo="Have the account allowed there.",
            )
        if answer.status != 200:
            to = escape(answer.headers.get("Location", ""), 120)
            raise Failed(
                f"{self.host} answered with HTTP {answer.status}{f' and sends elsewhere, to {to}' if to else ''}.",
                untouched="Nothing was sent there." if to else "",
                todo="Look at web enrolment there, then run the same command again.",
            )
        return bytes(answer.body)


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error with everything below it; requests and urllib3 keep causes as arguments or as `reason`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
    return found


def _reason(causes: list[BaseException]) -> str:
    """Say in a few words why, from the system's own error where there is one."""
    for one in causes:
        if isinstance(one, TimeoutError | requests.Timeout):
            return "no answer in time"
        if isinstance(one, IncompleteRead):
            return "the answer was cut off"
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return escape(one.strerror, 120)
        if isinstance(one, ConnectionError):
            return "the connection was closed without an answer"
    return escape(type(causes[-1]).__name__, 60)
