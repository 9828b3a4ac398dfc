"""Write the status XML of a box, escaped, in the shape of the one public capture of a real one (X8.11.3, seen).

Element names: github.com/jasonneurohr/py-expressway, tests/status.xml, and centreon-plugins, cisco/vcs/restapi.
"""

from xml.etree.ElementTree import Element, SubElement, tostring

from plugins.lab.box import Box, ZoneStatus

NAMESPACE = "http://www.tandberg.no/XML/CUIL/1.0"


def status_xml(box: Box, location: str = "/Status") -> bytes:
    """Return the whole status, or the part that ``/getxml?location=/Status/...`` names."""
    root = Element("Status", {"xmlns": NAMESPACE, "product": "TANDBERG VCS", "version": box.release})
    with box.lock:
        for part in (_unit, _usage, _calls, _zones, _alternates, _warnings):
            part(root, box)
    wanted = [part for part in location.split("/") if part][1:]
    _keep(root, wanted)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _keep(root: Element, wanted: list[str]) -> None:
    """Drop what is not on the path; say so as a box does when nothing is left (seen)."""
    place = root
    for name in wanted:
        for child in list(place):
            if child.tag != name:
                place.remove(child)
        if not len(place):
            for child in list(root):
                root.remove(child)
            return _leaf(SubElement(root, "XPathError"), "Reason", f"No match on location expression: {name}")
        place = place[0]
    return None


def _leaf(parent: Element, name: str, value: object, **attributes: str) -> None:
    SubElement(parent, name, {"item": "1", **attributes}).text = _xml_text(str(value))


def _xml_text(text: str) -> str:
    """Replace what XML 1.0 cannot hold even when escaped."""
    return "".join(character if character in "\t\n" or character >= " " else "?" for character in text)


def _unit(root: Element, box: Box) -> None:
    unit = SubElement(root, "SystemUnit", item="1")
    _leaf(unit, "Product", "TANDBERG VCS")
    _leaf(unit, "Uptime", box.uptime)
    _leaf(unit, "SystemTime", box.now().strftime("%Y-%m-%d %H:%M:%S"))
    software = SubElement(unit, "Software", item="1")
    _leaf(software, "Version", box.release)
    _leaf(SubElement(software, "Configuration", item="1"), "Expressway", box.kind == "expressway-e")
    _leaf(SubElement(unit, "Hardware", item="1"), "SerialNumber", box.serial)


def _usage(root: Element, box: Box) -> None:
    usage = SubElement(root, "ResourceUsage", item="1")
    calls = SubElement(usage, "Calls", item="1")
    for sort, number in {"Traversal": box.activity.calls, "NonTraversal": 0, "CollaborationEdge": 0}.items():
        _leaf(SubElement(calls, sort, item="1"), "Current", number)
    _leaf(SubElement(usage, "Registrations", item="1"), "Current", box.activity.registrations)


def _calls(root: Element, box: Box) -> None:
    calls = SubElement(root, "Calls", item="1")
    for number in range(1, box.activity.calls + 1):
        SubElement(calls, "Call", item=str(number))


def _zones(root: Element, box: Box) -> None:
    zones = SubElement(root, "Zones", item="1")
    _leaf(SubElement(zones, "DefaultZone", item="1"), "Name", "DefaultZone")
    for number, zone in enumerate(box.zones.values(), 1):
        _zone(SubElement(zones, "Zone", item=str(number)), zone)


def _zone(element: Element, zone: ZoneStatus) -> None:
    _leaf(element, "Name", zone.name)
    _leaf(element, "Status", zone.status)
    if zone.cause:
        _leaf(element, "Cause", zone.cause)
    _leaf(element, "Type", zone.type)
    peer = SubElement(SubElement(element, zone.type, item="1"), "Peer", item="1")
    sip = SubElement(peer, "SIP", item="1")
    facts = {"Status": zone.status, "Cause": zone.cause, "Address": zone.address, "Port": zone.port}
    for name, value in {**facts, "LastStatusChange": zone.since}.items():
        if value:
            _leaf(sip, name, value)


def _alternates(root: Element, box: Box) -> None:
    """Write how the peers of the cluster stand; the shape of an entry is the lab's own, after that of a zone's peer."""
    alternates = SubElement(root, "Alternates", item="1")
    if box.settings["cluster_status"] == "absent":
        return
    for number, (address, state) in enumerate(box.peers.items(), 1):
        peer = SubElement(alternates, "Peer", item=str(number))
        _leaf(peer, "Address", address)
        _leaf(peer, "Status", "Active" if state == "Active" else "Failed")
        if state != "Active":
            _leaf(peer, "Cause", state)


def _warnings(root: Element, box: Box) -> None:
    warnings = SubElement(root, "Warnings", item="1")
    for number, alarm in enumerate(box.alarms, 1):
        warning = SubElement(warnings, "Warning", item=str(number))
        for name, value in (("ID", alarm.id), ("Reason", alarm.reason), ("State", alarm.state)):
            _leaf(warning, name, value)
