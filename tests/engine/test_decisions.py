"""Hold what people may say besides approve, and when what they said no longer counts."""

import dataclasses
from typing import Any

import msgspec
import pytest

from engine.approvals import EMERGENCY, REJECT, WITHDRAW, Case, require
from engine.errors import Drift, Refused, Waiting
from engine.estate import Person, Rule
from engine.model import Decision
from tests.engine.samples import PEOPLE, actor, approval, case, change, plan, terms

PLAN = plan(change("restart"))
NOW = "2026-11-24T02:00:00Z"


def said(verb: str, person: str, **more: Any) -> Decision:
    """Make what one person says of the plan."""
    return msgspec.structs.replace(approval(PLAN, person, verb=verb), id=f"{verb}-{person}", **more)


def waits(judged: Case) -> None:
    """Assert that an approval is missing."""
    with pytest.raises(Waiting):
        require(judged)


# ---- no, and not any more ------------------------------------------------------------------------------------------


def test_a_rejected_plan_is_not_carried_by_others() -> None:
    """Whoever approves it, a plan that somebody rejected is refused with that person's reason."""
    decisions = [approval(PLAN, "eve"), said(REJECT, "bob", reason="not in the \x1b[2Jfreeze")]
    with pytest.raises(Refused, match=r"bob rejected restart.*not in the \\x1b\[2Jfreeze") as refused:
        require(case(PLAN, decisions=decisions))
    assert "certrenew withdraw r1 --decision reject-bob" in refused.value.todo
    assert require(case(PLAN, decisions=decisions[:1])).by == ("eve",)


def test_even_a_plan_that_needs_nobody_can_be_rejected() -> None:
    """A rejection stops a plan to which no rule applies; without it the plan goes on."""
    free = Rule(effects=["read"])
    with pytest.raises(Refused, match="rejected"):
        require(case(PLAN, free, decisions=[said(REJECT, "bob", reason="no")]))
    assert require(case(PLAN, free)).by == ()


def test_a_plan_that_became_another_is_judged_anew() -> None:
    """A rejection is of one plan: one that does something else is not rejected."""
    other = plan(change("restart", target="expe"))
    rejected = said(REJECT, "bob", reason="no")
    judged = case(other, decisions=[rejected, approval(other, "eve")], shown=[PLAN])
    assert require(judged).by == ("eve",)


def test_who_rejected_can_take_it_back_and_nobody_else() -> None:
    """A rejection that its person withdrew no longer stops; another person's withdrawal of it changes nothing."""
    rejected = said(REJECT, "bob", reason="no")
    withdrawn = said(WITHDRAW, "bob", withdraws=rejected.id)
    decisions = [approval(PLAN, "eve"), rejected]
    assert require(case(PLAN, decisions=[*decisions, withdrawn])).by == ("eve",)
    with pytest.raises(Refused, match="rejected"):
        require(case(PLAN, decisions=[*decisions, said(WITHDRAW, "eve", withdraws=rejected.id)]))


def test_a_withdrawn_approval_does_not_count() -> None:
    """An approval that its person withdrew is as if it had never been; a later one of the same person counts."""
    given = approval(PLAN, "bob")
    withdrawn = said(WITHDRAW, "bob", withdraws=given.id)
    waits(case(PLAN, decisions=[given, withdrawn]))
    again = msgspec.structs.replace(given, id="again")
    assert require(case(PLAN, decisions=[given, withdrawn, again])).by == ("bob",)


def test_an_unsigned_withdrawal_does_not_undo_a_signed_approval() -> None:
    """Where the site takes no unsigned decisions, one can't take a signed one back either."""
    given = approval(PLAN, "bob")
    forged = said(WITHDRAW, "bob", withdraws=given.id, signature="")
    assert require(case(PLAN, decisions=[given, forged])).by == ("bob",)


# ---- used, old, dated ahead ----------------------------------------------------------------------------------------


def test_an_approval_is_used_up_by_what_was_done_under_it() -> None:
    """A change that was made and that somebody undid is not made again under the old approval; a newer one counts."""
    given, key = approval(PLAN, "bob"), PLAN.changes[0].key
    done = {key: "2026-11-23T17:00:00Z"}
    judged = case(PLAN, decisions=[given], ours=[key])
    with pytest.raises(Drift, match="undone since, not by us"):
        require(dataclasses.replace(judged, done=done))
    newer = msgspec.structs.replace(given, id="newer", at="2026-11-23T18:00:00Z")
    assert require(dataclasses.replace(judged, done=done, decisions=[given, newer])).by == ("bob",)
    assert require(judged).by == ("bob",)  # begun, and not proven yet: our own half-finished work


@pytest.mark.parametrize(("now", "counts"), [("2026-11-24T16:00:00Z", True), ("2026-11-24T16:00:01Z", False)])
def test_an_approval_grows_too_old(now: str, counts: bool) -> None:
    """With `max_age_hours` an approval counts for so long after it was given; without, for ever."""
    judged = dataclasses.replace(case(PLAN, decisions=[approval(PLAN, "bob")]), now=now)
    aged = dataclasses.replace(judged, terms=[terms(max_age_hours=24)])
    if counts:
        assert require(aged).by == ("bob",)
    else:
        waits(aged)
    assert require(judged).by == ("bob",)


def test_a_decision_of_the_future_does_not_count() -> None:
    """A decision that is dated later than now was made on another clock, or this one was moved back."""
    ahead = msgspec.structs.replace(approval(PLAN, "bob"), at="2026-11-24T02:00:01Z")
    waits(dataclasses.replace(case(PLAN, decisions=[ahead]), now=NOW))
    assert require(dataclasses.replace(case(PLAN, decisions=[ahead]), now="2026-11-24T02:00:01Z")).by == ("bob",)


def test_a_bad_signature_does_not_count() -> None:
    """A decision whose signature was judged bad is none, whatever it says."""
    given = approval(PLAN, "bob")
    waits(dataclasses.replace(case(PLAN, decisions=[given]), void={given.id: "its key is revoked"}))
    assert require(case(PLAN, decisions=[given])).by == ("bob",)


# ---- who -----------------------------------------------------------------------------------------------------------


def test_each_step_may_want_its_own_person() -> None:
    """With `separate_persons` who carried an earlier step does not count for this one, and still does for its own."""
    judged = case(PLAN, decisions=[approval(PLAN, "bob")])
    strict = dataclasses.replace(judged, terms=[terms(separate_persons=True)])
    waits(dataclasses.replace(strict, earlier={"install": ["bob"]}))
    assert require(dataclasses.replace(strict, earlier={"restart": ["bob"], "install": ["eve"]})).by == ("bob",)
    assert require(dataclasses.replace(judged, earlier={"install": ["bob"]})).by == ("bob",)


def test_a_rule_may_be_for_what_people_notice() -> None:
    """A rule for outages applies to a plan with one, and not to a plan without."""
    outage, brief = plan(change("restart", severity="outage")), plan(change("restart", severity="brief"))
    rule = Rule(impacts=["outage"], people=2, exclude=[])
    waits(case(outage, rule))
    assert require(case(brief, rule)).by == ()


def test_weakening_the_site_does_not_weaken_what_began_before() -> None:
    """Both the terms of the start and those of now must be met: fewer people, new people, no rules change nothing."""
    judged = case(PLAN, decisions=[approval(PLAN, "bob")])
    two, none = terms(Rule(people=2)), terms(Rule(effects=["read"]))
    for weaker in (terms(), none):
        waits(dataclasses.replace(judged, terms=[two, weaker]))
    waits(dataclasses.replace(judged, terms=[terms(), two]))
    assert require(dataclasses.replace(judged, terms=[terms(), none])).by == ("bob",)
    crony = Person(id="crony", name="Crony", roles=["change"])
    newcomer = dataclasses.replace(terms(), people={**PEOPLE, "crony": crony})
    waits(dataclasses.replace(judged, terms=[terms(), newcomer], decisions=[approval(PLAN, "crony")]))


def test_unsigned_counts_only_where_it_did_at_the_start() -> None:
    """Letting unsigned approvals in later does not let them into a renewal that began without."""
    judged = case(PLAN, decisions=[approval(PLAN, "bob", signed=False)], unsigned=True)
    assert require(judged).by == ("bob",)
    waits(dataclasses.replace(judged, terms=[terms(), *judged.terms]))


def test_an_account_approves_for_its_own_person_only() -> None:
    """An unsigned approval that another account typed counts only where the site lets anybody approve as anybody."""
    own = approval(PLAN, "bob", signed=False)
    foreign = msgspec.structs.replace(own, by=actor("ann"))
    unmapped = msgspec.structs.replace(own, by=actor(None))
    assert require(case(PLAN, decisions=[own], unsigned=True)).by == ("bob",)
    for given in (foreign, unmapped):
        waits(case(PLAN, decisions=[given], unsigned=True))
        lab = dataclasses.replace(case(PLAN, decisions=[given]), terms=[terms(unsigned=True, approve_for_others=True)])
        assert require(lab).by == ("bob",)


# ---- the emergency path --------------------------------------------------------------------------------------------


def test_two_people_with_reasons_carry_an_emergency() -> None:
    """In an emergency two people of the site carry a plan, the requester among them, and the reasons are kept."""
    first, second = (said(EMERGENCY, person, reason=f"{person}: phones are down") for person in ("ann", "bob"))
    carried = require(case(PLAN, Rule(people=3, exclude=[]), decisions=[first, second]))
    assert carried.by == ("ann", "bob")
    assert carried.emergency == ("ann: ann: phones are down", "bob: bob: phones are down")
    waits(case(PLAN, Rule(people=3, exclude=[]), decisions=[first]))
    waits(case(PLAN, Rule(people=3, exclude=[]), decisions=[first, first]))


def test_an_emergency_needs_reasons_known_people_and_an_open_path() -> None:
    """Without reasons, by strangers, or where the site has closed it, there is no emergency path."""
    good = [said(EMERGENCY, person, reason="down") for person in ("ann", "bob")]
    rule = Rule(people=3, exclude=[])
    for bad in (said(EMERGENCY, "bob"), said(EMERGENCY, "mallory", reason="down")):
        waits(case(PLAN, rule, decisions=[good[0], bad]))
    closed = dataclasses.replace(case(PLAN, decisions=good), terms=[terms(rule, emergency_people=0)])
    waits(closed)
    with pytest.raises(Refused, match="rejected"):
        require(case(PLAN, rule, decisions=[*good, said(REJECT, "eve", reason="no")]))


def test_ordinary_approvals_come_first() -> None:
    """A plan that its approvals carry is carried by them, even when somebody called an emergency."""
    decisions = [approval(PLAN, "bob"), *(said(EMERGENCY, person, reason="down") for person in ("ann", "bob"))]
    carried = require(case(PLAN, decisions=decisions))
    assert (carried.by, carried.ruled) == (("bob",), True)
    assert carried.emergency == ("ann: down", "bob: down")  # which opens windows
    assert not require(case(PLAN, decisions=decisions[1:])).ruled
