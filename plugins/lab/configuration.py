"""Tell what an administrator has set up on a box, as its REST API does: name, domains, zones, CUCM, cluster, SIP.

Paths: Cisco's REST API Reference Guide X8.10 and that of the VCS X8.9, contents (confirmed), but for the cluster's.
Fields: third-party clients that show answers (seen); zones that are no Unified Communications zones are inferred from
those. Each is in docs/reference/lab.md.
"""

from collections.abc import Callable

from engine.model import Json
from plugins.lab.box import Box, ZoneStatus

Read = Callable[[Box], Json]

CLIENT = "TraversalClient"


def on(*, yes: bool) -> str:
    """Write a setting as the API does."""
    return "On" if yes else "Off"


def host(box: Box) -> tuple[str, str]:
    """Return the box's own host name and domain."""
    name, _, domain = box.hostname.partition(".")
    return name, domain


def _sysinfo(box: Box) -> Json:
    return {"SoftwareVersion": box.release, "SerialNumber": box.serial, "SystemHostName": host(box)[0]}


def _dns(box: Box) -> Json:
    name, domain = host(box)
    return {"SystemHostName": name, "DomainName": domain}


def _domains(box: Box) -> Json:
    uses = {"Sip": "sip", "EdgeSip": "mra", "EdgeXmpp": "mra", "XmppFederation": "federation"}
    return [
        {"Name": name, **{field: on(yes=use in had) for field, use in uses.items()}}
        for name, had in box.setup.domains.items()
    ]


def _mra(box: Box) -> Json:
    return {"Enabled": on(yes=box.setup.mra), "SSO": "Off"}


def _sip(box: Box) -> Json:
    return [{"SipMode": "On", "TlsMode": "On", "TlsPort": box.sip_port, "MutualTlsMode": "Off"}]


def _publishers(kind: str) -> Read:
    def publishers(box: Box) -> Json:
        return [{"Publisher": name, "AxlUsername": "axl", "TlsVerify": "On"} for name in getattr(box.setup, kind)]

    return publishers


def _peers(box: Box) -> Json:
    return [{"PeerAddress": name} for name in box.setup.peers]


def _neighbors(box: Box) -> Json:
    return [{"Name": name, "PeerAddress": [address]} for name, address in box.setup.neighbors.items()]


def _uc_zones(box: Box) -> Json:
    return [_zone(zone) for zone in box.zones.values()]


def _other_zones(box: Box) -> Json:
    """Return the traversal zones that are no Unified Communications zones: the lab has none of its own."""
    return _uc_zones(box) if box.settings["uc_zones"] == "both" else []


def _zone(zone: ZoneStatus) -> dict[str, Json]:
    facts: dict[str, Json] = {"Name": zone.name, "Status": zone.status, "SIPPort": zone.port, "HopCount": 15}
    if zone.type == CLIENT:
        return facts | {"PeerAddress": [zone.address]}
    return facts | {"SIPTLSVerifySubjectName": zone.verify_name}


CONFIGURATION: dict[str, Read] = {
    "/api/provisioning/sysinfo": _sysinfo,
    "/api/provisioning/common/dns/dns": _dns,
    "/api/provisioning/common/domain": _domains,
    "/api/provisioning/common/mra": _mra,
    "/api/provisioning/common/protocol/sip/configuration": _sip,
    "/api/provisioning/common/cluster/peers": _peers,
    "/api/provisioning/common/zone/neighborzone": _neighbors,
    "/api/provisioning/controller/server/cucm": _publishers("cucm"),
    "/api/provisioning/controller/server/imp": _publishers("imp"),
    "/api/provisioning/controller/zone/traversalclient": _other_zones,
    "/api/provisioning/controller/zone/unifiedcommunicationstraversal": _uc_zones,
    "/api/provisioning/edge/zone/traversalserver": _other_zones,
    "/api/provisioning/edge/zone/unifiedcommunicationstraversal": _uc_zones,
}
"""What can be read of a box's configuration, by path."""
