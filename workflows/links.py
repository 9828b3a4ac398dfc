"""See to what a restart must bring back: the zones of a box, and the links between the peers of its cluster."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from engine.contracts import BoxStatus
from engine.errors import Failed, LoginRefused, Unreachable
from engine.relations import peers
from engine.text import escape
from engine.workflow import Work
from workflows import by_hand
from workflows.common import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.contracts import Device
    from engine.model import Json

Fail = Callable[[Work, str, str], Failed]
"""Makes the error for a box with what is down there."""

ACTIVE = "Active"
WHOLE = "cluster-whole"
"""The check that a box which restarts is not missed: every other peer of its cluster is there."""


def is_up(device: "Device") -> BoxStatus | None:
    """Return what a box says of itself, None while it does not answer. Read-only; a refused login is raised."""
    try:
        return device.status()
    except LoginRefused:
        raise
    except (Unreachable, Failed):
        return None


def away(work: Work, node: str) -> dict[str, str]:
    """Return what is wrong with a box's cluster, as each of its peers shows it; empty when it is whole. Read-only."""
    found: dict[str, str] = {}
    for name in (node, *peers(work.estate, node)) if peers(work.estate, node) else ():
        status = is_up(work.device(name))
        if status is None or not by_hand.answers(work, name):
            found[name] = "it does not answer"
        else:
            found |= {f"{name} and its peer {peer}": state for peer, state in status.peers.items() if state != ACTIVE}
    return found


def require_whole(work: Work, node: str) -> None:
    """Raise Refused unless the cluster of a box that is about to restart is whole: then others carry on for it.

    A box that tells nothing of its peers is passed over, with a word. `--override cluster-whole` goes on.
    """
    missing = away(work, node)
    if missing and WHOLE not in work.overridden:
        states = "; ".join(f"{name}: {state}" for name, state in missing.items())
        raise refuse(
            f"{WHOLE}: {node} is not restarted while its cluster is not whole: {escape(states, 300)}.",
            f"Mend the cluster first (System > Clustering); then: certrenew run {work.renewal.id}. Or go on: "
            f"certrenew advance {work.renewal.id} --override {WHOLE} --reason TEXT",
        )
    status = is_up(work.device(node))
    if status and not status.peers and peers(work.estate, node):
        work.note(f"{node} does not tell how it stands with the peers of its cluster: look at System > Clustering.")


def await_active(work: Work, node: str) -> list[str]:
    """Wait until every zone that was active before the restart is so again, and its cluster whole; name the zones.

    Where people worked the box by hand its peers are looked at; what none of them sees people say (Waiting). Raises
    Failed when one does not come back in time.
    """
    zones = _active_again(work, node)
    if WHOLE not in work.overridden:
        _await(work, node, lambda: away(work, node), _down)
    return zones


def _active_again(work: Work, node: str) -> list[str]:
    before, hands = work.renewal.before.get(node, {}), work.device(node).by_hand
    if not hands and "seen_by" not in before:
        return _zones(work, node, before.get("zones", {}))
    seen = before.get("seen_by", {})
    told = [f"{name} (as {peer} sees it)" for peer, zones in seen.items() for name in _zones(work, peer, zones)]
    if not hands:  # its API came back after people restarted it: which zones were active is not known
        return told if _all_seen(work, node, seen) else told + _zones(work, node, _every_zone(work, node))
    if _all_seen(work, node, seen) and by_hand.cluster_is_seen(work, node):
        return told
    return told + by_hand.said_active(work, node)


def _all_seen(work: Work, node: str, seen: "Mapping[str, Json]") -> bool:
    return all(other in seen for other in by_hand.others(work, node))


def _every_zone(work: Work, node: str) -> dict[str, str]:
    return dict.fromkeys(work.device(node).status().zones, ACTIVE)


def await_zones(work: Work, node: str, failed: Fail) -> list[str]:
    """Wait until the zones are active that were when a box was looked at before, and name them; else raise `failed`."""
    return _zones(work, node, work.renewal.before.get(node, {}).get("zones", {}), failed)


def _zones(work: Work, node: str, before: "Mapping[str, str]", failed: Fail | None = None) -> list[str]:
    """Wait for the zones that a box showed as active, and name them."""
    wanted = [name for name, state in before.items() if state == ACTIVE]

    def down() -> dict[str, str]:
        status = is_up(work.device(node))
        zones = status.zones if status else {}
        return {name: zones.get(name, "not shown") for name in wanted if zones.get(name) != ACTIVE}

    _await(work, node, down, failed or _down)
    return wanted


def _await(work: Work, node: str, down: Callable[[], dict[str, str]], failed: Fail) -> None:
    """Wait until nothing is down. Raises `failed` after the `restart_timeout` of the box."""
    device, began = work.device(node), work.now()
    while states := "; ".join(f"{name}: {state}" for name, state in down().items()):
        work.tell(f"waiting for zones and peers of {node}, {escape(states, 200)}")
        if work.now() - began >= timedelta(seconds=device.restart_timeout):
            raise failed(work, node, states)
        work.wait(device.poll_interval)


def _down(work: Work, node: str, states: str) -> Failed:
    return Failed(
        f"{node} answers again, but its zones, or its cluster, are not as before its restart: {escape(states)}.",
        untouched="Nothing else was done.",
        todo=f"Mend the cause (most often a CA missing on the peer); then: certrenew run {work.renewal.id}",
    )
