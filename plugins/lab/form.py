"""Be the web pages by which a person logs in to a box and uploads a certificate with its private key.

The login's form, its hidden `sessionid` and the Referer: github.com/jasonneurohr/py-expressway (seen). The labels of
the upload: deployment guide (confirmed). Path and field names of that page are unknown: the lab's own, by a switch.
"""

import html
import re
import secrets
from urllib.parse import parse_qs

from plugins.lab.api import Answer, Request, form_part
from plugins.lab.box import Box
from plugins.lab.requests import Refusal

LOGIN, PAGE = "/login", "/servercertificate"

FIELDS = {"guessed": ("servercert", "serverkey"), "other": ("cert_upload", "key_upload")}
"""The fields for the files, by the settings of the switch `form_fields`."""

_SESSION = re.compile(r"(?:^|;)\s*session=([0-9a-f]{32})")


class Pages:
    """Be the pages of one box; a session is forgotten when the lab ends."""

    def __init__(self, box: Box) -> None:
        self._box, self._sessions = box, dict[str, bool]()

    def has(self, asked: Request) -> bool:
        """Tell whether a request is for one of the pages."""
        return asked.path in (LOGIN, PAGE)

    def answer(self, asked: Request) -> Answer:
        """Show or work a page; whoever is not logged in is sent to the login."""
        session = self._session(asked)
        if asked.path == LOGIN:
            return self._log_in(asked, session) if asked.method == "POST" else self._show_login()
        if not self._sessions.get(session):
            return Answer(302, b"", "text/html", {"Location": LOGIN})
        if asked.method != "POST":
            return self._show(session)
        return self._upload(asked, session)

    def _session(self, asked: Request) -> str:
        found = _SESSION.search(asked.headers.get("cookie", ""))
        return found[1] if found else ""

    def _show_login(self) -> Answer:
        """Begin a session that nobody is logged in to."""
        session = secrets.token_hex(16)
        self._sessions[session] = False
        fields = '<input name="username"><input type="password" name="password">'
        page = _page(LOGIN, session, f'{fields}<input type="submit" name="submitButton" value="Login">')
        return Answer(200, page, "text/html", {"Set-Cookie": f"session={session}; Path=/; Secure; HttpOnly"})

    def _log_in(self, asked: Request, session: str) -> Answer:
        sent = {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
        whole = sent.get("sessionid") == session in self._sessions and "referer" in asked.headers
        if not whole or not self._box.account.login(sent.get("username", ""), sent.get("password", "")):
            return self._show_login()
        fresh = secrets.token_hex(16)
        self._sessions[fresh] = True
        cookie = {"Set-Cookie": f"session={fresh}; Path=/; Secure; HttpOnly"}
        return Answer(302, b"", "text/html", {"Location": "/overview", **cookie})

    def _show(self, session: str, told: str = "") -> Answer:
        certificate, key = FIELDS[self._box.settings["form_fields"]]
        fields = (
            f"<p>{html.escape(told)}</p>"
            f'Select the server private key file <input type="file" name="{key}">'
            f'Select the server certificate file <input type="file" name="{certificate}">'
            '<input type="submit" name="submitbutton" value="Upload server certificate data">'
        )
        return Answer(200, _page(PAGE, session, fields), "text/html")

    def _upload(self, asked: Request, session: str) -> Answer:
        kind = asked.headers.get("content-type", "")
        hidden, pressed, *files = (
            form_part(kind, asked.body, name)
            for name in ("sessionid", "submitbutton", *FIELDS[self._box.settings["form_fields"]])
        )
        if hidden.decode("latin-1") != session or not pressed or "referer" not in asked.headers:
            return self._show(session, "The page has expired.")
        try:
            self._box.upload_with_key(*files)
        except Refusal as refusal:
            return self._show(session, f"Failed: {refusal}")
        return self._show(session, "Files uploaded. A restart is required.")


def _page(path: str, session: str, fields: str) -> bytes:
    hidden = f'<input type="hidden" name="sessionid" value="{session}">'
    form = f'<form method="post" action="{path}" enctype="multipart/form-data">{hidden}{fields}</form>'
    return f"<!DOCTYPE html><html><head><title>Expressway</title></head><body>{form}</body></html>".encode()
