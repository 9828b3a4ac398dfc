"""Answer Control Center requests of one node: the status of services, and restarts of those that may be.

Names, order and namespace: ControlCenterServices.wsdl (confirmed); reason codes and the fault of too high a rate:
serviceabilitytools.pl, a client of 9.1 to 10.5 (seen).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element, ParseError, SubElement, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from plugins.lab.api import Answer, Request
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.services import Service
from plugins.lab.web import credentials

PATH = "/controlcenterservice2/services/ControlCenterServices"
NAMESPACE = "http://schemas.cisco.com/ast/soap"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
EXCEEDED = "Exceeded allowed rate for Control Center requests"

SUCCESS, NO_SUCH_SERVICE, RESERVED, STARTED, STOPPED, NOT_ALLOWED, NOT_ACTIVATED = (
    -1,
    -1010,
    -1011,
    -1039,
    -1040,
    -1042,
    -1068,
)

REASONS = {
    SUCCESS: "",
    NO_SUCH_SERVICE: "No such service",
    RESERVED: "Component is reserved for platform",
    STARTED: "Service is already started",
    STOPPED: "Service is already stopped",
    NOT_ALLOWED: "Transition is not allowed",
    NOT_ACTIVATED: "Service Not Activated",
}
"""Codes that the lab gives, with texts; the codes were seen, the wording is a client's."""

register_namespace("soapenv", ENVELOPE)
register_namespace("ast", NAMESPACE)


class Rate:
    """Count requests: `limit` within `seconds` are answered, 0 is any number. Safe for threads."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit, self._seconds = limit, seconds
        self._seen: deque[float] = deque()
        self._lock = threading.Lock()

    def exceeded(self) -> bool:
        """Count one request and tell whether it is one too many; those do not count."""
        with self._lock:
            now = time.monotonic()
            while self._seen and self._seen[0] <= now - self._seconds:
                self._seen.popleft()
            if self._limit and len(self._seen) >= self._limit:
                return True
            self._seen.append(now)
            return False


class ControlCenter:
    """Be the Control Center of one node: it answers for that node only (confirmed)."""

    def __init__(self, node: Node) -> None:
        self._node = node
        settings = node.settings
        self._rate = Rate(settings.number("soap_rate"), settings.number("soap_rate_seconds"))

    def admitted(self, asked: Request) -> Answer:
        """Answer whoever has the account for it, as often as the rate allows."""
        if not self._node.soap_account.login(*credentials(asked)):
            return Answer(401, b"", "text/html", {"WWW-Authenticate": 'Basic realm="Cisco Serviceability"'})
        if asked.method != "POST":
            return Answer(405, b"", "text/html", {"Allow": "POST"})
        if self._rate.exceeded():
            self._node.effects.add(self._node.name, "rate-limited", path=asked.path)
            return fault(EXCEEDED)
        return self._answer(asked.body)

    def _answer(self, body: bytes) -> Answer:
        try:
            operation = fromstring(body).find(f"{{{ENVELOPE}}}Body/*")
        except (ParseError, DefusedXmlException):
            operation = None
        if operation is None:
            return fault("The request is no SOAP envelope", "Client")
        name = operation.tag.removeprefix(f"{{{NAMESPACE}}}")
        if name == "soapGetServiceStatus":
            return self._status(operation)
        if name == "soapDoControlServices":
            return self._control(operation)
        return fault(f"There is no operation {name}", "Client")

    def _status(self, operation: Element) -> Answer:
        """Answer for each named service, or for all when a name is empty."""
        names = _texts(operation, "ServiceStatus")
        if not names:
            return fault("ServiceStatus is missing", "Client")
        if "" in names:
            names = [service.name for service in self._node.services.all()]
        return self._told("soapGetServiceStatus", [(name, self._judged(name)) for name in names])

    def _judged(self, name: str) -> int:
        service = self._node.services.find(name)
        if service is None:
            return NO_SUCH_SERVICE
        return SUCCESS if service.activated else NOT_ACTIVATED

    def _control(self, operation: Element) -> Answer:
        request = operation.find(f"{{{NAMESPACE}}}ControlServiceRequest")
        if request is None:
            return fault("ControlServiceRequest is missing", "Client")
        if not self._is_here((_texts(request, "NodeName") or [""])[0]):
            return fault("The node is not this one", "Client")
        order = (_texts(request, "ControlType") or [""])[0]
        listed = request.find(f"{{{NAMESPACE}}}ServiceList")
        names = _texts(listed, "item") if listed is not None else []
        if order not in ORDERS or not names:
            return fault("ControlType or ServiceList is wrong", "Client")
        return self._told("soapDoControlServices", [(name, self._ordered(order, name)) for name in names])

    def _is_here(self, name: str) -> bool:
        host = self._node.hostname
        return name.lower() in ("", host, host.partition(".")[0], "127.0.0.1", "localhost")

    def _ordered(self, order: str, name: str) -> int:
        service = self._node.services.find(name)
        code = _forbidden(service) or ORDERS[order](self._node, service) if service else NO_SUCH_SERVICE
        if code != SUCCESS:
            self._node.effects.add(self._node.name, "service-refused", service=name, code=code)
        return code

    def _told(self, operation: str, services: Sequence[tuple[str, int]]) -> Answer:
        """Write the answer in the order of the WSDL."""
        refused = next((code for _, code in services if code != SUCCESS), SUCCESS)
        outer = refused != SUCCESS and self._node.settings["soap_refusal"] == "outer"
        answer = Element(f"{{{NAMESPACE}}}{operation}Response")
        told = _leaf(answer, f"{operation}Return")
        _leaf(told, "ReturnCode", 1 if outer else 0)
        _leaf(told, "ReasonCode", refused if outer else SUCCESS)
        _leaf(told, "ReasonString", REASONS[refused] if outer else "")
        listed = _leaf(told, "ServiceInfoList")
        for name, code in [] if outer else services:
            self._item(_leaf(listed, "item"), name, code)
        return envelope(200, answer)

    def _item(self, item: Element, name: str, code: int) -> None:
        service = self._node.services.find(name)
        facts = {
            "ServiceName": service.name if service else name,
            "ServiceStatus": service.status if service else "Unknown",
            "ReasonCode": code,
            "ReasonCodeString": REASONS[code],
            "StartTime": self._start_time(service) if service else "",
            "UpTime": service.uptime if service else -1,
        }
        for tag, value in facts.items():
            _leaf(item, tag, value)

    def _start_time(self, service: Service) -> str:
        how = self._node.settings["start_time"]
        if how == "empty" or service.status != "Started":
            return ""
        ahead = timedelta(hours=2 if how == "ahead" else 0)
        return f"{datetime.now(UTC) - timedelta(seconds=service.uptime) + ahead:%a %b %e %H:%M:%S %Y}"


def _forbidden(service: Service) -> int:
    if not service.kind.deployable:
        return RESERVED
    return 0 if service.activated else NOT_ACTIVATED


def _restart(node: Node, service: Service) -> int:
    return SUCCESS if node.services.restart(service) else NOT_ALLOWED


def _start(node: Node, service: Service) -> int:
    return STARTED if service.status == "Started" else _restart(node, service)


def _stop(node: Node, service: Service) -> int:
    if service.status == "Stopped":
        return STOPPED
    return SUCCESS if node.services.restart(service, stop=True) else NOT_ALLOWED


ORDERS: dict[str, Callable[[Node, Service], int]] = {"Restart": _restart, "Start": _start, "Stop": _stop}


def fault(text: str, blame: str = "Server") -> Answer:
    """Answer with a SOAP fault."""
    told = Element(f"{{{ENVELOPE}}}Fault")
    SubElement(told, "faultcode").text = f"soapenv:{blame}"
    SubElement(told, "faultstring").text = text
    return envelope(500, told)


def envelope(status: int, content: Element) -> Answer:
    """Answer with this in a SOAP envelope."""
    whole = Element(f"{{{ENVELOPE}}}Envelope")
    SubElement(whole, f"{{{ENVELOPE}}}Body").append(content)
    return Answer(status, bytes(tostring(whole, encoding="utf-8", xml_declaration=True)), "text/xml")


def _leaf(parent: Element, name: str, value: object = "") -> Element:
    child = SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = str(value)
    return child


def _texts(parent: Element, name: str) -> list[str]:
    return [(child.text or "").strip() for child in parent.findall(f"{{{NAMESPACE}}}{name}")]
