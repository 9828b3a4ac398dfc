"""The status XML has the shape of the one public capture, and holds whatever text it is given."""

import json
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from plugins.lab.box import Activity, Alarm
from plugins.lab.lab import Lab

from .client import Client

pytestmark = pytest.mark.lab
NS = {"s": "http://www.tandberg.no/XML/CUIL/1.0"}
HOSTILE = "<script>&amp;\x1b[31m\u202e]]>\x00 \"'"


def read(client: Client, path: str = "/status.xml") -> Element:
    """Return the root of a status document."""
    answer = client.get(path)
    assert (answer.status, answer.type) == (200, "text/xml")
    root: Element = fromstring(answer.body)
    return root


def text(root: Element, path: str) -> str | None:
    """Return the text of one element."""
    return root.findtext("/".join(f"s:{part}" for part in path.split("/")), namespaces=NS)


def test_release_uptime_zones_and_usage_are_where_the_capture_has_them(lab: Lab, expc: Client, expe: Client) -> None:
    """Root attributes and element names as seen on X8.11.3."""
    root = read(expc)
    assert root.tag == f"{{{NS['s']}}}Status"
    assert (root.get("product"), root.get("version")) == ("TANDBERG VCS", "X14.3")
    assert text(root, "SystemUnit/Software/Version") == "X14.3"
    assert int(text(root, "SystemUnit/Uptime") or 0) > 3_000_000
    assert [text(root, f"Zones/Zone/{name}") for name in ("Name", "Status", "Type")] == [
        "Traversal to expe",
        "Active",
        "TraversalClient",
    ]
    assert text(root, "Zones/Zone/TraversalClient/Peer/SIP/Address") == "expe.corp.example"
    assert text(root, "ResourceUsage/Registrations/Current") == "14"
    other = read(expe)
    assert text(other, "Zones/Zone/Type") == "TraversalServer"
    assert text(other, "ResourceUsage/Calls/Traversal/Current") == "2"
    assert len(other.findall("s:Calls/s:Call", NS)) == 2


def test_a_failed_zone_shows_its_cause_on_both_sides(lab: Lab, expc: Client, expe: Client) -> None:
    """Zone and peer say the same; an active zone has no cause."""
    assert text(read(expc), "Zones/Zone/Cause") is None
    lab.order("expe", "forget-ca", ca="old")
    lab.await_zone("Failed")
    assert text(read(expc), "Zones/Zone/TraversalClient/Peer/SIP/Cause") == text(read(expc), "Zones/Zone/Cause")
    assert "local issuer" in (text(read(expe), "Zones/Zone/Cause") or "")


def test_getxml_gives_the_part_that_is_asked_for(expc: Client) -> None:
    """As monitoring clients ask: /Status/Warnings, /Status/Zones; a path that is not there says so."""
    root = read(expc, "/getxml?location=/Status/Zones")
    assert [child.tag.rpartition("}")[2] for child in root] == ["Zones"]
    deep = read(expc, "/getxml?location=/Status/SystemUnit/Software/Version")
    assert text(deep, "SystemUnit/Software/Version") == "X14.3"
    assert text(deep, "SystemUnit/Uptime") is None
    assert text(read(expc, "/getxml?location=/Status/Nonsense"), "XPathError/Reason")


def test_hostile_text_is_escaped(lab: Lab, expc: Client) -> None:
    """Markup stays text; what XML cannot hold is replaced, the rest arrives as it is."""
    box = lab.boxes["expc"]
    box.alarms.append(Alarm(HOSTILE))
    box.set_zone(replace(next(iter(box.zones.values())), name=HOSTILE))
    root = read(expc)
    assert text(root, "Warnings/Warning/Reason") == HOSTILE.replace("\x1b", "?").replace("\x00", "?")
    assert HOSTILE.replace("\x1b", "?").replace("\x00", "?") in [
        zone.text for zone in root.findall("s:Zones/s:Zone/s:Name", NS)
    ]
    assert {text(root, "Warnings/Warning/State")} == {"Unacknowledged"}


def test_a_restart_ends_calls_and_registrations(lab: Lab, expc: Client) -> None:
    """What is in use is lost, which is why people are told before."""
    lab.boxes["expc"].activity = Activity(calls=3, registrations=7)
    assert text(read(expc), "ResourceUsage/Calls/Traversal/Current") == "3"
    expc.restart()
    lab.effects.wait("restarted", "expc")
    assert text(read(expc), "ResourceUsage/Calls/Traversal/Current") == "0"
    assert text(read(expc), "ResourceUsage/Registrations/Current") == "0"


def test_zone_configuration_and_names_can_be_read_by_rest(expc: Client, expe: Client) -> None:
    """What a check of names needs: the peer address on C, the TLS verify subject name on E, the FQDN."""
    zones = "zone/unifiedcommunicationstraversal"
    assert b'"PeerAddress": ["expe.corp.example"]' in expc.get(f"/api/provisioning/controller/{zones}").body
    assert b'"SIPTLSVerifySubjectName": "expc.corp.example"' in expe.get(f"/api/provisioning/edge/{zones}").body
    assert (
        expc.get("/api/provisioning/common/dns/dns").body == b'{"SystemHostName": "expc", "DomainName": "corp.example"}'
    )
    assert b"X14.3" in expc.get("/api/provisioning/sysinfo").body


def test_what_is_set_up_for_phones_outside_can_be_read_by_rest(lab: Lab, expc: Client, expe: Client) -> None:
    """Domains with their uses, MRA, publishers, SIP TLS and cluster peers; all but the last two on the C alone."""

    def told(client: Client, path: str) -> Any:
        return json.loads(client.get(f"/api/provisioning/{path}").body)

    assert [one["EdgeSip"] for one in told(expc, "common/domain")] == ["On" if lab.cucm else "Off"]
    assert told(expc, "common/mra")["Enabled"] == ("On" if lab.cucm else "Off")
    names = ["cucm-pub.corp.example"] if lab.cucm else []
    assert [one["Publisher"] for one in told(expc, "controller/server/cucm")] == names
    assert told(expe, "common/protocol/sip/configuration")[0]["TlsPort"] == lab.machines["expe"].ports["sip"].number
    assert (told(expe, "common/domain"), told(expc, "common/cluster/peers")) == ([], [])
