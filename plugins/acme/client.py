"""Carry messages to one CA: TLS that verifies, no redirect, no proxy, capped answers, and a refused nonce replaced.

The only module of this plugin that opens connections.
"""

import io
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import requests.adapters
import urllib3.exceptions
from acme import messages
from acme.client import ClientNetwork
from josepy.jwa import RS256

from engine.errors import CertrenewError, Failed, NotSent, Unreachable, Untrusted, UsageError
from engine.text import escape
from plugins.acme.key import AccountKey

BODY_LIMIT = 1024 * 1024
"""Largest answer that is read, in bytes; a chain of ten certificates is about 20 kB."""
NONCE_PAIRS = 10
"""How often a refused nonce is replaced: twice this many tries, for `acme` itself repeats once."""
TIMEOUT = 20
"""How long a connection, and each wait for more of an answer, may take, in seconds."""


class Network(ClientNetwork):
    """Be `acme`'s network over our own transport; `status` and `retry_after` are those of the last answer."""

    def __init__(self, url: str, ca: Path | None, key: AccountKey | None) -> None:
        jwk, algorithm = key or (None, RS256)
        super().__init__(key=jwk, alg=algorithm, user_agent="certrenew", timeout=TIMEOUT)
        self._adapter = _Adapter(url, _context(ca))
        self.session.trust_env = False  # neither proxies, nor netrc, nor REQUESTS_CA_BUNDLE
        self.session.adapters.clear()
        self.session.mount("", self._adapter)

    @property
    def status(self) -> int:
        """Return the HTTP status of the last answer."""
        return self._adapter.status

    @property
    def retry_after(self) -> str:
        """Return the header Retry-After of the last answer, or nothing."""
        return self._adapter.retry_after

    def close(self) -> None:
        """Close every connection and forget the key. Idempotent."""
        self.session.close()
        self.key = None

    def post(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a signed message, again where its nonce is refused: nothing was done then (RFC 8555 section 6.5)."""
        for _ in range(NONCE_PAIRS - 1):
            try:
                return super().post(*arguments, **options)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*arguments, **options)


class _Adapter(requests.adapters.HTTPAdapter):
    """Verify by one context alone, follow no redirect, cap every answer, and remember what the last one asked for."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url, self._ssl = url, context
        self.status, self.retry_after = 0, ""
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Have every connection use our context."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._ssl)

    def cert_verify(self, *_arguments: Any) -> None:
        """Leave trust to the context; `requests` would add its own CA certificates."""

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **options: Any) -> requests.Response:
        """Send one request and read the whole answer. Raises NotSent, Unreachable, Untrusted or Failed."""
        if not str(request.url).startswith("https://"):
            raise Failed(
                f"The CA names an address without TLS: {escape(request.url, 200)}.",
                untouched="Nothing was sent there.",
                todo="Check `directory` in the authority's options, and ask the CA.",
            )
        try:
            request.headers["Accept-Encoding"] = "identity"  # what is compressed may unfold to any size
            answer = super().send(request, stream=True, timeout=options.get("timeout"))
            body = answer.raw.read(BODY_LIMIT + 1, decode_content=False)
            body += answer.raw.read(1, decode_content=False)  # only this tells an answer that broke off
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _no_answer(self._url, error) from None
        self.status, self.retry_after = answer.status_code, answer.headers.get("Retry-After", "")
        if len(body) > BODY_LIMIT:
            answer.raw.close()
            raise Failed(f"The CA sent more than {BODY_LIMIT} bytes.", untouched="It was not read.", todo="Ask the CA.")
        if answer.is_redirect:
            raise Failed(
                f"The CA answers with a redirect to {escape(answer.headers['Location'], 200)}, which is not followed.",
                untouched="Nothing was sent there.",
                todo="If that is where it is now, correct `directory` in the authority's options.",
            )
        answer.raw = io.BytesIO(body)
        return answer


def alternates(answer: requests.Response) -> list[str]:
    """Return the addresses of alternate chains (RFC 8555 section 7.4.2)."""
    links = requests.utils.parse_header_links(answer.headers.get("Link", ""))
    return [str(one["url"]) for one in links if one.get("rel") == "alternate"]


def _context(ca: Path | None) -> ssl.SSLContext:
    """Make a context that verifies; not the default one, which heeds SSLKEYLOGFILE and so writes down our keys."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca is not None:
            context.load_verify_locations(ca)
        else:
            context.load_default_certs()
    except OSError as error:
        raise UsageError(
            f"The CA certificates in {escape(ca)} can't be used: {escape(error.strerror or error)}.",
            untouched="Nothing was sent.",
            todo="Put PEM certificates there, or correct `ca` in the authority's options.",
        ) from None
    return context


def _no_answer(url: str, error: Exception) -> CertrenewError:
    """Return the error for a request that got no answer, from its innermost cause."""
    layers = list(_layers(error))
    inner, at = layers[-1], escape(url, 200)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return Untrusted(
            f"{at} is not proven to be the CA: {escape(inner.verify_message, 200)}.",
            untouched="Nothing was sent.",
            todo="Find out why before anything else; a private CA's certificate goes into `ca` of the options.",
        )
    no_connection = urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError
    kind = NotSent if any(isinstance(one, no_connection) for one in layers) else Unreachable
    why = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return kind(
        f"{at} did not answer: {escape(why, 200).rstrip('.')}.",
        todo="Check that the CA can be reached from here, then run the same command again.",
    )


def _layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is wrapped in it; urllib3 keeps it as reason, cause or last argument."""
    yield error
    for deeper in (getattr(error, "reason", None), error.__cause__, error.args[-1] if error.args else None):
        if isinstance(deeper, BaseException):
            yield from _layers(deeper)
            return
