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
    """Warn of people who can give no decision: neither a signing key is theirs nor an account that counts."""
    estate = patient.estate
    mute = [escape(name) for name in estate.people if name not in able(estate)]
    strangers = sorted(keyed(estate) - set(estate.people))
    if not estate.people:
        yield warned("people", "The site names nobody.", "Add [people.NAME] for whoever may approve.", source=SOURCE)
    elif mute:
        what = f"Can decide nothing, for want of a signing key or an account that counts: {', '.join(mute)}."
        yield warned("people", what, "Add their SSH keys to the file `allowed_signers`.", source=SOURCE)
    else:
        yield passed("people", f"{len(estate.people)} people, each with a key or an account.")
    if strangers:
        what = f"Keys of `allowed_signers` that belong to nobody of the site: {', '.join(map(escape, strangers))}."
        yield warned("people", what, "Write the person's name of [people.NAME] first in the line.", source=SOURCE)


def keyed(estate: Estate) -> set[str]:
    """Return the principals of the allowed signers (ssh-keygen(1))."""
    lines = [line.split() for line in estate.signers.splitlines() if line.strip() and not line.startswith("#")]
    return {name for first, *_ in lines for name in first.split(",")}


def able(estate: Estate) -> set[str]:
    """Return the people who can give a decision that counts: by key, or by account where the site takes that."""
    able = keyed(estate) & set(estate.people)
    if estate.policy.unsigned_approvals:
        anybody = estate.policy.approve_for_others
        able |= {name for name, person in estate.people.items() if anybody or person.uid is not None}
    return able


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
    if estate.policy.unsigned_approvals and estate.policy.approve_for_others:
        what = "Whoever may use this account can approve as anybody (`approve_for_others`), which is for labs."
        yield warned("policy", what, "Take it out, and let people sign: docs/how-to/approve-a-plan.md.")
    elif estate.policy.unsigned_approvals:
        what = "Unsigned approvals count: they rest on the local account alone."
        yield warned("policy", what, "Know who can log in here, or let people sign: docs/how-to/approve-a-plan.md.")
    elif not keyed(estate) & set(estate.people):
        what = (
            "Nothing that needs an approval can be done: nobody has a signing key, and unsigned approvals don't count."
        )
        todo = "Name a file of signing keys as `allowed_signers` under [approval]: docs/how-to/approve-a-plan.md."
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
    terms = approvals.Terms(estate.policy, estate.people)
    case = approvals.Case(
        plan=_NOTHING,
        terms=[terms],
        requester=who,
        operator=who,
        decisions=(),
        plans={},
        ours=(),
    )
    return [person for person in able(estate) if not approvals.objection(case, terms, rule, person)]
