"""Hand mails to a server, by SMTP over TLS (RFC 5321, RFC 3207, RFC 4954)."""

import base64
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from engine.contracts import Observer, ObserverAccess
from engine.errors import Failed, LoginRefused, Refused, Unreachable, Untrusted, UsageError
from engine.model import Json
from engine.text import escape
from plugins.mail import Options
from plugins.mail.wire import UNFOLDED, message

TIMEOUT = 20.0
"""How long each wait for the server may take, in seconds."""

PORTS = {"starttls": 587, "implicit": 465}
UNSENT = "Nothing was sent."


class Mail(Observer):
    """Send one mail for each event, on a connection of its own."""

    def __init__(self, access: ObserverAccess, options: Options) -> None:
        self._access, self._options = access, options
        host, _, port = options.server.rpartition(":") if _has_port(options.server) else (options.server, "", "")
        self._host, self._port = host.strip("[]"), int(port or PORTS[options.tls])

    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        """Send the mail, as `Observer.observe` says.

        Where the server takes it for some of the recipients only, those get it, and Refused names the others.
        """
        mail = message(renewal, event, self._options.sender, self._options.to, self._access.now())
        with self._telling_errors(), self._connected() as server:
            self._log_in(server)
            self._send(server, mail)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = self._context()
        server: smtplib.SMTP
        if self._options.tls == "implicit":
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            server.ehlo_or_helo_if_needed()
            if self._options.tls == "starttls":
                self._begin_tls(server, context)
            yield server
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _begin_tls(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if not server.has_extn("starttls"):
            raise Failed(
                f"{self._name} offers no STARTTLS.",
                untouched=UNSENT,
                todo='Use its port for submission, or `tls = "implicit"` where it has that.',
            )
        server.starttls(context=context)
        server.ehlo()

    def _context(self) -> ssl.SSLContext:
        """Make a context that verifies; not the default one, which heeds SSLKEYLOGFILE and so writes down our keys."""
        context, ca = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self._options.ca
        try:
            if ca:
                context.load_verify_locations(ca)
            else:
                context.load_default_certs()
        except OSError as error:
            raise UsageError(
                f"The CA certificates in {escape(ca)} can't be used: {escape(error.strerror or error)}.",
                untouched=UNSENT,
                todo="Put PEM certificates there, or correct the observer's `ca` in the site file.",
            ) from None
        return context

    def _log_in(self, server: smtplib.SMTP) -> None:
        """Log in once, by PLAIN or else LOGIN; smtplib itself would send a wrong password once for each mechanism."""
        if not self._options.username:
            return
        offered = server.esmtp_features.get("auth", "").upper().split()
        user, password = self._options.username, self._access.secret(self._options.password)
        if "PLAIN" in offered:
            code, _ = server.docmd("AUTH", f"PLAIN {_base64(chr(0) + user + chr(0) + password)}")
        elif "LOGIN" in offered:
            code, _ = server.docmd("AUTH", f"LOGIN {_base64(user)}")
            if code == 334:
                code, _ = server.docmd(_base64(password))
        else:
            raise Failed(
                f"{self._name} offers no login that we have: PLAIN or LOGIN.",
                untouched=UNSENT,
                todo="Leave `username` and `password` out where it needs none.",
            )
        if code != 235:
            kind = Failed if 400 <= code < 500 else LoginRefused
            raise kind(
                f"{self._name} does not let {escape(user, 80)} in (it answers {code}).",  # its words may echo the login
                untouched="No mail was sent.",
                todo="Correct the observer's `username` or the password that it refers to.",
            )

    def _send(self, server: smtplib.SMTP, mail: EmailMessage) -> None:
        self._take(server.mail(self._options.sender), f"the sender {self._options.sender}")
        refused: dict[str, tuple[int, bytes]] = {}
        for address in self._options.to:
            answer = server.rcpt(address)
            if answer[0] not in (250, 251):
                refused[address] = answer
        if len(refused) == len(self._options.to):
            self._take(min(refused.values()), "any of the recipients")
        self._take(server.data(mail.as_bytes(policy=UNFOLDED)), "the mail")
        if refused:
            told = "; ".join(f"{address}: {_words(*answer)}" for address, answer in refused.items())
            raise Refused(f"{self._name} took the mail, but not for {told}.", todo="Correct the observer's `to`.")

    def _take(self, answer: tuple[int, bytes | str], what: str) -> None:
        """Raise Failed where the server says not now, Refused where it says never (RFC 5321 section 4.2.1)."""
        if answer[0] >= 300:
            kind = Refused if answer[0] >= 500 else Failed
            raise kind(f"{self._name} does not take {escape(what)}: {_words(*answer)}.", untouched="No mail was sent.")

    @contextmanager
    def _telling_errors(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(
                f"{self._name} is not proven to be {escape(self._host)}: {escape(error.verify_message)}.",
                untouched="No password and no mail was sent.",
                todo="Find out why; then correct the observer's `ca` or `server`.",
            ) from None
        except smtplib.SMTPDataError as error:
            self._take((error.smtp_code, error.smtp_error), "the mail")
        except smtplib.SMTPResponseException as error:
            told = _words(error.smtp_code, error.smtp_error)
            raise Failed(f"{self._name} answers {told}.", untouched=UNSENT, todo="Ask who runs it.") from None
        except (OSError, smtplib.SMTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(
                f"{self._name} did not answer: {escape(reason, 200).rstrip('.')}.",
                untouched=UNSENT,
                todo="Check that it is up.",
            ) from None

    @property
    def _name(self) -> str:
        return f"The mail server {escape(self._host)}:{self._port}"


def _has_port(server: str) -> bool:
    return ":" in server.rpartition("]")[2]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _words(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {escape(' '.join(text.split()), 200)}".rstrip(". ")
