"""Answer AXL requests of one node: the cluster's nodes and its phone security profiles.

Operations, tags and paging: AXLSoap.xsd 12.0 and 15.0 (confirmed); the words of faults are the lab's own.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError, SubElement

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from plugins.lab.api import Answer, Request
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.soap import ENVELOPE, envelope, fault
from plugins.lab.web import credentials

PATH = "/axl"
"""Where it is, without the slash at the end that clients write."""
ENTRIES = {"listProcessNode": "processNode", "listPhoneSecurityProfile": "phoneSecurityProfile"}


def admitted(node: Node, asked: Request) -> Answer:
    """Answer whoever has the account for it."""
    if not node.soap_account.login(*credentials(asked)):
        return Answer(401, b"", "text/html", {"WWW-Authenticate": 'Basic realm="AXL"'})
    try:
        operation = fromstring(asked.body).find(f"{{{ENVELOPE}}}Body/*")
    except (ParseError, DefusedXmlException):
        operation = None
    name = operation.tag.rpartition("}")[2] if operation is not None else ""
    if operation is None or name not in ENTRIES:
        return fault(f"There is no operation {name}", "Client")
    rows = _nodes(node) if name == "listProcessNode" else node.profiles
    skip, first = (int(operation.findtext(tag) or "0") for tag in ("skip", "first"))
    wanted = [tag.tag for tag in operation.findall("returnedTags/*")]
    return envelope(200, _listed(operation.tag, ENTRIES[name], rows[skip : skip + first or None], wanted))


def _nodes(node: Node) -> Sequence[Mapping[str, str]]:
    """List the cluster's nodes, and the entry that is none."""
    rows = [{"name": name, "processNodeRole": role} for name, role in node.members().items()]
    return [{"name": "EnterpriseWideData", "processNodeRole": "CUCM Voice/Video"}, *rows]


def _listed(operation: str, entry: str, rows: Sequence[Mapping[str, str]], wanted: Sequence[str]) -> Element:
    answer = Element(f"{operation}Response")
    told = SubElement(answer, "return")
    for row in rows:
        one = SubElement(told, entry, uuid="{00000000-0000-0000-0000-000000000000}")
        for tag in wanted:
            SubElement(one, tag).text = row.get(tag, "")
    return answer
