"""Say where each system of the lab is reached, for the site file and lab.json."""

from plugins.lab.api import CLIENT, COPY, client_api
from plugins.lab.cucm.cluster import Cluster
from plugins.lab.estate import NEIGHBOUR, Options, Place, Sftp
from plugins.lab.folder import KeyFolder
from plugins.lab.machine import Machine


def of_box(machine: Machine, folder: KeyFolder | None) -> Place:
    """Return where an Expressway is; `folder` is where its certificates lie, when that is served. Read-only."""
    box = machine.box
    ports = {name: port.address for name, port in machine.ports.items()}
    account, reached = box.account, client_api(box)
    options = {"client_store": CLIENT, "copy_to_client": COPY} if reached else {}
    if box.cluster and box.settings["cluster_csr_name"] == "cluster":
        options["csr_common_name"] = box.cluster
    ssh = ports.pop("ssh", "")
    return Place(
        "external" if box.name == NEIGHBOUR.name else box.kind,
        box.release,
        box.hostname,
        account.username,
        account.password,
        ports,
        options=options,
        client_slot=reached,
        sftp=Sftp(ssh, folder.host_key, folder.account.username, folder.account.password) if folder else None,
        cluster=box.cluster,
    )


def of_node(cluster: Cluster, name: str, options: Options) -> Place:
    """Return where a node of the CUCM cluster is, and what of it the site is to use. Read-only."""
    node, machine = cluster.nodes[name], cluster.machines[name]
    account, soap = node.account, node.soap_account
    ports = {port: held.address for port, held in machine.ports.items()}
    return Place(
        node.kind,
        node.release,
        node.hostname,
        account.username,
        account.password,
        ports,
        "" if node is cluster.publisher else cluster.publisher.name,
        None if soap is account else (soap.username, soap.password),
        (ports.pop("ssh"), machine.shell.key.fingerprint),
        options.ssh or not node.has_rest,
        node.has_rest,
        soap.username if options.axl and node is cluster.publisher else "",
    )
