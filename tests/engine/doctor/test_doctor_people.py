"""Hold what is said of people and policy: a rule that can never be met fails before anybody waits for it."""

import pytest

from tests.engine.doctor.conftest import Make, run, told

RULE = '\n[[approval.rules]]\neffects = ["serve"]\n'


def test_everybody_with_an_account_passes(make: Make) -> None:
    """People with a uid pass; one without is named."""
    assert told(run("people", make())) == [("pass", 0)]
    (found,) = run("people", make(("uid = 4712\n", "")))
    assert (found.outcome, found.exit_code) == ("warn", 0)
    assert "bob" in found.message
    assert "ann" not in found.message


def test_a_site_without_people_can_meet_no_rule(make: Make) -> None:
    """Nobody is there to approve: a warning for the table, a failure of the rule."""
    nobody = make(('[people.ann]\nname = "Ann"\nuid = 4711\nroles = ["uc"]', ""), _bob())
    assert told(run("people", nobody)) == [("warn", 0)]
    assert ("fail", 4) in told(run("policy", nobody))


def _bob() -> tuple[str, str]:
    return ('[people.bob]\nname = "Bob"\nuid = 4712\nroles = ["change"]', "")


@pytest.mark.parametrize(
    ("rule", "outcome", "why"),
    [
        ("people = 1", "pass", "2 could"),
        ('people = 1\nroles = ["change"]', "warn", "bob begins or carries it out"),
        ('people = 1\nroles = ["change"]\nexclude = []', "pass", "1 could"),
        ("people = 2", "fail", "whoever of the site's people"),
        ("people = 2\nexclude = []", "pass", "2 could"),
        ("people = 3", "fail", "can never be met"),
        ('people = 2\nroles = ["uc"]', "fail", "the site has 1"),
    ],
)
def test_each_rule_is_judged_by_who_is_left(make: Make, rule: str, outcome: str, why: str) -> None:
    """A rule fails when whoever carries it out leaves too few, warns when some do, and passes otherwise."""
    found = run("policy", make(more=RULE + rule))[-1]
    assert found.outcome == outcome
    assert why in found.message
    assert found.exit_code == (4 if outcome == "fail" else 0)
    assert bool(found.todo) == (outcome != "pass")


def test_unsigned_approvals_are_a_warning_and_none_at_all_a_failure(make: Make) -> None:
    """What counts without a signature is told; a site whose approvals nobody can give fails."""
    assert told(run("policy", make())) == [("warn", 0), ("pass", 0)]
    found = run("policy", make(("unsigned_approvals = true", "unsigned_approvals = false")))
    assert told(found)[0] == ("fail", 4)
    assert "unsigned_approvals = true" in found[0].todo


def test_a_policy_that_frees_everything_is_told(make: Make) -> None:
    """`rules = []` is a warning, and no rule is judged."""
    assert told(run("policy", make(("unsigned_approvals", "rules = []\nunsigned_approvals")))) == [("warn", 0)]
