"""Restart what loads trusted CAs only when it starts: services of CUCM, and boxes whose whole trust store does so.

The second plan of `propagate`, with an approval of its own. In the vendor's order: one service on all nodes before the
next, publisher first, one node at a time, only what runs. Done means that a service runs and started after the
certificate came; what a person has to restart is verified the same way.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from engine.contracts import Service
from engine.errors import Waiting
from engine.model import Change, Effect, escape, moment
from engine.workflow import Action, Phase, Proof, Work
from workflows.restart import SETTLE, RestartPeer

if TYPE_CHECKING:
    from engine.contracts import ServiceState

POLL = 5
"""How long to wait between two looks at a restarting service, in seconds."""

UNDER_WAY, DONE = "under way", "done"


def _mark(node: str, service: str) -> str:
    return f"{node}:{service}"


def needed_since(work: Work, node: str, service: Service) -> str:
    """Return since when a service must have started to know what we added; "" when we added nothing that it loads."""
    return max((work.renewal.due.get(f"{node}:{store}", "") for store in service.stores), default="")


def is_fresh(state: "ServiceState", since: str) -> bool:
    """Tell whether a service runs and started at or after a moment."""
    return bool(state.running and state.since) and moment(state.since) >= moment(since)


def _services(work: Work, node: str) -> list[Service]:
    """Return the services of a node: those that it names, and any whose restart of ours is under way."""
    named = list(work.peer(node).services())
    stores = [key.partition(":")[2] for key in work.renewal.due if key.startswith(f"{node}:")]
    for mark, state in work.renewal.restarts.items():
        of, _, name = mark.partition(":")
        if of == node and name and state == UNDER_WAY and name not in (service.name for service in named):
            named.append(Service(name=name, stores=stores, impact="its restart is under way"))
    return named


def _service(work: Work, change: Change) -> Service:
    name = str(change.after["service"])
    found = next((one for one in _services(work, change.target) if one.name == name), None)
    return found or Service(name=name, stores=[], impact="")


class RestartService(Action):
    """Have one service on one node start anew."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look whether it runs and started after what we added came; wait for it when we asked for a restart."""
        service = _service(work, change)
        since = needed_since(work, change.target, service)
        mark = {f"restarts/{_mark(change.target, service.name)}": DONE}
        if not service.guided and work.renewal.restarts.get(_mark(change.target, service.name)) == UNDER_WAY:
            _await(work, change, service, since, looks=SETTLE)
        state = work.peer(change.target).service(service.name)
        if is_fresh(state, since):
            return Proof(f"{service.name} on {change.target} runs since {state.since}, after the new CA came", mark)
        if not service.guided:
            return None
        if work.renewal.confirmed.get(change.key) and state.running and not state.since:
            return Proof(f"{service.name} on {change.target} was restarted, by a person's word alone", mark)
        if work.begun(change):
            raise _asked(work, change, service, state)
        return None

    def act(self, work: Work, change: Change) -> None:
        """Ask the box, or a person."""
        service = _service(work, change)
        if service.guided:
            raise _asked(work, change, service, work.peer(change.target).service(service.name))
        work.peer(change.target).restart_service(service.name)
        mark = {f"restarts/{_mark(change.target, service.name)}": UNDER_WAY}
        work.record("asked", f"{change.target} takes the restart of {service.name}", values=mark)
        _await(work, change, service, needed_since(work, change.target, service), looks=service.duration)


def _await(work: Work, change: Change, service: Service, since: str, *, looks: int) -> None:
    """Wait until a service started anew, or, still running as it was, has not changed for so many looks.

    Raises Waiting when it is neither up nor back in twice its usual time; the restart goes on without us.
    """
    began = work.now()
    while work.now() - began < timedelta(seconds=2 * service.duration):
        state = work.peer(change.target).service(service.name)
        looks -= state.running
        if is_fresh(state, since) or looks < 0:
            return
        work.tell(f"{service.name} on {change.target}: {escape(state.text) or 'restarting'}")
        work.wait(POLL)
    raise Waiting(
        f"{service.name} on {change.target} has not started again yet.",
        on="box",
        poll_after=30,
        todo=f"Look at that node; then: certrenew run {work.renewal.id}",
    )


def _asked(work: Work, change: Change, service: Service, state: "ServiceState") -> Waiting:
    known = f" It runs since {state.since}, which is before the new CA came." if state.since else ""
    return Waiting(
        f"{service.name} on {change.target} has to be restarted by a person.{known}",
        on="person",
        todo=f"{service.todo or 'Restart it'} Then: certrenew confirm {work.renewal.id}, or certrenew run "
        f"{work.renewal.id}, which looks for itself.",
    )


# ---- the plan ------------------------------------------------------------------------------------------------------


def plan(work: Work) -> list[Change]:
    """Restart services that are older than what we added, then boxes whose trust counts only after a restart."""
    return [*_stale_services(work), *_stale_boxes(work)]


def _stale_services(work: Work) -> list[Change]:
    nodes = [name for name in work.estate.nodes if any(key.startswith(f"{name}:") for key in work.renewal.due)]
    nodes.sort(key=lambda name: bool(work.estate.nodes[name].publisher))  # publishers first, else as in the site
    offered = {node: _services(work, node) for node in nodes}
    order = list(dict.fromkeys(service.name for node in nodes for service in offered[node]))
    return [
        _restart(node, service)
        for name in order
        for node in nodes
        for service in offered[node]
        if service.name == name and _is_stale(work, node, service)
    ]


def _is_stale(work: Work, node: str, service: Service) -> bool:
    since = needed_since(work, node, service)
    if not since or work.renewal.restarts.get(_mark(node, service.name)) == DONE:
        return False
    return not is_fresh(work.peer(node).service(service.name), since)


def _restart(node: str, service: Service) -> Change:
    return Change(
        action="restart-service",
        target=node,
        effect=Effect.SERVE,
        before={"trust": "added"},
        after={"service": service.name},
        what=f"{'have a person restart' if service.guided else 'restart'} {service.name} on {node}, "
        "so that it loads the new CA",
        impact=service.impact,
        duration=service.duration,
        reversible=False,
        way_back="none needed",
    )


def _stale_boxes(work: Work) -> list[Change]:
    return [
        Change(
            action="restart-peer",
            target=node,
            effect=Effect.SERVE,
            before={"trust": "added"},
            after={"trust": "in effect"},
            what=f"restart {node}, so that its new trusted CAs count",
            impact=f"calls and registrations on {node} end; about 3 minutes",
            duration=work.device(node).restart_timeout,
            reversible=False,
            way_back="none needed",
        )
        for node, state in sorted(work.renewal.restarts.items())
        if state == "due"
    ]


PHASE = Phase("services", plan, {"restart-service": RestartService(), "restart-peer": RestartPeer()}, in_order=True)
