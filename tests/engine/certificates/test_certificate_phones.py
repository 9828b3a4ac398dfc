"""Phones with a fixed list of CAs are named when they will not trust what is about to be installed; nothing fails."""

from dataclasses import replace

import pytest
from cryptography import x509

from engine.certificates import CHECKS, Verdict, judge
from tests.engine.certificates.cases import CHAIN, GOOD, PASS, ROOT, WARN, message, outcomes
from tests.pki import CA, make_csr

OTHER = CA.root()
PUBLIC = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)])


def judged(phones: list[x509.Certificate] | None, *, other: bool = True, public: bool = False) -> Verdict:
    """Judge a certificate of another CA, or of the same, for a box through which phones come."""
    if not other:
        return judge(replace(GOOD, phones=phones))
    csr = make_csr(["a.example", "b.example"])
    leaf = OTHER.sign(csr, extra=[PUBLIC] if public else [])
    return judge(replace(GOOD, given=[leaf, OTHER.certificate], csr=csr, known=CHAIN, phones=phones))


def test_without_phones_there_is_no_finding() -> None:
    """Nothing is said of a box through which no phone registers."""
    assert "phone-trust" not in outcomes(judged(None))
    assert CHECKS[-1] == "phone-trust"


@pytest.mark.parametrize(
    ("phones", "other", "public", "outcome", "told"),
    [
        ([], False, False, PASS, "The CA stays"),
        ([], True, False, WARN, "is none: they will not trust it"),
        ([], True, True, WARN, "compare it with the list of their firmware"),
        ([OTHER], True, False, PASS, "trust it, by the site's list"),
        ([OTHER.renewed()], True, False, PASS, "trust it, by the site's list"),
        ([ROOT], True, False, WARN, "is not on the site's list"),
        ([OTHER], False, False, WARN, "is not on the site's list"),
    ],
)
def test_what_is_said_of_phones(phones: list[CA], other: bool, public: bool, outcome: str, told: str) -> None:
    """By the site's list and its keys where there is one; without, a CA that stays passes, any other warns."""
    verdict = judged([one.certificate for one in phones], other=other, public=public)
    assert outcomes(verdict)["phone-trust"] == outcome
    assert told in message(verdict, "phone-trust")
    assert "7800 and 8800" in message(verdict, "phone-trust")
    source = next(one.source for one in verdict.findings if one.check == "phone-trust")
    assert source == "Cisco 213872; docs/reference/certificates.md#phone-trust"
    assert verdict.ok
