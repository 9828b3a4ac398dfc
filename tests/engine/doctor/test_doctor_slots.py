"""Hold the check `slots`: public CAs where client authentication is needed, and slots that nothing renews."""

import pytest
from cryptography import x509

from engine.contracts import BoxStatus
from engine.doctor.findings import Diagnosis
from engine.doctor.visit import Seen
from tests.engine.doctor.conftest import Make, run, told
from tests.pki import CA

ROOT = CA.root("Root")
PRIVATE = ROOT.issue("expc.example").certificate
POLICY = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)
PUBLIC = ROOT.issue("expc.example", extra=[x509.CertificatePolicies([POLICY])]).certificate
CLIENT = '\n[certificates.expc-client]\nnode = "expc"\nslot = "client"\nauthority = "corp"\n'


def _slots(make: Make, release: str, held: dict[str, x509.Certificate], more: str = "") -> list[Diagnosis]:
    one = make(more=more)
    one.seen = {"expc": Seen("expc", status=BoxStatus(release=release, uptime=1), slots=tuple(held), held=held)}
    return run("slots", one)


@pytest.mark.parametrize(
    ("release", "slot", "outcome"),
    [("X14.3", "server", "warn"), ("X15.5", "server", "pass"), ("X15.5", "client", "warn")],
)
def test_a_public_ca_is_told_where_its_end_matters(make: Make, release: str, slot: str, outcome: str) -> None:
    """A certificate of a public CA warns in a slot that needs client authentication; a private one never does."""
    slots = {"server": PRIVATE, "client": PRIVATE} if release == "X15.5" else {"server": PRIVATE}
    assert told(_slots(make, release, slots, CLIENT)) == [("pass", 0)]
    found = _slots(make, release, {**slots, slot: PUBLIC}, CLIENT)
    assert told(found) == [(outcome, 0)]
    assert ("client authentication" in found[0].todo) == (outcome == "warn")


def test_a_slot_that_nothing_renews_is_told_with_its_end(make: Make) -> None:
    """A client slot that could be read and has no certificate in the site warns, with when it ends."""
    [found] = _slots(make, "X15.5", {"server": PRIVATE, "client": PRIVATE})
    assert (found.outcome, found.exit_code) == ("warn", 0)
    assert f"{PRIVATE.not_valid_after_utc:%Y-%m-%d}" in found.message
    assert told(_slots(make, "X15.5", {"server": PRIVATE, "client": PRIVATE}, CLIENT)) == [("pass", 0)]


def test_a_release_that_can_not_be_read_stops_nothing(make: Make) -> None:
    """What is no release is told by others; this check says nothing of it."""
    assert told(_slots(make, "latest", {"server": PUBLIC})) == [("pass", 0)]
