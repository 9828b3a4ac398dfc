"""See a box's zones come back after its restart: by its own API, by its peers', and else by what people say."""

from datetime import timedelta
from typing import TYPE_CHECKING

from engine.contracts import BoxStatus, Device
from engine.errors import Failed, LoginRefused, Unreachable, Waiting
from engine.estate import WITH_SLOTS
from engine.model import Ask, Json
from engine.text import escape
from engine.workflow import Work
from workflows.by_hand import told_since

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTIVE = "Active"

KINDS = ("traversal", "neighbor", "secure-zone")
"""The connections that a box shows as zones."""


def is_up(device: Device) -> BoxStatus | None:
    """Return what a box says of itself, None while it does not answer. Raises LoginRefused. Read-only."""
    try:
        return device.status()
    except LoginRefused:
        raise
    except (Unreachable, Failed):
        return None


def await_zones(work: Work, node: str) -> list[str]:
    """Wait until every zone that was active before the restart is active again, and name them. Raises Failed.

    Where people worked the box by hand its peers are looked at; what none of them sees people say (Waiting).
    """
    before, hands = work.renewal.before.get(node, {}), work.device(node).by_hand
    if not hands and "seen_by" not in before:
        return _await(work, node, before.get("zones", {}))
    seen = before.get("seen_by", {})
    told = [f"{name} (as {peer} sees it)" for peer, zones in seen.items() for name in _await(work, peer, zones)]
    if all(other in seen for other in _others(work, node)):
        return told
    return told + (_said(work, node) if hands else _all_of(work, node))


def _await(work: Work, node: str, before: "Mapping[str, str]") -> list[str]:
    """Wait for the zones that a box showed as active, and name them."""
    wanted = [name for name, state in before.items() if state == ACTIVE]
    device, began = work.device(node), work.now()
    while True:
        status = is_up(device)
        zones = status.zones if status else {}
        down = [name for name in wanted if zones.get(name) != ACTIVE]
        if not down:
            return wanted
        states = "; ".join(f"{name}: {zones.get(name, 'not shown')}" for name in down)
        work.tell(f"waiting for zones of {node}, {escape(states, 200)}")
        if work.now() - began >= timedelta(seconds=device.restart_timeout):
            raise _zones_down(work, node, states)
        work.wait(device.poll_interval)


def _zones_down(work: Work, node: str, states: str) -> Failed:
    return Failed(
        f"{node} serves the new certificate, but zones that were active before its restart are not: {escape(states)}.",
        untouched="Nothing else was done.",
        todo=f"Mend the cause (most often a CA missing on the peer); then: certrenew run {work.renewal.id}",
    )


# ---- boxes that people work by hand --------------------------------------------------------------------------------


def seen_by_peers(work: Work, node: str) -> tuple[str, dict[str, Json]]:
    """Return what the peers of a box show of zones now, for the journal and by peer: its own can't be read."""
    seen = {peer: dict(work.device(peer).status().zones) for peer in _others(work, node) if _shows_zones(work, peer)}
    each = [(peer, name, state) for peer, zones in seen.items() for name, state in zones.items()]
    told = [f"{peer} sees {escape(name)}: {escape(state)}" for peer, name, state in each]
    return f"the zones of {node} can't be read; {'; '.join(told) or 'no peer can be asked'}", seen


def _all_of(work: Work, node: str) -> list[str]:
    """Wait for every zone of a box whose API came back after people restarted it: which were active is not known."""
    return _await(work, node, dict.fromkeys(work.device(node).status().zones, ACTIVE))


def _said(work: Work, node: str) -> list[str]:
    """Return who says that zones which no peer sees are active again. Raises Waiting."""
    if told := told_since(work, node, "zones"):
        return [f"every zone that was, {told}"]
    word = f"every zone of {node} that was Active before its restart is Active again"
    step = (
        f"{node} (https://{work.estate.nodes[node].address}), Status > Zones: when every zone that was Active before "
        f"the restart is Active again: certrenew confirm {work.renewal.id} --node {node}. While one is not, find out "
        "why."
    )
    raise Waiting(
        f"{node} presents the new certificate. Whether its zones are active again only a person can see.",
        on="person",
        todo=f"Do the steps in their order; then: certrenew run {work.renewal.id}.",
    ).asking(Ask(node=node, what="zones", text=word, step=step, word=word), steps=[step])


def _others(work: Work, node: str) -> list[str]:
    """Return the other ends of a box's zones."""
    ends = [(one.client, one.server) for one in work.estate.connections if one.kind in KINDS]
    found = [server if client == node else client for client, server in ends if node in (client, server)]
    return list(dict.fromkeys(found))


def _shows_zones(work: Work, node: str) -> bool:
    if work.estate.nodes[node].kind not in WITH_SLOTS:
        return False
    peer = work.peer(node)
    return isinstance(peer, Device) and not peer.by_hand
