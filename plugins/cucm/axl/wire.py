"""Build AXL requests and read what comes back. Pure: no connection is opened here.

AXL 12.5 and later; each fact, its source and how certain it is: docs/reference/cucm.md.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape as quoted
from typing import TYPE_CHECKING

from defusedxml.ElementTree import fromstring

from engine.errors import Failed
from engine.text import escape

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PATH = "/axl/"
NAMESPACE = "http://www.cisco.com/AXL/API/"

PAGE = 500
"""How many entries one request asks for."""
PAGES = 20
"""Most requests for one list; no cluster has so many profiles."""

NODES, PROFILES = "listProcessNode", "listPhoneSecurityProfile"
WANTED = {
    NODES: ("processNode", ("name", "processNodeRole")),
    PROFILES: ("phoneSecurityProfile", ("name", "deviceSecurityMode")),
}
"""What is listed: the element of an entry, and what is asked of it."""

SECURE = ("Authenticated", "Encrypted")
"""Modes in which phones use TLS (confirmed)."""
ROLES = ("CUCM Voice/Video", "CUCM IM and Presence")
"""Roles of nodes that hold certificates of their own (confirmed)."""
NO_NODE = "EnterpriseWideData"
"""An entry that stands for no node (seen)."""

SHOWN = 200
"""How much of a node's own words is shown, in characters."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FQDN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")


def action(operation: str, version: str) -> str:
    """Return the SOAPAction of an operation."""
    return f'"CUCM:DB ver={version} {operation}"'


def request(operation: str, version: str, skip: int) -> bytes:
    """Ask for one page of a list."""
    tags = "".join(f"<{tag}/>" for tag in WANTED[operation][1])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<a:{operation} xmlns:a="{NAMESPACE}{quoted(version)}"><searchCriteria><name>%</name></searchCriteria>'
        f"<returnedTags>{tags}</returnedTags><skip>{skip}</skip><first>{PAGE}</first></a:{operation}>"
        "</e:Body></e:Envelope>"
    ).encode()


def read(content: bytes, node: str, operation: str) -> list[Mapping[str, str]]:
    """Read one page. Raises Failed for a fault or anything else; entities and references are refused."""
    try:
        root: Element = fromstring(content)
    except (SyntaxError, ValueError, LookupError) as error:
        raise unusable(node, escape(error, SHOWN)) from None
    fault = root.find("{*}Body/{*}Fault")
    if fault is not None:
        raise unusable(node, f"'{escape(fault.findtext('{*}faultstring') or 'no words', SHOWN)}'")
    answer = root.find(f"{{*}}Body/{{*}}{operation}Response/{{*}}return")
    if answer is None:
        raise unusable(node, "it is no answer of AXL")
    entry, tags = WANTED[operation]
    return [{tag: (one.findtext("{*}" + tag) or "").strip() for tag in tags} for one in answer.findall("{*}" + entry)]


def members(entries: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the names of a cluster's nodes."""
    return [
        entry["name"] for entry in entries if entry["processNodeRole"] in ROLES and entry["name"] not in ("", NO_NODE)
    ]


def profile_names(entries: Sequence[Mapping[str, str]], left_out: Sequence[str]) -> list[str]:
    """Return the security profile names that an Expressway-C must carry, as ``DNS:NAME``.

    These are of the profiles with TLS; one that is no full host name can't be used for MRA (confirmed, X12.6), such as
    those that come with every Unified CM.
    """
    unused = {name.casefold() for name in left_out}
    return [
        f"DNS:{entry['name']}"
        for entry in entries
        if entry["deviceSecurityMode"] in SECURE
        and _FQDN.fullmatch(entry["name"])
        and entry["name"].casefold() not in unused
    ]


def unusable(node: str, why: str) -> Failed:
    """Make the error for an answer that is none."""
    return Failed(
        f"AXL of {escape(node)} does not answer: {why}.",
        untouched="It was only asked for something; nothing was changed.",
        todo="Check that Cisco AXL Web Service is activated and runs on that node, and `axl_version` in its options.",
    )
