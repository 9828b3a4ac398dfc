"""Restart (procedure E): record what was up, restart, wait, see the new certificate and the zones active again.

A restart is asked for once. After a crash the box is looked at: its wire, and whether it went or was restarted since.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.errors import Failed, Unreachable
from engine.model import Change, Effect, Item, Json
from engine.relations import peers
from engine.text import escape, stamp
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import by_hand, maintenance, slots
from workflows.clocks import require_clocks
from workflows.common import served_at
from workflows.install import require_held
from workflows.links import ACTIVE, WHOLE, await_active, is_up, require_whole
from workflows.loaded import boxes, is_loaded, on_the_wire, restarted_since
from workflows.trust import require_trusted

SETTLE = 5
"""How many looks an interrupted request for a restart gets to show its effect before it is sent again."""


# ---- acting --------------------------------------------------------------------------------------------------------


def remember(work: Work, node: str) -> None:
    """Record what is up on a box before its restart: zones, activity, uptime."""
    status = work.device(node).status()
    before: dict[str, Json] = {
        "at": stamp(work.now()),
        "uptime": status.uptime,
        "zones": status.zones,
        "calls": status.calls,
        "registrations": status.registrations,
    }
    up = [name for name, state in status.zones.items() if state == ACTIVE]
    told = f"active on {node}: {escape(', '.join(up)) or 'no zone'}"
    if work.device(node).by_hand:
        told, before["seen_by"] = by_hand.seen_by_peers(work, node)
    work.record("before", told, values={f"before/{node}": before})


def ask(work: Work, node: str) -> None:
    """Ask a box to restart; a connection that breaks meanwhile is looked into by waiting for the box."""
    try:
        work.device(node).restart()
    except Unreachable:
        work.note(f"{node} did not answer the request to restart; looking whether it goes")


def settle(work: Work, node: str) -> bool:
    """Find out what became of a restart that was asked for; waits for a box that is away. Tells whether it restarted.

    False means that the request never took effect, so it may be sent again.
    """
    device = work.device(node)
    for _ in range(SETTLE):
        if node not in work.renewal.before:
            return False  # what was up is recorded before the box is asked, so it was not asked
        status = is_up(device)
        if status is None:
            await_return(work, node)
            return True
        if restarted_since(work, node, status):
            return True
        work.tell(f"looking what became of the restart of {node}")
        work.wait(device.poll_interval)
    return False


def await_return(work: Work, node: str) -> None:
    """Wait until a box that was asked to restart went away and answers again.

    Raises Unreachable when it does not in its `restart_timeout`, Failed when it did not even go; running the same
    command again goes on waiting.
    """
    device = work.device(node)
    began, gone = work.now(), False
    limit = timedelta(seconds=device.restart_timeout)
    while work.now() - began < limit:
        status = is_up(device)
        if status is None:
            gone = True
            work.tell(f"{node} is restarting, {_seconds(work, began)} s")
        elif gone or restarted_since(work, node, status):
            work.record("returned", f"{node} is back", values={f"before/{node}/returned": stamp(work.now())})
            return
        else:
            work.tell(f"{node} was asked to restart and still answers, {_seconds(work, began)} s")
        work.wait(device.poll_interval)
    kind = Unreachable if gone else Failed  # only one that is away may be looked after again by itself
    raise kind(
        f"{node} {'did not come back' if gone else 'did not restart'} within {device.restart_timeout} seconds.",
        untouched="Nothing else was done.",
        todo=f"Look at its console. Then: certrenew run {work.renewal.id}; it does not restart the box twice.",
    )


def _seconds(work: Work, began: datetime) -> int:
    return int((work.now() - began).total_seconds())


class RestartOnto(Action):
    """Restart a box so that it presents the new certificates."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look at the wire; wait for the box, and for its zones, when a restart of ours is under way."""
        node = change.target
        items, hands = boxes(work)[node], work.device(node).by_hand
        begun = work.begun(change)
        restarted = begun and not hands and settle(work, node)
        if is_loaded(work, node, items):
            await_active(work, node)  # ahead of the next box
            maintenance.require_over(work, node)
            return Proof(_told(work, node, items))
        if restarted:
            raise _still_old(work, node, on_the_wire(work, items))
        if begun and hands and "" in on_the_wire(work, items).values():
            raise by_hand.away(work, node)
        return None

    def act(self, work: Work, change: Change) -> None:
        """See that the slots are as we left them, record what is up, ask once, and wait; or have people restart it.

        A certificate that somebody else uploaded since would be presented by the restart.
        """
        require_held(work, boxes(work)[change.target])
        if not work.asked(change):
            remember(work, change.target)
        ask(work, change.target)
        await_return(work, change.target)


def _told(work: Work, node: str, items: Sequence[Item]) -> str:
    """Say what a box presents after its restart, and where that is seen."""
    told = []
    for item in items:
        seen = ", ".join(sorted(served_at(work, item)))
        how = (
            f"serves {item.leaf[:12]}… on {seen}" if seen else f"restarted with {item.leaf[:12]}… as client certificate"
        )
        told.append(how)
    return f"{node} {' and '.join(told)}"


def _still_old(work: Work, node: str, shown: dict[str, str]) -> Failed:
    served = ", ".join(f"{name} {sha256[:12] or 'nothing'}" for name, sha256 in sorted(shown.items()))
    return Failed(
        f"{node} was restarted and still does not serve the new certificate ({served}).",
        untouched="It was not restarted again.",
        todo=f"Look at its page Maintenance > Security > Server certificate; when that shows the new certificate, "
        f"restart it there (Maintenance > Restart options). Then: certrenew run {work.renewal.id}",
    )


class RestartPeer(Action):
    """Restart a peer so that CA certificates which we added count."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Tell whether the peer was restarted since; wait for it when our restart is under way."""
        node = change.target
        if work.renewal.restarts.get(node) == "done":
            return Proof(f"{node} was restarted")
        if work.device(node).by_hand:
            told = by_hand.told_since(work, node, "restarted")
            return Proof(f"{node} was restarted, {told}", {f"restarts/{node}": "done"}) if told else None
        if work.begun(change) and settle(work, node):
            maintenance.require_over(work, node)
            return Proof(f"{node} was restarted", {f"restarts/{node}": "done"})
        return None

    def act(self, work: Work, change: Change) -> None:
        """Record what is up, ask once, wait, and wait for its zones; or have people restart it."""
        if not work.asked(change):
            remember(work, change.target)
        if work.device(change.target).by_hand:
            by_hand.have_restarted(work, change.target)
        ask(work, change.target)
        await_return(work, change.target)
        await_active(work, change.target)


# ---- the step ------------------------------------------------------------------------------------------------------


def plan(work: Work) -> list[Change]:
    """Restart every box, once, that does not present its new certificates yet.

    Before one is asked, its slots and every peer are read once more: another certificate there would be presented, and
    a CA that was lost meanwhile would take its zones down.
    """
    changes = foresee(work)
    restarts = [change for change in changes if change.action == "restart"]
    for node in (one for one in boxes(work) if one not in {change.target for change in restarts}):
        maintenance.require_over(work, node)
    if not any(work.begun(change) for change in restarts):
        require_held(work, work.items)
        require_clocks(work)
        require_trusted(work)
        for change in restarts if not _in_hand(work) else ():
            require_whole(work, change.target)
    return changes


def _in_hand(work: Work) -> bool:
    """Tell whether a restart that people were asked for waits to be proven: that awaits its cluster before the next."""
    restarts = [_change(work, node, items) for node, items in boxes(work).items()]
    return any(work.asked(change) and work.begun(change) for change in restarts)


def foresee(work: Work) -> list[Change]:
    """Say what `plan` will, once the certificates are uploaded."""
    restarts = [_change(work, node, items) for node, items in boxes(work).items() if not is_loaded(work, node, items)]
    return [change for restart in restarts for change in (*maintenance.ahead(work, restart), restart)]


def _change(work: Work, node: str, items: Sequence[Item]) -> Change:
    places: dict[str, Json] = {slot: item.leaf for item in items for slot in item.slots}
    named = " and ".join(f"{item.leaf[:12]}… ({' and '.join(item.slots)})" for item in items)
    ports = "the new certificate on every TLS port, " if any(served_at(work, item) for item in items) else ""
    whole = ", and its cluster whole" if peers(work.estate, node) else ""
    return Change(
        action="restart",
        target=node,
        item=[item.certificate for item in work.renewal.items].index(items[0].certificate),
        effect=Effect.SERVE,
        before={"slots": places},
        after={"presented": places},
        what=f"restart {node}, so that it presents {named}",
        impact="calls and registrations on this node end; its zones are down for about 3 minutes",
        notes=maintenance.offer(work, node),
        severity="outage",
        activity=activity(work, node),
        duration=work.device(node).restart_timeout,
        reversible=False,
        proof=f"{ports}every slot read back, every zone active again that was{whole}",
        way_back="none needed: a restart changes nothing but what is presented",
    )


def activity(work: Work, node: str) -> str:
    """Say what is active on a box now, as far as it tells. Read-only."""
    status = is_up(work.device(node))
    if status is None:
        return "unknown: the box does not answer"
    counts = {"calls": status.calls, "registrations": status.registrations}
    told = [f"{count} {name}" for name, count in counts.items() if count is not None]
    zones = [f"zone {escape(name, 40)}: {escape(state, 60)}" for name, state in status.zones.items()]
    return ", ".join(told + zones) or "unknown: the box does not say"


def prove(work: Work) -> Proof:
    """See the new certificate on every endpoint and in every slot, and every zone active again that was active before.

    From then on only the new certificate is accepted on our own connections. Raises Failed when a zone does not come
    back in time; running again goes on waiting. Tells which slots were left as they were.
    """
    told: list[str] = []
    values: dict[str, Json] = {}
    for node, items in boxes(work).items():
        if not is_loaded(work, node, items):
            raise _still_old(work, node, on_the_wire(work, items))
        require_held(work, items)
        active = await_active(work, node)
        told.append(f"{_told(work, node, items)}; active again: {escape(', '.join(active)) or 'no zone was'}")
        values |= {f"pins/{node}": [item.leaf] for item in items if served_at(work, item)}
    left = slots.left_out(work)
    for one in left:
        work.note(one)
    return Proof("; ".join([*told, *left]), values)


ACTIONS: dict[str, Action] = {"maintenance": maintenance.Maintenance(), "restart": RestartOnto()}

STEP = Step(
    name="restart",
    purpose="restart the box, and see the new certificate and its zones on the wire",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(Phase("restart", plan, ACTIONS, in_order=True, foresee=foresee),),
    prove=prove,
    checks=(WHOLE,),
    serves=lambda work: [
        (node, work.device(node).restart_timeout + maintenance.seconds(work, node)) for node in boxes(work)
    ],
)
