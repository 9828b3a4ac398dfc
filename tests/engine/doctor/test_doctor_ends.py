"""Hold when a certificate counts as ending soon: thirty days, or a third of a short life."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import Suggestion
from engine.doctor.ends import SOON, soon
from engine.doctor.findings import Diagnosis
from engine.doctor.visit import SUGGESTED, Seen
from engine.errors import Unreachable
from engine.text import stamp
from tests.engine.doctor.conftest import Make, run, told
from tests.pki import CA, DAY, NOW

ROOT = CA.root("Root")


def _ends(make: Make, left: timedelta, life: timedelta, now: timedelta = timedelta()) -> list[Diagnosis]:
    one = make()
    leaf = ROOT.issue("expc.example", not_before=NOW + left - life, not_after=NOW + left).certificate
    one.seen = {"expc": Seen("expc", wire={"127.0.0.1:1": leaf})}
    one.now = NOW + now
    return run("ends", one)


@pytest.mark.parametrize(
    ("life", "left", "outcome"),
    [
        (398, 31, "pass"),
        (398, 29, "warn"),
        (200, 31, "pass"),
        (100, 29, "warn"),
        (47, 17, "pass"),
        (47, 15, "warn"),
        (6, 3, "pass"),
        (6, 1, "warn"),
        (47, 0, "fail"),
        (398, -3, "fail"),
    ],
)
def test_soon_depends_on_how_long_a_certificate_lives(make: Make, life: int, left: int, outcome: str) -> None:
    """Thirty days before the end of a long life and a third of a short one it warns; at the end it fails."""
    found = _ends(make, left * DAY, life * DAY)
    assert told(found) == [(outcome, 4 if outcome == "fail" else 0)]
    assert (found[0].todo == "Renew it: certrenew start expc-server") == (outcome != "pass")


@given(st.integers(1, 20000))
def test_soon_is_never_more_than_thirty_days_nor_a_third_of_the_life(life: int) -> None:
    """It is exactly the smaller of the two."""
    leaf = ROOT.issue("a.example", not_before=NOW, not_after=NOW + life * DAY).certificate
    assert soon(leaf) == min(SOON, life * DAY / 3)


def test_what_is_not_valid_yet_points_to_the_clocks(make: Make) -> None:
    """A certificate from the future fails, and both clocks are named."""
    found = _ends(make, 100 * DAY, 99 * DAY)
    assert told(found) == [("fail", 4)]
    assert "clocks" in found[0].todo


def test_a_ca_certificate_that_ends_is_told(make: Make) -> None:
    """The CA above what a box presents is judged, too, when somebody's list has it."""
    root = CA.root("Short Root", not_before=NOW - 100 * DAY, not_after=NOW + 20 * DAY)
    leaf = root.issue("expc.example", not_before=NOW - 10 * DAY, not_after=NOW + 390 * DAY).certificate
    for days, known, outcome in ((0, True, ("warn", 0)), (21, True, ("fail", 4)), (21, False, ("pass", 0))):
        one = make()
        one.now = NOW + days * DAY
        trusted = {"": [root.certificate]} if known else {}
        one.seen = {"expc": Seen("expc", wire={"127.0.0.1:1": leaf}, trusted=trusted)}
        assert told(run("ends", one)) == [outcome]


def test_what_the_ca_suggests_is_told_once_it_begins(make: Make) -> None:
    """The authority's own window is a warning from its beginning on, and nothing before; no answer is said."""
    one = make()
    leaf = ROOT.issue("expc.example", not_before=NOW - 10 * DAY, not_after=NOW + 200 * DAY).certificate
    seen = Seen("expc", wire={"127.0.0.1:1": leaf}, held={"server": leaf})
    one.seen = {"expc": seen}
    seen.suggested = {"expc-server": Suggestion(start=stamp(NOW + DAY), end=stamp(NOW + 3 * DAY))}
    assert told(run("ends", one)) == [("pass", 0)]
    seen.suggested = {"expc-server": Suggestion(start=stamp(NOW - DAY), end=stamp(NOW + DAY), url="https://ca.example")}
    (found,) = run("ends", one)
    assert found.outcome == "warn"
    assert "https://ca.example" in found.message
    seen.suggested, seen.faults = {}, {SUGGESTED: Unreachable("No answer.")}
    assert told(run("ends", one)) == [("warn", 0)]
