"""Check what one table of the site file says of another, and that its times and addresses can be."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from engine.errors import SiteError
from engine.estate import WITH_SLOTS, CertificateEntry, Estate, Freeze, Node, Window
from engine.relations import peers
from engine.settings import unknown
from engine.text import escape

PEOPLE_LIMIT = 100
"""Most approvals that one rule may ask for."""

LONGEST_LEAD = 24 * 366
"""Longest lead time, in hours: a year."""

LONGEST_SOAK = 366
"""Longest time before a clean-up, in days: a year."""

EXPRESSWAYS = WITH_SLOTS
ENDS: dict[str, dict[str, tuple[str, ...]]] = {
    "traversal": {"client": ("expressway-c",), "server": ("expressway-e",)},
    "neighbor": {"client": (*EXPRESSWAYS, "external"), "server": (*EXPRESSWAYS, "external")},
    "cluster": {"client": EXPRESSWAYS, "server": EXPRESSWAYS},
    "mra": {"client": ("expressway-c",), "server": ("cucm",)},
    "secure-zone": {"client": ("expressway-c",), "server": ("cucm",)},
}
"""Which kinds of node may stand at the ends of a connection."""

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")


_FQDN = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z][A-Za-z0-9-]*")


def check(estate: Estate, path: Path) -> None:
    """Check what one table says of another."""
    for number, connection in enumerate(estate.connections, 1):
        for end in ("client", "server"):
            where = f"{escape(path)}: [[connections]] {number}: `{end}`"
            _refers(where, getattr(connection, end), estate.nodes)
            _fits(where, estate.nodes[getattr(connection, end)], ENDS[connection.kind][end])
    for certificate in estate.certificates.values():
        where = f"{escape(path)}: [certificates.{certificate.name}]"
        _refers(f"{where}: `node`", certificate.node, estate.nodes)
        _fits(f"{where}: `node`", estate.nodes[certificate.node], EXPRESSWAYS)
        _refers(f"{where}: `authority`", certificate.authority, estate.authorities)
        if certificate.also_client and certificate.slot != "server":
            todo = 'Give it `slot = "server"`, or leave `also_client` out.'
            raise SiteError(f"{where}: `also_client` is for a certificate of the server slot.", todo=todo)
        if certificate.cluster_name:
            _check_shared(estate, certificate, f"{where}: `cluster_name`")
    for node in estate.nodes.values():
        _check_node(node, f"{escape(path)}: [nodes.{node.name}]")
        if node.kind == "imp" and not node.publisher:
            raise SiteError(
                f"{escape(path)}: [nodes.{node.name}]: `publisher` is missing.",
                todo="Name the Unified CM publisher that this IM and Presence node belongs to.",
            )
        if node.publisher:
            _refers(f"{escape(path)}: [nodes.{node.name}]: `publisher`", node.publisher, estate.nodes)
            _fits(f"{escape(path)}: [nodes.{node.name}]: `publisher`", estate.nodes[node.publisher], ("cucm",))
    _check_people(estate, path)
    _check_times(estate, path)


def _check_shared(estate: Estate, certificate: CertificateEntry, what: str) -> None:
    """Check a certificate that the peers of a cluster share: there are peers, and it is for the server slot alone."""
    if not _FQDN.fullmatch(certificate.cluster_name):
        raise SiteError(f"{what} must be a host name with a domain.", todo="Write the name of the cluster in DNS.")
    if not peers(estate, certificate.node):
        raise SiteError(
            f"{what}: `{escape(certificate.node)}` is in no cluster of this site.",
            todo='Link its peers by [[connections]] of kind "cluster", or leave `cluster_name` out.',
        )
    if certificate.slots != ["server"]:
        raise SiteError(f"{what}: a shared certificate is for the server slot alone.", todo="Leave the other slot out.")


def _check_times(estate: Estate, path: Path) -> None:
    """Check windows, freezes and lead times."""
    from engine.windows import NotReadable, check_freeze, check_window

    named: list[tuple[str, Window | Freeze]] = [(f"[windows.{name}]", one) for name, one in estate.windows.items()]
    named += [(f"[[freezes]] {number}", one) for number, one in enumerate(estate.freezes, 1)]
    for where, one in named:
        try:
            check_window(one) if isinstance(one, Window) else check_freeze(one)
        except NotReadable as error:
            key = f": `{error.key}`" if error.key else ":"
            raise SiteError(f"{escape(path)}: {where}{key} {error.what}.", todo=error.todo) from None
        for node in one.nodes:
            _refers(f"{escape(path)}: {where}: `nodes`", node, estate.nodes)
    leads = {f"[lead_times]: `{key}`": hours for key, hours in estate.lead_times.plain().items()}
    leads |= {f"[authorities.{name}]: `lead_hours`": one.lead_hours or 0 for name, one in estate.authorities.items()}
    for where, hours in leads.items():
        if not 0 <= hours <= LONGEST_LEAD:
            raise SiteError(f"{escape(path)}: {where} must be from 0 to {LONGEST_LEAD}.", todo="It is in hours.")
    if not 0 <= estate.clean_up.after_days <= LONGEST_SOAK:
        where = f"{escape(path)}: [clean_up]: `after_days`"
        raise SiteError(f"{where} must be from 0 to {LONGEST_SOAK}.", todo="It is in days.")


def whole_clusters(estate: Estate) -> Estate:
    """Let a publisher in a window or freeze stand for its whole cluster, as it does in connections."""

    def whole(names: list[str]) -> list[str]:
        return [node.name for node in estate.nodes.values() if {node.name, node.publisher} & set(names)]

    replace = msgspec.structs.replace
    return replace(
        estate,
        windows={name: replace(one, nodes=whole(one.nodes)) for name, one in estate.windows.items()},
        freezes=[replace(one, nodes=whole(one.nodes)) for one in estate.freezes],
    )


def _fits(what: str, node: Node, kinds: tuple[str, ...]) -> None:
    if node.kind not in kinds:
        raise SiteError(
            f"{what} names `{escape(node.name)}`, which is of kind `{node.kind}`.",
            todo=f"It must be of kind {' or '.join(f'`{kind}`' for kind in kinds)}.",
        )


def _refers(what: str, name: str, table: Mapping[str, object]) -> None:
    if name not in table:
        raise unknown(f"{what} names `{escape(name)}`, which the site does not have", name, list(table))


def _check_node(node: Node, where: str) -> None:
    if node.pin and not re.fullmatch(r"sha256:[0-9a-f]{64}", node.pin):
        raise SiteError(f"{where}: `pin` must be sha256: and 64 lower-case hex digits.", todo="Correct it.")
    if node.pin and node.ca:
        raise SiteError(f"{where}: both `pin` and `ca` are given.", todo="Keep one.")
    if node.maintenance_mode and node.kind not in WITH_SLOTS:
        raise SiteError(f"{where}: `maintenance_mode` is for an Expressway or VCS.", todo="Take it out.")
    for key, path in [*([("ca", node.ca)] if node.ca else []), *(("phone_roots", path) for path in node.phone_roots)]:
        if not path.is_file():
            raise SiteError(f"{where}: `{key}`: there is no file {escape(path)}.", todo="Put CA certificates there.")
    for key, address in {"address": node.address, **{f"tls.{name}": at for name, at in node.tls.items()}}.items():
        found = _ADDRESS.fullmatch(address)
        if not found or not 0 < int(found["port"] or 443) < 65536:
            raise SiteError(
                f"{where}: `{escape(key)}` must be HOST or HOST:PORT.", todo="Leave https:// and paths out."
            )


def _check_people(estate: Estate, path: Path) -> None:
    uids = [person.uid for person in estate.people.values() if person.uid is not None]
    for uid in {uid for uid in uids if uids.count(uid) > 1}:
        raise SiteError(f"{escape(path)}: [people]: two people have the uid {uid}.", todo="One account, one person.")
    where = f"{escape(path)}: [approval]"
    if estate.policy.emergency_people == 1 or not 0 <= estate.policy.emergency_people <= PEOPLE_LIMIT:
        raise SiteError(f"{where}: `emergency_people` must be 2 or more, or 0.", todo="0 closes the emergency path.")
    if estate.policy.max_age_hours < 0:
        raise SiteError(f"{where}: `max_age_hours` must be 0 or more.", todo="0 lets an approval of any age count.")
    roles = {role for person in estate.people.values() for role in person.roles}
    for number, rule in enumerate(estate.policy.rules, 1):
        where = f"{escape(path)}: [[approval.rules]] {number}"
        if not 0 < rule.people <= PEOPLE_LIMIT:
            raise SiteError(
                f"{where}: `people` must be from 1 to {PEOPLE_LIMIT}.", todo="Leave the rule out if nobody is needed."
            )
        _check_roles(rule.roles, roles, f"{where}: `roles`")


def _check_roles(named: Iterable[str], held: set[str], what: str) -> None:
    for role in named:
        if role not in held:
            raise unknown(f"{what} names `{escape(role)}`, which nobody has", role, sorted(held))
