"""Take down what a person decides about plans: show each, ask on a terminal, sign, store or write a file to send."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from engine import approvals
from engine.cli import plans
from engine.cli.columns import say
from engine.cli.render import pairs, print_json, put
from engine.cli.show import decided, who, window
from engine.errors import Refused, UsageError
from engine.model import Decision, Plan
from engine.runner import deciding
from engine.runner.deciding import Said
from engine.text import escape, named

if TYPE_CHECKING:
    from engine.runner import Runner

DONE = {
    approvals.APPROVE: "Approved",
    approvals.EMERGENCY: "EMERGENCY approval",
    approvals.REJECT: "Rejected",
    approvals.WITHDRAW: "Withdrawn",
}


class Asked(NamedTuple):
    """Be the options that all decisions share."""

    said: Said
    digest: str = ""
    person: str = ""
    key: Path | None = None
    out: Path | None = None
    ask: bool = True
    as_json: bool = False
    everything: bool = False


def decide(runner: "Runner", renewals: list[str], asked: Asked) -> None:
    """Show each plan, ask, and record the decision."""
    if (len(renewals) > 1 or asked.everything) and asked.digest:
        raise UsageError(
            "--plan names one plan of one renewal.",
            untouched="Nothing was decided.",
            todo="Leave --all and others out.",
        )
    decisions = []
    for plan in [plan for renewal in renewals for plan in _plans(runner, renewal, asked)]:
        _confirmed(plan, asked)
        decision = deciding.decide(runner, plan.renewal, plan, asked.person or None, asked.said, asked.key)
        decisions.append(decision)
        _tell(decision, asked)
    if asked.out:
        _write(asked.out, decisions, quiet=asked.as_json)
    if asked.as_json:
        shown = [decision.plain() for decision in decisions]
        print_json(shown[0] if len(shown) == 1 else shown)


def _plans(runner: "Runner", renewal: str, asked: Asked) -> list[Plan]:
    if asked.everything:
        return runner.plans_ahead(renewal)
    return [deciding.plan_to_decide(runner, renewal, asked.digest)]


def _confirmed(plan: Plan, asked: Asked) -> None:
    if asked.as_json:
        return
    plans.show_plan(plan)
    if asked.ask and sys.stdin.isatty() and not typer.confirm(f"{asked.said.verb.capitalize()} exactly this plan?"):
        raise Refused("You said no.", untouched="Nothing was decided.", todo=f"certrenew why {plan.renewal}")


def _tell(decision: Decision, asked: Asked) -> None:
    if asked.as_json:
        return
    how = "signed" if decision.signed else f"UNSIGNED (typed by {who(decision.by)})"
    say(f"{DONE[decision.verb]} by {decision.person}, {how}; decision {decision.id}.")
    if decision.not_before or decision.not_after:
        say(f"It counts {window(decision.not_before, decision.not_after)}.")
    if decision.verb in (approvals.APPROVE, approvals.EMERGENCY):
        say(f"Next: certrenew run {decision.renewal}")


def withdraw(runner: "Runner", renewal: str, asked: Asked) -> None:
    """Take back a decision; it names its plan itself."""
    known = {decision.id: decision for decision in runner.store.decisions(renewal)}
    taken = known.get(asked.said.withdraws)
    if taken is None:
        raise UsageError(
            f"Renewal {renewal} has no decision `{escape(asked.said.withdraws, 80)}`.",
            untouched="Nothing was taken back.",
            todo=f"See them: certrenew show {renewal}",
        )
    plan = runner.store.plan(renewal, taken.plan)
    decision = deciding.decide(runner, renewal, plan, asked.person or None, asked.said, asked.key)
    _tell(decision, asked)
    if asked.out:
        _write(asked.out, [decision], quiet=asked.as_json)
    if asked.as_json:
        print_json(decision.plain())


def take(runner: "Runner", renewal: str, file: Path, *, as_json: bool) -> None:
    """Record the signed decisions in a file that somebody sent."""
    from engine.runner.handed import read_file

    taken = deciding.take(runner, renewal, read_file(file), str(file))
    if as_json:
        print_json([decision.plain() for decision in taken])
        return
    for decision in taken:
        say(f"Recorded. {decided(decision)}")


# ---- on one's own machine, without site or home --------------------------------------------------------------------


def offline(file: Path, asked: Asked) -> None:
    """Sign a decision about an exported plan; what is written is sent back. No site, home or box is needed.

    The digest is computed anew from the plan that is shown.
    """
    from engine.cli.context import local_actor, new_id
    from engine.cli.export import read
    from engine.runner.site import Clock
    from engine.text import stamp

    plans_ = read(file)
    if not asked.person or asked.key is None:
        raise UsageError(
            "A decision about a file takes --as PERSON and --key FILE.",
            untouched="Nothing was decided.",
            todo="PERSON is what the site calls you; FILE is your private SSH key, or its public key for ssh-agent.",
        )
    at, signed = stamp(Clock().now()), []
    for plan in plans_:
        _confirmed(plan, asked)
        made = deciding.claim(plan, asked.person, asked.said, id=new_id(), at=at, by=local_actor())
        signed.append(deciding.sign(made, asked.key))
    _write(asked.out or file.with_name(f"{file.stem}.decision.json"), signed, quiet=asked.as_json)


def _write(out: Path, decisions: list[Decision], *, quiet: bool) -> None:
    from engine.store import files

    files.replace(out.absolute(), deciding.write(decisions))
    if not quiet:
        say(f"Written to {out}. Send it to whoever runs the renewal, who types:")
        say(f"certrenew approve {decisions[0].renewal} --decision {out.name}", indent=2)


# ---- what waits for me ---------------------------------------------------------------------------------------------


def queue(runner: "Runner", person: str, *, as_json: bool) -> None:
    """List the plans of all renewals that wait for a person's approval."""
    name = deciding.who(runner, person or None)
    waiting = deciding.waiting_for(runner, name)
    if as_json:
        print_json([{"digest": plan.digest, "effect": plan.effect.value, **plan.plain()} for plan in waiting])
        return
    if not waiting:
        say(f"Nothing waits for {name}.")
        return
    for plan in waiting:
        first, *more = [change.what for change in plan.changes]
        told = f"{first}{f' (and {len(more)} more)' if more else ''}"
        change = f", change {plan.change}" if plan.change else ""
        what = f"{named(plan.step, plan.phase)}, plan {plan.digest[:12]}{change}"
        put(pairs([(plan.renewal, what), ("", told)]))
    say(f"Look at each: certrenew plan ID. Then: certrenew approve {' '.join(plan.renewal for plan in waiting)}")
