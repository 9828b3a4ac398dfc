"""Name the services that load a trust store when they start, in the vendor's order. Pure; sources in the reference.

The order and who restarts what: Cisco 225746, for release 15 (confirmed). Tomcat and HAProxy are restarted at the
command line in every procedure of the vendor's; the Control Center itself runs in Tomcat.
"""

from collections.abc import Iterable

from engine.contracts import Service
from plugins.cucm.soap import STARTED, Item
from plugins.cucm.wire import CALLMANAGER, TOMCAT

_PAGE = "In Cisco Unified Serviceability > Tools > Control Center - Feature Services, choose this node and restart {}."
_CLI = "At this node's OS command line, as an OS administrator, type: utils service restart {}"

TABLE = (
    Service(
        name="Cisco CallManager",
        stores=[CALLMANAGER],
        impact="phones on this node re-register, at another node of their group where they have one, and features of "
        "calls on this node fail meanwhile",
        todo=_PAGE.format("Cisco CallManager"),
        duration=300,
    ),
    Service(
        name="Cisco Tftp",
        stores=[CALLMANAGER],
        impact="phones and MRA clients that start now get no configuration from this node for a minute or two",
        todo=_PAGE.format("Cisco Tftp"),
        duration=120,
    ),
    Service(
        name="Cisco Tomcat",
        stores=[TOMCAT],
        impact="web pages, AXL, UDS, SOAP and REST of this node are away for minutes, and MRA users of this node "
        "can't log in",
        guided=True,
        todo=_CLI.format("Cisco Tomcat"),
        duration=600,
    ),
    Service(
        name="Cisco HAProxy",
        stores=[TOMCAT],
        impact="TLS connections to the web pages of this node, UDS and AXL among them, fail for a minute or two",
        guided=True,
        todo=_CLI.format("Cisco HAProxy"),
        duration=120,
    ),
)


def known(name: str) -> Service | None:
    """Return the entry of a service, by name without regard to case; None for any other."""
    return next((service for service in TABLE if service.name.casefold() == name.casefold()), None)


def running(items: Iterable[Item], *, by_people: bool) -> list[Service]:
    """Return what of the table runs on a node, in the table's order."""
    started = {item.name.casefold() for item in items if item.status == STARTED}
    return [as_set(service, by_people=by_people) for service in TABLE if service.name.casefold() in started]


def as_set(service: Service, *, by_people: bool) -> Service:
    """Return a service as the setting `restarts` has it; `todo` is there only for a person."""
    from msgspec.structs import replace

    guided = service.guided or by_people
    return replace(service, guided=guided, todo=service.todo if guided else "")
