"""What is written and read: waits, URLs, certificates, words, challenges and wanted attributes, from any bytes."""

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from engine.certificates import der, read_certificates, read_csr
from engine.errors import Failed, UsageError
from engine.https import Response
from engine.text import escape
from plugins.est import attributes, login, wire
from tests.pki import make_csr, rsa_key
from tests.plugins.est.server import ISSUER, LEAF, NOW, REQUEST, bag

CSR = read_csr(REQUEST.csr.encode(), "csr")

# ---- how long to wait ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**30))
def test_seconds_are_taken_within_bounds(seconds: int) -> None:
    """RFC 9110 10.2.3: a number is seconds; none is below a second, none above a day."""
    assert wire.retry_after(f" {seconds} ", NOW) == max(wire.SHORTEST, min(seconds, wire.LONGEST))


@given(st.integers(-(10**7), 10**7))
def test_a_date_is_taken_from_now(seconds: int) -> None:
    """A date becomes the seconds until then by the office's clock; one that is past means at once."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert wire.retry_after(date, NOW) == max(wire.SHORTEST, min(seconds, wire.LONGEST))


@pytest.mark.parametrize("date", ["Monday, 23-Nov-26 16:10:00 GMT", "Mon Nov 23 16:10:00 2026"])
def test_old_forms_of_a_date_are_read(date: str) -> None:
    """RFC 9110 5.6.7: a recipient reads the two obsolete forms too."""
    assert wire.retry_after(date, NOW) == 600


@given(st.text())
def test_any_header_gives_a_wait_within_bounds(text: str) -> None:
    """Nothing that a server sends raises, or parks a renewal for longer than a day."""
    assert wire.SHORTEST <= wire.retry_after(text, NOW) <= wire.LONGEST


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "Mon, 99 Nov 2026 16:00:00 GMT"])
def test_what_says_nothing_means_the_usual_wait(text: str) -> None:
    """A missing or unreadable header is not a reason to ask at once, nor never."""
    assert wire.retry_after(text, NOW) == wire.USUAL


# ---- where the server is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://pki.example/.well-known/est", ("pki.example:443", "pki.example", "/.well-known/est")),
        ("https://pki.example:8443/.well-known/est/uc/", ("pki.example:8443", "pki.example", "/.well-known/est/uc")),
        ("https://[2001:db8::1]:8443/.well-known/est", ("[2001:db8::1]:8443", "2001:db8::1", "/.well-known/est")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: tuple[str, str, str]) -> None:
    """RFC 7030 3.2.2: the well-known path, with a label or without."""
    assert tuple(wire.place(url)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://pki.example/.well-known/est",
        "https://pki.example/est",
        "https://pki.example/.well-known/est/a/b",
        "https://pki.example/.well-known/est?x=1",
        "https://user:hidden@pki.example/.well-known/est",
        "https:///.well-known/est",
        "https://pki.example:99999/.well-known/est",
        "https://a b/.well-known/est",
        "",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    """With what to write instead, and without a password that somebody put there."""
    with pytest.raises(UsageError) as error:
        wire.place(url)
    assert "/.well-known/est" in error.value.todo
    assert "hidden" not in error.value.what


# ---- bodies --------------------------------------------------------------------------------------------------------


def test_the_body_is_base64_of_the_csr() -> None:
    """RFC 8951 section 3: Base64, here in lines of at most 76 characters."""
    body = wire.request_body(REQUEST.csr)
    assert base64.b64decode(body) == CSR.public_bytes(Encoding.DER)
    assert max(map(len, body.split(b"\n"))) <= 76


def test_what_is_no_csr_is_not_sent() -> None:
    """Nothing but a CSR goes out, and the error repeats nothing of what it was."""
    with pytest.raises(Failed, match="no certificate signing request") as error:
        wire.clean_csr("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----")
    assert "c2VjcmV0" not in error.value.what


@pytest.mark.parametrize("form", ["lines", "one-line", "crlf", "blanks", "binary", "pem"])
def test_certificates_are_read_in_every_form(form: str) -> None:
    """RFC 8951 3.1: blanks mean nothing; binary and PEM are tolerated."""
    content = base64.b64decode(bag(LEAF).body)
    text = base64.b64encode(content)
    forms = {
        "lines": base64.encodebytes(content),
        "one-line": text,
        "crlf": base64.encodebytes(content).replace(b"\n", b"\r\n"),
        "blanks": b" \t".join(text[i : i + 50] for i in range(0, len(text), 50)),
        "binary": content,
        "pem": b"-----BEGIN PKCS7-----\n" + base64.encodebytes(content) + b"-----END PKCS7-----\n",
    }
    assert wire.certificates(forms[form], "est") == [LEAF]


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_any_other_answer_fails_in_words(body: bytes) -> None:
    """No bytes raise anything but Failed, and none are repeated to the terminal."""
    with pytest.raises(Failed) as error:
        wire.certificates(body, "est")
    assert error.value.what == escape(error.value.what)


def test_a_bundle_holds_each_certificate_once() -> None:
    """Leaf first, then the chain; what comes twice is kept once."""
    content = wire.bundle([LEAF, ISSUER.certificate], [ISSUER.certificate])
    assert read_certificates(content, "x") == [LEAF, ISSUER.certificate]


@given(st.integers(100, 599), st.sampled_from(["", "text/plain", "text/html", "x\x1b[2J"]), st.binary(max_size=900))
def test_words_of_a_server_are_harmless(status: int, kind: str, body: bytes) -> None:
    """One line, no control characters, a bounded length."""
    told = wire.words(Response(status, kind, body))
    assert told == escape(told)
    assert len(told) < wire.SHOWN + 40
    assert str(status) in told


# ---- challenges ----------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES.map(str.lower), VALUES, min_size=1, max_size=4)), max_size=4))
def test_challenges_are_read_as_they_were_written(offered: list[tuple[str, dict[str, str]]]) -> None:
    """RFC 9110 11.6.1: several in one header, parameters quoted, commas and equals signs inside quotes."""

    def quoted(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"')

    header = ", ".join(
        f"{scheme} " + ", ".join(f'{name}="{quoted(value)}"' for name, value in given.items())
        for scheme, given in offered
    )
    assert login.challenges(header) == [(scheme.lower(), given) for scheme, given in offered]


@given(st.text(max_size=300))
def test_any_header_can_be_read(header: str) -> None:
    """And what is chosen of it is Basic, or a Digest with all that an answer needs."""
    chosen = login.chosen(login.challenges(header))
    assert chosen is None or chosen.scheme == "basic" or "nonce" in chosen.parameters


DIGEST = 'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, nonce="{}", opaque="{}"'
NONCE, OPAQUE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_is_that_of_the_rfc(algorithm: str, response: str) -> None:
    """The example of RFC 7616 section 3.9.1, with both hash functions."""
    (challenge,) = login.challenges(DIGEST.format(algorithm, NONCE, OPAQUE))
    header = login.digest(
        challenge,
        "Mufasa",
        "Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in header
    assert f'opaque="{OPAQUE}"' in header
    assert "Circle" not in header


@pytest.mark.parametrize(
    ("header", "scheme", "algorithm"),
    [
        (f'Basic realm="x", {DIGEST.format("MD5", NONCE, OPAQUE)}', "digest", "MD5"),
        (f"{DIGEST.format('MD5', NONCE, OPAQUE)}, {DIGEST.format('SHA-256', NONCE, OPAQUE)}", "digest", "SHA-256"),
        (f'Negotiate, Basic realm="x", {DIGEST.format("SHA-512-256", NONCE, OPAQUE)}', "basic", ""),
        ('Digest realm="x", nonce="n", qop="auth-int"', "", ""),
        ('Digest realm="x", qop="auth"', "", ""),
        ('Digest realm="x\r\nX: y", nonce="n", qop="auth"', "", ""),
        ("Negotiate YWJj==, NTLM", "", ""),
        ("", "", ""),
    ],
)
def test_the_strongest_that_can_be_answered_is_chosen(header: str, scheme: str, algorithm: str) -> None:
    """Digest before Basic, SHA-256 before MD5; what we can't answer in full is passed over."""
    chosen = login.chosen(login.challenges(header))
    assert (chosen.scheme if chosen else "") == scheme
    assert (chosen.parameters.get("algorithm", "") if chosen else "") == algorithm


def test_a_user_name_can_not_break_out_of_the_header() -> None:
    """A quotation mark or a line end in it is refused, and the password is not told."""
    (challenge,) = login.challenges(DIGEST.format("MD5", NONCE, OPAQUE))
    for user in ('a"b', "a\r\nX: y", "ä"):
        with pytest.raises(UsageError) as error:
            login.digest(challenge, user, "secret", method="GET", uri="/", cnonce="c")
        assert "secret" not in error.value.what + error.value.todo


# ---- wanted attributes ---------------------------------------------------------------------------------------------


def _oid(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    content = b""
    for arc in [first * 40 + second, *arcs]:
        seven = [arc & 0x7F]
        while arc := arc >> 7:
            seven.append(arc & 0x7F | 0x80)
        content += bytes(reversed(seven))
    return der.tlv(der.OID, content)


def _attribute(oid: str, *values: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, _oid(oid) + der.tlv(der.SET, b"".join(values)))


def _wanted(*items: bytes) -> bytes:
    return base64.encodebytes(der.tlv(der.SEQUENCE, b"".join(items)))


EXAMPLE = b"MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
"""The example of RFC 7030 section 4.5.2."""


def test_the_example_of_the_rfc_is_compared() -> None:
    """challengePassword, a P-384 key, macAddress among the extensions and ECDSA with SHA-384 are all missed."""
    told = attributes.lacking(attributes.read(EXAMPLE), CSR)
    assert len(told) == 4
    for word, sentence in zip(("challengePassword", "EC P-384", "macAddress", "ecdsa-with-SHA384"), told, strict=True):
        assert word in sentence
    assert "None can be added" in told[0]


@pytest.mark.parametrize(
    ("wanted", "missed"),
    [
        (_wanted(), 0),
        (_wanted(_oid("2.5.29.17"), _oid("2.5.29.17")), 0),
        (_wanted(_oid("2.5.29.15")), 1),
        (_wanted(_oid("1.2.840.10045.4.3.2"), _oid("2.16.840.1.101.3.4.2.1")), 0),
        (_wanted(_attribute(attributes.EC)), 0),
        (_wanted(_attribute(attributes.EC, _oid("1.2.840.10045.3.1.7"))), 0),
        (_wanted(_attribute(attributes.RSA, bytes.fromhex("02020800"))), 1),
        (_wanted(_attribute(attributes.EXTENSIONS, _oid("2.5.29.17"), _oid("2.5.29.37"))), 1),
        (
            _wanted(
                _attribute(
                    attributes.EXTENSIONS,
                    der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, _oid("2.5.29.15") + der.tlv(der.OCTET_STRING, b"x"))),
                )
            ),
            1,
        ),
        (_wanted(_oid("2.5.29.15"), _attribute(attributes.TEMPLATE, der.tlv(der.SEQUENCE, b"")), _oid("1.2.3")), 1),
        (_wanted(*(_oid(f"1.2.{number}") for number in range(60))), attributes.MOST + 1),
    ],
)
def test_only_what_lacks_is_told(wanted: bytes, missed: int) -> None:
    """A CSR with P-256, SHA-256 and alternative names lacks just the rest; a long list is told in part."""
    assert len(attributes.lacking(attributes.read(wanted), CSR)) == missed


def test_the_size_of_an_rsa_key_is_compared() -> None:
    """RFC 9908: rsaEncryption with a number wants keys of that size."""
    csr = make_csr(["DNS:a.example"], key=rsa_key())
    for size, missed in ((2048, 0), (4096, 1)):
        wanted = attributes.read(_wanted(_attribute(attributes.RSA, der.tlv(der.INTEGER, size.to_bytes(2, "big")))))
        assert len(attributes.lacking(wanted, csr)) == missed
    assert isinstance(make_csr(["a.example"]).public_key(), ec.EllipticCurvePublicKey)


@given(st.binary(max_size=200) | st.binary(max_size=120).map(base64.b64encode))
def test_any_list_is_read_or_refused(body: bytes) -> None:
    """Hostile bytes raise ValueError and nothing else, also when they are compared."""
    try:
        told = attributes.lacking(attributes.read(body), CSR)
    except ValueError:
        return
    assert len(told) <= attributes.MOST + 1


@given(
    st.recursive(
        st.binary(max_size=12).map(lambda content: der.tlv(der.OID, content)),
        lambda inner: st.lists(inner, max_size=4).map(lambda parts: der.tlv(der.SEQUENCE, b"".join(parts))),
        max_leaves=8,
    )
)
def test_well_formed_nonsense_is_read_or_refused(body: bytes) -> None:
    """The same for values that nest as DER does."""
    test_any_list_is_read_or_refused.hypothesis.inner_test(body)  # type: ignore[attr-defined]


def test_now_is_in_utc() -> None:
    """Control: the clock of these tests has a zone, so that dates are compared as they are in life."""
    assert datetime(2026, 11, 23, 16, tzinfo=UTC) == NOW
