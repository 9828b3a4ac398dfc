"""Read a box's web pages and write its forms. Pure; sources in docs/reference/expressway.md, "Shared certificate"."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote_plus, urlencode

from plugins.expressway.wire import Body

INPUTS = 500
"""Most fields of a page that are taken note of."""

PAGE = 256 * 1024
"""How much of a page is read, in bytes."""

LOGIN = "/login"
"""Where a person logs in (seen)."""

_COOKIE = re.compile(r"(?:^|,)\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([ -+\--:<-~]*)")
"""A cookie's name and value (RFC 6265 section 4.1.1), before its attributes; after a comma in a date stands no name."""


@dataclass(frozen=True)
class Form:
    """Be a form of a page: its `action`, its hidden fields, and the names of its fields for files and passwords."""

    action: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Sequence[str] = ()
    asks_password: bool = False


class _Forms(HTMLParser):
    """Collect the forms of a page; a field outside of any is taken to be in the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = [{}]
        self.inputs: list[tuple[int, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a form, or of a field."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and len(self.found) < INPUTS:
            self.found.append(given)
        elif tag == "input" and len(self.inputs) < INPUTS:
            self.inputs.append((len(self.found) - 1, given))


def forms(content: bytes) -> list[Form]:
    """Return the forms of a page, in their order; what is before the first one comes first. Never raises."""
    parser = _Forms()
    with suppress(AssertionError):  # of a declaration that html.parser does not know; what came before it counts
        parser.feed(content[:PAGE].decode("utf-8", "replace"))
    return [
        _form(about, [one for at, one in parser.inputs if at == number]) for number, about in enumerate(parser.found)
    ]


def _form(about: Mapping[str, str], inputs: Sequence[Mapping[str, str]]) -> Form:
    of = {kind: [one for one in inputs if one.get("type", "text").lower() == kind] for kind in _KINDS}
    return Form(
        about.get("action", ""),
        {one["name"]: one.get("value", "") for one in of["hidden"] if one.get("name")},
        [one["name"] for one in of["file"] if one.get("name")],
        bool(of["password"]),
    )


_KINDS = ("hidden", "file", "password")


def asks_login(content: bytes) -> bool:
    """Tell whether a page asks for a password: then nobody is logged in."""
    return any(one.asks_password for one in forms(content))


def login_form(page: bytes, user: str, password: str) -> Body:
    """Write what a person sends who logs in (seen), with what the page hides, such as `sessionid`."""
    hidden = next((dict(one.hidden) for one in forms(page) if one.asks_password), {})
    fields = {**hidden, "submitButton": "Login", "username": user, "password": password, "formbutton": "Login"}
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def upload_form(page: bytes, names: tuple[str, str]) -> Form | None:
    """Return the form of a page that has both of these fields for files; None without one."""
    return next((one for one in forms(page) if set(names) <= set(one.files)), None)


def file_fields(page: bytes) -> list[str]:
    """Return the names of all fields for files on a page."""
    return [name for one in forms(page) for name in one.files]


def upload_body(form: Form, button: str, files: Mapping[str, tuple[str, bytes]]) -> Body:
    """Write a form with what it hides, the button, and files by field: name and content (RFC 7578)."""
    pressed, _, value = button.partition("=")
    content = b"".join(content for _, content in files.values())
    boundary = hashlib.sha256(content).hexdigest()  # so it does not occur in it
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{text}\r\n'.encode()
        for name, text in {**form.hidden, pressed: unquote_plus(value)}.items()
    ]
    for name, (file, sent) in files.items():
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{file}"'
        kind = "Content-Type: application/x-pem-file"
        parts.append(f"--{boundary}\r\n{head}\r\n{kind}\r\n\r\n".encode() + sent + b"\r\n")
    return Body(b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}")


def _quoted(name: str) -> str:
    """Write a field's name into a header (RFC 7578 section 2, as browsers do)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def path_of(form: Form, page: str) -> str:
    """Return where a form goes: a path of the same host alone, or else the page itself."""
    return form.action if re.fullmatch(r"/[A-Za-z0-9_./-]+", form.action) and "//" not in form.action else page


def cookies(known: Mapping[str, str], header: str) -> dict[str, str]:
    """Return the cookies that a box set so far, with those of one more header; several stand there by commas."""
    return {**known, **{name: value.strip() for name, value in _COOKIE.findall(header)}}


def cookie_header(known: Mapping[str, str]) -> str:
    """Write the cookies into a request's header."""
    return "; ".join(f"{name}={value}" for name, value in known.items())
