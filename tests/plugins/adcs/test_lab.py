"""The lab's AD CS: what browsers get, what an account that fails too often gets, and how a lab begins with it."""

from pathlib import Path

import pytest
import requests

from engine.certificates import read_certificates
from engine.errors import LoginRefused, UsageError
from engine.site import load
from plugins.adcs import wire
from plugins.lab.adcs.ca import LOCKOUT, TEMPLATE, USER
from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.plugins.adcs.server import REQUEST, Server

BROWSER, PROGRAM = "Mozilla/5.0 (X11; Linux x86_64)", "curl/8.0"


def ask(server: Server, agent: str, path: str, form: bytes | None = None) -> requests.Response:
    """Ask as a person would with a browser or another program, logged in by Basic."""
    with requests.Session() as session:
        session.trust_env = False
        headers = {"User-Agent": agent, "Content-Type": "application/x-www-form-urlencoded"}
        method, login = ("GET" if form is None else "POST"), (USER, server.account.password)
        return session.request(
            method, server.url + path, data=form, headers=headers, auth=login, verify=str(server.ca), timeout=10
        )


@pytest.mark.parametrize("agent", [BROWSER, PROGRAM])
def test_browsers_get_another_page_and_the_true_content_type(server: Server, agent: str) -> None:
    """The links are in a script for browsers alone, and only they are told what a certificate is."""
    issued = ask(server, agent, wire.SUBMIT, wire.form(REQUEST.csr, TEMPLATE))
    assert ("getEncoding" in issued.text) == (agent == BROWSER)
    page = wire.submitted(issued.content)
    assert page is not None
    assert (page.outcome, page.number) == ("issued", 83)
    types = [ask(server, agent, path(83)).headers["Content-Type"] for path in (wire.certificate_path, wire.chain_path)]
    true = ["application/pkix-cert", "application/x-pkcs7-certificates"]
    assert types == (true if agent == BROWSER else ["text/html", "text/html"])


@pytest.mark.parametrize("encoding", ["b64", "bin"])
def test_each_encoding_can_be_read(server: Server, encoding: str) -> None:
    """DER and Base64, of the certificate and of its chain."""
    ask(server, PROGRAM, wire.SUBMIT, wire.form(REQUEST.csr, TEMPLATE))
    for path, count in ((wire.certificate_path(83), 1), (wire.chain_path(83), 3)):
        answer = ask(server, PROGRAM, path.replace("b64", encoding))
        assert len(read_certificates(answer.content, "the answer")) == count
        assert answer.content.startswith(b"-----BEGIN CERTIFICATE-----") == (encoding == "b64")


def test_what_is_no_csr_is_denied_with_a_number(server: Server) -> None:
    """As AD CS does, with the HRESULT of a parser."""
    page = wire.submitted(ask(server, PROGRAM, wire.SUBMIT, wire.form("nothing", TEMPLATE)).content)
    assert page is not None
    assert (page.outcome, page.number) == ("denied", 83)
    assert "the CA can't read the request (0x8009310b)" in page.reason


def test_too_many_refused_logins_lock_the_account(server: Server) -> None:
    """Each process that tries a wrong password counts; then the right one is refused too."""
    for _ in range(LOCKOUT):
        with pytest.raises(LoginRefused):
            server.backend("wrong").submit(REQUEST)
    with pytest.raises(LoginRefused):
        server.backend().submit(REQUEST)
    assert "account-locked" in server.kinds()
    assert server.requests == {}


def test_a_lab_with_an_ad_cs_writes_a_site_that_uses_it(tmp_path: Path) -> None:
    """Site file, lab.json and the password's file fit together; without it, people sign."""
    with Lab(tmp_path / "lab", Options(key="ec-256", cucm=False, authority="adcs")) as lab:
        estate = load(lab.site_file)
        assert "adcs" in lab.offices
        assert {one.authority for one in estate.certificates.values()} == {"adcs"}
        assert estate.authorities["adcs"].options["url"] == lab.offices["adcs"].url
        assert (lab.home / "secrets" / "adcs").stat().st_mode & 0o777 == 0o600
        assert lab.offices["adcs"].files["secrets/adcs"].decode() not in lab.site_file.read_text()
    with Lab(tmp_path / "other", Options(key="ec-256", cucm=False)) as lab:
        assert {one.authority for one in load(lab.site_file).certificates.values()} == {"corporate"}
        with pytest.raises(UsageError, match="no AD CS"):
            lab.decide(83, issue=True)


def test_what_the_lab_cannot_be_told(tmp_path: Path) -> None:
    """An authority or a switch that does not exist, and a fault that this kind of system does not have."""
    with pytest.raises(UsageError, match="no authority acme2"):
        Lab(tmp_path / "a", Options(cucm=False, authority="acme2"))
    for switches in ({"adcs": {"epa": "on"}}, {"adcs": {"language": "de"}}):
        with pytest.raises(UsageError, match=r"switch"):
            Lab(tmp_path / "b", Options(cucm=False, authority="adcs", switches=switches))
    with pytest.raises(UsageError, match="no node adcs"):
        Lab(tmp_path / "c", Options(cucm=False, switches={"adcs": {"language": "fr"}}))
    with Lab(tmp_path / "d", Options(key="ec-256", cucm=False, authority="adcs")) as lab:
        lab.order("adcs", "slow", count=1)
        with pytest.raises(UsageError, match="no fault discard-csr of this kind"):
            lab.order("adcs", "discard-csr")
