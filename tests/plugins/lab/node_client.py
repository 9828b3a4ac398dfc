"""Talk to a simulated CUCM node over verified TLS, with nothing of the project's own client in between."""

import base64
import http.client
import json
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from cryptography import x509
from defusedxml.ElementTree import fromstring

from plugins.lab.authority import fingerprint, pem
from plugins.lab.cucm.cluster import Cluster
from plugins.lab.cucm.node import Node
from plugins.lab.cucm.rest import BASE
from plugins.lab.cucm.soap import ENVELOPE, NAMESPACE, PATH
from plugins.lab.lab import Lab
from plugins.lab.ports import LOOPBACK

from .client import Reply, connect

BOTH = ("tomcat", "CallManager")


def cluster(lab: Lab) -> Cluster:
    """Return the lab's cluster, which must be there."""
    assert lab.cucm is not None
    return lab.cucm


def node(lab: Lab, name: str) -> Node:
    """Return the inside of a node."""
    return cluster(lab).nodes[name]


def held(lab: Lab, name: str, store: str) -> list[str]:
    """Return the fingerprints in a store, past every API."""
    return [fingerprint(certificate) for certificate in node(lab, name).trusted(store)]


class NodeClient:
    """Be somebody with the OS account of one node; `soap_login` is for Control Center."""

    def __init__(self, lab: Lab, name: str, *, password: str = "", timeout: float = 10) -> None:
        self.lab, self.name, self.timeout = lab, name, timeout
        self.node = node(lab, name)
        self.login = (self.node.account.username, password or self.node.account.password)
        self.soap_login = (self.node.soap_account.username, self.node.soap_account.password)

    def send(self, method: str, path: str, body: str | None = None, login: tuple[str, str] | None = None) -> Reply:
        """Send one request on a connection of its own; a broken connection raises OSError or HTTPException."""
        user, password = login or self.login
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        connection = http.client.HTTPConnection(LOOPBACK, 1, timeout=self.timeout)
        with connect(self.lab, self.name, self.timeout) as tls:
            connection.sock = tls
            connection.request(method, path, body, headers)
            with connection.getresponse() as answer:
                return Reply(answer.status, answer.read(), answer.headers.get("Content-Type", ""))

    # ---- certificate management ----

    def get(self, path: str = "/snapshot/server") -> Reply:
        return self.send("GET", BASE + path)

    def stores(self) -> dict[str, list[str]]:
        """Return what the snapshot says: store to fingerprints."""
        return {
            trust["service"]: [
                fingerprint(x509.load_pem_x509_certificate(entry["certificate"].encode()))
                for entry in trust["certificate_data"]
            ]
            for trust in json.loads(self.get().body)["trusts"]
        }

    def post(self, value: Any) -> Reply:
        return self.send("POST", f"{BASE}/trust/certificates", json.dumps(value))

    def upload(self, certificates: Sequence[x509.Certificate], services: Sequence[str] = BOTH) -> Reply:
        """Upload in this order, in one request."""
        texts = [pem([certificate]).decode() for certificate in certificates]
        return self.post({"service": list(services), "certificates": texts, "description": "Trust Certificate"})

    def trust_new(self, services: Sequence[str] = BOTH) -> None:
        """Upload the new CA, root first."""
        assert self.upload(self.lab.authority.new.chain[::-1], services).status == 200

    # ---- Control Center ----

    def call(self, operation: str, inner: str, login: tuple[str, str] | None = None) -> Reply:
        body = (
            f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Body><s:{operation} xmlns:s="{NAMESPACE}">{inner}'
            f"</s:{operation}></e:Body></e:Envelope>"
        )
        return self.send("POST", PATH, body, login or self.soap_login)

    def status(self, *names: str) -> dict[str, dict[str, str]]:
        """Return what is said of services: name to member to text; all services for no name."""
        inner = "".join(f"<s:ServiceStatus>{name}</s:ServiceStatus>" for name in names or ("",))
        return items(self.call("soapGetServiceStatus", inner))

    def control(self, order: str, *names: str, to: str = "") -> Reply:
        services = "".join(f"<s:item>{name}</s:item>" for name in names)
        inner = (
            f"<s:ControlServiceRequest><s:NodeName>{to or self.node.hostname}</s:NodeName>"
            f"<s:ControlType>{order}</s:ControlType><s:ServiceList>{services}</s:ServiceList></s:ControlServiceRequest>"
        )
        return self.call("soapDoControlServices", inner)

    def restart(self, name: str) -> int:
        """Ask Control Center for a restart and return the service's ReasonCode."""
        return int(items(self.control("Restart", name))[name]["ReasonCode"])


def body(reply: Reply) -> Element:
    """Return the one element in the envelope's body."""
    found: Element | None = fromstring(reply.body).find(f"{{{ENVELOPE}}}Body/*")
    assert found is not None
    return found


def items(reply: Reply) -> dict[str, dict[str, str]]:
    """Return the entries of an answer's ServiceInfoList by name."""
    assert reply.status == 200, reply.body
    read = [
        {child.tag.removeprefix(f"{{{NAMESPACE}}}"): child.text or "" for child in item}
        for item in body(reply).iter(f"{{{NAMESPACE}}}item")
    ]
    return {item["ServiceName"]: item for item in read}


def outer(reply: Reply, member: str) -> str:
    """Return a member of the answer as a whole."""
    return body(reply)[0].findtext(f"{{{NAMESPACE}}}{member}") or ""


def fault(reply: Reply) -> str:
    """Return the words of a SOAP fault."""
    return body(reply).findtext("faultstring") or ""
