"""Build the systems of the estate from its options: Expressways with their old certificates, and the CUCM cluster."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from engine.errors import UsageError
from engine.text import escape
from plugins.lab.account import Account
from plugins.lab.authority import LEAF_DAYS, CorporateCA, certify
from plugins.lab.box import Activity, Box, Identity, Setup
from plugins.lab.cucm.cluster import Cluster
from plugins.lab.cucm.machine import CucmMachine
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.switches import CUCM_SWITCHES
from plugins.lab.effects import Effects
from plugins.lab.estate import CUCM_NODES, DOMAIN, IMP, IMP_NODES, SUBJECT, NodePlan, Options
from plugins.lab.folder import KeyFolder
from plugins.lab.machine import Machine
from plugins.lab.offices import MANUAL, OFFICES, Kit, Office
from plugins.lab.offices import SWITCHES as OFFICE_SWITCHES
from plugins.lab.releases import version
from plugins.lab.requests import KEYS, make_request
from plugins.lab.switches import SWITCHES, Settings, Switch

RELEASE, CUCM_RELEASE = "X14.3", "14"
"""Releases of a box and of a CUCM node for which none is chosen."""

OS_ADMIN, APPLICATION_USER = "certadmin", "soapadmin"

CUCM_DAYS = 400
"""How long the CUCM nodes' own certificates last; they are not renewed here."""


def check(options: Options) -> None:
    """Refuse what can't be built before anything is opened or written. Raises UsageError."""
    if options.key not in KEYS or options.ca_names not in ("distinct", "same"):
        raise UsageError("The lab does not know this kind of key or of CA names.", todo=f"Keys: {', '.join(KEYS)}.")
    if options.authority not in (MANUAL, *OFFICES):
        kinds = ", ".join([MANUAL, *OFFICES])
        raise UsageError(f"The lab has no authority {escape(options.authority)}.", todo=f"Authorities: {kinds}.")
    known = {plan.name for plan in options.plans}
    names = known | set(cluster_nodes(options))
    offices = {options.authority} & set(OFFICES)
    for node in options.releases:
        _check_known(node, names | {"*"})
    for node in options.switches:
        _check_known(node, names | offices | {"*"})
    for node in options.days_left:
        _check_known(node, known)
    for node, release in options.releases.items():
        _check_release(node, release)
    for node in names | offices:
        settings(node, options)
    for switch in options.switches.get("*", {}):
        if switch not in {**SWITCHES, **CUCM_SWITCHES, **OFFICE_SWITCHES.get(options.authority, {})}:
            Settings({switch: ""})


def cluster_nodes(options: Options) -> tuple[str, ...]:
    """Name the nodes of the cluster, publisher first; none without one."""
    if not options.cucm:
        return ()
    return (*CUCM_NODES[: None if options.subscriber else 1], *(IMP_NODES if options.imp else ()))


def _check_known(node: str, names: set[str]) -> None:
    if node not in names:
        raise UsageError(f"The lab has no node {escape(node)}.", todo=f"Nodes: {', '.join(sorted(names))}.")


def _check_release(node: str, release: str) -> None:
    if node in (*CUCM_NODES, *IMP_NODES):
        if not re.fullmatch(r"\d+(\.\d+)*", release):
            raise UsageError(f"{escape(release)} is no release of CUCM.", todo="Write it like 14 or 12.5.")
        return
    try:
        version(release)
    except ValueError as error:
        raise UsageError(f"{escape(release)} is no release.", todo="Write it like X14.3.") from error


def settings(node: str, options: Options) -> Settings:
    """Return a node's switches: those for all nodes that it has, then its own. Raises UsageError."""
    table: Mapping[str, Switch] = OFFICE_SWITCHES.get(
        node, CUCM_SWITCHES if node in (*CUCM_NODES, *IMP_NODES) else SWITCHES
    )
    common = {name: value for name, value in options.switches.get("*", {}).items() if name in table}
    return Settings({**common, **options.switches.get(node, {})}, table)


@dataclass(frozen=True)
class Builder:
    """Build the systems of one lab; `now` is the lab's clock."""

    options: Options
    authority: CorporateCA
    effects: Effects
    now: Callable[[], datetime]

    def box(self, plan: NodePlan) -> Machine:
        """Build one Expressway with its old certificate."""
        chosen = settings(plan.name, self.options)
        box = Box(
            plan.name,
            plan.kind,
            self.options.releases.get(plan.name, RELEASE),
            plan.hostname,
            self._identity(
                plan.hostname, plan.names, self.options.days_left.get(plan.name, plan.days_left), plan.cluster
            ),
            self.authority.old.chain,
            self._account(plan.name, chosen),
            self.effects,
            chosen,
        )
        box.activity, box.cluster = Activity(plan.calls, plan.registrations), plan.cluster
        box.setup = self._setup(plan)
        return Machine(box, restart_seconds=self.options.restart_seconds)

    def folder(self, home: Path, machine: Machine) -> KeyFolder:
        """Build the folder of certificates of a box, and serve it by SFTP."""
        root = Account(machine.box.name, secrets.token_urlsafe(18), 0, self.effects, "root")
        folder = KeyFolder(machine.box, home / "boxes" / machine.box.name, root)
        machine.add_port("ssh", folder.serve)
        return folder

    def _setup(self, plan: NodePlan) -> Setup:
        """Return what is set up for phones outside: all of it on the Expressway-C, as in the vendor's MRA guide."""
        if plan.kind != "expressway-c":
            return Setup(mra=self.options.cucm)
        publishers = (f"{CUCM_NODES[0]}.{DOMAIN}",) if self.options.cucm else ()
        imp = (IMP,) if self.options.cucm else ()
        uses = ("sip", "mra") if self.options.cucm else ("sip",)
        return Setup({DOMAIN: uses}, self.options.cucm, publishers, imp)

    def cluster(self) -> Cluster:
        """Build the CUCM cluster."""
        application = secrets.token_urlsafe(18)
        return Cluster([self._node(name, application) for name in cluster_nodes(self.options)])

    def offices(self, home: Path) -> dict[str, Office]:
        """Build the simulated authority that was chosen, by its name; none where people sign."""
        chosen = [name for name in OFFICES if name == self.options.authority]
        kits = {
            name: Kit(home, self.authority, self.effects, settings(name, self.options), self.now) for name in chosen
        }
        return {office.name: office for office in (OFFICES[name](kit) for name, kit in kits.items())}

    def _node(self, name: str, application: str) -> CucmMachine:
        chosen, hostname = settings(name, self.options), f"{name}.{DOMAIN}"
        account = self._account(name, chosen, OS_ADMIN)
        password = application if chosen["soap_account"] == "separate" else account.password
        other = Account(name, password, 0, self.effects, APPLICATION_USER)
        node = Node(
            name,
            hostname,
            self.options.releases.get(name, CUCM_RELEASE),
            self._identity(hostname, (), CUCM_DAYS),
            self.authority.old.chain,
            (account, account if chosen["soap_account"] == "same" else other),
            self.effects,
            chosen,
            self.now,
            restart_seconds=self.options.restart_seconds,
            kind="imp" if name in IMP_NODES else "cucm",
        )
        return CucmMachine(node, self.authority.old.chain[:1])

    def _account(self, name: str, chosen: Settings, username: str = "admin") -> Account:
        return Account(name, secrets.token_urlsafe(18), chosen.number("lockout_after"), self.effects, username)

    def _identity(self, hostname: str, names: tuple[str, ...], days_left: int, cluster: str = "") -> Identity:
        fields = {**SUBJECT, "Additional_FQDNS": list(names)}
        old = make_request(hostname, fields, key=self.options.key, fqdn_only=False, common_name=cluster)
        alternatives = list(old.request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        # Half a day more, so that people who count whole days see the number that was asked for.
        end = self.now() + timedelta(days=days_left, hours=12)
        leaf = certify(
            self.authority.old.issuing,
            old.request.subject,
            old.request.public_key(),  # type: ignore[arg-type]
            alternatives,
            start=end - timedelta(days=max(LEAF_DAYS, days_left + 1)),
            end=end,
        )
        return Identity(leaf, old.key)
