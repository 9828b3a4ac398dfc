"""Link the peers of an Expressway cluster by real mutual TLS, with TLS verification enforced, in either direction.

That peers verify each other is a setting of the cluster (Cisco 225482: Enforcing); how a box shows the state of its
peers is unknown, so the words and places are the lab's own (docs/reference/lab.md).
"""

from plugins.lab.box import ZoneStatus
from plugins.lab.releases import does
from plugins.lab.zones import TraversalZone


class ClusterLink(TraversalZone):
    """Be the link that one peer opens to another; the state is that of the other, as the first one shows it."""

    def status(self, node: str) -> ZoneStatus:
        """Return how the link stands, as the peer that opens it shows it, whichever `node` is asked for."""
        state = self.client.box.peers.get(self.peer_address, "")
        known = ("Active", "") if state == "Active" else ("Failed", state)
        return ZoneStatus(self.name, "Peer", self.peer_address, 0, "", *known)

    def _report(self, client: str, server: str) -> None:
        now, box = client or server or "Active", self.client.box
        before = box.peers.get(self.peer_address)
        if now != before:
            box.set_peer(self.peer_address, now)
        if before is not None and (before == "Active") != (now == "Active"):
            kind = "peer-up" if now == "Active" else "peer-down"
            box.effects.add(box.name, kind, peer=self.server.box.name, cause="" if now == "Active" else now)

    def _both(self, status: str) -> bool:
        return self.status("").status == status

    def _checks_usage(self) -> bool:
        box = self.server.box
        return does("cluster-link-needs-client-eku", box.release, box.kind)
