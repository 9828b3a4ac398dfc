"""Keep what fuzzing found: each input once ended in an error that nobody had foreseen."""

import time

import pytest

from engine.certificates import NotACertificate, names, read_certificates, read_decoded
from engine.certificates import der as walk
from engine.certificates.extensions import dressed
from engine.certificates.kinds import LIMIT
from tests.pki import CA
from tests.pki import der as der_of

ROOT = CA.root("Fuzzed")


def test_a_name_of_bits_is_refused() -> None:
    """A common name that is a bit string (`cryptography` raises TypeError) makes the file damaged, and no traceback."""
    whole = der_of(ROOT.certificate)
    text, bits = b"\x0c\x06Fuzzed", b"\x03\x06Fuzzed"
    assert whole.count(text) == 2
    assert read_certificates(whole, "x") == [ROOT.certificate]
    with pytest.raises(NotACertificate, match="damaged"):
        read_certificates(whole.replace(text, bits), "x")


def test_an_alternative_name_of_bits_is_shown_in_hex() -> None:
    """The same inside a directory name among the alternative names leaves the other names readable."""
    bits = bytes.fromhex("300c310a30080603550403030100")
    listed = walk.tlv(walk.SEQUENCE, b"\x82\x01a" + walk.tlv(0xA4, bits))
    held = bytes.fromhex("0603551d11") + walk.tlv(walk.OCTET_STRING, listed)
    assert names(dressed(extensions=walk.tlv(walk.SEQUENCE, held))) == ["DNS:a", f"other:0xa4:{bits.hex()}"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b" \n"])
def test_line_ends_take_no_time(ends: bytes) -> None:
    """A file of a million line ends is no certificate's text, which is found out in less than a second's work."""
    before = time.thread_time()
    with pytest.raises(NotACertificate):
        read_decoded(ends * (LIMIT // len(ends)), "x")
    assert time.thread_time() - before < 5
