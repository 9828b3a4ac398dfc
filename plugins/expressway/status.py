"""Read ``/status.xml``: release, uptime, zones, alarms and what is active on the box. Pure.

Source: a capture of X8.11.3 in a public client's tests (seen), and the elements that a maintained monitoring plugin
reads (seen); docs/reference/expressway.md. Unknown elements are passed over, texts are kept as the box wrote them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defusedxml.ElementTree import fromstring

from engine.contracts import BoxStatus
from engine.errors import Failed
from engine.text import escape

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ACTIVE = "Active"

MAINTENANCE = "maintenance mode"
"""What the alarm of maintenance mode is known by: that there is one is confirmed, its words are inferred."""


@dataclass(frozen=True)
class Status:
    """Be what a box says of itself; `locked_down` is its advanced account security mode, which takes the API away."""

    box: BoxStatus
    locked_down: bool


def read_status(content: bytes, node: str) -> Status:
    """Read a status document. Raises Failed when it is none, or lacks release or uptime."""
    root = _parsed(content, node)
    release = _text(root, "SystemUnit/Software/Version") or root.get("version", "").strip()
    uptime = _count(root, "SystemUnit/Uptime")
    if not release or uptime is None:
        raise _unusable(node, "it lacks the release or the uptime")
    alarms = [reason for warning in _all(root, "Warnings/Warning") if (reason := _text(warning, "Reason"))]
    box = BoxStatus(
        release=release,
        uptime=uptime,
        zones=_zones(root),
        alarms=alarms,
        calls=_calls(root),
        registrations=_count(root, "ResourceUsage/Registrations/Current"),
        peers=_peers(root),
        maintenance=any(MAINTENANCE in alarm.casefold() for alarm in alarms),
    )
    mode = _text(root, "SystemUnit/Software/Configuration/AdvancedAccountSecurity")
    return Status(box, mode.casefold() == "true")


def _parsed(content: bytes, node: str) -> "Element":
    """Parse; a document that defines entities, or refers to another, is refused."""
    try:
        root: Element = fromstring(content)
    except (SyntaxError, ValueError, LookupError) as error:
        raise _unusable(node, escape(error, 120)) from None
    if root.tag.rpartition("}")[2] != "Status":
        raise _unusable(node, f"it is a document named '{escape(root.tag, 60)}'")
    return root


def _unusable(node: str, why: str) -> Failed:
    return Failed(
        f"The status of {escape(node)} can't be used: {why}.",
        untouched="Nothing was changed.",
        todo="Open /status.xml of the box in a browser, with the same account, and look what it says.",
    )


def _zones(root: "Element") -> dict[str, str]:
    zones = {}
    for zone in _all(root, "Zones/Zone"):
        name = _text(zone, "Name") or f"zone {zone.get('item', '?')}"
        zones[name] = _zone_state(zone)
    return zones


def _peers(root: "Element") -> dict[str, str]:
    """Read how the cluster's other peers stand; the shape is unknown, so any entry with address and status is taken."""
    told = [(_text(peer, "Address"), _zone_state(peer)) for peer in _all(root, "Alternates/*") if _text(peer, "Status")]
    return {address: state for address, state in told if address}


def _zone_state(zone: "Element") -> str:
    """Say ``Active``, or the state with the causes that the zone and its peers give, each once."""
    state = _text(zone, "Status") or "Unknown"
    if state == ACTIVE:
        return state
    causes = [_text(zone, "Cause"), *(_text(peer, "SIP/Cause") for peer in _all(zone, "*/Peer"))]
    told = [cause for cause in dict.fromkeys(causes) if cause]
    return f"{state}: {'; '.join(told)}" if told else state


def _calls(root: "Element") -> int | None:
    """Add the kinds of calls that the box counts; None where it counts none."""
    counts = [_count(kind, "Current") for kind in _all(root, "ResourceUsage/Calls/*")]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _count(root: "Element", path: str) -> int | None:
    text = _text(root, path)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _text(root: "Element", path: str) -> str:
    return (root.findtext(_any_namespace(path)) or "").strip()


def _all(root: "Element", path: str) -> "list[Element]":
    return root.findall(_any_namespace(path))


def _any_namespace(path: str) -> str:
    return "/".join("{*}" + part for part in path.split("/"))
