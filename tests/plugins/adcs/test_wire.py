"""The form that is sent, and pages of every shape and language, hostile ones too."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import escape
from plugins.adcs import wire
from plugins.lab.adcs.pages import WORDS, Pages

LANGUAGES = pytest.mark.parametrize("language", WORDS)
CA = "CORP-ISSUING-CA01"
PEM = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB+/==\n-----END CERTIFICATE REQUEST-----\n"


def test_the_form_carries_the_request_and_the_template_alone() -> None:
    """The CSR arrives byte by byte, plus signs too; the attributes name the template and nothing else."""
    sent = parse_qs(wire.form(PEM, "ExpresswayServerClient").decode("ascii"), strict_parsing=True)
    assert sent["CertRequest"] == [PEM]
    assert sent["CertAttrib"] == ["CertificateTemplate:ExpresswayServerClient\r\n"]
    assert sent["Mode"] == ["newreq"]


@LANGUAGES
@pytest.mark.parametrize("browser", [False, True])
def test_an_issued_page(language: str, browser: bool) -> None:
    """The number comes from the link, in plain HTML or in a script behind a decoy, in every language."""
    page = wire.submitted(Pages(CA, language).issued(4242, browser=browser).encode())
    assert page == wire.Page("issued", 4242, CA)


@LANGUAGES
def test_a_pending_page(language: str) -> None:
    """The number stands in its own element, whatever the words around it."""
    assert wire.submitted(Pages(CA, language).pending(89).encode()) == wire.Page("pending", 89, CA)


@LANGUAGES
def test_a_denied_page_is_not_pending_though_it_has_a_number(language: str) -> None:
    """Denied, with the number and the reason, in our words by its HRESULT and in the page's own."""
    pages = Pages(CA, language)
    page = wire.submitted(pages.denied(85, pages.words("no template", "Expressway Server")).encode())
    assert page is not None
    assert (page.outcome, page.number, page.ca) == ("denied", 85, CA)
    assert "does not offer this template" in page.reason
    assert "0x80094800" in page.reason
    assert "the CA says: " in page.reason


@LANGUAGES
@pytest.mark.parametrize("numbered", [True, False])
def test_a_status_page(language: str, numbered: bool) -> None:
    """Pending by its disposition; denied by that or by its HRESULT; unknown by its HRESULT."""
    pages = Pages(CA, language, numbered)
    denied = wire.status(pages.status(2, pages.words("denied by", "CORP\\officer"), 0x80094014).encode())
    assert denied is not None
    assert denied.outcome == "denied"
    assert "a certificate manager denied it" in denied.reason
    assert ("CORP\\officer" in denied.reason) == numbered
    assert wire.status(pages.status(0, "", 0x80094004).encode()) == wire.Page("unknown", ca=CA)
    pending = wire.status(pages.status(5, pages.words("waiting"), 0).encode())
    assert pending == (wire.Page("pending", ca=CA) if numbered else None)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html>Please log in</html>",
        "Certificate Issued. Your Request Id is 89.",
        '<a href="certnew.cer?ReqID=CACert&amp;Enc=bin">',
        '<a href="certnew.cer?ReqID=83&amp;Enc=bin"><a href="certnew.cer?ReqID=84&amp;Enc=bin">',
        "<P ID=locInfoReqID>no number</P>",
        "<P ID=locInfoReqID>89 or 90</P>",
        "<P ID=locInfoReqID>89</P><P ID=locDenied>",
        '<P ID=locDenied><a href="certnew.cer?ReqID=83&amp;Enc=bin">',
        "<P ID=locInfoReqIDandReason>89</P>",
    ],
)
def test_what_is_none_or_several_is_told_as_neither(page: str) -> None:
    """Words alone prove nothing, and a page that says two things says none."""
    assert wire.submitted(page.encode()) is None


@pytest.mark.parametrize(
    "sentence", ["Your Request Id is 89.", "您的申请 ID 是89。", "89 est l’identificateur", "№ <b>89</b>", "89"]
)
def test_the_number_is_found_in_any_sentence(sentence: str) -> None:
    """Whatever stands before and behind it, with a blank or without."""
    page = wire.submitted(f"<P id='locInfoReqID' class=x>\n{sentence}\n</P><P>10 days</P>".encode())
    assert page is not None
    assert page.number == 89


@given(st.binary(max_size=3000))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    """Whatever comes, the readers answer or say that they can't."""
    for page in (wire.submitted(body), wire.status(body)):
        assert page is None or page.reason == escape(page.reason)
    assert wire.told(body) == escape(wire.told(body))


_IDS = [f"<P ID={name}>" for name in ("locDenied", "locInfoReqID", "locInfoReqIDandReason", "locDispLabel")]
_REST = ["certnew.cer?ReqID=8&", "ReqID=CACert&", "<DD> 5 ", "</P>", "0x80094800", "<", ">", "89", "\x1b[2J", "\u202e"]
_FRAGMENTS = st.sampled_from([*_IDS, *_REST])


@given(st.lists(_FRAGMENTS | st.text(max_size=5), max_size=30))
def test_no_mixture_becomes_a_wrong_certainty(parts: list[str]) -> None:
    """Issued needs its link, pending its element, denied its element; and what is shown is safe to show."""
    text = "".join(parts)
    page = wire.submitted(text.encode("utf-8", "replace"))
    if page is None:
        return
    needed = {"issued": "certnew.cer?ReqID=8&", "pending": "ID=locInfoReqID>", "denied": "ID=locDenied>"}
    assert needed[page.outcome] in text
    assert sum(one in text for one in needed.values()) == 1
    assert page.reason == escape(page.reason)
    assert page.ca == escape(page.ca)


def test_a_reason_is_cut_and_escaped() -> None:
    """A page can neither flood the terminal nor move its cursor."""
    page = wire.submitted(f"<P ID=locDenied>no</P><P ID=locInfoReqIDandReason>1 \x1b[2J{'x' * 5000}</P>".encode())
    assert page is not None
    assert len(page.reason) < 400
    assert "\x1b" not in page.reason
