"""Hold what is said of people and policy: a rule that can never be met fails before anybody waits for it."""

from pathlib import Path

import pytest

from tests.engine.doctor.conftest import Make, run, told

RULE = '\n[[approval.rules]]\neffects = ["serve"]\n'


def test_everybody_with_a_key_or_an_account_passes(make: Make, tmp_path: Path) -> None:
    """People with a uid pass where accounts count; one without is named, until a key is theirs."""
    assert told(run("people", make())) == [("pass", 0)]
    keyless = ("uid = 4712\n", "")
    (found,) = run("people", make(keyless))
    assert (found.outcome, found.exit_code) == ("warn", 0)
    assert "bob" in found.message
    assert "ann" not in found.message
    assert told(run("people", make(keyless, _signers(tmp_path, "bob")))) == [("pass", 0)]


def test_a_key_of_nobody_is_named(make: Make, tmp_path: Path) -> None:
    """A principal of the signers' file that the site has no person for is a warning."""
    found = run("people", make(_signers(tmp_path, "bobby")))
    assert told(found) == [("pass", 0), ("warn", 0)]
    assert "bobby" in found[1].message


def _signers(folder: Path, *people: str) -> tuple[str, str]:
    (folder / "signers").write_text("# keys\n" + "".join(f"{name} ssh-ed25519 AAAA\n" for name in people))
    (folder / "signers").chmod(0o600)
    return ("[approval]", '[approval]\nallowed_signers = "signers"')


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


def test_unsigned_approvals_are_a_warning_and_none_at_all_a_failure(make: Make, tmp_path: Path) -> None:
    """What counts without a signature is told; a site whose approvals nobody can give fails; with a key it passes."""
    assert told(run("policy", make())) == [("warn", 0), ("pass", 0)]
    (lab, *_) = run(
        "policy", make(("unsigned_approvals = true", "unsigned_approvals = true\napprove_for_others = true"))
    )
    assert "as anybody" in lab.message
    unsigned = ("unsigned_approvals = true", "unsigned_approvals = false")
    found = run("policy", make(unsigned))
    assert told(found)[0] == ("fail", 4)
    assert "allowed_signers" in found[0].todo
    assert told(run("policy", make(unsigned, _signers(tmp_path, "ann", "bob")))) == [("pass", 0)]


def test_who_can_give_no_decision_meets_no_rule(make: Make, tmp_path: Path) -> None:
    """A rule counts on people with a key or an account alone."""
    unsigned = ("unsigned_approvals = true", "unsigned_approvals = false")
    found = run("policy", make(unsigned, _signers(tmp_path, "ann")))
    assert ("fail", 4) in told(found) or ("warn", 0) in told(found)
    assert "1" in found[-1].message


def test_a_policy_that_frees_everything_is_told(make: Make) -> None:
    """`rules = []` is a warning, and no rule is judged."""
    assert told(run("policy", make(("unsigned_approvals", "rules = []\nunsigned_approvals")))) == [("warn", 0)]
