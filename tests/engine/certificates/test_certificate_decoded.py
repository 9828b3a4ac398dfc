"""Hold the reader of decoded text to what OpenSSL prints, in the shapes in which people paste it."""

import html
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.certificates import (
    Decoded,
    Grade,
    NotACertificate,
    describe,
    judge,
    normal_name,
    read_certificates,
    read_decoded,
)
from engine.certificates.facts import key_usages, name_fields
from engine.certificates.kinds import LIMIT
from tests.engine.certificates.cases import FAIL, GOOD, ISSUING, NEW, OLD, PASS, WARN, message, outcomes
from tests.pki import CA, pem, rsa_key
from tests.programs import needs

TEXT = """Certificate:
    Data:
        Version: 3 (0x2)
        Serial Number: 4096 (0x1000)
        Signature Algorithm: sha256WithRSAEncryption
        Issuer: C = DE, O = "Example, Inc.", CN = Example CA
        Validity
            Not Before: Nov  4 12:00:00 2025 GMT
            Not After : Dec  4 12:00:00 2026 GMT
        Subject: C = DE, O = "Ex\\C3\\A4mple, Inc.", OU = "a+b", emailAddress = x@y.example, CN = exp.example.org
        Subject Public Key Info:
            Public Key Algorithm: rsaEncryption
                RSA Public-Key: (2048 bit)
                Modulus:
                    00:aa:bb
                Exponent: 65537 (0x10001)
        X509v3 extensions:
            X509v3 Basic Constraints: critical
                CA:FALSE
            X509v3 Key Usage: critical
                Digital Signature, Key Encipherment
            X509v3 Extended Key Usage:
                TLS Web Server Authentication, TLS Web Client Authentication, 1.2.3.4
            X509v3 Subject Key Identifier:
                AA:BB:CC
            X509v3 Authority Key Identifier:
                keyid:01:02:0A
                DirName:/C=DE/CN=Example Root
                serial:0F:01

            X509v3 Subject Alternative Name:
                DNS:exp.example.org, DNS:b.example.org, IP Address:10.0.0.1, IP Address:FE80:0:0:0:0:0:0:1, URI:sip:a,b
            1.3.6.1.4.1.311.21.7:
                0-.%+.....7.....
    Signature Algorithm: sha256WithRSAEncryption
         12:9f:f3
"""
SANS = ["DNS:exp.example.org", "DNS:b.example.org", "IP:10.0.0.1", "IP:fe80::1", "URI:sip:a,b"]


def read(text: str) -> Decoded:
    """Read a text."""
    return read_decoded(text.encode(), "x")


def test_reads_all_that_the_text_holds() -> None:
    """Names, usages, key, identifiers, serial number and validity come out as they do of the certificate itself."""
    found = read(TEXT)
    assert found.description.plain() == {
        "subject": "CN=exp.example.org,emailAddress=x@y.example,OU=a\\+b,O=Exämple\\, Inc.,C=DE",
        "issuer": "CN=Example CA,O=Example\\, Inc.,C=DE",
        "serial": "1000",
        "sha256": "",
        "not_before": "2025-11-04T12:00:00Z",
        "not_after": "2026-12-04T12:00:00Z",
        "sans": SANS,
        "eku": ["serverAuth", "clientAuth", "1.2.3.4"],
        "ski": "aabbcc",
        "aki": "01020a",
        "key": "RSA 2048",
    }
    assert found.usages == ("digitalSignature", "keyEncipherment")
    assert found.whole


SHAPES = {
    "no indentation": "\n".join(line.strip() for line in TEXT.split("\n")),
    "mail-quoted": TEXT.replace("\n", "\n> "),
    "crlf": TEXT.replace("\n", "\r\n"),
    "a web page": f"<html><body><h1>Server certificate</h1><pre>{html.escape(TEXT)}</pre></body></html>",
    "words around": f"Hello,\n\nthis is the old one:\n\n{TEXT}\n\nRegards\n",
    "wrapped between names": TEXT.replace("b.example.org, IP", "b.example.org,\n      IP"),
    "wrapped in a name": TEXT.replace("b.example.org", "b.exam\n    ple.org"),
    "one name a line": TEXT.replace(", IP", "\n      IP"),
    "old name style": TEXT.replace(' = "Example, Inc."', "=Example, Inc.").replace("C = DE", "C=DE"),
    "slashes": TEXT.replace('C = DE, O = "Example, Inc.", CN = Example CA', "/C=DE/O=Example, Inc./CN=Example CA"),
    "mail address behind a slash": TEXT.replace(", emailAddress = ", "/emailAddress="),
    "serial in hex": TEXT.replace(" 4096 (0x1000)", "\n            10:00"),
    "key of another version": TEXT.replace("RSA Public-Key", "Public-Key"),
    "identifier alone": TEXT.replace("keyid:01:02:0A", "01:02:0A"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_reads_every_shape(shape: str) -> None:
    """Whatever a browser, a mail program or a version of OpenSSL does to the text, it says the same."""
    assert read(SHAPES[shape]) == read(TEXT)


def test_utf_16_is_read_and_a_fingerprint_is_kept() -> None:
    """A Windows editor's encoding makes no difference, and a printed fingerprint is part of what the text says."""
    assert read_decoded(TEXT.encode("utf-16"), "x") == read(TEXT)
    assert read(f"{TEXT}SHA256 Fingerprint=AB:CD\n").description.sha256 == "abcd"


def test_issuer_and_serial_number_stand_in_for_a_key_identifier() -> None:
    """An authority key identifier without a key identifier reads as it does of the certificate; none is empty."""
    without = TEXT.replace("                keyid:01:02:0A\n", "")
    assert read(without).description.aki == "issuer=CN=Example Root,C=DE,serial=f01"
    assert read(TEXT.replace("X509v3 Authority Key Identifier", "1.2.3")).description.aki == ""


def test_what_is_missing_is_empty() -> None:
    """A text without extensions, cut off, or with dates that can't be read says little, and is no error."""
    found = read("Subject: CN=a\nNot After : yesterday\n")
    assert (found.description.sans, found.description.eku, found.description.not_after) == ([], [], "")
    assert found.not_after is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "text or data without a certificate"),
        ("Subject: hello\n", "text or data without a certificate"),
        (TEXT + TEXT, "the decoded text of several certificates"),
        ("<html>Please log in</html>", "a web page"),
        (TEXT + " " * LIMIT, "larger than 1024 KiB"),
    ],
)
def test_what_is_no_decoded_certificate_is_named(text: str, kind: str) -> None:
    """Anything else, several texts, and what is too large are refused with their kind."""
    with pytest.raises(NotACertificate) as caught:
        read(text)
    assert caught.value.kind == kind


def test_the_new_certificate_can_not_be_text() -> None:
    """Where a certificate is wanted, its text is named for what it is."""
    with pytest.raises(NotACertificate, match="the decoded text of a certificate") as caught:
        read_certificates(TEXT.encode(), "new.txt")
    assert "certificate itself" in caught.value.todo


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_text_is_read_or_refused(data: st.DataObject) -> None:
    """Cut, repeated and scribbled-on texts are read or refused, and what is read can be judged."""
    start, end = sorted((data.draw(st.integers(0, len(TEXT))), data.draw(st.integers(0, len(TEXT)))))
    text = TEXT[:start] + data.draw(st.text(max_size=30)) + TEXT[end:]
    try:
        found = read(text)
    except NotACertificate:
        return
    judge(replace(GOOD, current=None, decoded=found)).plain()


# ---- beside OpenSSL ------------------------------------------------------------------------------------------------

EVERYTHING = [
    ISSUING.issue("a.example", "IP:10.0.0.1", "URI:sip:x@a.example", "email:x@a.example").certificate,
    ISSUING.issue("IP:fe80::1", "RID:1.2.3", "dirName:CN=x", "other:1.2.3.4:x", subject="a").certificate,
    ISSUING.issue("a.example", eku=["serverAuth"], aki="both", usage=None).certificate,
    ISSUING.issue("a.example", eku=None, aki="issuer", serial=7).certificate,
    ISSUING.issue("a.example", aki="", ski=b"", key=rsa_key()).certificate,
    ISSUING.issue("b.example", subject=[("C", "DE"), ("O", 'Ä "x", +/=;\\'), ("CN", "x")]).certificate,
    CA.root([("DC", "example"), ("CN", "DC root")]).certificate,
]


@pytest.mark.parametrize("number", range(len(EVERYTHING)))
def test_openssls_text_says_what_the_certificate_says(number: int) -> None:
    """What OpenSSL prints reads as the certificate itself: every name, usage, identifier, key and date."""
    needs("openssl")
    certificate = EVERYTHING[number]
    command = ["openssl", "x509", "-noout", "-text", "-nameopt", "oneline,utf8,-esc_msb"]
    for words in (command, command[:4]):
        done = subprocess.run(words, input=pem(certificate), capture_output=True, text=True, check=True)
        found, expected = read(done.stdout), describe(certificate)
        dropped = {"subject": "", "issuer": "", "sha256": ""}
        assert found.description.plain() | dropped == expected.plain() | dropped
        assert list(found.subject) == name_fields(certificate.subject)
        assert list(found.issuer) == name_fields(certificate.issuer)
        assert list(found.usages) == key_usages(certificate)


# ---- judged --------------------------------------------------------------------------------------------------------


def text_of(sans: str, issuer: str = "CN = Test Issuing CA", end: str = "Dec 13 12:00:00 2026") -> Decoded:
    """Write the text of an old certificate like that of the good case."""
    return read(
        f"Serial Number: 1 (0x1)\nIssuer: {issuer}\nNot After : {end} GMT\nSubject: CN = a.example\n"
        f"X509v3 Subject Alternative Name:\n{sans}\nSignature Algorithm: x\n"
    )


WITHOUT = replace(GOOD, current=None)


def test_names_are_compared_with_the_text() -> None:
    """A name that only the text holds is lost; when all are there the check passes."""
    good = judge(replace(WITHOUT, decoded=text_of("DNS:A.example, DNS:b.example")))
    assert outcomes(good)["san-match"] is PASS
    assert good.ok
    bad = judge(replace(WITHOUT, csr=None, decoded=text_of("DNS:a.example, DNS:c.example")))
    assert outcomes(bad)["san-match"] is FAIL
    assert '"DNS:c.example" of the old certificate is lost' in message(bad, "san-match")


def test_a_name_that_the_text_hides_may_be_lost() -> None:
    """OpenSSL before 3.0 prints no value of other names, so nothing shows that they are kept."""
    found = judge(replace(WITHOUT, decoded=text_of("DNS:a.example, DNS:b.example, othername:<unsupported>")))
    assert "can't all be read" in message(found, "san-match")
    assert not found.ok


def test_a_text_never_proves_the_ca() -> None:
    """With a text the CA is neither the same nor another; the message says what its names and identifiers hint at."""
    for issuer, hint in (("CN = Test Issuing CA", "the same"), ("CN = Foreign", "another one")):
        found = judge(replace(WITHOUT, decoded=text_of("DNS:a.example", issuer)))
        assert found.same_ca is None
        assert found.continuity is not None
        assert found.continuity.grade is Grade.UNKNOWN
        assert f"The issuer's name is {hint}" in message(found, "same-ca")


def test_subject_and_end_are_compared_with_the_text() -> None:
    """A changed subject and an earlier end warn as they do with the certificate; neither warns when they fit."""
    late = judge(replace(WITHOUT, decoded=text_of("DNS:a.example", end="Dec 13 12:00:00 2030")))
    assert "earlier than the old one" in message(late, "validity")
    assert outcomes(late)["subject"] is PASS
    other = text_of("DNS:a.example")._replace(subject=(("CN", "z.example"),))
    found = judge(replace(WITHOUT, decoded=other))
    assert outcomes(found)["subject"] is WARN
    assert outcomes(found)["validity"] is PASS


def test_the_text_of_the_new_certificate_is_recognised() -> None:
    """Issuer and serial number name one certificate: a text of the new one is told from that of an old one."""
    needs("openssl")
    for certificate, hint in ((NEW, "in use now"), (OLD.certificate, "valid from")):
        words = ["openssl", "x509", "-noout", "-text"]
        done = subprocess.run(words, input=pem(certificate), capture_output=True, text=True, check=True)
        assert hint in message(judge(replace(WITHOUT, decoded=read(done.stdout))), "validity")


def test_ordinary_names_stay_ordinary() -> None:
    """Names of the text are written as those of a certificate, so both compare."""
    assert [normal_name(name) for name in read(TEXT).description.sans] == SANS
