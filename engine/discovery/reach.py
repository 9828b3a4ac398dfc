"""Reach a box that the site file may not know yet, prove who it is, log in once, and read what it tells. Read-only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from engine.contracts import Device, Surveyor
from engine.discovery.propose import Reached
from engine.discovery.sitefile import is_ip, label, pin_of
from engine.discovery.tables import Tables, known_as, named, place_of, unfilled
from engine.errors import NotSent, Untrusted, UsageError
from engine.estate import Estate, Node, Policy
from engine.model import Json
from engine.net import served, split_address, unverified
from engine.runner.connections import Connections
from engine.settings import convert
from engine.site import distributions
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import Survey
    from engine.runner.site import Site

DRIVER = "expressway"
"""Who talks to a box that the file does not know."""

Confirm = Callable[[str, str], str]
"""Show a person what a node presents at an address; return the fingerprint, 64 hex digits, that they confirmed."""


class Asked(NamedTuple):
    """Be what was typed; empty where nothing was. `password` is a reference, in which ``{node}`` is the node's name."""

    url: str
    user: str = ""
    password: str = ""
    ca: Path | None = None
    pin: str = ""
    hostname: str = ""


@dataclass(frozen=True)
class Box:
    """Be a box that was read: how it was reached, as what node, and what it tells and holds.

    `carried` maps nodes, itself as "", to the names in the certificates of their slots.
    """

    reached: Reached
    node: Node
    survey: "Survey"
    held: "dict[str, x509.Certificate]" = field(default_factory=dict)
    trusted: "dict[str, list[x509.Certificate]]" = field(default_factory=dict)
    carried: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def reach(file: Path, tables: Tables, asked: Asked, site: "Callable[[Estate], Site]", confirm: Confirm | None) -> Box:
    """Read a box. `site` makes what connects to it; without `confirm` nobody can be asked whether it is the right one.

    Raises UsageError for what is lacking or is no address, Untrusted for a box that is not proven to be who it should
    be, and what its driver raises.
    """
    address = address_of(asked.url)
    node = _proven(_node(file, tables, asked, address), confirm)
    allowed = distributions(file) if file.exists() else ["certrenew"]
    connections = Connections(site(_estate(file, node, allowed)))
    peer: object = connections.peer(node.name)
    if not isinstance(peer, Surveyor):
        raise UsageError(
            f"The driver `{escape(node.driver)}` of {escape(node.name)} can't tell of the estate around it.",
            todo="Discover an Expressway that has its API; it names its peers and its Unified CM.",
        )
    survey = peer.survey()
    held, trusted = _kept(peer)
    carried = {"": _names(held), **_around(tables, known_as(tables, address, survey.hostname, node.hostname))}
    return Box(Reached(address, node.hostname), node, survey, held, trusted, carried)


def _kept(peer: object) -> "tuple[dict[str, x509.Certificate], dict[str, list[x509.Certificate]]]":
    """Read what a box holds in its slots and trusts; nothing of one that has no slots."""
    if not isinstance(peer, Device):
        return {}, {}
    return (
        {slot: peer.certificate(slot) for slot in peer.slots()},
        {store: peer.trusted(store) for store in peer.stores},
    )


def address_of(url: str) -> str:
    """Return HOST or HOST:PORT of an address as people paste it: with https:// and a slash, or without.

    Raises UsageError.
    """
    parts = urlsplit(url if "//" in url else f"https://{url}")
    try:
        port = 443 if parts.port is None else parts.port
        plain = parts.scheme == "https" and parts.hostname and parts.path in ("", "/") and "@" not in parts.netloc
    except ValueError:
        plain, port = False, 0
    if not plain or not 0 < port < 65536 or parts.query or parts.fragment:
        raise UsageError(
            f"`{escape(url, 100)}` is no address of a box.",
            untouched="Nothing was contacted.",
            todo="Write it like https://expc.example.org, with :PORT where it is not 443; no user and no path.",
        )
    return parts.netloc


def login_known(tables: Tables, asked: Asked) -> bool:
    """Tell whether user and password of the box were given, or stand in the file."""
    table = _table(tables, asked, address_of(asked.url))[1]
    return bool(asked.user or table.get("username")) and bool(asked.password or table.get("password"))


def _table(tables: Tables, asked: Asked, address: str) -> tuple[str, dict[str, Json]]:
    """Return the node that the file has for an address, and what of it is filled in; nothing for an unknown one."""
    host = split_address(address)[0]
    name = known_as(tables, address, asked.hostname, "" if is_ip(host) else host)
    table = named(tables, "nodes").get(name, {})
    return name, {key: value for key, value in table.items() if not unfilled(value) and key != "tls"}


def _node(file: Path, tables: Tables, asked: Asked, address: str) -> Node:
    """Put together how the box is reached: what was typed, then what the file says."""
    name, table = _table(tables, asked, address)
    hostname = asked.hostname or table.get("hostname") or _name_for(address, asked)
    name = name or label(hostname, DRIVER, list(named(tables, "nodes")))
    given: dict[str, Json] = {"kind": "expressway-c", "driver": DRIVER, **table, "address": address}
    given["hostname"] = hostname
    if asked.user:
        given["username"] = asked.user
    if asked.password:
        given["password"] = _reference(asked.password.replace("{node}", name))
    if asked.pin or asked.ca:
        given = {key: value for key, value in given.items() if key not in ("pin", "ca")}
        given |= {"pin": pin_of(asked.pin, "--pin")} if asked.pin else {"ca": str(asked.ca and asked.ca.absolute())}
    for key, option in (("username", "--user NAME"), ("password", "--password REF")):
        if not given.get(key):
            raise UsageError(
                f"`{key}` of {escape(address)} is not known.",
                untouched="Nothing was sent.",
                todo=f"Give {option}, or fill it in at [nodes.{escape(name)}] of the site file.",
            )
    return convert(given, Node, f"{escape(file)}: [nodes.{escape(name)}]", base=file.resolve().parent, name=name)


def _name_for(address: str, asked: Asked) -> str:
    """Return the name under which a box is proven: the host that was typed, or with a pin what it presents."""
    from engine.certificates import common_name, names

    host = split_address(address)[0]
    if not is_ip(host):
        return host
    if asked.pin:
        shown = served(address)
        dns = [name.removeprefix("DNS:") for name in names(shown) if name.startswith("DNS:")]
        if found := common_name(shown.subject) or next(iter(dns), ""):
            return found
    raise UsageError(
        f"{escape(address)} is an address, and a certificate is verified by a name.",
        untouched="Nothing was sent.",
        todo="Give --hostname NAME, the name that its certificate carries; or use that name in place of the address.",
    )


def _reference(text: str) -> str | list[str]:
    if not text.startswith("command:"):
        return text
    import shlex

    return shlex.split(text.removeprefix("command:"))


def _proven(node: Node, confirm: Confirm | None) -> Node:
    """Return the node with a pin where the system's CA certificates don't prove it and a person confirmed it.

    Raises Untrusted where nobody did: nothing is trusted because it is seen for the first time.
    """
    from msgspec.structs import replace

    if node.pin or node.ca:
        return node
    shown = served(node.address)
    why = unverified(node.address)
    if not why:
        return node
    if confirm is not None and (mark := confirm(node.name, node.address)):
        return replace(node, pin=f"sha256:{mark}")
    from engine.certificates import fingerprint

    raise Untrusted(
        f"{escape(node.address)} is not proven to be {escape(node.hostname)}: {why}. It shows the certificate "
        f"sha256:{fingerprint(shown)}.",
        untouched="No user name or password was sent.",
        todo="Name the CA certificates that verify it with --ca FILE; or compare the fingerprint with what the box's "
        "administrator sees, and give it with --pin.",
    )


def _estate(file: Path, node: Node, allowed: list[str]) -> Estate:
    """Return an estate of this one box; the file need not be whole for that."""
    return Estate(
        file=file.resolve(),
        distributions=allowed,
        nodes={node.name: node},
        connections=[],
        authorities={},
        certificates={},
        people={},
        policy=Policy(),
    )


def _names(held: "Mapping[str, x509.Certificate]") -> dict[str, list[str]]:
    from engine.certificates import names

    return {slot: names(certificate) for slot, certificate in held.items()}


def _around(tables: Tables, node: str) -> dict[str, dict[str, list[str]]]:
    """Look at what those present on the wire with whom the file connects a node; no login, nothing is trusted."""
    from engine.certificates import names

    listed = tables.get("connections")
    links = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    ends = [(one.get("client"), one.get("server")) for one in links if one.get("kind") == "traversal"]
    found = {}
    for name in {end for pair in ends if node in pair for end in pair if end != node}:
        address = named(tables, "nodes").get(str(name), {}).get("address")
        try:
            if place_of(address):
                found[str(name)] = {"server": names(served(str(address)))}
        except NotSent:  # what it presents is not compared then; `certrenew inventory` tells of boxes that are away
            continue
    return found
