"""Work a box's web page as a person does: of this folder, the module that connects."""

from collections.abc import Mapping
from dataclasses import replace

from engine.contracts import Access
from engine.errors import Failed, LoginRefused
from engine.https import Exchange, HttpsClient, Response
from engine.text import escape
from plugins.expressway import WebForm
from plugins.expressway.form import wire
from plugins.expressway.wire import Body


class Page:
    """Be the page of the server certificate: a login, then one form. A login that was refused is never sent again.

    Redirects are not followed, and cookies go back to the box itself alone. Of what is sent and received here nothing
    but method, path and status is noted.
    """

    def __init__(self, access: Access, options: WebForm) -> None:
        self._node, self._access, self._options = access.node, access, options
        self._https = HttpsClient(access.address, access.trust, record=self._note)
        self._refused = False

    def upload(self, certificate: bytes, private: bytes) -> None:
        """Log in and upload both files, PEM. What became of it shows in the slot, which the caller reads.

        Raises LoginRefused, Failed (the page is another than the settings say, or the box said no), and what
        `HttpsClient.request` raises.
        """
        page, names = self._options.page, (self._options.certificate_field, self._options.key_field)
        cookies, shown = self._logged_in(page)
        form = wire.upload_form(shown.body, names)
        if form is None:
            raise self._other_page(shown)
        files = {names[0]: ("certificate.pem", certificate), names[1]: ("privatekey.pem", private)}
        body = wire.upload_body(form, self._options.button, files)
        answer = self._send("POST", wire.path_of(form, page), cookies, page, body)
        if answer.status not in (200, 302, 303):
            raise Failed(
                f"{escape(self._node)} did not take certificate and key on {page}: HTTP {answer.status}.",
                untouched="Whether it did so all the same shows in its slot; it was not sent again.",
                todo="Look at that page in a browser. Without the table `web_form` people upload them there.",
            )

    def _logged_in(self, page: str) -> tuple[dict[str, str], Response]:
        """Log in, and return the cookies of the session with the page."""
        if self._refused:
            raise self._login_refused("It refused the login before, so nothing more was sent.")
        first = self._send("GET", wire.LOGIN, {}, wire.LOGIN)
        cookies = wire.cookies({}, first.headers.get("set-cookie", ""))
        body = wire.login_form(first.body, self._access.username, self._access.password())
        answer = self._send("POST", wire.LOGIN, cookies, wire.LOGIN, body)
        cookies = wire.cookies(cookies, answer.headers.get("set-cookie", ""))
        shown = self._send("GET", page, cookies, wire.LOGIN)
        if shown.status in (301, 302, 303, 401, 403) or wire.asks_login(shown.body):
            self._refused = True
            raise self._login_refused("Nothing was uploaded.")
        return wire.cookies(cookies, shown.headers.get("set-cookie", "")), shown

    def _send(
        self, method: str, path: str, cookies: Mapping[str, str], referer: str, body: Body | None = None
    ) -> Response:
        headers = {"Referer": f"https://{self._access.hostname}{referer}"}
        headers |= {"Cookie": wire.cookie_header(cookies)} if cookies else {}
        headers |= {"Content-Type": body.media} if body else {}
        return self._https.request(method, path, headers=headers, body=body.content if body else None)

    def _note(self, exchange: Exchange) -> None:
        """Have an exchange noted without anything that was in it: a password, a session, a private key."""
        answer = replace(exchange.answer, body=b"", headers={}) if exchange.answer else None
        self._access.record(replace(exchange, sent=b"", answer=answer))

    def _login_refused(self, untouched: str) -> LoginRefused:
        return LoginRefused(
            f"{escape(self._node)} refused the login of '{escape(self._access.username)}' on its web page.",
            untouched=f"{untouched} It is not tried again: a box locks out who keeps trying.",
            todo="Check that the account may use the web page, and `page` in [options.web_form] of the node.",
        )

    def _other_page(self, shown: Response) -> Failed:
        fields = ", ".join(escape(name, 60) for name in wire.file_fields(shown.body)[:20]) or "none"
        return Failed(
            f"{self._options.page} of {escape(self._node)} (HTTP {shown.status}) has no form with the fields "
            f"{self._options.certificate_field} and {self._options.key_field} for files; it has: {fields}.",
            untouched="Nothing was uploaded.",
            todo="Look at that page's source in a browser, and set `page`, `certificate_field`, `key_field` and "
            "`button` in [options.web_form] of the node. Without that table people upload certificate and key.",
        )
