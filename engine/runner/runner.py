"""Carry renewals from state to state: plan, judge the approvals, look, act, look again, record.

Everything that changes a box, an authority or a renewal goes through `Runner`; commands only show what it returns.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from engine import approvals
from engine.errors import ApiDisabled, Failed, LoginRefused, Refused, UsageError, Waiting, together
from engine.model import Change, Effect, Json, Plan, Renewal
from engine.runner import hands, judging, plans, stops
from engine.runner.live import LiveWork, open_intents
from engine.runner.observers import deliver_due
from engine.runner.pace import pause
from engine.runner.site import Site
from engine.store.home import INTERRUPTED
from engine.text import escape, named, spell
from engine.workflow import Action, Arrow, Phase, Proof, Step, Workflow

if TYPE_CHECKING:
    from engine.store import Document

POLL = 5
"""How long `run --wait` waits before it looks again for a decision or a supplied file, in seconds."""

BEGUN = "What was begun on a box is in the journal; the next run looks whether it was made, and makes it once."
"""What is left when a command could not go on in the middle of a change."""

LOOKS = 60
"""After how many such looks without news it looks at the boxes again, in case something changed there."""


class Runner:
    """Advance renewals of one site, as one person, on one store."""

    def __init__(self, site: Site, new_id: Callable[[], str]) -> None:
        self.site, self.new_id = site, new_id
        self.store, self.estate = site.store, site.estate

    # ---- finding ---------------------------------------------------------------------------------------------------

    def workflow(self, name: str) -> Workflow:
        """Return a workflow by name. Raises UsageError when no plugin registers it."""
        found = self.site.registry.workflows.get(name)
        if found is None:
            raise UsageError(f"No plugin registers the workflow `{escape(name)}`.", todo="Is its distribution allowed?")
        return found

    def open(self) -> list[Renewal]:
        """Return every renewal that is not in a final state; unreadable ones are left out. Read-only."""
        return [summary.renewal for summary in self.store.summaries()[0] if not summary.renewal.ended]

    # ---- looking ahead ---------------------------------------------------------------------------------------------

    def plan(self, renewal: str) -> Plan | None:
        """Make the next plan that has changes, by looking at the boxes, and keep it; None when nothing is left to do.

        Changes nothing on any box and takes no lock. Raises what the look raises.
        """
        document = self.store.load(renewal)
        step = self.next_step(document)
        if step is None:
            return None
        work = LiveWork(self.site, document, step=step.name)
        for phase in step.phases:
            plan = plans.make(self.site, work, step, phase)
            if plan.changes:
                self.store.put_plan(renewal, plan)
                return plan
        return None

    def plans_ahead(self, renewal: str) -> list[Plan]:
        """Make the next plan and every one after it that can be foreseen, each naming the one before; keep them all.

        From `Validated` on these are all that remain. Looks at the boxes like `plan`, and changes nothing.
        """
        first, document = self.plan(renewal), self.store.load(renewal)
        made = plans.foreseen(self.site, self.workflow(document.renewal.workflow), document, first)
        for plan in made:
            self.store.put_plan(renewal, plan)
        return [first, *made] if first else made

    def next_step(self, document: "Document") -> Step | None:
        """Return the step that a renewal takes next by itself, None in a final state."""
        workflow = self.workflow(document.renewal.workflow)
        arrow = next((arrow for _, arrow in workflow.way(document.renewal)), None)
        return workflow.steps[arrow.step] if arrow else None

    def case(self, document: "Document", plan: Plan) -> approvals.Case:
        """Collect what decides about a plan, as it is stored now."""
        return judging.case(self.site, document, plan)

    # ---- going on --------------------------------------------------------------------------------------------------

    def advance(self, renewal: str) -> "Document":
        """Carry out the next step as far as it goes and return the document in its new state; in a final one, as it is.

        Safe to repeat at any time, also after a crash. Raises Waiting when somebody or something else must act first,
        Refused when a check says no, Failed when the other end did; the reason is stored, so that `why` can tell.
        """
        with self.store.hold(renewal, self.site.actor, self.site.at(), "advance") as handle:
            work = LiveWork(self.site, handle.document, handle)
            if (last := handle.document.journal[-1]).kind == INTERRUPTED:
                work.note(last.text)
            try:
                self._attempt(work)
            except UsageError as error:  # the disk is full, a secret is gone: nothing that could be remembered
                if open_intents(handle.document):
                    error.untouched = BEGUN
                raise
            return handle.document

    def _attempt(self, work: LiveWork) -> None:
        try:
            self._step(work)
        except (Waiting, Refused, Failed) as error:
            hands.write_steps(work, error)
            stops.remember(work, error)
            raise

    def _step(self, work: LiveWork) -> None:
        workflow = self.workflow(work.renewal.workflow)
        arrow = workflow.forward(work.renewal.state, turns_left=work.renewal.turns_left)
        if arrow is None:
            work.note(f"Renewal {work.renewal.id} is {work.renewal.state}; nothing is left to do.")
            return
        workflow.arrow(arrow.step, work.renewal.state)
        step = workflow.steps[arrow.step]
        work.step = step.name
        self.site.tell("step", f"{step.name}: {step.purpose}")
        for phase in step.phases:
            self._phase(work, step, phase)
        proof = step.prove(work)
        self._enter(work, arrow, proof)

    def _phase(self, work: LiveWork, step: Step, phase: Phase) -> None:
        plan = plans.make(self.site, work, step, phase)
        for change, proof in hands.done_meanwhile(work, phase, plan):
            self._done(work, change, proof)
        if not plan.changes:
            return
        if plan.effect is not Effect.READ:
            self.store.put_plan(work.renewal.id, plan)
        carried = approvals.require(self.case(work.document, plan))
        self._no_clock_moved_back(work, plan)
        if carried.emergency and not carried.ruled:
            self._shout(work, plan, carried, "without its approvals")
        waits: list[Waiting] = []
        for change in plan.changes:
            try:
                self._carry_out(work, phase, plan, change, carried)
            except Waiting as waiting:
                if phase.in_order:
                    raise
                waits.append(waiting)
        if waits:
            raise together(waits)

    def _done(self, work: LiveWork, change: Change, proof: Proof) -> None:
        about = _about(work, change)
        done = [*work.renewal.done, change.key] if change.effect is not Effect.READ else work.renewal.done
        work.record("done", proof.text, data={**about, **proof.data}, values={**proof.values, "done": done})
        self.site.tell("proved", proof.text)

    def _no_clock_moved_back(self, work: LiveWork, plan: Plan) -> None:
        """Refuse what people may notice where windows and ages can't be judged: the clock is behind the journal."""
        last = work.document.journal[-1].at
        if plan.effect is Effect.SERVE and self.site.at() < last:
            raise Refused(
                f"This machine's clock says {self.site.at()}, which is before the last event of the journal ({last}).",
                untouched="Nothing was changed.",
                todo=f"Set the clock right; then: certrenew run {work.renewal.id}",
            )

    def _in_window(self, work: LiveWork, plan: Plan, change: Change, carried: approvals.Carried) -> None:
        """Raise Waiting where a change and what follows it fit into no window now; an emergency goes on, and shouts."""
        waiting = judging.out_of_window(self.site, work.renewal, plan, change)
        if waiting is not None and not carried.emergency:
            raise waiting
        if waiting is not None:
            self._shout(work, plan, carried, f"outside its window: {change.what}")

    def _shout(self, work: LiveWork, plan: Plan, carried: approvals.Carried, how: str) -> None:
        text = f"EMERGENCY: {named(plan.step, plan.phase)} goes on {how}. {'; '.join(carried.emergency)}"
        work.record("emergency", text, data={"plan": plan.digest, "people": list(carried.by)})
        self.site.tell("note", text)

    def _carry_out(self, work: LiveWork, phase: Phase, plan: Plan, change: Change, carried: approvals.Carried) -> None:
        action = phase.actions[change.action]
        about = _about(work, change)
        with self._box_to_itself(change):
            proof = action.holds(work, change)
            if proof is None:
                self._in_window(work, plan, change, carried)
                decisions = [decision.noted() for decision in carried.decisions]
                approval = {"plan": plan.digest, "approved_by": list(carried.by), "decisions": decisions}
                intent = {**about, **approval, "before": change.before}
                if change.effect is not Effect.READ and not hands.asked_under(work, change, intent):
                    work.record("intent", change.what, data=intent)
                self.site.tell("act", change.what)
                self._act(work, action, change, about)
                proof = action.holds(work, change)
            if proof is None:
                raise Failed(
                    f"{escape(change.target)} took it, but does not show it afterwards: {escape(change.what)}.",
                    untouched="Nothing else was done.",
                    todo=f"Look at the box, then: certrenew run {work.renewal.id}",
                )
        self._done(work, change, proof)

    def _act(self, work: LiveWork, action: Action, change: Change, about: dict[str, Json]) -> None:
        """Act; when it certainly had no effect, close the intent, so that nobody looks for one later."""
        try:
            action.act(work, change)
        except Waiting as waiting:
            hands.note_asked(work, change, waiting)
            raise
        except (Refused, LoginRefused, ApiDisabled) as error:
            work.record("refused", error.what, data=about)
            raise
        except Failed as error:
            stops.limit(work, change, error)
            raise

    def _box_to_itself(self, change: Change) -> AbstractContextManager[None]:
        if change.effect is Effect.READ or change.target not in self.estate.nodes:
            return nullcontext()
        return self.store.node_lock(change.target, self.site.actor, self.site.at(), change.action)

    def _enter(self, work: LiveWork, arrow: Arrow, proof: Proof) -> None:
        ended, text = arrow.to in self.workflow(work.renewal.workflow).final, f"{arrow.to}: {proof.text}"
        values = {"state": arrow.to, "since": self.site.at(), "wait": None, "ended": ended, **proof.values}
        if arrow.turns:
            waiting = [item for item in work.renewal.items if item.turn == work.renewal.turn + 1]
            values |= {"turn": work.renewal.turn + 1, "round": work.renewal.round + 1, **hands.carried_over(work)}
            text += f". Now it is the turn of {', '.join(item.certificate for item in waiting)}"
        work.record("state", text, data=proof.data, values=values)
        self.site.tell("state", text)

    def run(self, renewal: str, *, until: str = "", patient: bool = False) -> "Document":
        """Advance until `until` or a final state.

        `patient` waits for people, authorities and windows instead of returning, and for what failed and may be tried
        again by itself (`stops`).
        """
        document = self.store.load_checked(renewal)
        workflow = self.workflow(document.renewal.workflow)
        if until and until not in workflow.states:
            raise UsageError(f"There is no state `{escape(until, 80)}`.", todo=f"States: {', '.join(workflow.states)}.")
        while workflow.forward(document.renewal.state) and not _reached(workflow, document.renewal.state, until):
            try:
                document = self.advance(renewal)
                deliver_due(self.site)
            except Waiting as waiting:
                if not patient:
                    raise
                self.site.tell("wait", waiting.what)
                deliver_due(self.site)
                self._pause(renewal, waiting)
            except Failed as error:
                if not patient or not error.poll_after:
                    raise
                self.site.tell("wait", f"{error.what} Trying again after {spell(error.poll_after)}.")
                self.site.clock.wait(error.poll_after)
        return document

    def _pause(self, renewal: str, waiting: Waiting) -> None:
        """Wait as long as makes sense; for people and windows only the store is looked at meanwhile, and no box."""
        if waiting.on not in ("approval", "person", "window"):
            self.site.clock.wait(pause(waiting.poll_after or POLL, 0, renewal))
            return
        seen, left = self._seen(renewal), LOOKS * POLL
        if waiting.poll_after:
            left = waiting.poll_after
        while left > 0 and self._seen(renewal) == seen:
            self.site.clock.wait(min(POLL, left))
            left -= POLL

    def _seen(self, renewal: str) -> tuple[int, int]:
        return self.store.load(renewal).revision, len(self.store.decisions(renewal))


def _about(work: LiveWork, change: Change) -> dict[str, Json]:
    """Return what the events of a change have in common."""
    return {"change": change.key, "round": work.renewal.round, "target": change.target, "action": change.action}


def _reached(workflow: Workflow, state: str, until: str) -> bool:
    """Tell whether `state` is `until` or lies beyond it on the way forward."""
    return bool(until) and workflow.states.index(state) >= workflow.states.index(until)
