"""What people bring is recognised by its content, and a text is of a certificate only when all of it agrees."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from OpenSSL import crypto

from engine.certificates import Decoded, NotACertificate, read_decoded
from engine.contracts import CsrSpec
from engine.testing.pki import new_issuer, new_request
from plugins.guided import pages, wire
from plugins.guided.pages import Place

ISSUER = new_issuer("Wire Root")
NAMES = ["a.example", "b.example"]
LEAF, SIBLING = (ISSUER.sign(new_request("a.example", NAMES)) for _ in range(2))
PLACE = Place("expc", "expc.example:443", "abc")


def text_of(certificate: x509.Certificate) -> str:
    """Return what the page shows of a certificate: OpenSSL's own text."""
    return crypto.dump_certificate(crypto.FILETYPE_TEXT, crypto.X509.from_cryptography(certificate)).decode()


def decoded(text: str) -> Decoded:
    """Read it again."""
    return read_decoded(text.encode(), "text")


def test_a_text_is_of_its_certificate_and_of_no_other() -> None:
    """Of two certificates with the same names, of one CA, the text tells which."""
    assert wire.described_by(decoded(text_of(LEAF)), [SIBLING, ISSUER.certificate, LEAF]) == LEAF
    assert wire.described_by(decoded(text_of(LEAF)), [SIBLING, ISSUER.certificate]) is None


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (r"DNS:b\.example", "DNS:c.example", "sans"),
        (r"Issuer: CN ?= ?Wire Root", "Issuer: CN=Other Root", "issuer"),
        (r"Subject: CN ?= ?a\.example", "Subject: CN=z.example", "subject"),
        (r"Not After : .* GMT", "Not After : Jan  1 00:00:00 2049 GMT", "not_after"),
        (r"(Serial Number:\s+)[0-9a-f]{2}", r"\g<1>0b", "serial"),
    ],
)
def test_a_changed_text_is_of_none(old: str, new: str, what: str) -> None:
    """Each property that a text shows counts."""
    changed = re.sub(old, new, text_of(LEAF))
    assert changed != text_of(LEAF), "control"
    assert what in wire.differences(decoded(changed), LEAF)
    assert wire.described_by(decoded(changed), [LEAF]) is None


def test_a_text_without_a_serial_number_is_of_none() -> None:
    """A part of a page proves nothing."""
    part = re.sub(r"Serial Number:\s+\S+\n", "", text_of(LEAF))
    assert wire.described_by(decoded(part), [LEAF]) is None


@given(st.integers(0, 40), st.integers(0, 12))
def test_what_browsers_and_terminals_do_to_a_text_changes_nothing(indent: int, blanks: int) -> None:
    """Indentation, blank lines and line ends are no differences."""
    lines = [" " * indent + line.lstrip() for line in text_of(LEAF).splitlines()]
    assert wire.described_by(decoded(("\r\n" + "\r\n" * blanks).join(lines)), [LEAF]) == LEAF


def test_what_is_brought_is_recognised_by_its_content() -> None:
    """A CSR, a text, certificates; what is none of them is named for what it is."""
    csr = new_request("a.example", NAMES)
    assert wire.recognised(csr.public_bytes(Encoding.PEM), "f") == csr
    assert isinstance(wire.recognised(text_of(LEAF).encode(), "f"), Decoded)
    assert wire.recognised(LEAF.public_bytes(Encoding.PEM), "f") == [LEAF]
    for content, kind in ((b"", "empty"), (b"<html><body>Login</body></html>", "web page"), (b"hello", "text")):
        with pytest.raises(NotACertificate, match=kind):
            wire.recognised(content, "f")


def test_a_ca_certificate_is_told_from_a_leaf() -> None:
    """By basicConstraints; a self-signed one of old without them is a CA's, too."""
    assert wire.is_ca(ISSUER.certificate)
    assert not wire.is_ca(LEAF)


# ---- the pages -----------------------------------------------------------------------------------------------------

SPEC = CsrSpec(
    names=["DNS:a.example", "DNS:b.example"],
    subject=[("C", "GB"), ("O", "Ex, Ltd"), ("CN", "a.example")],
    key="RSA 4096",
    digest="sha384",
)


def test_the_page_is_filled_in_as_the_procedure_says() -> None:
    """Names without DNS:, separated by commas; key, digest and subject by the page's labels."""
    assert dict(pages.fields(SPEC)) == {
        "Common name": "the choice that gives a.example",
        "Additional alternative names (comma separated)": "a.example,b.example",
        "Key length (in bits)": "4096",
        "Digest algorithm": "SHA-384",
        "Country": "GB",
        "Organization (company name)": "Ex, Ltd",
    }
    assert list(pages.limits(SPEC, "X8.10")) == []


@pytest.mark.parametrize(
    ("changed", "release", "says"),
    [
        ({"key": "EC P-256"}, "X12.5", "no key of EC P-256"),
        ({"key": "EC P-256"}, "unknown", "no key of EC P-256"),
        ({"names": ["URI:sip:a@b.example"]}, "X14.3", "host names only"),
        ({"names": ["DNS:*.example"]}, "X14.3", "no wildcards"),
        ({"subject": [("O", "A"), ("O", "B")]}, "X14.3", "one value"),
        ({"subject": [("serialNumber", "1")]}, "X14.3", "no field"),
        ({"digest": "md5"}, "X14.3", "no digest"),
    ],
)
def test_what_the_page_cannot_express_is_told(changed: dict[str, object], release: str, says: str) -> None:
    """Before anybody is asked to make a key; ECDSA is there from X14.3 on."""
    spec = replace(SPEC, **changed)
    assert says in " ".join(pages.limits(spec, release))
    assert list(pages.limits(replace(SPEC, key="EC P-256"), "X14.3")) == []


def test_every_step_names_box_page_and_command() -> None:
    """Whoever reads one step alone knows where, what, and what to type."""
    steps = [pages.show_certificate(PLACE), pages.show_trusted(PLACE), pages.show_pending(PLACE), pages.download(PLACE)]
    for step in steps:
        assert step.startswith("expc (https://expc.example:443), Maintenance > Security > ")
        assert "certrenew supply abc" in step
        assert "--node expc" in step


def test_hostile_names_are_escaped() -> None:
    """What stands in the old certificate can't move the cursor of whoever reads the steps."""
    spec = CsrSpec(names=["DNS:a.example"], subject=[("O", "\x1b[2J"), ("CN", "\u202ea")], key="RSA 2048")
    told = " ".join(pages.generate(PLACE, spec, "/papers/f.txt"))
    assert "\\x1b[2J" in told
    assert "\x1b" not in told
    assert "\u202e" not in told
