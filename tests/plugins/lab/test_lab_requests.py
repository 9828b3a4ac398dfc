"""A box makes one key and one CSR at a time, with its own name first."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from plugins.lab.authority import BOTH
from plugins.lab.lab import Lab
from plugins.lab.requests import KEYS, Refusal

from .client import CERTS, CSR, Client, leaf_of
from .conftest import MakeLab

pytestmark = pytest.mark.lab
GENERATE = f"{CERTS}/generate_csr"


def names(csr: bytes) -> list[str]:
    """Return the DNS names that a CSR asks for, in order."""
    request = x509.load_pem_x509_csr(csr)
    return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )


def test_the_csr_carries_the_fqdn_the_extra_names_the_subject_and_both_usages(expc: Client) -> None:
    """A name that is given twice, whatever its case, is there once."""
    subject = {"Country": "GB", "Province": "Kent", "Locality": "Deal", "Organization": "O & Co"}
    more = {"OrganizationalUnit": "UC", "Email": "pki@corp.example"}
    extra = ["b.corp.example", "EXPC.corp.example", "a.corp.example"]
    csr = expc.request_csr(**subject, **more, Additional_FQDNS=extra)
    request = x509.load_pem_x509_csr(csr)
    assert names(csr) == ["expc.corp.example", "b.corp.example", "a.corp.example"]
    assert [str(attribute.value) for attribute in request.subject] == [
        *subject.values(),
        *more.values(),
        "expc.corp.example",
    ]
    assert list(request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == list(BOTH)
    assert request.is_signature_valid


def test_no_csr_is_made_over_a_pending_one(lab: Lab, expc: Client) -> None:
    """The deployment guide: only one signing request at a time; the first one and its key stay."""
    assert expc.get(GENERATE).outcome == (404, "Not Found")
    first = expc.request_csr()
    assert expc.post_json(GENERATE, CSR).outcome == (409, "Conflict")
    assert expc.get(GENERATE).body == first
    assert lab.effects.kinds("expc").count("csr-generated") == 1
    assert lab.effects.kinds("expc").count("csr-conflict") == 1


def test_generating_a_csr_leaves_the_active_certificate_alone(lab: Lab, expc: Client) -> None:
    """The deployment guide says so; on the wire and by API."""
    before = expc.get(f"{CERTS}/server").body
    served = expc.served()
    expc.request_csr()
    assert (expc.get(f"{CERTS}/server").body, expc.served()) == (before, served)


@pytest.mark.parametrize(
    "wrong",
    [
        {"KeyLength": 1024},
        {"KeyLength": "x"},
        {"DigestAlgorithm": "sha1"},
        {"Additional_FQDNS": "a.example,b.example"},
        {"Additional_FQDNS": [7]},
        {"Country": "GBR"},
        {"Locality": 7},
        {"Additional_FQDNS": ["bücher.example"]},
    ],
)
def test_values_that_a_box_does_not_take_make_no_csr(lab: Lab, expc: Client, wrong: dict[str, Any]) -> None:
    """SHA-1 is not selectable from X8.10, keys are RSA 2048 or 4096; the rest is malformed."""
    assert expc.post_json(GENERATE, {**CSR, **wrong}).outcome == (400, "Bad Request")
    assert lab.boxes["expc"].pending is None
    assert len(lab.effects.of("csr-refused")) == 1


@pytest.mark.parametrize("body", ["no json", "[]"])
def test_a_body_that_is_no_json_object_makes_no_csr(lab: Lab, expc: Client, body: str) -> None:
    """Request bodies are JSON objects (Summary Guide)."""
    assert expc("POST", GENERATE, body).outcome == (400, "Bad Request")
    assert "csr-generated" not in lab.effects.kinds()


@pytest.mark.parametrize(("release", "status"), [("X12.5", 200), ("X14.3", 400)])
@pytest.mark.parametrize("name", ["secure phone profile", "10.1.2.3", "short"])
def test_from_x12_6_a_name_must_be_shaped_like_a_host_name(
    make_lab: MakeLab, release: str, status: int, name: str
) -> None:
    """Deployment guide X15.4: phone security profile names, or making the CSR fails."""
    expc = Client(make_lab(releases={"expc": release}), "expc")
    assert expc.post_json(GENERATE, {**CSR, "Additional_FQDNS": [name]}).status == status


@pytest.mark.parametrize("key", KEYS)
def test_the_web_page_offers_rsa_always_and_ecdsa_from_x14_3(make_lab: MakeLab, key: str) -> None:
    """Deployment guide X15.4; the API has no field for it that is known."""
    old, new = make_lab(releases={"expc": "X12.5"}).boxes["expc"], make_lab().boxes["expc"]
    made = new.generate_csr(CSR, key=key).key
    assert isinstance(made, rsa.RSAPrivateKey if key.startswith("rsa") else ec.EllipticCurvePrivateKey)
    assert made.key_size == int(key.partition("-")[2])
    if key.startswith("ec"):
        with pytest.raises(Refusal, match="ECDSA"):
            old.generate_csr(CSR, key=key)


def test_the_fields_key_length_is_what_the_key_has(expc: Client) -> None:
    """4096 is what the only public client asks for, and what a box makes when nothing is asked."""
    key = x509.load_pem_x509_csr(expc.request_csr(KeyLength=4096)).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 4096


def test_a_certificate_for_a_discarded_csr_is_refused(lab: Lab, expc: Client) -> None:
    """218034: the install fails; with the CSR that was kept it succeeds."""
    expc.trust_new()
    lost = leaf_of(lab.sign(expc.request_csr()))
    lab.order("expc", "discard-csr")
    assert expc.post_file(f"{CERTS}/server", lost).outcome == (400, "Bad Request")
    assert "does not match the private key" in lab.effects.of("upload-refused")[0]["reason"]
    kept = leaf_of(lab.sign(expc.request_csr()))
    assert expc.post_file(f"{CERTS}/server", lost).status == 400
    assert expc.post_file(f"{CERTS}/server", kept).outcome == (200, "OK")


def test_there_is_no_way_to_discard_by_api(expc: Client) -> None:
    """Unknown at the vendor, so the lab has none and a client cannot rely on it."""
    csr = expc.request_csr()
    assert expc("DELETE", GENERATE).status == 405
    assert expc.get(GENERATE).body == csr
