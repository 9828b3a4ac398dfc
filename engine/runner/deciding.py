"""Record what people decide: approve a plan, reject it, take a decision back; signed, or by the word of an account."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine import approvals, signatures
from engine.canonical import canonical
from engine.errors import Refused, UsageError
from engine.model import Actor, Decision, Plan, Renewal
from engine.runner.judging import fault
from engine.runner.runner import Runner
from engine.text import escape

if TYPE_CHECKING:
    from engine.store import Document

SIGN_IT = "Sign it: --key FILE (a private SSH key, or the public key of one in ssh-agent)."

NOBODY = Actor(person=None, uid=-1, account="", host="")


class Said(NamedTuple):
    """Be what a person says of a plan: the verb, from when to when (RFC 3339, UTC), why, and what it takes back."""

    verb: str = approvals.APPROVE
    not_before: str = ""
    not_after: str = ""
    reason: str = ""
    withdraws: str = ""


def plan_to_decide(runner: Runner, renewal: str, digest: str = "") -> Plan:
    """Return the plan that a decision would bind: the one named, else the newest shown for the step that is next.

    Looks at the boxes only when no plan was shown yet. Raises UsageError when there is none.
    """
    document = runner.store.load(renewal)
    shown = runner.store.plans(renewal) if digest else shown_plans(runner, document)
    if digest:
        shown = [plan for plan in shown if plan.digest.startswith(digest) and plan.round == document.renewal.round]
        if len(shown) != 1:
            raise UsageError(
                f"No plan that was shown has a digest beginning with {escape(digest)}.",
                untouched="Nothing was decided.",
                todo=f"Look: certrenew plan {renewal}",
            )
    newest = shown[0] if shown else runner.plan(renewal)
    if newest is None:
        raise UsageError(f"Renewal {renewal} has nothing to decide about.", todo=f"certrenew show {renewal}")
    return newest


def shown_plans(runner: Runner, document: "Document") -> list[Plan]:
    """Return the plans of the next step that were shown, the one that is waited for first, then newest first."""
    step, renewal = runner.next_step(document), document.renewal
    awaited = renewal.wait.plan if renewal.wait else ""
    shown = [p for p in runner.store.plans(renewal.id) if step and (p.step, p.round) == (step.name, renewal.round)]
    return sorted(shown, key=lambda plan: plan.digest != awaited)


# ---- deciding ------------------------------------------------------------------------------------------------------


def decide(
    runner: Runner, renewal: str, plan: Plan, person: str | None, said: Said, key: Path | None = None
) -> Decision:
    """Record what a person says of a plan, signed with a key where one is given. Takes no lock.

    The same again is the same. Raises UsageError for what can't be meant, Refused when nobody knows who this is, when
    the site takes no unsigned decisions, or when this person's word can't count.
    """
    made = claim(plan, who(runner, person), said, id=runner.new_id(), at=runner.site.at(), by=runner.site.actor)
    document = runner.store.load(renewal)
    _sensible(runner, document.renewal, made)
    # Who will carry it out is known only then, and judged again then.
    case = replace(runner.case(document, plan), operator=NOBODY)
    _may_count(case, made)
    last_done = max(case.done.values(), default="")
    for known in case.decisions:
        if _alike(known, made) and not approvals.why_void(case, known) and known.at > last_done:
            return known
    return keep(runner, sign(made, key) if key else made)


def waiting_for(runner: Runner, person: str) -> list[Plan]:
    """Return the plans of all open renewals that still need somebody and could have this person's approval. Read-only.

    Looks at no box: these are the plans that were shown.
    """
    found = []
    for renewal in runner.open():
        document = runner.store.load(renewal.id)
        if renewal.wait is not None and renewal.wait.on == "approval":
            for plan in shown_plans(runner, document)[:1]:
                standings = approvals.standings(replace(runner.case(document, plan), operator=NOBODY))
                if any(one.missing and person in one.could for one in standings):
                    found.append(plan)
    return found


def claim(plan: Plan, person: str, said: Said, *, id: str, at: str, by: Actor) -> Decision:
    """Return a decision that is not signed yet and kept nowhere."""
    return Decision(
        id=id,
        verb=said.verb,
        renewal=plan.renewal,
        step=plan.step,
        phase=plan.phase,
        plan=plan.digest,
        person=person,
        at=at,
        by=by,
        not_before=said.not_before,
        not_after=said.not_after,
        change=plan.change,
        reason=said.reason,
        withdraws=said.withdraws,
    )


def sign(decision: Decision, key: Path) -> Decision:
    """Return the decision with the signature of its claim by a key."""
    return msgspec.structs.replace(decision, signature=signatures.sign(canonical(decision.claim()), key))


def who(runner: Runner, person: str | None) -> str:
    """Return who decides: the person named, else the one whose account this is. Raises Refused for nobody."""
    actor = runner.site.actor
    found = person or actor.person
    if found is None:
        raise Refused(
            f"The account {escape(actor.account)} (uid {actor.uid}) is nobody the site knows.",
            untouched="Nothing was decided.",
            todo="Give the person this `uid` in the site file, or name one: --as PERSON",
        )
    return found


def keep(runner: Runner, decision: Decision) -> Decision:
    """Store a decision for good, after the signature was judged. Raises Refused when it does not count."""
    if decision.signed:
        _well_signed(runner, decision)
    elif not runner.estate.policy.unsigned_approvals:
        raise Refused(
            "This site takes no unsigned approvals.",
            untouched="Nothing was decided.",
            todo=SIGN_IT,
        )
    elif decision.by.person != decision.person and not runner.estate.policy.approve_for_others:
        raise Refused(
            f"The account {escape(decision.by.account)} is not that of {escape(decision.person)}.",
            untouched="Nothing was decided.",
            todo=SIGN_IT,
        )
    runner.store.add_decision(decision)
    return decision


def _well_signed(runner: Runner, decision: Decision) -> None:
    why = fault(runner.site, runner.store.load(decision.renewal).renewal, decision)
    if why:
        raise Refused(
            f"The decision of {escape(decision.person)} does not count: {why}.",
            untouched="Nothing was recorded.",
            todo="Ask that person for one that is signed with the key which the site's `allowed_signers` names.",
        )


def _sensible(runner: Runner, renewal: Renewal, made: Decision) -> None:
    if made.not_after and made.not_after <= max(made.at, made.not_before):
        raise UsageError(
            f"The window ends at {made.not_after}, which is over or before it begins.",
            untouched="Nothing was decided.",
            todo="Give a later end.",
        )
    if made.verb in (approvals.REJECT, approvals.EMERGENCY) and not made.reason.strip():
        raise UsageError(
            f"To {'reject a plan' if made.verb == approvals.REJECT else 'use the emergency path'} takes a reason.",
            untouched="Nothing was decided.",
            todo="Add: --reason TEXT",
        )
    if made.verb == approvals.WITHDRAW:
        _withdrawable(runner, renewal, made)


def _withdrawable(runner: Runner, renewal: Renewal, made: Decision) -> None:
    known = {decision.id: decision for decision in runner.store.decisions(renewal.id)}
    taken = known.get(made.withdraws)
    if taken is None or taken.verb == approvals.WITHDRAW:
        raise UsageError(
            f"There is no decision `{escape(made.withdraws)}` to take back.",
            untouched="Nothing was decided.",
            todo=f"See them: certrenew show {renewal.id}",
        )
    if taken.person != made.person:
        raise Refused(
            f"The decision {escape(taken.id)} is that of {escape(taken.person)}, who alone can take it back.",
            untouched="Nothing was decided.",
            todo="Ask that person.",
        )


def _alike(known: Decision, made: Decision) -> bool:
    names = ("verb", "plan", "person", "not_before", "not_after", "withdraws")
    return all(getattr(known, name) == getattr(made, name) for name in names)


def _may_count(case: approvals.Case, made: Decision) -> None:
    objections = [
        approvals.objection(case, terms, rule, made.person)
        for terms in case.terms
        for rule in approvals.rules_for(terms.policy, case.plan)
    ]
    if made.verb != approvals.APPROVE:  # who may not approve may still say no, or carry an emergency
        known = all(made.person in terms.people for terms in case.terms)
        objections = [] if known else [f"{escape(made.person)} is not among the site's people"]
    if objections and all(objections):
        raise Refused(
            f"This {'approval' if made.verb == approvals.APPROVE else 'decision'} would not count: {objections[0]}.",
            untouched="Nothing was decided.",
            todo=f"Somebody else has to: certrenew why {made.renewal}",
        )


# ---- by mail and by file -------------------------------------------------------------------------------------------


def write(decisions: Sequence[Decision]) -> bytes:
    """Return decisions as the file that is sent: what was signed, and the signature, of each."""
    sent = [{"claim": decision.claim(), "signature": decision.signature} for decision in decisions]
    return json.dumps(sent, indent=2).encode() + b"\n"


def read(runner: Runner, content: bytes, where: str) -> list[Decision]:
    """Read the decisions in a file that somebody sent. Raises UsageError for what is none."""
    try:
        by = runner.site.actor.plain()
        sent = [{**one["claim"], "by": by, "signature": one["signature"]} for one in json.loads(content)]
        decisions = msgspec.convert(sent, list[Decision])
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        decisions = []
    if not decisions:
        raise UsageError(
            f"{escape(where)} is no decision.",
            untouched="Nothing was recorded.",
            todo="It is what `certrenew approve --out FILE` writes.",
        )
    return decisions


def take(runner: Runner, renewal: str, content: bytes, where: str) -> list[Decision]:
    """Record signed decisions that somebody sent, all or none. The same again is the same.

    Raises UsageError for what is none, Refused for one of another renewal or plan, without a good signature, or whose
    name is taken.
    """
    sent = read(runner, content, where)
    kept = {decision.id: decision for decision in runner.store.decisions(renewal)}
    new = [one for one in sent if one.id not in kept or one.claim() != kept[one.id].claim()]
    for one in new:
        _acceptable(runner, renewal, one, where)
    for one in new:
        keep(runner, one)
    return sent


def _acceptable(runner: Runner, renewal: str, sent: Decision, where: str) -> None:
    if sent.renewal != renewal:
        raise Refused(
            f"{escape(where)} is about renewal {escape(sent.renewal)}, not {renewal}.",
            untouched="Nothing was recorded.",
            todo=f"Hand it in where it belongs: certrenew approve {escape(sent.renewal)} --decision FILE",
        )
    if not sent.signed:
        raise Refused(
            f"{escape(where)} is not signed.", untouched="Nothing was recorded.", todo="Have it signed: --key FILE"
        )
    runner.store.plan(renewal, sent.plan)
    _sensible(runner, runner.store.load(renewal).renewal, sent)
    _well_signed(runner, sent)
