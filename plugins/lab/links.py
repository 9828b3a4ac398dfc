"""Connect the lab's boxes: the zones to the Expressway-E, the links of a cluster's peers, the zone to a neighbour."""

from collections.abc import Mapping
from itertools import permutations

from plugins.lab.estate import CLUSTER, NEIGHBOUR, NEIGHBOUR_ZONE, ZONE
from plugins.lab.machine import Machine
from plugins.lab.peers import ClusterLink
from plugins.lab.zones import NeighbourZone, TraversalZone


def connected(machines: Mapping[str, Machine]) -> list[TraversalZone]:
    """Return every link between these boxes, first the zone from `expc` to `expe`; none of them is started."""
    peers = [machine for machine in machines.values() if machine.box.cluster]
    server, others = machines["expe"], peers[1:]
    return [
        _zone(ZONE, machines["expc"], server),
        *(_zone(f"{ZONE} from {one.box.name}", one, server, f"traversal-{one.box.name}") for one in others),
        *(
            ClusterLink("cluster", one, other, verify_name=CLUSTER, port=f"cluster-{one.box.name}")
            for one, other in permutations(peers, 2)
        ),
        *([_neighbour(server, machines[NEIGHBOUR.name])] if NEIGHBOUR.name in machines else []),
    ]


def _zone(name: str, client: Machine, server: Machine, port: str = "traversal") -> TraversalZone:
    """Return the zone from a C to the E, which verifies the name of the cluster where there is one (221624)."""
    return TraversalZone(name, client, server, verify_name=client.box.cluster or client.box.hostname, port=port)


def _neighbour(client: Machine, server: Machine) -> TraversalZone:
    """Return the zone from the E to its neighbour, which asks for the E's certificate and judges it."""
    return NeighbourZone(NEIGHBOUR_ZONE, client, server, verify_name=client.box.hostname, port="neighbor")
