"""The lab's CA signs what it was asked for, and each flaw spoils just what its line says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from engine.errors import UsageError
from plugins.lab.authority import BOTH, FLAWS, CorporateCA, make_generation, request_digest
from plugins.lab.requests import make_request
from plugins.lab.trust import intermediates, usable, why_untrusted
from plugins.lab.uploads import dns_names, has_common_name, usage

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CA = CorporateCA(NOW)
CSR = make_request(
    "expc.corp.example", {"Additional_FQDNS": ["a.example", "b.example"]}, key="ec-256", fqdn_only=True
).request

Certificates = list[x509.Certificate]


def names(signed: Certificates) -> list[str]:
    """Return the DNS names of the leaf."""
    return dns_names(signed[0])


def basic(signed: Certificates) -> bool:
    """Tell whether the leaf is a CA certificate."""
    return signed[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def trusted(signed: Certificates) -> bool:
    """Tell whether the leaf leads to the new root."""
    return not why_untrusted(signed[0], CA.new.chain)


GOOD: dict[str, Callable[[Certificates], bool]] = {
    "names": lambda signed: names(signed) == ["expc.corp.example", "a.example", "b.example"],
    "usage": lambda signed: usage(signed[0]) == list(BOTH),
    "key": lambda signed: signed[0].public_key() == CSR.public_key(),
    "dates": lambda signed: signed[0].not_valid_before_utc < NOW < signed[0].not_valid_after_utc,
    "trust": trusted,
    "chain": lambda signed: len(signed) == 3,
    "subject": lambda signed: has_common_name(signed[0]),
    "leaf": lambda signed: not basic(signed),
}
"""What is true of a faithful answer."""

SPOILS = {
    "drop-san": {"names"},
    "extra-san": {"names"},
    "wildcard": {"names"},
    "server-only": {"usage"},
    "client-only": {"usage"},
    "no-eku": {"usage"},
    "other-key": {"key"},
    "expired": {"dates"},
    "not-yet-valid": {"dates"},
    "wrong-ca": {"trust"},
    "same-name-ca": {"trust"},
    "no-intermediate": {"chain"},
    "leaf-only": {"chain"},
    "no-cn": {"subject"},
    "ca": {"leaf"},
}


@pytest.mark.parametrize("flaw", ["", *FLAWS])
def test_each_flaw_spoils_what_it_says_and_nothing_else(flaw: str) -> None:
    """Without a flaw everything holds."""
    signed = CA.sign(CSR, now=NOW, flaw=flaw)
    assert {name for name, holds in GOOD.items() if not holds(signed)} == SPOILS.get(flaw, set())


def test_the_two_generations_differ_in_keys_and_key_identifiers() -> None:
    """So that a renewal must spread trust; each signs with its own issuing CA."""
    old, new = CA.sign(CSR, now=NOW, generation="old"), CA.sign(CSR, now=NOW)
    identifiers = {
        signed[0].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        for signed in (old, new)
    }
    assert len(identifiers) == 2
    assert why_untrusted(old[0], CA.old.chain) == ""
    assert why_untrusted(old[0], CA.new.chain) == "unable to get local issuer certificate"


def test_a_stranger_of_the_same_name_is_told_by_its_signature() -> None:
    """Equal names prove nothing."""
    leaf = CA.sign(CSR, now=NOW, flaw="same-name-ca")[0]
    assert leaf.issuer == CA.new.issuing.certificate.subject
    assert why_untrusted(leaf, CA.new.chain)


def test_both_generations_can_carry_the_same_names() -> None:
    """Then the first match in a box's list wins and the other does not count (213872)."""
    same = CorporateCA(NOW, same_names=True)
    both = [*same.old.chain, *same.new.chain]
    leaf = same.sign(CSR, now=NOW)[0]
    assert usable(both, "first") == same.old.chain
    assert len(usable([*both, *both], "all")) == 4
    assert why_untrusted(leaf, usable(both, "first"))
    assert why_untrusted(leaf, usable(both, "all")) == ""


def test_intermediates_are_found_by_signature() -> None:
    """From the leaf up, without the root; none when the list does not hold them."""
    leaf = CA.sign(CSR, now=NOW)[0]
    assert intermediates(leaf, [*CA.old.chain, *CA.new.chain]) == [CA.new.issuing.certificate]
    assert intermediates(leaf, CA.old.chain) == []


@pytest.mark.parametrize("wrong", [{"flaw": "ugly"}, {"generation": "middle"}])
def test_a_flaw_or_generation_that_does_not_exist_is_refused(wrong: dict[str, str]) -> None:
    """The error lists what there is."""
    with pytest.raises(UsageError) as refused:
        CA.sign(CSR, now=NOW, **wrong)  # type: ignore[arg-type]
    assert refused.value.todo


def test_ca_certificates_end_before_2050() -> None:
    """Boxes have trouble with later dates (deployment guide X15.4)."""
    root = make_generation("G9", NOW).root.certificate
    assert root.not_valid_after_utc < NOW + timedelta(days=366 * 16)
    assert root.not_valid_after_utc.year < 2050


def test_the_ca_finds_what_it_issued() -> None:
    """Each answer to a CSR is kept under the CSR's digest, in order; what was refused is not."""
    ca = CorporateCA(NOW)
    first, second = ca.sign(CSR, now=NOW), ca.sign(CSR, now=NOW)
    with pytest.raises(UsageError):
        ca.sign(CSR, now=NOW, flaw="unheard-of")
    assert ca.issued == {request_digest(CSR): [first, second]}
