"""Answer the certificate management requests of one node.

Base path, the snapshot and Basic authentication with the OS account: developer.cisco.com (confirmed); bodies: working
clients (seen); what neither shows is behind a switch.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace

from cryptography import x509

from engine.model import Json
from plugins.lab.api import Answer, Request
from plugins.lab.authority import pem
from plugins.lab.cucm.node import Node, Unavailable
from plugins.lab.cucm.stores import file_name
from plugins.lab.requests import Refusal
from plugins.lab.web import credentials

BASE = "/platformcom/api/v1/certmgr/config"


def admitted(node: Node, asked: Request) -> Answer:
    """Answer whoever has the OS account; an account of privilege 0 may only read (confirmed)."""
    if not node.has_rest:
        return error(node, 404, "Not Found")
    if not node.account.login(*credentials(asked)):
        refused = error(node, 401, "Unauthorized")
        return replace(refused, headers={"WWW-Authenticate": 'Basic realm="CMPlatform Realm"'})
    methods = RESOURCES.get(asked.path)
    if methods is None:
        return error(node, 404, "Not Found")
    if asked.method not in methods:
        return replace(error(node, 405, "Method Not Allowed"), headers={"Allow": ", ".join(methods)})
    if asked.method != "GET" and node.settings["privilege"] == "0":
        node.effects.add(node.name, "write-refused", path=asked.path)
        return error(node, int(node.settings["read_only_status"]), "The account has no write access")
    return methods[asked.method](node, asked)


def error(node: Node, status: int, text: str) -> Answer:
    """Tell a reason in the shape that the node's switch chooses."""
    body = {"message": text} if node.settings["error_shape"] == "message" else {"messages": [text]}
    return _json(status, body)


def _json(status: int, value: Json) -> Answer:
    return Answer(status, json.dumps(value).encode())


def _snapshot(node: Node, _asked: Request) -> Answer:
    own = pem([node.identity.certificate]).decode()
    with node.lock:
        trusts = [_store(node, store) for store in node.stores]
    told = {
        "trackingId": str(uuid.uuid4()),
        "server": node.hostname,
        "identities": [{"service": unit, "certificate": own, "csr": ""} for unit in ("tomcat", "CallManager")],
        "trusts": trusts,
        "revokedCertificates": [],
    }
    return _json(200, told)


def _store(node: Node, store: str) -> Json:
    plain = node.settings["snapshot_names"] == "plain"
    listed = [
        {
            "filename": file_name(certificate, node.settings["file_names"]),
            "certificate": pem([certificate]).decode(),
        }
        for certificate in node.stores.of(store)
    ]
    return {"service": store.removesuffix("-trust") if plain else store, "certificate_data": listed}


def _trusted(node: Node, asked: Request) -> Answer:
    store = node.units().get(asked.query.get("service", [""])[0])
    if store is None:
        return error(node, 400, "Invalid service")
    listed = [{"certificate": pem([certificate]).decode()} for certificate in node.trusted(store)]
    return _json(200, {"certificates": listed} if node.settings["trust_list_shape"] == "object" else listed)


def _upload(node: Node, asked: Request) -> Answer:
    try:
        stores, certificates = _read(node, asked.body)
        node.upload(stores, certificates)
    except Refusal as refusal:
        return error(node, 400, str(refusal))
    except Unavailable as away:
        return error(node, 500, str(away))
    told = "Certificate(s) uploaded. Restart the services that use them. Perform a Disaster Recovery backup."
    return _json(int(node.settings["upload_status"]), {"message": told})


def _read(node: Node, body: bytes) -> tuple[list[str], list[x509.Certificate]]:
    """Read an upload: lists of services and of PEM texts (seen). Raises Refusal."""
    try:
        given = json.loads(body)
        units, texts = given["service"], given["certificates"]
    except (ValueError, KeyError, TypeError) as unreadable:
        raise Refusal("Invalid request body") from unreadable
    for listed in (units, texts):
        if not isinstance(listed, list) or not listed:
            raise Refusal("Invalid request body")
        if node.settings["per_upload"] == "one" and len(listed) > 1:
            raise Refusal("Only one service and one certificate can be uploaded at a time")
    known = node.units()
    if not all(isinstance(unit, str) and unit in known for unit in units):
        raise Refusal("Invalid service")
    return [known[unit] for unit in units], [_certificate(text) for text in texts]


def _certificate(text: object) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificates(str(text).encode())
    except ValueError as unreadable:
        raise Refusal("Invalid certificate") from unreadable
    if len(found) != 1:
        raise Refusal("Invalid certificate")
    return found[0]


Resource = Callable[[Node, Request], Answer]

RESOURCES: dict[str, dict[str, Resource]] = {
    f"{BASE}/snapshot/server": {"GET": _snapshot},
    f"{BASE}/trust/certificate": {"GET": _trusted},
    f"{BASE}/trust/certificates": {"POST": _upload},
}
"""What a node has. Deleting exists (confirmed), how is unknown, so the lab has it not."""
