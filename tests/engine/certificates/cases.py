"""Hold the good case that the tests of the rules vary, and ways to ask a verdict."""

from dataclasses import replace

from cryptography import x509

from engine.certificates import (
    Evidence,
    Verdict,
    judge,
)
from engine.model import Outcome
from tests.pki import CA, DAY, NOW, ec_key, make_csr

ROOT = CA.root()
ISSUING = ROOT.intermediate()
OLD = ISSUING.issue("a.example", "b.example", not_after=NOW + 20 * DAY)
KEY = ec_key()
CSR = make_csr(["a.example", "b.example"], key=KEY)
NEW = ISSUING.sign(CSR)
CHAIN = [ISSUING.certificate, ROOT.certificate]
GOOD = Evidence(given=[NEW, *CHAIN], csr=CSR, current=OLD.certificate, trusted=CHAIN, at=NOW)
PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    """Return each check's outcome; a check has one finding at most."""
    found = {one.check: one.outcome for one in verdict.findings}
    assert len(found) == len(verdict.findings)
    return found


def message(verdict: Verdict, check: str) -> str:
    """Return what a check says."""
    return next(one.message for one in verdict.findings if one.check == check)


def only(verdict: Verdict, check: str, outcome: Outcome) -> str:
    """Assert that just this check has that outcome and all others pass; return what it says."""
    rest = {one: found for one, found in outcomes(verdict).items() if found is not PASS}
    assert rest == {check: outcome}
    return message(verdict, check)


def with_leaf(leaf: x509.Certificate, **changes: object) -> Verdict:
    """Judge another leaf, without a CSR, on the good evidence."""
    return judge(replace(GOOD, given=[leaf, *CHAIN], csr=None, **changes))  # type: ignore[arg-type]
