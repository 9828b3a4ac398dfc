"""Make what a login sends: HTTP Basic, or the steps of NTLM, Kerberos and Negotiate, bound to a TLS channel.

Opens no connection to the CA; Kerberos asks the domain for tickets by itself.
"""

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from engine.contracts import Office
from engine.errors import LoginRefused, NotSent, UsageError
from engine.text import escape
from plugins.adcs import Options

if TYPE_CHECKING:
    import spnego

SCHEMES = {"kerberos": "Negotiate", "negotiate": "Negotiate", "ntlm": "NTLM", "basic": "Basic"}
"""What a server offers (RFC 4559, RFC 7617) where a way to log in can be used."""

NTLM_OPENS = b"NTLMSSP\x00\x01\x00\x00\x00"
"""In the first of NTLM's messages (MS-NLMP 2.2.1.1), bare or within SPNEGO; it proves nothing yet."""

NOTHING_SENT = "Nothing was submitted."

T = TypeVar("T")


class Step(NamedTuple):
    """Be one step: the header that goes out, and whether it only opens a login, so that the request waits."""

    header: str
    opening: bool


class Login:
    """Be one account at one web server; once refused it is never sent again (lockout). Keeps no password."""

    def __init__(self, office: Office, options: Options, host: str) -> None:
        self._office, self._options, self._host = office, options, host
        self.scheme = SCHEMES[options.auth]
        self._was_refused = False

    @property
    def who(self) -> str:
        """Return the account, for people."""
        return f"'{escape(self._options.username, 80)}'" if self._options.username else "the account of the ticket"

    def check(self) -> None:
        """Raise LoginRefused when the login was refused before."""
        if self._was_refused:
            raise self.refused("It failed before, so nothing more was sent.")

    def refused(self, untouched: str = NOTHING_SENT) -> LoginRefused:
        """Note that the server refused the login, and return the error."""
        return self._never_again(
            f"{escape(self._host)} refused the login of {self.who} by {self._options.auth}.",
            untouched,
            "Check `username` and `password`. Where Extended Protection is required, nothing between here and the web "
            "server may end TLS.",
        )

    def _never_again(self, what: str, untouched: str, todo: str) -> LoginRefused:
        self._was_refused = True
        return LoginRefused(
            what, untouched=f"{untouched} It is not tried again: a domain locks out who keeps trying.", todo=todo
        )

    def basic(self) -> str:
        """Write the header of HTTP Basic. Raises NotSent, without the secret, for what it can't carry."""
        login = f"{self._options.username}:{self._password()}"
        if ":" in self._options.username or not login.isascii() or not login.isprintable():
            raise NotSent(
                f"User name or password for {escape(self._host)} has characters that HTTP Basic can't carry.",
                untouched="Nothing was sent.",
                todo="Set another `auth`, or use a user name without a colon and a password of ASCII characters.",
            )
        return "Basic " + base64.b64encode(login.encode("ascii")).decode("ascii")

    def begin(self, end_point: bytes) -> "spnego.ContextProxy":
        """Begin a login bound to the certificate (DER) that the connection showed. Raises like `step`."""
        return self._guarded(lambda: self._context(end_point))

    def step(self, context: "spnego.ContextProxy", given: bytes | None) -> Step | None:
        """Return the next step after what the server sent; None when there is none.

        Raises NotSent or LoginRefused: what goes wrong here went wrong here or at the KDC.
        """
        token = self._guarded(lambda: context.step(given))
        if not token:
            return None
        return Step(f"{self.scheme} {base64.b64encode(token).decode('ascii')}", NTLM_OPENS in token)

    def _context(self, end_point: bytes) -> "spnego.ContextProxy":
        import spnego

        return spnego.client(
            self._options.username or None,
            self._password() or None,
            hostname=self._host,
            service="HTTP",
            channel_bindings=bindings(end_point),
            protocol=self._options.auth,
        )

    def _guarded(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except _errors() as error:
            what = f"No login of {self.who} to {escape(self._host)} came about: {_why(error)}."
        if self._options.password:
            raise self._never_again(
                what, NOTHING_SENT, "Check `username` and `password`, and that the domain can be asked from here."
            )
        raise NotSent(
            what,
            untouched="Nothing was sent.",
            todo="Get a Kerberos ticket (kinit), or name a keytab in KRB5_CLIENT_KTNAME. The domain must know the web "
            f"server as HTTP/{escape(self._host)}.",
        )

    def _password(self) -> str:
        if not self._options.password:
            return ""
        try:
            return self._office.secret(self._options.password)
        except UsageError as error:
            raise NotSent(error.what, untouched="Nothing was sent.", todo=error.todo) from None


def _why(error: Exception) -> str:
    """Return what a login failed for; of GSSAPI's words those of the mechanism, which say it."""
    text = " ".join(str(error).split())
    said = re.search(r"Minor \(\d+\): (.+?)(?:, Context: |$)", text)
    return escape(said[1] if said else text, 240).rstrip(".")


def _errors() -> tuple[type[Exception], ...]:
    """Name what a step of a login may raise; pyspnego lets errors of the Kerberos library through."""
    from spnego.exceptions import SpnegoError

    known = (SpnegoError, OSError, ValueError, ImportError, RuntimeError)
    try:
        from krb5 import Krb5Error
    except ImportError:
        return known
    return (*known, Krb5Error)


def bindings(end_point: bytes) -> "spnego.channel_bindings.GssChannelBindings":
    """Bind to the certificate that the connection showed (RFC 5929 section 4): SHA-256 where its own hash is weaker."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from spnego.channel_bindings import GssChannelBindings

    certificate = x509.load_der_x509_certificate(end_point)
    own = certificate.signature_hash_algorithm
    algorithm = hashes.SHA256() if own is None or own.name in ("md5", "sha1") else own
    return GssChannelBindings(application_data=b"tls-server-end-point:" + certificate.fingerprint(algorithm))
