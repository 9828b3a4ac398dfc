"""The lab's EST server, asked by another HTTP client, another Digest and another reader of PKCS#7 than ours."""

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from engine.testing.pki import new_request
from plugins.lab.authority import fingerprint
from plugins.lab.lab import Lab

from .conftest import MakeLab

pytestmark = pytest.mark.lab

CSR = new_request("box.corp.example", ["box.corp.example", "other.corp.example"])
BODY = base64.encodebytes(CSR.public_bytes(Encoding.DER))
PKCS10 = {"Content-Type": "application/pkcs10"}


@pytest.fixture
def est(make_lab: MakeLab) -> Callable[..., Lab]:
    """Start labs whose authority is an EST server, with switches."""
    return lambda **switches: make_lab(authority="est", switches={"est": switches})


def ask(lab: Lab, method: str, operation: str, **more: Any) -> requests.Response:
    """Send one request over verified TLS, with nothing from the environment and no redirect followed."""
    with requests.Session() as session:
        session.trust_env = False
        url = f"{lab.offices['est'].url}/{operation}"
        ca = str(lab.home / "trust" / "boxes.pem")
        return session.request(method, url, verify=ca, allow_redirects=False, timeout=10, **more)


def password(lab: Lab) -> str:
    """Return what the engineer has."""
    return (lab.home / "secrets" / "est").read_text()


def test_ca_certificates_need_no_login(est: Callable[..., Lab]) -> None:
    """RFC 7030 4.1: a certs-only PKCS#7 with the root and what is needed below it."""
    lab = est()
    answer = ask(lab, "GET", "cacerts")
    assert answer.headers["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert set(pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))) == set(lab.authority.new.chain)
    assert ask(est(est_protects="all"), "GET", "cacerts").status_code == 401


@pytest.mark.parametrize(("login", "auth"), [("basic", HTTPBasicAuth), ("digest", HTTPDigestAuth)])
def test_who_knows_the_password_gets_a_certificate(
    est: Callable[..., Lab], login: str, auth: Callable[[str, str], Any]
) -> None:
    """RFC 7030 3.2.3, by another implementation of both; who does not, and who says nothing, is asked."""
    lab = est(est_login=login)
    asked = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10)
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"].lower().startswith(f"{login} realm=")
    wrong = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, auth=auth("svc-certrenew", "wrong"))
    assert wrong.status_code == 401
    assert lab.effects.of("certificate-issued") == []
    right = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, auth=auth("svc-certrenew", password(lab)))
    (leaf,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(right.content))
    assert leaf.public_key() == CSR.public_key()
    leaf.verify_directly_issued_by(lab.authority.new.issuing.certificate)
    assert [entry["fingerprint"] for entry in lab.effects.of("certificate-issued")] == [fingerprint(leaf)]
    assert [entry["count"] for entry in lab.effects.of("login-refused")] == [1]


def test_too_many_wrong_passwords_lock_the_account(est: Callable[..., Lab]) -> None:
    """Then the right one does not help; a client that tries again and again is found out."""
    lab = est(lockout_after="2")
    for _ in range(2):
        ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, auth=("svc-certrenew", "wrong"))
    right = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, auth=("svc-certrenew", password(lab)))
    assert right.status_code == 401
    assert len(lab.effects.of("account-locked", "est")) == 1


def test_a_client_certificate_suffices(est: Callable[..., Lab]) -> None:
    """RFC 7030 3.3.2; also where the server would ask for a password else."""
    lab = est()
    client = str(lab.home / "secrets" / "est-client.pem")
    assert ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, cert=client).status_code == 200
    assert oct((lab.home / "secrets" / "est-client.pem").stat().st_mode)[-3:] == "600"


def test_what_is_no_request_is_refused(est: Callable[..., Lab]) -> None:
    """Another type, no Base64, a CSR whose signature is wrong, a label, a method; nothing is signed."""
    lab = est()
    client: dict[str, Any] = {"cert": str(lab.home / "secrets" / "est-client.pem")}
    der = CSR.public_bytes(Encoding.DER)
    broken = base64.b64encode(der[:-1] + bytes([der[-1] ^ 1]))
    given = [
        ask(lab, "POST", "simpleenroll", data=BODY, **client),
        ask(lab, "POST", "simpleenroll", data=der, headers=PKCS10, **client),
        ask(lab, "POST", "simpleenroll", data=broken, headers=PKCS10, **client),
        ask(lab, "POST", "label/simpleenroll", data=BODY, headers=PKCS10, **client),
        ask(lab, "GET", "simpleenroll", **client),
    ]
    assert [answer.status_code for answer in given] == [415, 400, 400, 404, 405]
    assert lab.effects.of("certificate-issued") == []


@pytest.mark.parametrize("setting", ["lines", "one-line", "binary"])
def test_answers_are_encoded_as_chosen(est: Callable[..., Lab], setting: str) -> None:
    """Base64 in lines, in one, or none of it."""
    content = ask(est(est_encoding=setting), "GET", "cacerts").content
    assert (content[:1] == b"\x30") == (setting == "binary")
    assert setting == "binary" or (b"\n" in content) == (setting == "lines")
    assert pkcs7.load_der_pkcs7_certificates(content if setting == "binary" else base64.b64decode(content))


@pytest.mark.parametrize(("setting", "shape"), [("seconds", r"\d+"), ("date", r"\w{3}, \d\d \w{3} \d{4} .* GMT")])
def test_a_wait_is_told_as_chosen(est: Callable[..., Lab], setting: str, shape: str) -> None:
    """RFC 9110 10.2.3: both forms."""
    lab = est(est_retry_after=setting)
    lab.order("est", "pending", seconds=30)
    client = str(lab.home / "secrets" / "est-client.pem")
    answer = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, cert=client)
    assert answer.status_code == 202
    assert re.fullmatch(shape, answer.headers["Retry-After"])
    assert answer.text


def test_names_of_the_csr_are_kept(est: Callable[..., Lab]) -> None:
    """The CA signs faithfully, unless a flaw is ordered."""
    lab = est()
    client = str(lab.home / "secrets" / "est-client.pem")
    for flaw, names in (("", 2), ("drop-san", 1)):
        if flaw:
            lab.order("est", "flawed", flaw=flaw)
        answer = ask(lab, "POST", "simpleenroll", data=BODY, headers=PKCS10, cert=client)
        (leaf,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
        held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert len(held.get_values_for_type(x509.DNSName)) == names
