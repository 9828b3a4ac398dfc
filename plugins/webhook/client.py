"""POST events to one address, signed."""

from urllib.parse import urlsplit

from engine.contracts import Observer, ObserverAccess
from engine.errors import CertrenewError, Failed, Refused, UsageError
from engine.https import HttpsClient
from engine.model import Json
from engine.net import TlsTrust
from engine.text import escape
from plugins.webhook import Options
from plugins.webhook.wire import body, fields, signature

TEMPLATE_LIMIT = 64 * 1024
"""Largest template that is read, in bytes."""

GIVEN_UP = (400, 413, 422)
"""Answers that say that the receiver will never take this body; anything else may be mended there."""


class Webhook(Observer):
    """Send one request for each event. The address may be a secret, so no error tells more of it than the host."""

    def __init__(self, access: ObserverAccess, options: Options) -> None:
        self._access, self._options = access, options

    def observe(self, renewal: dict[str, Json], event: dict[str, Json]) -> None:
        """Send the request, as `Observer.observe` says; an answer of 200 to 299 is success."""
        content = body(fields(renewal, event), self._template())
        address, hostname, path = self._target()
        timestamp = int(self._access.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "certrenew",
            "Certrenew-Event": event["hash"],
            "Certrenew-Timestamp": str(timestamp),
            "Certrenew-Signature": signature(self._access.secret(self._options.secret), timestamp, content),
        }
        client = HttpsClient(address, TlsTrust(hostname, ca=str(self._options.ca or "")))
        try:
            status = client.request("POST", path, headers=headers, body=content).status
        except CertrenewError as error:
            raise type(error)(error.what.replace(f" POST {escape(path)}", "")) from None
        if not 200 <= status < 300:
            kind = Refused if status in GIVEN_UP else Failed
            raise kind(f"{escape(hostname)} answers {status}{' (redirects are not followed)' * (300 <= status < 400)}.")

    def _target(self) -> tuple[str, str, str]:
        """Return address, host name and path. Raises UsageError, without the address, for what is none."""
        given = self._options.url
        url = given if isinstance(given, str) and given.startswith("https://") else self._access.secret(given)
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "https" or not parts.hostname or parts.username or not (url.isascii() and url.isprintable()):
            raise UsageError(
                "The webhook's `url` is no address that begins with https:// and has no user name in it.",
                untouched="Nothing was sent.",
                todo="Correct it in the site file, or where it refers to.",
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{host}:{port}", parts.hostname, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _template(self) -> bytes | None:
        if self._options.template is None:
            return None
        try:
            with self._options.template.open("rb") as file:
                return file.read(TEMPLATE_LIMIT)
        except OSError as error:
            raise UsageError(
                f"The template {escape(self._options.template)} can't be read: {error.strerror}.",
                untouched="Nothing was sent.",
                todo="Check the path.",
            ) from None
