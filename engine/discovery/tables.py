"""Look into a site file as it was parsed, whether it is whole or still to be filled in. Pure."""

from collections.abc import Mapping

from engine.model import Json
from engine.net import split_address
from engine.site import FILL_IN

Tables = Mapping[str, Json]
"""A site file as it was parsed."""


def known_as(tables: Tables, address: str, *names: str) -> str:
    """Return the node of the file that is reached at this address or bears one of these names; empty for none."""
    wanted = [(place_of(address), "")] + [(None, name.casefold()) for name in names if name]
    for place, name in wanted:
        for label, node in named(tables, "nodes").items():
            if (place and place_of(node.get("address")) == place) or (name and said(node.get("hostname")) == name):
                return label
    return ""


def named(tables: Tables, name: str) -> dict[str, dict[str, Json]]:
    """Return the tables ``[name.X]`` of a file, as far as they are tables."""
    found = tables.get(name)
    return {key: one for key, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def unfilled(value: Json) -> bool:
    """Tell whether a place still says that it is to be filled in."""
    return isinstance(value, str) and value.startswith(FILL_IN)


def said(value: Json) -> str:
    """Return a text of the file for comparison; empty where it is none, or still to be filled in."""
    return value.casefold() if isinstance(value, str) and not unfilled(value) else ""


def place_of(value: Json) -> tuple[str, int] | None:
    """Return host and port of an address; None for what is none, or still to be filled in."""
    try:
        return split_address(said(value)) if said(value) else None
    except ValueError:
        return None


def hosts(node: Mapping[str, Json]) -> set[str]:
    """Return by what others may call a node: its host name, and the host of its address."""
    place = place_of(node.get("address"))
    return {host for host in (said(node.get("hostname")), place[0] if place else "") if host}
