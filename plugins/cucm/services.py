"""Name the services that load a trust store when they start, in the vendor's order. Pure; sources in the reference.

The order and who restarts what: Cisco 225746, for release 15 (confirmed). Tomcat and HAProxy are restarted at the
command line in every procedure of the vendor's; the Control Center itself runs in Tomcat.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from engine.contracts import Service, ServiceState
from engine.text import escape, stamp
from plugins.cucm.soap import STARTED, SUCCESSFUL, Item, said
from plugins.cucm.wire import CALLMANAGER, TOMCAT, XMPP

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
        severity="outage",
        todo=_CLI.format("Cisco Tomcat"),
        duration=600,
    ),
    Service(
        name="Cisco HAProxy",
        stores=[TOMCAT],
        impact="TLS connections to the web pages of this node, UDS and AXL among them, fail for a minute or two",
        todo=_CLI.format("Cisco HAProxy"),
        duration=120,
    ),
)


RESERVED = ("Cisco Tomcat", "Cisco HAProxy")
"""What the Control Center keeps to the platform (inferred): these are restarted at the command line."""


def reserved(name: str) -> bool:
    """Tell whether a service of the table can be restarted at the command line only."""
    return name in RESERVED


def table(kind: str, xmpp_service: str) -> tuple[Service, ...]:
    """Return the services of a kind of node, in order; which of IM and Presence loads cup-xmpp-trust is a setting."""
    if kind != "imp":
        return TABLE
    xmpp = Service(
        name=xmpp_service,
        stores=[XMPP],
        impact="chat and presence of users on this node are away for minutes, and their clients log in again",
        severity="outage",
        todo=_PAGE.format(xmpp_service),
        duration=300,
    )
    pages = [service for service in TABLE if TOMCAT in service.stores]
    return (*([xmpp] if xmpp_service else []), *pages)


def known(services: Iterable[Service], name: str) -> Service | None:
    """Return the entry of a service, by name without regard to case; None for any other."""
    return next((service for service in services if service.name.casefold() == name.casefold()), None)


def running(
    services: Iterable[Service], items: Iterable[Item], at: datetime, by_people: Callable[[Service], bool]
) -> list[Service]:
    """Return what of the table runs on a node, in the table's order, with its state at a moment."""
    from msgspec.structs import replace

    found = {item.name.casefold(): item for item in items if item.status == STARTED}
    return [
        replace(as_set(service, by_people=by_people(service)), state=state_of(found[service.name.casefold()], at))
        for service in services
        if service.name.casefold() in found
    ]


def state_of(item: Item, at: datetime) -> ServiceState:
    """Return how a service stands, by what the node said at a moment of our clock.

    `since` is that moment less `UpTime`: the box's own `StartTime` names no time zone. It is off by no more than the
    answer took, and by up to a second later than the truth; a service that restarts moves it by all the time it ran.
    """
    started = item.status == STARTED
    known = started and item.uptime is not None and item.uptime >= 0
    since = stamp(at - timedelta(seconds=item.uptime or 0)) if known else ""
    return ServiceState(running=started, since=since, text=told(item))


def told(item: Item) -> str:
    """Say how a service stands in the box's own words."""
    start = f" since {escape(item.start, 60)} by the node's own clock" if item.start else ""
    reason = "" if item.code in (None, SUCCESSFUL) else f": {said(item.code, item.reason)}"
    return f"{escape(item.status, 40) or 'no status'}{start}{reason}"


def as_set(service: Service, *, by_people: bool) -> Service:
    """Return a service as a person restarts it, or not; `todo` is there only for a person."""
    from msgspec.structs import replace

    return replace(service, guided=by_people, todo=service.todo if by_people else "")
