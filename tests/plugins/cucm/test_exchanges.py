"""Each file of ``exchanges`` is one case: what the driver sends to a node, what comes back, and what it makes of it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from defusedxml.ElementTree import fromstring

from engine import errors
from engine.certificates import common_name
from engine.contracts import Service, ServiceState
from plugins.cucm import Options, soap
from plugins.cucm.store import Cucm
from tests.plugins.cucm.server import Asked, Reply, Server

CASES = sorted((Path(__file__).parent / "exchanges").glob("*.json"))


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_exchange(server: Server, file: Path) -> None:
    """The driver sends this request, or none, and takes this reply for that value or that error."""
    case = json.loads(file.read_text())
    assert case["provenance"].endswith(".")
    for more in case.get("more", []):
        server.answers[more["method"], more["path"]] = reply(more["reply"])
    wanted = case.get("request")
    if wanted is None:
        judge(case, server)
        assert server.asked == []
        return
    server.answers[wanted["method"], wanted["path"]] = reply(case["reply"])
    judge(case, server)
    [sent] = [asked for asked in server.asked if (asked.method, asked.path) == (wanted["method"], wanted["path"])]
    check_request(sent, wanted)


def judge(case: dict[str, Any], server: Server) -> None:
    """Compare what the driver returns, or raises, with what the case expects."""
    node, expected = server.node(msgspec.convert(case.get("options", {}), Options)), case["expected"]
    if "error" not in expected:
        assert shown(call(case, node)) == expected["value"]
        return
    with pytest.raises(errors.CertrenewError) as caught:
        call(case, node)
    assert type(caught.value) is getattr(errors, expected["error"])
    assert expected["says"] in caught.value.what
    assert caught.value.untouched == expected.get("untouched", caught.value.untouched)
    assert expected.get("todo", "") in caught.value.todo
    assert all([caught.value.untouched, caught.value.todo, caught.value.what.isprintable()])
    assert len(caught.value.what) < 400


def call(case: dict[str, Any], node: Cucm) -> object:
    """Call the method that the case names, with what it gives; PEM becomes a certificate."""
    given = [
        x509.load_pem_x509_certificate(one.encode()) if one.startswith("-----") else one for one in case["arguments"]
    ]
    return getattr(node, case["call"])(*given)


def shown(value: object) -> object:
    """Write a value as the cases do: a state in full, certificates by common name, services by name and hand."""
    if isinstance(value, list):
        return [shown(one) for one in value]
    if isinstance(value, Service):
        return [value.name, value.guided]
    if isinstance(value, ServiceState):
        return value.plain()
    return common_name(value.subject) if isinstance(value, x509.Certificate) else value


def check_request(asked: Asked, wanted: dict[str, Any]) -> None:
    """Compare a request that arrived with the case: headers, and the body by its kind."""
    assert wanted.get("headers", {}).items() <= asked.headers.items()
    assert asked.headers["authorization"].startswith("Basic ")
    if "json" in wanted:
        assert asked.headers["content-type"] == "application/json"
        assert json.loads(asked.body) == wanted["json"]
    if "soap" in wanted:
        [operation] = fromstring(asked.body).find("{*}Body")
        assert operation.tag == f"{{{soap.NAMESPACE}}}{wanted['soap']['operation']}"
        leaves = [one for one in operation.iter() if not len(one)]
        assert [[one.tag.removeprefix(f"{{{soap.NAMESPACE}}}"), one.text or ""] for one in leaves] == wanted["soap"][
            "leaves"
        ]


def reply(told: dict[str, Any]) -> Reply:
    """Make the reply of a case."""
    if "json" in told:
        return Reply(told["status"], json.dumps(told["json"]).encode())
    return Reply(told["status"], "\n".join(told["text"]).encode(), told["type"])
