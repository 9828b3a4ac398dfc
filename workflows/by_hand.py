"""Have people restart a box that they work by hand, and know what its peers show and what people said of it.

A word is asked for only where nothing else can show it, and only once the ports show what they can.
"""

from engine.contracts import Device
from engine.errors import Unreachable, Waiting
from engine.estate import WITH_SLOTS
from engine.model import Ask, Json
from engine.relations import peers
from engine.text import escape
from engine.workflow import Work

LINKS = ("traversal", "neighbor", "secure-zone")
"""The connections that a box shows as zones."""


def away(work: Work, node: str) -> Waiting:
    """Say that a port does not answer, as while a box restarts."""
    return Waiting(
        f"{node} does not answer on every port, as while it restarts.",
        on="box",
        poll_after=work.device(node).poll_interval,
        todo=f"When it is back: certrenew run {work.renewal.id}",
    )


def have_restarted(work: Work, node: str) -> None:
    """Have people restart a box whose certificate stays, so that its ports can't show it. Raises Waiting."""
    try:
        work.device(node).restart()
    except Waiting as waiting:
        word = f"{node} was restarted just now"
        step = f"When it is back: certrenew confirm {work.renewal.id} --node {node}"
        ask = Ask(node=node, what="restarted", text=word, step=step, word=word)
        raise waiting.asking(ask, steps=[*waiting.steps, step]) from None


def told_since(work: Work, node: str, what: str) -> str:
    """Say who told something of a box since what was up there was recorded; "" when nobody did."""
    told, before = work.renewal.brought.get(f"{node}:{what}"), work.renewal.before.get(node, {})
    return told.origin if told and told.at >= str(before.get("at", "")) else ""


# ---- zones and cluster ---------------------------------------------------------------------------------------------


def others(work: Work, node: str) -> list[str]:
    """Return the other ends of a box's zones."""
    ends = [(one.client, one.server) for one in work.estate.connections if one.kind in LINKS]
    found = [server if client == node else client for client, server in ends if node in (client, server)]
    return list(dict.fromkeys(found))


def seen_by_peers(work: Work, node: str) -> tuple[str, dict[str, Json]]:
    """Return what the peers of a box show of zones now, for the journal and by peer: its own can't be read."""
    seen = {peer: dict(work.device(peer).status().zones) for peer in others(work, node) if _can_be_asked(work, peer)}
    each = [(peer, name, state) for peer, zones in seen.items() for name, state in zones.items()]
    told = [f"{peer} sees {escape(name)}: {escape(state)}" for peer, name, state in each]
    return f"the zones of {node} can't be read; {'; '.join(told) or 'no peer can be asked'}", seen


def answers(work: Work, node: str) -> bool:
    """Tell whether the web page of a box that people work answers; of any other that is not asked here. Read-only."""
    if work.device(node).by_hand:
        try:
            work.served(work.estate.nodes[node].address)
        except Unreachable:
            return False
    return True


def cluster_is_seen(work: Work, node: str) -> bool:
    """Tell whether a peer of the box's cluster, if it is in one, shows how the peers stand. Read-only."""
    mates = peers(work.estate, node)
    return not mates or any(work.device(one).status().peers for one in mates if _can_be_asked(work, one))


def said_active(work: Work, node: str) -> list[str]:
    """Return who says that what no peer sees of a box is as it was before its restart. Raises Waiting."""
    if told := told_since(work, node, "zones"):
        return [f"every zone that was, {told}"]
    zones = "every zone{} that was Active before {} restart is Active again"
    where, mates = "Status > Zones", ""
    if peers(work.estate, node):
        where, mates = "Status > Zones and System > Clustering", ", and its cluster is whole"
    word = zones.format(f" of {node}", "its") + mates
    step = (
        f"{node} (https://{work.estate.nodes[node].address}), {where}: when {zones.format('', 'the')}{mates}: "
        f"certrenew confirm {work.renewal.id} --node {node}. While it is not so, find out why."
    )
    raise Waiting(
        f"{node} presents the new certificate. Whether its zones are active again only a person can see.",
        on="person",
        todo=f"Do the steps in their order; then: certrenew run {work.renewal.id}.",
    ).asking(Ask(node=node, what="zones", text=word, step=step, word=word), steps=[step])


def _can_be_asked(work: Work, node: str) -> bool:
    if work.estate.nodes[node].kind not in WITH_SLOTS:
        return False
    peer = work.peer(node)
    return isinstance(peer, Device) and not peer.by_hand
