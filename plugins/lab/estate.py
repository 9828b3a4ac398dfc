"""Describe the lab's estate as values: which boxes there are, what their old certificates say, who works there."""

from dataclasses import dataclass, field, replace

from engine.model import Value

DOMAIN = "corp.example"

SUBJECT = {
    "Country": "GB",
    "Province": "London",
    "Locality": "London",
    "Organization": "Corp Example Ltd",
    "OrganizationalUnit": "Unified Communications",
}
"""Subject fields of the certificates that are installed at the start."""


@dataclass(frozen=True)
class NodePlan:
    """Be one box to build: `names` are the alternative names besides its own FQDN; `days_left` of its certificate.

    `cluster` is the FQDN of the cluster that it is a peer of, which is the common name of its certificate then.
    """

    name: str
    kind: str
    names: tuple[str, ...]
    days_left: int
    calls: int = 0
    registrations: int = 0
    cluster: str = ""

    @property
    def hostname(self) -> str:
        """Return the FQDN."""
        return f"{self.name}.{DOMAIN}"


NODES = (
    # Security profile, cluster name and chat node alias: deployment guide X15.4, names that a C needs.
    NodePlan(
        "expc",
        "expressway-c",
        (f"expc-cluster.{DOMAIN}", f"secure-phones.{DOMAIN}", f"conference-2-standalonecluster5ab33.{DOMAIN}"),
        12,
        registrations=14,
    ),
    # Registration domain (also as collab-edge) and chat node alias: the same page, names that an E needs.
    NodePlan(
        "expe",
        "expressway-e",
        (DOMAIN, f"collab-edge.{DOMAIN}", f"conference-2-standalonecluster5ab33.{DOMAIN}"),
        96,
        calls=2,
        registrations=9,
    ),
)

CLUSTER = f"expc-cluster.{DOMAIN}"
"""The cluster of Expressway-Cs that a lab may have: `expc` and `expc2`, and where they can share a key `expc3`."""

ZONE = "Traversal to expe"

NEIGHBOUR = NodePlan("partner", "expressway-e", (), 200)
"""A system of somebody else with which the Expressway-E talks TLS: to the site it is an `external` node."""

NEIGHBOUR_ZONE = "Neighbor partner"

CUCM_NODES = ("cucm-pub", "cucm-sub")
"""The cluster that MRA leads to, publisher first."""

IMP_NODES = ("imp-pub",)
"""IM and Presence nodes of that cluster."""

IMP = f"{IMP_NODES[0]}.{DOMAIN}"
"""The IM and Presence publisher that the Expressway-C names; it answers only where the lab was asked for it."""

PEOPLE = {
    "engineer": ("Erin Engineer", ("uc-engineer",)),
    "change-manager": ("Chris Change", ("change-manager",)),
    "second-manager": ("Sam Second", ("change-manager",)),
}
"""Name and roles of each person of the lab's site; the engineer is whoever runs the lab."""


class Options(Value, frozen=True, kw_only=True):
    """Be what a lab is built with; every value has a default.

    `releases`, `days_left` and `switches` are per node; switches of the node ``*`` are for all. `restart_seconds` is
    how long a restart takes, in seconds. `key` is the kind of the old certificates' keys, `ca_names` ``distinct`` or
    ``same`` for the two generations of the CA. Without `cucm` there are the two Expressways only; without `subscriber`
    its cluster is the publisher alone; with `ssh` the site opens the command line of its nodes, as it does without
    where a release has no other way; with `axl` it opens the publisher's configuration; with `imp` the cluster has an
    IM and Presence node. `authority` signs: ``manual`` or one of `plugins.lab.offices.OFFICES`. With `cluster` the
    Expressway-C has a peer, `expc2`; with `shared` it has two, which can share one certificate: their folders of
    certificates are served by SFTP, and a certificate of the site is for all. With `neighbour` the Expressway-E talks
    to a system of somebody else.
    """

    releases: dict[str, str] = {}
    switches: dict[str, dict[str, str]] = {}
    days_left: dict[str, int] = {}
    restart_seconds: float = 1.5
    key: str = "rsa-2048"
    ca_names: str = "distinct"
    cucm: bool = True
    subscriber: bool = True
    ssh: bool = False
    axl: bool = False
    imp: bool = False
    neighbour: bool = False
    authority: str = "manual"
    cluster: bool = False
    shared: bool = False

    @property
    def plans(self) -> tuple[NodePlan, ...]:
        """Return the boxes to build."""
        return boxes(cluster=self.cluster, neighbour=self.neighbour, shared=self.shared)


def boxes(*, cluster: bool, neighbour: bool = False, shared: bool = False) -> tuple[NodePlan, ...]:
    """Return the boxes to build; each peer of a cluster has a certificate of its own, with both names (guide X15.4)."""
    others = (NEIGHBOUR,) if neighbour else ()
    if not (cluster or shared):
        return (*NODES, *others)
    first, *more = NODES
    first = replace(first, cluster=CLUSTER)
    peers = [replace(first, name=name, registrations=11) for name in ("expc2", *(["expc3"] if shared else []))]
    return (first, *peers, *more, *others)


@dataclass(frozen=True)
class Sftp:
    """Be where a box's folder of certificates is served, and how root logs in there."""

    address: str
    host_key: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """Be where one box is reached, for the site file and lab.json.

    `soap_login` is the login for a CUCM node's Control Center where it is another one; `ssh` is where its command line
    is, with the fingerprint of its host key, and `opened` says that the site uses it. `has_rest` is false for a node
    without the certificate management API; `axl` is the user for AXL where the site uses it. `options` are settings of
    the driver that this box needs, `client_slot` tells whether its API reaches that slot. `sftp` is how its folder of
    certificates is reached, `cluster` the name of the cluster that it is a peer of.
    """

    kind: str
    release: str
    hostname: str
    username: str
    password: str = field(repr=False)
    ports: dict[str, str] = field(default_factory=dict)
    publisher: str = ""
    soap_login: tuple[str, str] | None = field(default=None, repr=False)
    ssh: tuple[str, str] | None = None
    opened: bool = False
    has_rest: bool = True
    axl: str = ""
    options: dict[str, str] = field(default_factory=dict)
    client_slot: bool = False
    sftp: Sftp | None = None
    cluster: str = ""
