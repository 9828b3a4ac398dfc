"""Hold the gate: who may approve what, and when an approval still fits what would be done."""

import dataclasses
from typing import Any

import msgspec
import pytest

from engine import approvals
from engine.approvals import Case, require
from engine.errors import CertrenewError, Drift, Refused, Waiting
from engine.estate import Rule
from engine.model import Effect, Plan
from tests.engine.samples import approval, case, change, plan, terms

RESTART, UPLOAD = change("restart"), change("upload", what="upload the leaf", after={"slot": "bb"})
PLAN = plan(RESTART)


def _by(judged: Case) -> tuple[str, ...]:
    return require(judged).by


def _refusal(judged: Case) -> CertrenewError:
    with pytest.raises((Refused, Waiting)) as caught:
        require(judged)
    return caught.value


# ---- whose approval counts -----------------------------------------------------------------------------------------


def test_what_serves_waits_for_another_person() -> None:
    """By default a plan that somebody may notice waits for one person who neither began it nor carries it out."""
    waiting = _refusal(case(PLAN))
    assert isinstance(waiting, Waiting)
    assert waiting.on == "approval"
    assert "1 approval needed, from bob or eve" in waiting.what
    assert f"certrenew approve r1 --plan {PLAN.digest[:12]}" in waiting.todo
    assert _by(case(PLAN, decisions=[approval(PLAN, "bob")])) == ("bob",)


@pytest.mark.parametrize("effect", [Effect.READ, Effect.STAGE])
def test_what_nobody_notices_is_free_by_default(effect: Effect) -> None:
    """By default reading and staging need nobody's approval; serving does."""
    assert _by(case(plan(change(effect=effect)))) == ()
    assert isinstance(_refusal(case(PLAN)), Waiting)


def test_only_people_of_the_site_count() -> None:
    """An approval by somebody the site does not have never counts."""
    assert isinstance(_refusal(case(PLAN, decisions=[approval(PLAN, "mallory")])), Waiting)
    assert "not among" in approvals.objection(case(PLAN), terms(), Rule(), "mallory")


def test_a_role_is_needed_where_the_rule_names_one() -> None:
    """Of a rule's roles a person needs one; a person with none of them does not count."""
    rule = Rule(roles=["security"])
    assert isinstance(_refusal(case(PLAN, rule, decisions=[approval(PLAN, "bob")])), Waiting)
    assert _by(case(PLAN, rule, decisions=[approval(PLAN, "eve")])) == ("eve",)
    assert _by(case(PLAN, Rule(roles=["change", "none"]), decisions=[approval(PLAN, "bob")])) == ("bob",)


@pytest.mark.parametrize(("requester", "operator"), [("bob", "ann"), ("ann", "bob"), ("bob", "bob")])
def test_who_began_or_carries_out_does_not_count(requester: str, operator: str) -> None:
    """The person who started a renewal, and the one who carries it out, can't approve it, from any account."""
    decisions = [approval(PLAN, "bob")]
    stopped = _refusal(case(PLAN, decisions=decisions, requester=requester, operator=operator))
    assert isinstance(stopped, Waiting)
    assert "bob" not in stopped.what
    free = Rule(effects=["serve"], exclude=[])
    assert _by(case(PLAN, free, decisions=decisions, requester=requester, operator=operator)) == ("bob",)


def test_who_set_an_override_does_not_count() -> None:
    """Whoever accepted a failed check may not approve what follows from it; without an override they may."""
    judged = case(PLAN, Rule(), decisions=[approval(PLAN, "bob")])
    assert _by(judged) == ("bob",)
    with pytest.raises(Waiting):
        _by(dataclasses.replace(judged, overriders=["bob"]))
    assert "set an override" in approvals.objection(
        dataclasses.replace(judged, overriders=["bob"]), terms(), Rule(), "bob"
    )


def test_a_rule_for_a_lighter_effect_holds_in_a_mixed_plan() -> None:
    """A rule for staging applies to every plan that stages something, whatever else the plan does."""
    stage = change("trust", effect=Effect.STAGE)
    rule = Rule(effects=["stage"])
    assert isinstance(_refusal(case(plan(stage, RESTART), rule)), Waiting)
    assert _by(case(plan(RESTART), rule)) == ()


def test_an_approval_outside_its_window_does_not_count() -> None:
    """An approval counts from its first to its last moment; a minute later it is as if nobody had approved."""
    given = msgspec.structs.replace(
        approval(PLAN, "bob"), not_before="2026-11-24T02:00:00Z", not_after="2026-11-24T03:00:00Z"
    )
    judged = case(PLAN, decisions=[given])
    for now in ("2026-11-24T02:00:00Z", "2026-11-24T03:00:00Z"):
        assert _by(dataclasses.replace(judged, now=now)) == ("bob",)
    for now, on in (("2026-11-24T01:59:59Z", "window"), ("2026-11-24T03:00:01Z", "approval")):
        with pytest.raises(Waiting) as waiting:
            _by(dataclasses.replace(judged, now=now))
        assert waiting.value.on == on


def test_an_account_that_is_nobody_excludes_nobody() -> None:
    """An account without a person takes nobody's right to approve away."""
    judged = case(PLAN, decisions=[approval(PLAN, "ann")], requester=None, operator=None)
    assert _by(judged) == ("ann",)
    assert isinstance(_refusal(case(PLAN, decisions=[approval(PLAN, "ann")], requester="ann", operator=None)), Waiting)


def test_unsigned_approvals_count_only_where_the_site_says_so() -> None:
    """A decision that rests on a local account alone counts only with `unsigned_approvals`."""
    decisions = [approval(PLAN, "bob", signed=False)]
    assert isinstance(_refusal(case(PLAN, decisions=decisions)), Waiting)
    assert _by(case(PLAN, decisions=decisions, unsigned=True)) == ("bob",)


def test_one_person_counts_once() -> None:
    """Two approvals of one person are one approval."""
    two = Rule(people=2)
    twice = [approval(PLAN, "bob"), msgspec.structs.replace(approval(PLAN, "bob"), id="again")]
    assert "1 approval needed, from eve" in _refusal(case(PLAN, two, decisions=twice)).what
    assert _by(case(PLAN, two, decisions=[*twice, approval(PLAN, "eve")])) == ("bob", "eve")


@pytest.mark.parametrize("verb", ["emergency", "withdraw", "Approve", ""])
def test_only_the_word_approve_approves(verb: str) -> None:
    """A decision that says anything but approve is no approval."""
    assert isinstance(_refusal(case(PLAN, decisions=[approval(PLAN, "bob", verb=verb)])), Waiting)


def test_every_rule_must_be_met() -> None:
    """Where several rules apply, each needs its people; a rule for another step or effect does not apply."""
    rules = Rule(roles=["change"]), Rule(roles=["security"]), Rule(steps=["install"], people=3), Rule(effects=["read"])
    short = _refusal(case(PLAN, *rules, decisions=[approval(PLAN, "bob")]))
    assert isinstance(short, Waiting)
    assert short.what.startswith("1 approval needed, from eve for")
    assert _by(case(PLAN, *rules, decisions=[approval(PLAN, "eve")])) == ("eve",)


def test_an_empty_plan_needs_nobody() -> None:
    """A plan without changes needs no approval, whatever the rules; the same rules hold one with a change back."""
    everybody = Rule(people=3, exclude=[])
    assert _by(case(plan(), everybody)) == ()
    assert approvals.standings(case(plan(), everybody)) == []
    assert isinstance(_refusal(case(PLAN, everybody)), Waiting)


@pytest.mark.parametrize("rule", [Rule(people=4, exclude=[]), Rule(people=3), Rule(roles=["board"])])
def test_what_nobody_could_ever_approve_is_refused(rule: Rule) -> None:
    """Where the site has too few people who may approve, the answer is no with the reasons, and not to wait."""
    refused = _refusal(case(PLAN, rule))
    assert isinstance(refused, Refused)
    assert "can never be approved" in refused.what
    assert refused.untouched
    assert refused.todo
    assert isinstance(_refusal(case(PLAN, Rule(people=2))), Waiting)


# ---- what an approval still covers ---------------------------------------------------------------------------------


def _judged(approved: Plan, now: Plan, *, ours: tuple[str, ...] = ()) -> Case:
    return case(now, decisions=[approval(approved, "bob")], shown=[approved], ours=ours)


def test_changes_that_we_made_may_be_gone() -> None:
    """An approval goes on covering the rest once some of its changes are made, by us."""
    approved, rest = plan(UPLOAD, RESTART), plan(RESTART)
    assert _by(_judged(approved, rest, ours=(UPLOAD.key,))) == ("bob",)


def test_a_change_that_is_gone_but_not_by_us_is_drift() -> None:
    """When somebody else made an approved change, what was approved is not what is: refused, with what drifted."""
    drift = _refusal(_judged(plan(UPLOAD, RESTART), plan(RESTART)))
    assert isinstance(drift, Drift)
    assert drift.differences == ("no longer so, and not by us: expc: upload the leaf",)
    assert "approved again" in drift.todo


def test_a_change_that_is_new_is_drift() -> None:
    """A change that nobody approved is refused even beside one that was."""
    drift = _refusal(_judged(PLAN, plan(RESTART, UPLOAD)))
    assert isinstance(drift, Drift)
    assert drift.differences == ("not approved: expc: upload the leaf",)


def test_another_end_state_is_another_change() -> None:
    """The same action with another precondition or end state is drift, both ways."""
    other = msgspec.structs.replace(UPLOAD, after={"slot": "cc"})
    assert len(approvals.differences(plan(UPLOAD), plan(other), ())) == 2
    assert approvals.differences(plan(UPLOAD), plan(UPLOAD), ()) == []


def test_order_and_prose_are_no_drift() -> None:
    """Another order of discovery, other words and a later time leave an approval as it is."""
    told = msgspec.structs.replace(UPLOAD, what="put it there", activity="9 calls")
    assert _by(_judged(plan(UPLOAD, RESTART), plan(RESTART, told, made_at="later"))) == ("bob",)


@pytest.mark.parametrize(
    ("before", "after"),
    [({"leaf": "aa"}, {"leaf": "bb"}), ({"policy": "p1"}, {"policy": "p2"}), ({}, {"overrides": ["eku"]})],
)
def test_another_basis_is_drift(before: dict[str, object], after: dict[str, object]) -> None:
    """A plan that rests on another certificate, policy or override than the approved one is not approved."""
    drift = _refusal(_judged(plan(RESTART, basis=before), plan(RESTART, basis=after)))
    assert isinstance(drift, Drift)
    assert next(iter(after)) in drift.differences[0]
    assert _by(_judged(plan(RESTART, basis=after), plan(RESTART, basis=after))) == ("bob",)


@pytest.mark.parametrize(("before", "after"), [({"n": 1}, {"n": True}), ({}, {"n": None})])
def test_a_basis_with_another_digest_is_never_covered(before: dict[str, object], after: dict[str, object]) -> None:
    """Two bases that Python takes for equal, but whose digests differ, are different."""
    assert plan(RESTART, basis=before).digest != plan(RESTART, basis=after).digest
    assert approvals.differences(plan(RESTART, basis=before), plan(RESTART, basis=after), ()) != []


@pytest.mark.parametrize("other", [{"round": 1}, {"step": "install"}, {"phase": "services"}, {"renewal": "r2"}])
def test_an_approval_is_for_one_phase_of_one_round(other: dict[str, Any]) -> None:
    """What was approved for another round, step, phase or renewal says nothing about this one."""
    approved = plan(RESTART, **other)
    assert isinstance(_refusal(_judged(approved, PLAN)), Waiting)


def test_a_plan_that_was_never_shown_is_not_approved() -> None:
    """A decision that names a digest nobody saw counts for nothing."""
    unseen = plan(RESTART, UPLOAD)
    assert isinstance(_refusal(case(PLAN, decisions=[approval(unseen, "bob")])), Waiting)
    assert isinstance(_refusal(case(PLAN, decisions=[approval(unseen, "bob")], shown=[unseen])), Drift)


def test_a_new_approval_ends_the_drift() -> None:
    """After drift a new approval of the plan as it is now carries it, and the old one still does not count."""
    old, now = plan(UPLOAD), PLAN
    judged = case(now, Rule(people=2), decisions=[approval(old, "eve"), approval(now, "bob")], shown=[old])
    assert "1 approval needed, from eve" in _refusal(judged).what


def test_hostile_names_do_not_reach_the_message() -> None:
    """What a box or a person calls itself is escaped in every refusal."""
    bad = change("upload", what="\x1b[2Jupload", target="exp\u202ec")
    drift = _refusal(_judged(PLAN, plan(RESTART, bad)))
    assert "\x1b" not in drift.what + drift.todo
    assert "\u202e" not in drift.what
    assert "\\x1b" in drift.what
