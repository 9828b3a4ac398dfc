"""Ask the peers of a certificate what only they know: names that it must carry, nodes that their clusters have."""

from engine.estate import Estate
from engine.model import Item
from engine.relations import cluster, mra_clusters
from engine.text import counted, escape
from engine.workflow import Work
from workflows.common import refuse
from workflows.trust import nodes

NAMES = "names-for-role"
"""The check of `engine.certificates` that asks for these names, too."""

CLUSTER = "cluster-nodes"
"""The check that the site has every node of a cluster that must trust."""


def required_names(work: Work, item: Item) -> list[str]:
    """Return the names that an item's certificate must carry by what its MRA clusters say. Read-only.

    They are security profile names, which phones look for in the certificate of the server slot.
    """
    if "server" not in item.slots:
        return []
    heads = dict.fromkeys(head for node in item.nodes for head in mra_clusters(work.estate, node))
    return list(dict.fromkeys(name for head in heads for name in work.peer(head).required_names()))


def require_names(work: Work, item: Item, wanted: list[str]) -> None:
    """Raise Refused when a CSR with these names would lack one that a cluster asks for."""
    from engine.certificates import same_name

    if NAMES in work.overridden:
        return
    absent = [name for name in required_names(work, item) if not any(same_name(name, one) for one in wanted)]
    if absent:
        listed = ", ".join(escape(name, 120) for name in absent)
        raise refuse(
            f"{NAMES}: Unified CM has phone security profiles that {item.node} would not carry: {listed}.",
            f"Add them to `names` of [certificates.{item.certificate}] in the site file, or to `axl_left_out` of the "
            f"cluster's node if no device outside uses them; then: certrenew run {work.renewal.id}",
        )


def require_whole_clusters(work: Work) -> None:
    """Raise Refused when a cluster has nodes that the site does not name: nobody would feed those."""
    if CLUSTER in work.overridden:
        return
    peers = dict.fromkeys(node for item in work.items for node in nodes(work, item))
    for head in peers:
        absent = [one for one in work.peer(head).members() if not is_known(work.estate, head, one)]
        if absent:
            listed = ", ".join(escape(one, 80) for one in absent)
            raise refuse(
                f"{CLUSTER}: the cluster of {head} has {counted(len(absent), 'node')} that the site lacks: {listed}.",
                f'Add each as [nodes.NAME] with `publisher = "{head}"`; or, where one need not trust: certrenew '
                f"advance {work.renewal.id} --override {CLUSTER} --reason TEXT",
            )


def is_known(estate: Estate, head: str, member: str) -> bool:
    """Tell whether a node of the cluster bears this name: its host name, whole or its first label, or its address."""
    found = [estate.nodes[name] for name in cluster(estate, head)]
    hosts = {host.casefold() for node in found for host in (node.hostname, _host(node.address))}
    short = {host.partition(".")[0] for host in hosts}
    wanted = member.casefold()
    return wanted in hosts or ("." not in wanted and wanted in short)


def _host(address: str) -> str:
    """Return the host of HOST, HOST:PORT or [v6]:PORT."""
    host, colon, port = address.rpartition(":")
    return (host if colon and "]" not in port else address).strip("[]")
