"""Restart (procedure E): record what was up, restart, wait, see the new certificate and the zones active again.

A restart is asked for once. After a crash the box is looked at: its wire, and whether it went or was restarted since.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.contracts import BoxStatus
from engine.errors import Failed, Unreachable
from engine.model import Change, Effect, Item, Json
from engine.text import escape, moment, stamp
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import by_hand
from workflows.clocks import require_clocks
from workflows.common import endpoints, item_of, numbered
from workflows.trust import require_trusted
from workflows.zones import ACTIVE, await_zones, is_up, seen_by_peers

if TYPE_CHECKING:
    pass

SLACK = 5
"""How far a box's uptime may be from ours before it counts as restarted, in seconds."""

SETTLE = 5
"""How many looks an interrupted request for a restart gets to show its effect before it is sent again."""


# ---- looking -------------------------------------------------------------------------------------------------------


def on_the_wire(work: Work, item: Item) -> dict[str, str]:
    """Return per endpoint the fingerprint that is served, "" where nothing answers. Read-only."""
    from engine.certificates import fingerprint

    shown = {}
    for name, address in endpoints(work, item.node).items():
        try:
            shown[name] = fingerprint(work.served(address))
        except Unreachable:
            shown[name] = ""
    return shown


def _restarted_since(work: Work, node: str, status: BoxStatus) -> bool:
    """Tell whether a box restarted since we recorded what was up: we saw it come back, or its uptime says so."""
    before = work.renewal.before.get(node)
    if not before:
        return False
    if before.get("returned"):
        return True
    if status.uptime is None or before["uptime"] is None:
        return False
    elapsed = int((work.now() - moment(before["at"])).total_seconds())
    return status.uptime + SLACK < int(before["uptime"]) + elapsed


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
        told, before["seen_by"] = seen_by_peers(work, node)
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
        if _restarted_since(work, node, status):
            return True
        work.tell(f"looking what became of the restart of {node}")
        work.wait(device.poll_interval)
    return False


def await_return(work: Work, node: str) -> None:
    """Wait until a box that was asked to restart went away and answers again.

    Raises Failed when it does not in its `restart_timeout`; running the same command again goes on waiting.
    """
    device = work.device(node)
    began, gone = work.now(), False
    limit = timedelta(seconds=device.restart_timeout)
    while work.now() - began < limit:
        status = is_up(device)
        if status is None:
            gone = True
            work.tell(f"{node} is restarting, {_seconds(work, began)} s")
        elif gone or _restarted_since(work, node, status):
            work.record("returned", f"{node} is back", values={f"before/{node}/returned": stamp(work.now())})
            return
        else:
            work.tell(f"{node} was asked to restart and still answers, {_seconds(work, began)} s")
        work.wait(device.poll_interval)
    raise Failed(
        f"{node} {'did not come back' if gone else 'did not restart'} within {device.restart_timeout} seconds.",
        untouched="Nothing else was done.",
        todo=f"Look at its console. Then: certrenew run {work.renewal.id}; it does not restart the box twice.",
    )


def _seconds(work: Work, began: datetime) -> int:
    return int((work.now() - began).total_seconds())


class RestartOnto(Action):
    """Restart a box so that it serves the new certificate."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look at the wire; wait for the box, and for its zones, when a restart of ours is under way."""
        _, item = item_of(work, change)
        begun, hands = work.begun(change), work.device(item.node).by_hand
        restarted = begun and not hands and settle(work, item.node)
        shown = on_the_wire(work, item)
        if set(shown.values()) == {item.leaf}:
            await_zones(work, item.node)  # ahead of the next box
            return Proof(f"{item.node} serves {item.leaf[:12]}… on {', '.join(sorted(shown))}")
        if restarted:
            raise _still_old(work, item, shown)
        if begun and "" in shown.values():
            raise by_hand.away(work, item.node)
        return None

    def act(self, work: Work, change: Change) -> None:
        """Record what is up, ask once, and wait for the box to go and come back; or have people restart it."""
        _, item = item_of(work, change)
        if not work.asked(change):
            remember(work, item.node)
        ask(work, item.node)
        await_return(work, item.node)


def _still_old(work: Work, item: Item, shown: dict[str, str]) -> Failed:
    served = ", ".join(f"{name} {sha256[:12] or 'nothing'}" for name, sha256 in sorted(shown.items()))
    return Failed(
        f"{item.node} was restarted and still does not serve the new certificate ({served}).",
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
        await_zones(work, change.target)


# ---- the step ------------------------------------------------------------------------------------------------------


def plan(work: Work) -> list[Change]:
    """Restart every box that does not serve its new certificate yet.

    Before one is asked, every peer is read once more: a CA that was lost meanwhile would take its zones down.
    """
    changes = foresee(work)
    if not any(work.begun(change) for change in changes):
        require_clocks(work)
        require_trusted(work)
    return changes


def foresee(work: Work) -> list[Change]:
    """Say what `plan` will, once the certificates are uploaded."""
    return [
        _change(work, number, item)
        for number, item in numbered(work)
        if set(on_the_wire(work, item).values()) != {item.leaf}
    ]


def _change(work: Work, number: int, item: Item) -> Change:
    return Change(
        action="restart",
        target=item.node,
        item=number,
        effect=Effect.SERVE,
        before={"slot": item.slots[0], "certificate": item.leaf},
        after={"served": item.leaf},
        what=f"restart {item.node}, so that it serves {item.leaf[:12]}…",
        impact=f"calls and registrations on {item.node} end; its zones are down for about 3 minutes",
        severity="outage",
        activity=activity(work, item),
        duration=work.device(item.node).restart_timeout,
        reversible=False,
        proof="the new certificate on every TLS port, and every zone active again that was",
        way_back="none needed: a restart changes nothing but what is served",
    )


def activity(work: Work, item: Item) -> str:
    """Say what is active on a box now, as far as it tells. Read-only."""
    status = is_up(work.device(item.node))
    if status is None:
        return "unknown: the box does not answer"
    counts = {"calls": status.calls, "registrations": status.registrations}
    told = [f"{count} {name}" for name, count in counts.items() if count is not None]
    zones = [f"zone {escape(name, 40)}: {escape(state, 60)}" for name, state in status.zones.items()]
    return ", ".join(told + zones) or "unknown: the box does not say"


def prove(work: Work) -> Proof:
    """See the new certificate on every endpoint, and every zone active again that was active before.

    From then on only the new certificate is accepted on our own connections. Raises Failed when a zone does not come
    back in time; running again goes on waiting.
    """
    told, values = [], {}
    for item in work.items:
        shown = on_the_wire(work, item)
        if set(shown.values()) != {item.leaf}:
            raise _still_old(work, item, shown)
        zones = await_zones(work, item.node)
        told.append(f"{item.node} serves {item.leaf[:12]}…; active again: {escape(', '.join(zones)) or 'no zone was'}")
        values[f"pins/{item.node}"] = [item.leaf]
    return Proof("; ".join(told), values)


STEP = Step(
    name="restart",
    purpose="restart the box, and see the new certificate and its zones on the wire",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(Phase("restart", plan, {"restart": RestartOnto()}, in_order=True, foresee=foresee),),
    prove=prove,
    serves=lambda work: [(item.node, work.device(item.node).restart_timeout) for item in work.items],
)
