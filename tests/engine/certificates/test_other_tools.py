"""Hold the rule book to certificates that other people's tools made, in the shapes in which these hand them out."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.certificates import (
    Evidence,
    Grade,
    Release,
    describe,
    judge,
    read_certificates,
    read_csr,
    read_decoded,
)
from engine.model import Outcome
from tests.engine.certificates.tools import NAMES, TOOLS, Made, run
from tests.pki import CA, altered
from tests.programs import needs

LATER = timedelta(minutes=5)
"""The tools know no other time than now; some begin a certificate's life a little later."""


@pytest.fixture(scope="session", params=TOOLS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Have one tool make everything, once."""
    return TOOLS[request.param](tmp_path_factory.mktemp(request.param))


def evidence(made: Made, new: bytes) -> Evidence:
    """Put together what a person would give to `check`."""
    return Evidence(
        given=read_certificates(new, "new"),
        csr=read_csr(made.csr, "csr"),
        current=read_certificates(made.old, "old")[0],
        trusted=read_certificates(made.authority, "ca"),
        role="expressway-c",
        release=Release.parse("X14.3"),
        names=NAMES,
        at=datetime.now(UTC) + LATER,
    )


def test_its_certificates_pass(made: Made) -> None:
    """A renewed certificate of each tool fails no check and warns of nothing; the CA is the same."""
    verdict = judge(evidence(made, made.new))
    assert [one for one in verdict.findings if one.outcome is not Outcome.PASS] == []
    assert verdict.continuity is not None
    assert verdict.continuity.grade is Grade.SAME
    assert set(describe(verdict.require()).sans) == {f"DNS:{name}" for name in NAMES}  # certtool writes them twice


def test_its_bundles_are_read(made: Made) -> None:
    """Each bundle holds leaf and CA, whatever is around them, and gives the verdict of the certificate alone."""
    alone = judge(evidence(made, made.new))
    for shape, content in made.bundles.items():
        assert len(read_certificates(content, shape)) == 2, shape
        verdict = judge(evidence(made, content))
        assert (verdict.leaf, verdict.ok, verdict.chain) == (alone.leaf, True, alone.chain), shape


def test_without_its_ca_there_is_no_chain(made: Made) -> None:
    """Control: with a foreign CA of the same name instead of the tool's own, the chain fails and trust is missing."""
    own = read_certificates(made.authority, "ca")[0]
    foreign = CA.root([("CN", describe(own).subject)]).certificate
    verdict = judge(Evidence(given=read_certificates(made.new, "new"), trusted=[foreign], at=datetime.now(UTC) + LATER))
    assert [one.check for one in verdict.failed] == ["chain-complete"]


def test_an_altered_certificate_is_refused(made: Made) -> None:
    """Control: the tool's certificate with one bit of its signature flipped fails the chain."""
    data = altered(read_certificates(made.new, "new")[0], -1)
    assert "chain-complete" in [one.check for one in judge(evidence(made, data)).failed]


def test_its_text_says_the_same(made: Made, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What OpenSSL prints about each tool's certificate reads as the certificate itself."""
    certificate = read_certificates(made.new, "new")[0]
    words = (needs("openssl"), "x509", "-noout", "-text")
    text = run(tmp_path_factory.getbasetemp(), *words, stdin=made.new.decode())
    told = read_decoded(text, "text").description
    for key in ("sans", "eku", "key", "serial", "ski", "aki", "not_before", "not_after"):
        assert getattr(told, key) == getattr(describe(certificate), key), key
