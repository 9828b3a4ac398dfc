"""Restart what loads trusted CAs only when it starts: services of CUCM, and boxes whose whole trust store does so.

The second plan of `propagate`, with an approval of its own. In the vendor's order: one service on all nodes before the
next, publisher first, one node at a time, only what runs. Done means that a service runs and started after the
certificate came; what a person has to restart is verified the same way.
"""

from collections.abc import Collection
from datetime import timedelta

import msgspec

from engine.contracts import Service, ServiceState
from engine.errors import Failed, NotSent, Unreachable, Waiting
from engine.model import Change, Effect, Json
from engine.text import escape, moment
from engine.workflow import Action, Phase, Proof, Work
from workflows import maintenance
from workflows.restart import SETTLE, RestartPeer
from workflows.trust import Target, missing

EXPECTED = 1200
"""How long all services of one CUCM node are reckoned with in a schedule, in seconds (docs/reference/cucm.md)."""

SLACK = timedelta(seconds=2)
"""How much later than what we added a service must have started: its start is known to about a second."""


def is_fresh(state: ServiceState, since: str) -> bool:
    """Tell whether a service runs and surely started after a moment; in doubt it did not."""
    return bool(state.running and state.since) and moment(state.since) >= moment(since) + SLACK


def needed_since(work: Work, node: str, stores: list[str]) -> str:
    """Return since when what loads these stores must have started; "" when we added nothing to them."""
    return max((work.renewal.due.get(f"{node}:{store}", "") for store in stores), default="")


def _mark(change: Change) -> str:
    return f"{change.target}:{change.after['service']}"


def _since(work: Work, change: Change) -> str:
    return needed_since(work, change.target, list(change.before["stores"]))


def _done(work: Work, change: Change, state: ServiceState) -> Proof | None:
    """Return the proof that a service started anew; None when it did not, or does not say and nobody vouches."""
    values: dict[str, Json] = {f"under_way/{_mark(change)}": None}
    name = f"{change.after['service']} on {change.target}"
    if is_fresh(state, _since(work, change)):
        return Proof(f"{name} runs since {state.since}, after the new CA came", values)
    if state.running and not state.since and work.renewal.confirmed.get(change.key):
        return Proof(f"{name} was restarted, by a person's word alone", values)
    return None


def _look(work: Work, change: Change) -> ServiceState:
    """Read how a service stands; where its box can't say since when it runs, what we watched of its restart does."""
    state = work.peer(change.target).service(str(change.after["service"]))
    kept = work.renewal.under_way.get(_mark(change))
    watched = msgspec.convert(kept, Service).state.since if kept else ""
    return state if state.since else msgspec.structs.replace(state, since=watched)


class RestartService(Action):
    """Have one service on one node start anew."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look whether it runs and started after what we added came; wait for it when a restart may be under way.

        Raises Waiting, for a person, when one was asked for, its end was not seen, and the box can't say either.
        """
        under_way = work.renewal.under_way.get(_mark(change))
        if under_way:
            _await(work, change, looks=SETTLE)
        state = _look(work, change)
        proof = _done(work, change, state)
        if proof is None and under_way and not state.since and work.begun(change):
            raise _unseen(work, change)
        return proof

    def act(self, work: Work, change: Change) -> None:
        """Note that the restart may be under way from now on, ask the node for it, and wait for it.

        The answer may be lost, and a service that restarts is not among those that run: what was noted keeps it in the
        next plan.
        """
        name, mark = str(change.after["service"]), f"under_way/{_mark(change)}"
        _let_pass(work, change)
        told = f"{change.target} is asked to restart {name}"
        work.record("asked", told, values={mark: _kept(change, guided=False)})
        try:
            since = work.peer(change.target).restart_service(name)
        except (NotSent, Waiting) as error:  # not asked, or too soon; naming the change closes what was begun
            about = {"change": change.key, "round": work.renewal.round}
            work.record("refused", error.what, data=about)
            raise
        if since:
            told = f"the restart of {name} on {change.target} was watched to its end"
            work.record("watched", told, values={mark: _kept(change, guided=False, since=since)})
        _await(work, change, looks=change.duration // work.peer(change.target).poll_interval)


class GuideRestart(Action):
    """Have a person restart one service on one node, and verify it."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look whether it runs and started after what we added came. Raises Waiting once a person was asked."""
        try:
            state = work.peer(change.target).service(str(change.after["service"]))
        except Unreachable:
            raise _away(work, change.target) from None
        proof = _done(work, change, state)
        if proof is None and work.begun(change):
            raise _asked(work, change, state)
        return proof

    def act(self, work: Work, change: Change) -> None:
        """Ask the person."""
        _let_pass(work, change)
        told = f"a person is asked to restart {change.after['service']} on {change.target}"
        work.record("asked", told, values={f"under_way/{_mark(change)}": _kept(change, guided=True)})
        raise _asked(work, change, ServiceState(running=True))


def _let_pass(work: Work, change: Change) -> None:
    """Let the slack pass, so that a restart which is asked for now will be seen to be later than what we added."""
    while (left := (moment(_since(work, change)) + SLACK - work.now()).total_seconds()) > 0:
        work.wait(left)


def _await(work: Work, change: Change, *, looks: int) -> None:
    """Wait until a service started anew, or was seen running as before for so many looks.

    Raises Waiting when it is neither after twice its usual time; the restart goes on without us.
    """
    name, began, interval = str(change.after["service"]), work.now(), work.peer(change.target).poll_interval
    while work.now() - began < timedelta(seconds=2 * change.duration):
        pause, told = interval, ""
        try:
            state = _look(work, change)
        except Waiting as busy:  # asked too often
            pause, told = max(busy.poll_after, interval), busy.what
        except Failed as away:  # as while the Tomcat starts that we ask
            if not away.poll_after:
                raise
            told = away.what
        else:
            if is_fresh(state, _since(work, change)) or (state.running and looks <= 0):
                return
            looks -= state.running
            told = state.text
        work.tell(f"{name} on {change.target}: {escape(told) or 'restarting'}")
        work.wait(pause)
    raise Waiting(
        f"{name} on {change.target} has not started again yet.",
        on="box",
        poll_after=30,
        todo=f"Look at that node; then: certrenew run {work.renewal.id}",
    )


def _asked(work: Work, change: Change, state: ServiceState) -> Waiting:
    known = f" It runs since {state.since}, which is before the new CA came." if state.since else ""
    return Waiting(
        f"{change.after['service']} on {change.target} has to be restarted by a person.{known}",
        on="person",
        todo=f"{' '.join(change.notes) or 'Restart it'}. Then: certrenew confirm {work.renewal.id}, or certrenew run "
        f"{work.renewal.id}, which looks for itself.",
    )


def _unseen(work: Work, change: Change) -> Waiting:
    return Waiting(
        f"{change.after['service']} on {change.target} has to be looked at by a person: its restart was begun, and "
        "whether it happened can't be told.",
        on="person",
        todo=f"Restart it there unless it was. Then: certrenew confirm {work.renewal.id}",
    )


def _away(work: Work, node: str) -> Waiting:
    return Waiting(
        f"{node} does not answer, as while its Tomcat restarts.",
        on="box",
        poll_after=60,
        todo=f"When it is back: certrenew run {work.renewal.id}",
    )


# ---- the plan ------------------------------------------------------------------------------------------------------


def plan(work: Work) -> list[Change]:
    """Restart services that are older than what we added, then boxes whose trust counts only after a restart."""
    return [*_stale_services(work, ()), *_stale_boxes(work, ())]


def foresee(work: Work) -> list[Change]:
    """Say what `plan` will, once every store holds what it lacks now."""
    coming = {target for item in work.items for target, lacking in missing(work, item).items() if lacking}
    return [*_stale_services(work, coming), *_stale_boxes(work, coming)]


def _stale_services(work: Work, coming: Collection[Target]) -> list[Change]:
    """Return restarts of what is older than what its stores hold, or than what is `coming` into them."""
    due = {*work.renewal.due, *(f"{target.node}:{target.store}" for target in coming)}
    nodes = [name for name in work.estate.nodes if any(key.startswith(f"{name}:") for key in due)]
    nodes.sort(key=lambda name: bool(work.estate.nodes[name].publisher))  # publishers first, else as in the site
    offered = {node: _services(work, node) for node in nodes}
    order = list(dict.fromkeys(service.name for node in nodes for service in offered[node]))
    return [
        _restart(node, service)
        for name in order
        for node in nodes
        for service in offered[node]
        if service.name == name
        and (_is_stale(work, node, service) or {Target(node, store) for store in service.stores} & set(coming))
    ]


def _services(work: Work, node: str) -> list[Service]:
    """Return the services that run on a node; first those whose restart is under way, which may not show just now."""
    ours = {mark: kept for mark, kept in work.renewal.under_way.items() if kept and mark.startswith(f"{node}:")}
    try:
        named = list(work.peer(node).services())
    except Unreachable:
        if any(kept["guided"] for kept in ours.values()):
            raise _away(work, node) from None
        raise
    known = {service.name for service in named}
    return [*(msgspec.convert(kept, Service) for kept in ours.values() if kept["name"] not in known), *named]


def _is_stale(work: Work, node: str, service: Service) -> bool:
    since = needed_since(work, node, service.stores)
    if not since:
        return False
    mark, under_way = f"{node}:{service.name}", work.renewal.under_way
    if mark in under_way:
        return under_way[mark] is not None  # ours is still to be proven, or was
    return not is_fresh(service.state, since)


def _restart(node: str, service: Service) -> Change:
    return Change(
        action="guide-restart" if service.guided else "restart-service",
        target=node,
        effect=Effect.SERVE,
        before={"trust": "added", "stores": list(service.stores)},
        after={"service": service.name},
        what=f"{'have a person restart' if service.guided else 'restart'} {service.name} on {node}, "
        "so that it loads the new CA",
        impact=service.impact,
        severity=service.severity,
        duration=service.duration,
        notes=[service.todo] if service.todo else [],
        reversible=False,
        proof="it runs, and started after the new CA came",
        way_back="none needed",
    )


def _kept(change: Change, *, guided: bool, since: str = "") -> dict[str, Json]:
    """Return what is kept of a service while its restart is under way, so that its change stays the same.

    `since` is when it began, where it was watched to its end.
    """
    return Service(
        name=str(change.after["service"]),
        stores=list(change.before["stores"]),
        impact=change.impact,
        severity=change.severity,
        guided=guided,
        todo=" ".join(change.notes),
        duration=change.duration,
        state=ServiceState(running=True, since=since),
    ).plain()


def _stale_boxes(work: Work, coming: Collection[Target]) -> list[Change]:
    own = {node for item in work.items for node in item.nodes}
    due = {node for node, state in work.renewal.restarts.items() if state == "due"}
    due |= {node for node, _ in coming if node not in own and work.peer(node).trust_needs_restart}
    restarts = [_restart_box(work, node) for node in sorted(due)]
    return [change for restart in restarts for change in (*maintenance.ahead(work, restart), restart)]


def _restart_box(work: Work, node: str) -> Change:
    return Change(
        action="restart-peer",
        target=node,
        effect=Effect.SERVE,
        before={"trust": "added"},
        after={"trust": "in effect"},
        what=f"restart {node}, so that its new trusted CAs count",
        impact="calls and registrations on this node end; its zones are down for about 3 minutes",
        notes=maintenance.offer(work, node),
        severity="outage",
        duration=work.device(node).restart_timeout,
        reversible=False,
        proof="it answers again, up for less time than before",
        way_back="none needed",
    )


PHASE = Phase(
    "services",
    plan,
    {
        "restart-service": RestartService(),
        "guide-restart": GuideRestart(),
        "maintenance": maintenance.Maintenance(),
        "restart-peer": RestartPeer(),
    },
    in_order=True,
    foresee=foresee,
)
