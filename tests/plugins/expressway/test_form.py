"""Upload certificate and key on a box's web page: the page is read first, and nothing goes anywhere else."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.contracts import Device
from engine.errors import Failed, LoginRefused, Refused, Untrusted
from engine.https import Exchange
from engine.net import TlsTrust
from plugins.expressway import Options, WebForm, connect
from plugins.expressway.form import wire
from plugins.lab.authority import pem
from plugins.lab.lab import Lab
from plugins.lab.requests import Pending
from tests.plugins.expressway.conftest import MakeLab, access

PAGE = b"""<html><form action=/search><input name=q></form>
<form method="POST" action="/upload"><INPUT TYPE="hidden" NAME="sessionid" VALUE="a&amp;b">
<input type="file" name="one"><input type=file name=two></form></html>"""


# ---- pages and forms -----------------------------------------------------------------------------------------------


def test_the_form_with_both_fields_is_taken() -> None:
    """Of several forms the one that has both files; what it hides is read; a field that is not there finds none."""
    form = wire.upload_form(PAGE, ("two", "one"))
    assert form is not None
    assert (form.action, dict(form.hidden)) == ("/upload", {"sessionid": "a&b"})
    assert wire.upload_form(PAGE, ("one", "three")) is None
    assert wire.file_fields(PAGE) == ["one", "two"]


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("/upload", "/upload"),
        ("", "/page"),
        ("https://evil.example/x", "/page"),
        ("//evil.example/x", "/page"),
        ("/a//evil", "/page"),
        ("/x\r\nHost: evil", "/page"),
        ("javascript:x", "/page"),
    ],
)
def test_a_form_goes_to_its_own_host_alone(action: str, path: str) -> None:
    """A path of the box is heeded; whatever leads elsewhere is not."""
    assert wire.path_of(wire.Form(action), "/page") == path


def test_a_body_is_what_a_browser_sends() -> None:
    """Hidden fields, the button and both files, each with its name (RFC 7578)."""
    body = wire.upload_body(wire.Form(hidden={"s": "1"}), "b=Do+it", {"c": ("c.pem", b"CERT"), "k": ("k.pem", b"KEY")})
    boundary = body.media.partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n") for part in body.content.split(b"--" + boundary)[1:-1]]
    assert [content for _, _, content in parts] == [b"1\r\n", b"Do it\r\n", b"CERT\r\n", b"KEY\r\n"]
    assert b'name="k"; filename="k.pem"' in parts[3][0]
    assert body.content.endswith(b"--" + boundary + b"--\r\n")


@given(st.binary(max_size=600))
@example(b"<![abc[x]]>")
@example(b"<![ [")
def test_any_page_can_be_read(page: bytes) -> None:
    """Whatever comes as a page, reading it breaks nothing, and what has no password field asks for none."""
    wire.forms(page)
    assert wire.upload_form(page, ("one", "two")) is None
    assert b"password" in page.lower() or not wire.asks_login(page)


def test_cookies_are_kept_by_name() -> None:
    """Several in one header, with dates in them; a later one of the same name counts; attributes are none."""
    header = "a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT; Path=/, b=x-y; Secure, a=2; HttpOnly"
    assert wire.cookies({"a": "0", "c": "3"}, header) == {"a": "2", "b": "x-y", "c": "3"}
    assert wire.cookie_header({"a": "2", "b": "x"}) == "a=2; b=x"
    assert wire.cookies({}, "a=1\r\nHost: evil") == {"a": "1"}


# ---- at a box ------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Return a lab whose peers can share a certificate."""
    return make_lab(shared=True, cucm=False)


def made(lab: Lab) -> tuple[Pending, bytes]:
    """Make a CSR on the first peer, have the old CA sign it, and return it with the certificate alone."""
    pending = lab.boxes["expc"].generate_csr({"Additional_FQDNS": ["expc2.corp.example"]}, key="ec-256")
    leaf = lab.authority.sign(pending.request, now=lab.now(), generation="old", flaw="", days=90)[0]
    return pending, pem([leaf])


def driver(lab: Lab, notes: list[Exchange] | None = None, password: str = "", **form: Any) -> Device:
    """Return the driver of the second peer, with its web page's form."""
    known = access(lab, "expc2", (lambda: password) if password else None)
    return connect(
        type(known)(**{**vars(known), "record": (notes if notes is not None else []).append}),
        Options(web_form=WebForm(**form)),
    )


def upload(device: Device, lab: Lab, pending: Pending, leaf: bytes) -> bytes:
    """Have certificate and key uploaded, and return the key."""
    from cryptography import x509

    private = lab.folders["expc"].path.joinpath("privkey.pem.csr").read_bytes()
    device.install_with_key("server", x509.load_pem_x509_certificate(leaf), private)
    return private


def test_certificate_and_key_arrive_and_nothing_of_them_is_noted(lab: Lab) -> None:
    """The slot has them; the transcript gets method, path and status, and no word of login, session or key."""
    pending, leaf = made(lab)
    notes: list[Exchange] = []
    device = driver(lab, notes)
    assert device.takes_keys
    upload(device, lab, pending, leaf)
    held = lab.boxes["expc2"].slots["server"]
    assert pem([held.certificate]) == leaf
    assert held.key.private_numbers() == pending.key.private_numbers()
    asked = [(one.method, one.path, one.answer.status if one.answer else 0) for one in notes]
    assert asked == [
        ("GET", "/login", 200),
        ("POST", "/login", 302),
        ("GET", "/servercertificate", 200),
        ("POST", "/servercertificate", 200),
    ]
    assert all(not one.sent and one.answer and not one.answer.body and not one.answer.headers for one in notes)
    assert lab.boxes["expc"].pending is pending, "the box that made it is as it was"


def test_a_box_that_refuses_shows_it_in_its_slot(lab: Lab) -> None:
    """A key of another certificate is refused on the page: the slot is as it was, which the caller reads."""
    _, leaf = made(lab)
    lab.boxes["expc"].discard_csr()
    other, _ = made(lab)
    before = lab.boxes["expc2"].slots["server"].fingerprint
    upload(driver(lab), lab, other, leaf)
    assert lab.boxes["expc2"].slots["server"].fingerprint == before
    assert "does not match" in str(lab.effects.of("upload-refused", "expc2")[0]["reason"])


def test_a_refused_login_is_not_repeated(lab: Lab) -> None:
    """A wrong password goes out once, however often it is asked; nothing is uploaded."""
    pending, leaf = made(lab)
    device = driver(lab, password="wrong")
    for _ in range(3):
        with pytest.raises(LoginRefused, match="on its web page"):
            upload(device, lab, pending, leaf)
    assert len(lab.effects.of("login-refused", "expc2")) == 1
    assert lab.effects.of("certificate-installed", "expc2") == []


def test_a_page_with_other_fields_gets_nothing(lab: Lab) -> None:
    """Its own fields are named, and neither certificate nor key was sent."""
    pending, leaf = made(lab)
    notes: list[Exchange] = []
    with pytest.raises(Failed, match="it has: serverkey, servercert") as failed:
        upload(driver(lab, notes, key_field="privatekey"), lab, pending, leaf)
    assert failed.value.untouched == "Nothing was uploaded."
    assert [one.method for one in notes if one.path == "/servercertificate"] == ["GET"]


def test_a_box_that_is_not_proven_gets_no_password(lab: Lab) -> None:
    """A box whose certificate is not of a known CA is refused before anything is sent."""
    pending, leaf = made(lab)
    known = access(lab, "expc2")
    unproven = type(known)(
        **{**vars(known), "trust": TlsTrust("expc2.corp.example", pins=frozenset({"0" * 64}), pins_only=True)}
    )
    with pytest.raises(Untrusted):
        upload(connect(unproven, Options(web_form=WebForm())), lab, pending, leaf)
    assert lab.effects.of("login-refused", "expc2") == []


def test_without_the_settings_no_key_is_taken_or_given(lab: Lab) -> None:
    """The driver as it is by default says so, and refuses both."""
    pending, leaf = made(lab)
    device = connect(access(lab, "expc2"), Options())
    assert (device.takes_keys, device.gives_keys) == (False, False)
    with pytest.raises(Refused, match="No way is set to upload a private key"):
        upload(device, lab, pending, leaf)
    with pytest.raises(Refused, match="No way is set to fetch a private key"):
        device.private_key("0" * 64)
