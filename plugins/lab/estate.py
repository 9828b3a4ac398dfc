"""Describe the lab's estate as values: which boxes there are, what their old certificates say, who works there."""

from dataclasses import dataclass, field

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
    """Be one box to build: `names` are the alternative names besides its own FQDN; `days_left` of its certificate."""

    name: str
    kind: str
    names: tuple[str, ...]
    days_left: int
    calls: int = 0
    registrations: int = 0

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

ZONE = "Traversal to expe"

NEIGHBOUR = NodePlan("partner", "expressway-e", (), 200)
"""A system of somebody else with which the Expressway-E talks TLS: to the site it is an `external` node."""

NEIGHBOUR_ZONE = "Neighbor partner"

CUCM_NODES = ("cucm-pub", "cucm-sub")
"""The cluster that MRA leads to, publisher first."""

PEOPLE = {
    "engineer": ("Erin Engineer", ("uc-engineer",)),
    "change-manager": ("Chris Change", ("change-manager",)),
    "second-manager": ("Sam Second", ("change-manager",)),
}
"""Name and roles of each person of the lab's site; the engineer is whoever runs the lab."""


class Options(Value, frozen=True, kw_only=True):
    """Be what a lab is built with; every value has a default.

    `releases`, `days_left` and `switches` are per node; switches of the node ``*`` are for all. `restart_seconds` is
    how long a restart takes, `zone_interval` how often a zone connects anew, both in seconds. `key` is the kind of the
    old certificates' keys, `ca_names` ``distinct`` or ``same`` for the two generations of the CA. Without `cucm` there
    are the two Expressways only, with `neighbour` a system of somebody else besides. `authority` signs: ``manual`` or
    one of `plugins.lab.offices.OFFICES`.
    """

    releases: dict[str, str] = {}
    switches: dict[str, dict[str, str]] = {}
    days_left: dict[str, int] = {}
    restart_seconds: float = 1.5
    zone_interval: float = 0.5
    key: str = "rsa-2048"
    ca_names: str = "distinct"
    cucm: bool = True
    neighbour: bool = False
    authority: str = "manual"


def nodes(options: Options) -> tuple[NodePlan, ...]:
    """Return the boxes to build."""
    return (*NODES, NEIGHBOUR) if options.neighbour else NODES


@dataclass(frozen=True)
class Place:
    """Be where one box is reached, for the site file and lab.json.

    `soap_login` is the login for a CUCM node's Control Center where it is another one.
    """

    kind: str
    release: str
    hostname: str
    username: str
    password: str = field(repr=False)
    ports: dict[str, str] = field(default_factory=dict)
    publisher: str = ""
    soap_login: tuple[str, str] | None = field(default=None, repr=False)
