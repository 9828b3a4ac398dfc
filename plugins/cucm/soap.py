"""Build the requests to a node's Control Center and read its answers. Pure: no connection is opened here.

The vendor's WSDL: document/literal, one operation per element, the operation's name as SOAPAction (confirmed). Each
fact, its source and how certain it is: docs/reference/cucm.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as quoted
from typing import TYPE_CHECKING

from defusedxml.ElementTree import fromstring

from engine.errors import Failed
from engine.text import escape

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PATH = "/controlcenterservice2/services/ControlCenterServices"
NAMESPACE = "http://schemas.cisco.com/ast/soap"
STATUS, CONTROL = "soapGetServiceStatus", "soapDoControlServices"

STARTED = "Started"
DONE = "0"
"""`ReturnCode` of an answer to a request that the node understood (seen)."""
SUCCESSFUL = -1
"""`ReasonCode` of a service with which all is well (seen); others below say what is wrong."""

REASONS = {
    -1004: "entry not found",
    -1010: "there is no such service",
    -1011: "the platform keeps this service to itself",
    -1019: "it does not run",
    -1031: "the operation timed out",
    -1039: "it was started already",
    -1040: "it was stopped already",
    -1042: "it can't go from its state to the one asked for",
    -1045: "the operation is not supported",
    -1068: "the service is not activated",
    -1069: "it was taken out of service by a command",
}
"""The reason codes that matter here, all seen in a third-party client's table."""

UNSURE = (-1031,)
"""Reason codes after which the service may be restarting all the same."""

UNKNOWN = "Whether it restarts the service all the same is not known; it was not asked again."

TOO_FAST = "exceeded allowed rate"
"""Words of the fault by which a node asks for fewer requests (seen)."""

SHOWN = 200
"""How much of a node's own words is shown, in characters."""


@dataclass(frozen=True)
class Item:
    """Be what a node says of one service; `uptime` is in seconds, None where it says none."""

    name: str
    status: str
    code: int | None = None
    reason: str = ""
    start: str = ""
    uptime: int | None = None


@dataclass(frozen=True)
class Answer:
    """Be an answer, or a fault: then `fault` holds its words and there is nothing else."""

    code: str = ""
    reason: str = ""
    items: tuple[Item, ...] = ()
    fault: str | None = None

    def of(self, name: str) -> Item | None:
        """Return the entry of one service, by name without regard to case (the vendor writes Tftp and TFTP)."""
        return next((item for item in self.items if item.name.casefold() == name.casefold()), None)


def status_request(names: Sequence[str] = ("",)) -> bytes:
    """Ask how services stand; the empty name means all of them."""
    return _envelope(STATUS, "".join(f"<s:ServiceStatus>{quoted(name)}</s:ServiceStatus>" for name in names))


def restart_request(node: str, service: str) -> bytes:
    """Ask one node to restart one of its services."""
    return _envelope(
        CONTROL,
        f"<s:ControlServiceRequest><s:NodeName>{quoted(node)}</s:NodeName><s:ControlType>Restart</s:ControlType>"
        f"<s:ServiceList><s:item>{quoted(service)}</s:item></s:ServiceList></s:ControlServiceRequest>",
    )


def _envelope(operation: str, inner: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<s:{operation} xmlns:s="{NAMESPACE}">{inner}</s:{operation}></e:Body></e:Envelope>'
    ).encode("utf-8", "replace")


def read_answer(content: bytes, node: str, operation: str) -> Answer:
    """Read an answer or a fault. Raises Failed for anything else; entities and references are refused."""
    try:
        root: Element = fromstring(content)
    except (SyntaxError, ValueError, LookupError) as error:
        raise _unusable(node, operation, escape(error, 120)) from None
    fault = root.find("{*}Body/{*}Fault")
    if fault is not None:
        said = _text(fault, "faultstring") or _text(fault, "Reason/{*}Text") or "no words"
        return Answer(fault=said)
    found = next((one for one in root.findall("{*}Body/*/*") if one.find("{*}ReturnCode") is not None), None)
    if found is None:
        raise _unusable(node, operation, "it is no answer of a Control Center")
    items = tuple(_item(one) for one in found.findall("{*}ServiceInfoList/{*}item"))
    return Answer(_text(found, "ReturnCode"), _text(found, "ReasonString"), items)


def _item(found: "Element") -> Item:
    return Item(
        name=_text(found, "ServiceName"),
        status=_text(found, "ServiceStatus"),
        code=_number(_text(found, "ReasonCode")),
        reason=_text(found, "ReasonCodeString"),
        start=_text(found, "StartTime"),
        uptime=_number(_text(found, "UpTime")),
    )


def _text(found: "Element", path: str) -> str:
    return (found.findtext("{*}" + path) or "").strip()


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 11 else None


def said(code: int | None, reason: str) -> str:
    """Say a result for people: what the code means, and the node's own words, escaped and capped."""
    known = REASONS.get(code or 0, "")
    own = f"'{escape(reason, SHOWN)}'" if reason else ""
    number = f"reason {code}" if code is not None else ""
    return ", ".join(part for part in (known, own, number) if part) or "it gave no reason"


def refusal(node: str, service: str, answer: Answer) -> Failed | None:
    """Return the error for a restart that was not taken, None for one that was.

    A fault, another return code, or another reason beside the service is a refusal; a list without the service is
    none, for the restart goes on after the answer and shows in the start time.
    """
    item = answer.of(service)
    code = item.code if item else None
    if answer.fault is None and answer.code == DONE and code in (None, SUCCESSFUL):
        return None
    why = f"'{escape(answer.fault, SHOWN)}'" if answer.fault is not None else _why(answer, item)
    sure = answer.fault is None and code not in UNSURE
    return Failed(
        f"{escape(node)} did not restart {escape(service)}: {why}.",
        untouched="By its answer the service was left as it was." if sure else UNKNOWN,
        todo="See how the service stands in Cisco Unified Serviceability > Tools > Control Center; restart it there, "
        'or run the same command again. With `restarts = "people"` all restarts of this node are left to people.',
    )


def _why(answer: Answer, item: Item | None) -> str:
    if item is not None and item.code not in (None, SUCCESSFUL):
        return said(item.code, item.reason)
    return f"return code {escape(answer.code, 20)}, {said(None, answer.reason)}"


def untouched(operation: str) -> str:
    """Say what an operation left as it was when its answer is missing or useless."""
    return "Nothing was changed." if operation == STATUS else UNKNOWN


def _unusable(node: str, operation: str, why: str) -> Failed:
    return Failed(
        f"The answer of {escape(node)}'s Control Center can't be used: {why}.",
        untouched=untouched(operation),
        todo=f"Open https://NODE:8443{PATH}?wsdl in a browser, and see whether the Control Center is there.",
    )
