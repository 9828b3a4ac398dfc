"""Hold the verdict on chains to NIST's Public Key Interoperability Test Suite, which nobody here wrote.

The certificates come with the package `cryptography-vectors`. A file's name says what a verifier that knows everything
would answer. This one reads no revocation lists and processes no policies: the table `pkits.txt` lists every test in
which that makes a difference. Tests whose names promise neither depend on the policies that the user wants.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509

from engine.certificates import Evidence, NotACertificate, Verdict, judge, read_certificates
from engine.certificates.chain import is_self_signed
from engine.certificates.extensions import raw_extension
from engine.model import Outcome

SUITE = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data" / "certs"
AT = datetime(2026, 11, 23, tzinfo=UTC)
"""A moment at which what the suite means to be valid is: most of it ends in 2030."""
UNREADABLE = {"DSAParametersInheritedCACert", "ValidDSAParameterInheritanceTest5EE"}
POLICIES = ("2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54")
"""Certificate policies, policy mappings, policy constraints, inhibit anyPolicy."""


@lru_cache
def certificates() -> dict[str, x509.Certificate]:
    """Return every certificate of the suite that can be read, by its name."""
    files = sorted(SUITE.glob("*.crt"))
    return {
        path.stem: read_certificates(path.read_bytes(), path.name)[0] for path in files if path.stem not in UNREADABLE
    }


@lru_cache
def verdict(name: str) -> Verdict:
    """Judge one certificate with the CA certificates of the whole suite at hand and its anchor trusted."""
    every = certificates()
    authorities = [one for other, one in every.items() if not other.endswith("EE")]
    anchor = every["TrustAnchorRootCertificate"]
    return judge(Evidence(given=[every[name]], known=authorities, trusted=[anchor], at=AT))


def accepted(name: str) -> bool:
    """Tell whether path and validity are judged good."""
    found = {one.check: one.outcome for one in verdict(name).findings}
    return {found["chain-complete"], found["validity"]} <= {Outcome.PASS, Outcome.WARN}


def table() -> dict[str, tuple[str, str]]:
    """Return the committed differences: section and reason by test."""
    lines = (Path(__file__).parent / "pkits.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {name: (section, reason) for name, section, reason in rows}


def promised(prefix: str) -> list[str]:
    """Return the end-entity certificates whose names promise a verdict."""
    return [path.stem for path in sorted(SUITE.glob(f"{prefix}*EE.crt"))]


def test_the_suite_is_all_there() -> None:
    """405 certificates are there, and as many promises as the suite has."""
    assert len(list(SUITE.glob("*.crt"))) == 405
    assert len(certificates()) == 405 - len(UNREADABLE)
    assert (len(promised("Valid")), len(promised("Invalid"))) == (88, 115)


def test_what_can_not_be_read_is_refused() -> None:
    """DSA keys without parameters of their own are refused as damaged, without a traceback."""
    for name in UNREADABLE:
        with pytest.raises(NotACertificate):
            read_certificates((SUITE / f"{name}.crt").read_bytes(), name)


def test_every_certificate_is_judged() -> None:
    """Each certificate, CA or not, gets a verdict that can be written as JSON."""
    for name in certificates():
        assert verdict(name).plain()["findings"]


def test_every_difference_is_in_the_table() -> None:
    """The verdict agrees with the suite but for the tests that the table names; each of these does differ."""
    differing = {name for name in promised("Valid") if name in UNREADABLE or not accepted(name)}
    differing |= {name for name in promised("Invalid") if accepted(name)}
    assert differing == set(table())


def test_no_invalid_path_is_accepted_but_for_lists_and_policies() -> None:
    """Of the invalid paths those alone are accepted that revocation lists or policies make invalid."""
    sections = {"revocation": r"4\.(4|5|7|14|15)\.", "policies": r"4\.(8|9|10|11|12)\."}
    for name, (section, reason) in table().items():
        if name.startswith("Invalid"):
            assert re.match(sections[reason], section), name
    assert {reason for _, reason in table().values()} == {*sections, "unreadable"}


def test_a_path_that_policies_make_invalid_has_policies() -> None:
    """Each test that the table excuses with policies has a certificate in its path that says something about them."""
    for name in [name for name, (_, reason) in table().items() if reason == "policies"]:
        path = [certificates()[name], *verdict(name).chain]
        assert any(raw_extension(one, oid) for one in path for oid in POLICIES), name


def test_a_path_that_lists_make_invalid_is_sound_without_them() -> None:
    """Control, by the parser's own verification: excused paths are signed link by link up to the suite's root."""
    for name in [name for name, (_, reason) in table().items() if reason == "revocation"]:
        path = [certificates()[name], *verdict(name).chain]
        assert is_self_signed(path[-1])
        for below, above in pairwise(path):
            below.verify_directly_issued_by(above)


def test_the_table_would_notice_a_verifier_that_accepts_all() -> None:
    """Control: without the trust anchor and its CAs no path of the suite is accepted."""
    for name in promised("Valid")[:20]:
        if name not in UNREADABLE:
            alone = judge(Evidence(given=[certificates()[name]], at=AT))
            assert next(one for one in alone.findings if one.check == "chain-complete").outcome is Outcome.FAIL
