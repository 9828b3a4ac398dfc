"""Have a box put into maintenance mode ahead of its restart, where the site wants that, and its calls ended.

In it a box takes no new calls; the peers of its cluster take them. No API is known, so a person sets it on the box's
page. It is seen by the box's alarm where that names it, else told by that person (docs/reference/expressway.md).
"""

from engine.contracts import BoxStatus
from engine.errors import Waiting
from engine.model import Ask, Change, Effect
from engine.text import counted
from engine.workflow import Action, Proof, Work
from workflows.by_hand import told_since
from workflows.loaded import boxes, is_loaded

PAGE = "Maintenance > Maintenance mode"

DRAIN = 1800
"""How long it is reckoned with that a box's calls take to end, in seconds; a site with longer ones plans for them."""

POLL = 30
"""How long to wait before looking again whether calls have ended, in seconds."""


def wanted(work: Work, node: str) -> bool:
    """Tell whether the site wants maintenance mode ahead of a restart of this box."""
    return work.estate.nodes[node].maintenance_mode


def seconds(work: Work, node: str) -> int:
    """Return what maintenance mode adds to the time that a box's restart is reckoned with."""
    return DRAIN if wanted(work, node) else 0


def offer(work: Work, node: str) -> list[str]:
    """Say, for the notes of a restart, how calls could end before it, where the site does not want that yet."""
    if wanted(work, node):
        return []
    return ["To let calls end first, in maintenance mode: `maintenance_mode = true` for the node in the site file"]


def ahead(work: Work, restart: Change) -> list[Change]:
    """Return the change that goes ahead of a restart: one where the site wants it and the restart was not begun."""
    node = restart.target
    if not wanted(work, node) or work.begun(restart):
        return []
    return [
        Change(
            action="maintenance",
            target=node,
            item=restart.item,
            effect=Effect.SERVE,
            before=restart.before,
            after={"maintenance_mode": "on"},
            what=f"have a person put {node} into maintenance mode, and wait until its calls have ended",
            impact=f"{node} takes no new calls or registrations, the peers of its cluster do; calls over MRA of some "
            "endpoints end at once",
            severity="brief",
            activity=restart.activity,
            duration=DRAIN,
            proof="the box's alarm where that names maintenance mode, else a person's word; its own count of calls",
            way_back=f"{PAGE} on the box's page: Off. Its restart ends it, too",
        )
    ]


class Maintenance(Action):
    """Have a person put a box into maintenance mode, and wait for the calls that are left."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look whether the box is in maintenance mode and has no calls. Raises Waiting once a person was asked."""
        node = change.target
        if work.device(node).by_hand and is_loaded(work, node, boxes(work).get(node, [])):
            return Proof(f"{node} was restarted already")
        status = work.device(node).status()
        shown = _shown(work, node, status)
        word = told_since(work, node, "calls")
        if shown and (word or not status.calls):
            may_end = f", which may end, {word}" if status.calls else ""
            return Proof(f"{node} is in maintenance mode, {shown}; {_left(status)}{may_end}")
        if work.begun(change):
            raise _waiting(work, node, status, shown)
        return None

    def act(self, work: Work, change: Change) -> None:
        """Ask the person. Raises Waiting."""
        status = work.device(change.target).status()
        raise _waiting(work, change.target, status, _shown(work, change.target, status))


def require_over(work: Work, node: str) -> None:
    """Raise Waiting while a box that was restarted says that it is in maintenance mode still: it takes no calls."""
    if wanted(work, node) and work.device(node).status().maintenance:
        raise Waiting(
            f"{node} was restarted and is still in maintenance mode, so it takes no calls.",
            on="person",
            poll_after=POLL,
            todo=f"On its page {PAGE} set it to Off and press Save; then: certrenew run {work.renewal.id}",
        )


def _shown(work: Work, node: str, status: BoxStatus) -> str:
    """Say how it is known that a box is in maintenance mode; "" where it is not known to be."""
    return "as its alarm says" if status.maintenance else told_since(work, node, "maintenance")


def _left(status: BoxStatus) -> str:
    known = {"call": status.calls, "registration": status.registrations}
    told = " and ".join(counted(count, name) for name, count in known.items() if count is not None)
    return f"{told} left" if told else "how many calls are left is not told"


def _waiting(work: Work, node: str, status: BoxStatus, shown: str) -> Waiting:
    """Ask a person for maintenance mode, or for the calls that are left in it."""
    confirm = f"certrenew confirm {work.renewal.id} --node {node}"
    if shown:
        what, name = f"{node} is in maintenance mode; {_left(status)}. Its restart waits for the calls.", "calls"
        word = f"calls that are left on {node} may end with its restart"
        step = (
            f"{node}, Status > Calls: let its calls end, or disconnect them there. If they may end with the restart: "
        )
    else:
        what, name = f"A person has to put {node} into maintenance mode; {_left(status)}.", "maintenance"
        word = f"{node} is in maintenance mode{', and its calls have ended' if status.calls is None else ''}"
        step = (
            f"{node} (https://{work.estate.nodes[node].address}), {PAGE}: set Maintenance mode to On, press Save and "
            "confirm; one peer of a cluster at a time. An alarm shows it; where certrenew does not see that: "
        )
    ask = Ask(node=node, what=name, text=word, step=step + confirm, word=word)
    todo = f"Do the steps in their order; then: certrenew run {work.renewal.id}, which looks for itself."
    return Waiting(what, on="person", poll_after=POLL, todo=todo).asking(ask, steps=[ask.step])
