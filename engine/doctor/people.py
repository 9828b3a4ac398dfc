"""Check people and policy: whether each rule can be met, and what an approval rests on."""

from collections.abc import Iterator

from engine import approvals
from engine.doctor.findings import Diagnosis, failed, passed, warned
from engine.doctor.patient import Patient
from engine.estate import Estate, Rule
from engine.model import Actor, Plan
from engine.text import escape

SOURCE = "docs/reference/site-file.md, approval.rules"
_NOTHING = Plan(renewal="", step="", phase="", round=0, basis={}, changes=[])


def people(patient: Patient) -> Iterator[Diagnosis]:
    """Warn of people without a local account: only somebody else can type for them."""
    estate = patient.estate
    unknown = [escape(person.id) for person in estate.people.values() if person.uid is None]
    if not estate.people:
        yield warned("people", "The site names nobody.", "Add [people.NAME] for whoever may approve.", source=SOURCE)
    elif unknown:
        what = f"Without `uid`, so that others type for them: {', '.join(unknown)}."
        yield warned("people", what, "Give each the `uid` of the account that is theirs: id -u NAME", source=SOURCE)
    else:
        yield passed("people", f"{len(estate.people)} people, each with an account.")


def policy(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a rule can never be met; warn when it can't for some, and of unsigned approvals."""
    estate = patient.estate
    if not estate.policy.rules:
        what = "`rules = []`: nothing asks for anybody's approval, not even what interrupts calls."
        yield warned("policy", what, "Leave `rules` out for the default: what serves needs another person.")
        return
    yield from _unsigned(estate)
    for number, rule in enumerate(estate.policy.rules, 1):
        yield _rule(estate, number, rule)


def _unsigned(estate: Estate) -> Iterator[Diagnosis]:
    if estate.policy.unsigned_approvals:
        what = "Unsigned approvals count: whoever may use this account can approve as anybody."
        yield warned("policy", what, "Know who can log in here; every unsigned approval is marked as such.")
    else:
        what = "Nothing that needs an approval can be done: the site takes no unsigned approval, and there is no other."
        todo = "Set `unsigned_approvals = true` under [approval] if a local account is proof enough for you."
        yield failed("policy", what, todo, source=SOURCE)


def _rule(estate: Estate, number: int, rule: Rule) -> Diagnosis:
    """Judge one rule by who is left when a person begins and carries out everything."""
    asks = f"Rule {number} asks for {rule.people}"
    if rule.roles:
        asks += f" of the role {' or '.join(map(escape, rule.roles))}"
    stranger = len(_left(estate, rule, None))
    if stranger < rule.people:
        return failed("policy", f"{asks}, and the site has {stranger}: it can never be met.", _MORE, source=SOURCE)
    short = [person for person in estate.people if len(_left(estate, rule, person)) < rule.people]
    if len(short) == len(estate.people):
        what = f"{asks}, and whoever of the site's people carries it out, too few others are left."
        return failed("policy", what, _MORE, source=SOURCE)
    if short:
        what = f"{asks}: too few are left when {' or '.join(map(escape, short))} begins or carries it out."
        return warned("policy", what, "Let somebody else do so, or add people.", source=SOURCE)
    return passed("policy", f"{asks}; {stranger} could.")


_MORE = "Add people, or roles to them, or change the rule."


def _left(estate: Estate, rule: Rule, busy: str | None) -> list[str]:
    """Return whose approval counts when this person begins the renewal and carries it out."""
    who = Actor(person=busy, uid=-1, account="", host="")
    case = approvals.Case(
        plan=_NOTHING,
        policy=estate.policy,
        people=estate.people,
        requester=who,
        operator=who,
        decisions=(),
        plans={},
        ours=(),
    )
    return [person for person in estate.people if not approvals.objection(case, rule, person)]
