"""Recorded shapes: one file of `exchanges/` is one request, its reply and what the driver makes of it, by real TLS."""

import json
from email import message_from_bytes
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509

from engine import errors
from engine.certificates import common_name
from engine.contracts import BoxStatus, CsrSpec, Device, Survey
from plugins.expressway import Options
from tests.plugins.expressway.server import Asked, Reply, Server

CASES = sorted((Path(__file__).parent / "exchanges").glob("*.json"))


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_exchange(server: Server, file: Path) -> None:
    """The driver sends this request, and takes this reply for that value or that error."""
    case = json.loads(file.read_text())
    assert case["provenance"].endswith(".")
    wanted = case["request"]
    if "raml" in case:
        server.answers["GET", "/api/raml"] = Reply(200, text(case["raml"]))
    reply = Reply(case["reply"]["status"], text(case["reply"]["body"]), case["reply"]["type"])
    server.answers[wanted["method"], wanted["path"]] = reply
    judge(case, server.device(msgspec.convert(case.get("options", {}), Options)))
    sent = [asked for asked in server.asked if (asked.method, asked.path) == (wanted["method"], wanted["path"])]
    assert sent
    check_request(sent[0], wanted)


def judge(case: dict[str, Any], device: Device) -> None:
    """Compare what the driver returns, or raises, with what the case expects."""
    expected = case["expected"]
    if "error" not in expected:
        assert shown(call(case, device)) == expected["value"]
        return
    with pytest.raises(errors.CertrenewError) as caught:
        call(case, device)
    assert type(caught.value) is getattr(errors, expected["error"])
    assert expected["says"] in caught.value.what
    assert caught.value.untouched == expected.get("untouched", caught.value.untouched)
    assert caught.value.untouched
    assert caught.value.todo


def call(case: dict[str, Any], device: Device) -> object:
    """Call the method that the case names, with what it gives."""
    method = getattr(device, case["call"])
    match case["call"]:
        case "certificate":
            return method("server")
        case "install":
            return method("server", x509.load_pem_x509_certificate(text(case["given"])))
        case "add_trusted":
            return method(x509.load_pem_x509_certificate(text(case["given"])))
        case "generate_csr" | "csr_limits":
            return method(msgspec.convert(case["given"], CsrSpec))
    return method()


def shown(value: object) -> object:
    """Write a value as the cases do: a status in full but for the time, certificates and CSRs by common name."""
    if isinstance(value, BoxStatus):
        assert value.clock  # the server tells the time, as every one does
        return {name: one for name, one in value.plain().items() if name != "clock"}
    if isinstance(value, Survey):
        return told(value)
    if isinstance(value, list):
        return [shown(one) for one in value]
    return common_name(value.subject) if isinstance(value, x509.Certificate | x509.CertificateSigningRequest) else value


def told(survey: Survey) -> dict[str, Any]:
    """Return what a survey says besides nothing; of all that was not read, what the box did list."""
    empty = Survey(release="X14.3").plain()
    unread = [why for why in survey.unread.values() if "does not list" not in why]
    found = {name: one for name, one in survey.plain().items() if one != empty[name] and name != "unread"}
    return found | ({"unread": unread[0]} if unread else {})


def check_request(asked: Asked, wanted: dict[str, Any]) -> None:
    """Compare a request that arrived with the case: headers, and the body by its kind."""
    assert wanted.get("headers", {}).items() <= asked.headers.items()
    if "json" in wanted:
        assert asked.headers["content-type"] == "application/json"
        assert json.loads(asked.body) == wanted["json"]
    if "form" in wanted:
        assert form(asked) == {wanted["form"]["field"]: text(wanted["form"]["content"])}
    if "text" in wanted:
        assert asked.body == text(wanted["text"])
        assert asked.headers.get("content-type") == wanted.get("media")


def form(asked: Asked) -> dict[str, bytes]:
    """Take a form apart with the standard library, as a server would."""
    kind = asked.headers["content-type"]
    assert kind.startswith("multipart/form-data; boundary=")
    whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + asked.body)
    assert not whole.defects
    parts = whole.get_payload()
    assert isinstance(parts, list)
    return {str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) for part in parts}  # type: ignore[union-attr, misc]


def text(lines: list[str]) -> bytes:
    """Join the lines of a case."""
    return "\n".join(lines).encode()
