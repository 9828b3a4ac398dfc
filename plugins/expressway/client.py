"""Talk to one box: the only module of this driver that opens connections."""

from collections.abc import Mapping

from engine.contracts import Access
from engine.errors import ApiDisabled, LoginRefused, UsageError
from engine.https import HttpsClient, Response
from engine.text import escape
from plugins.expressway import wire
from plugins.expressway.status import Status

OFF_SINCE = "X15.2"
"""The release from which an account may not use the API until somebody allows it (change history of X15.2)."""


def default_access(release: str) -> str:
    """Say whether accounts may use the API by default on a release, or on all where it is not known. Pure."""
    from engine.certificates import Release

    before = f"Before {OFF_SINCE} it is on unless somebody switched it off."
    since = f"From {OFF_SINCE} it is off until somebody switches it on."
    try:
        return since if Release.parse(release) >= Release.parse(OFF_SINCE) else before
    except UsageError:
        return f"{before} {since}"


class Client:
    """Send each request once, with HTTP Basic, and never again after the box refused the login.

    `status` is what the box said of itself, when it has: it makes the advice fit the release.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._https = HttpsClient(access.address, access.trust, record=access.record)
        self._refused = False
        self.status: Status | None = None

    def get(self, path: str) -> Response:
        """Read. Raises what `_send` raises; any other status is the caller's to judge."""
        return self._send("GET", path, {}, None)

    def post(self, path: str, body: wire.Body | None = None) -> Response:
        """Write, once. After Unreachable it is unknown whether the box did it."""
        media = {"Content-Type": body.media} if body else {}
        return self._send("POST", path, wire.WRITE_HEADERS | media, body.content if body else b"")

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Send one request. Raises LoginRefused, ApiDisabled, and what `HttpsClient.request` raises."""
        if self._refused:
            raise self._login_refused("It refused the login before, so nothing more was sent.")
        answer = self._https.request(method, path, basic=self._login, headers=dict(headers), body=body)
        if answer.status == 401:
            self._refused = True
            raise self._login_refused("Nothing was changed.")
        if answer.status == 403:
            raise self._api_disabled(path)
        return answer

    def _login(self) -> tuple[str, str]:
        return self._access.username, self._access.password()

    def _login_refused(self, untouched: str) -> LoginRefused:
        node, user = escape(self._access.node), escape(self._access.username)
        return LoginRefused(
            f"{node} refused the login of '{user}' (HTTP 401).",
            untouched=f"{untouched} It is not tried again: a box locks out who keeps trying.",
            todo=f"Check `username` and `password` of the node, and that the account may use the API. {self._enable()}",
        )

    def _api_disabled(self, path: str) -> ApiDisabled:
        node, user = escape(self._access.node), escape(self._access.username)
        release = f" ({escape(self.status.box.release, 20)})" if self.status else ""
        return ApiDisabled(
            f"{node}{release} knows '{user}' but does not allow it to use {path} (HTTP 403).",
            untouched="Nothing was changed.",
            todo=self._enable(),
        )

    def _enable(self) -> str:
        """Say where the API is switched on; change history of X15.2, administrator guide X15.0."""
        if self.status and self.status.locked_down:
            return "Advanced account security mode is on, which takes the API from everybody: do the step by hand."
        release = self.status.box.release if self.status else ""
        return (
            "On the box's web page Users > Administrator accounts, open the account and set API access to On. "
            f"{default_access(release)} In advanced account security mode nobody has it; then do the step by hand."
        )
