"""Parsers take whatever a node sends: a value or an error of ours, never a traceback."""

import json
from collections.abc import Callable

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from engine.certificates import to_pem
from engine.errors import Failed
from engine.text import escape
from plugins.cucm import soap, wire
from tests.plugins.cucm.server import ROOT

TOMCAT, CALLMANAGER = wire.STORES

members = st.sampled_from(
    ["trusts", "service", "certificate_data", "certificate", "certificates", "message", "messages", "tomcat-trust"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text()
    | st.sampled_from([to_pem(ROOT), "tomcat-trust", "-----BEGIN "]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(members, inner, max_size=4),
)
entries = st.lists(st.dictionaries(members, values, max_size=3) | values, max_size=4)
replies = (
    st.binary()
    | values.map(lambda value: json.dumps(value).encode())
    | entries.map(lambda trusts: json.dumps({"trusts": trusts}).encode())
)
tags = st.sampled_from(
    ["Body", "Fault", "faultstring", "R", "ReturnCode", "ServiceInfoList", "item", "ServiceName", "UpTime", "\xe9"]
)
xml = st.recursive(
    st.text(max_size=8).map(lambda text: text.replace("&", "").replace("<", "")) | st.sampled_from(["0", "-1", "12"]),
    lambda inner: st.tuples(tags, st.lists(inner, max_size=4)).map(lambda t: f"<{t[0]}>{''.join(t[1])}</{t[0]}>"),
    max_leaves=16,
)
printable = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]).filter(lambda c: ord(c) < 0xFFFE))


def failed_or(call: Callable[[], object]) -> object:
    """Call; only Failed may come, and its texts can be shown."""
    try:
        return call()
    except Failed as error:
        said = error.what + error.untouched + error.todo
        assert said == escape(said)
        return None


@given(replies)
def test_any_reply_is_understood_or_refused(content: bytes) -> None:
    """No body makes a parser stumble, whatever its shape."""
    found = failed_or(lambda: wire.read_snapshot(content, "node"))
    if isinstance(found, wire.Snapshot):
        for store in wire.STORES:
            texts = found.store(store)
            failed_or(lambda texts=texts, store=store: wire.certificates(texts or [], "node", store))  # type: ignore[misc]
            assert wire.upload_name(store, "auto", found) in (store, store.removesuffix("-trust"))
    failed_or(lambda: wire.read_list(content, "node", TOMCAT))
    assert wire.words(400, content) == escape(wire.words(400, content))
    assert len(wire.words(400, content)) < wire.SHOWN + 20


@given(st.binary() | xml.map(lambda text: f"<Envelope>{text}</Envelope>".encode("utf-8", "replace")))
def test_any_soap_answer_is_read_or_refused(content: bytes) -> None:
    """An answer is read, or it is said that it can't be used; a refusal made from it can be shown."""
    found = failed_or(lambda: soap.read_answer(content, "node", soap.CONTROL))
    if isinstance(found, soap.Answer):
        refused = soap.refusal("node", "Cisco Tftp", found)
        assert refused is None or refused.what == escape(refused.what)


@pytest.mark.parametrize("content", [b"<a>" * 100_000, b'<?xml version="1.0" encoding="none"?><a/>', b"\xff\xfe<", b""])
def test_an_answer_made_to_hurt_is_refused(content: bytes) -> None:
    """Depth, unknown encodings and nothing at all are refused like any other text that is no answer."""
    with pytest.raises(Failed, match="can't be used") as caught:
        soap.read_answer(content, "node", soap.STATUS)
    assert caught.value.untouched == "Nothing was changed."


@given(printable, printable)
def test_values_stay_values(node: str, service: str) -> None:
    """Whatever a name holds, it arrives as that name and adds no element."""
    envelope = fromstring(soap.restart_request(node, service))
    assert envelope.findtext(".//{*}NodeName").split() == node.split()
    assert envelope.findtext(".//{*}ServiceList/{*}item").split() == service.split()
    assert len(list(envelope.iter())) == 8
    [status] = fromstring(soap.status_request([service])).findall(".//{*}ServiceStatus")
    assert (status.text or "").split() == service.split()


@given(
    st.lists(st.sampled_from(["tomcat", "tomcat-trust", "TOMCAT", "CallManager", "CallManager-trust", "CAPF-trust"]))
)
def test_the_upload_name_is_one_of_two(names: list[str]) -> None:
    """`auto` asks for the longer name only where the snapshot leaves the ending out for tomcat alone."""
    snapshot = wire.Snapshot({name: [] for name in names})
    found = wire.upload_name(CALLMANAGER, "auto", snapshot)
    short = {"tomcat", "TOMCAT"} & {*names} and "tomcat-trust" not in names
    longer = "CallManager-trust" in names
    assert found == ("CallManager-trust" if short and longer else "CallManager")
    assert wire.upload_name(TOMCAT, "CallManager-trust", snapshot) == "tomcat"


def test_a_store_is_found_by_its_own_name_first() -> None:
    """Where both spellings are there, the one with the ending is the trust store."""
    snapshot = wire.Snapshot({"tomcat": ["identity"], "Tomcat-Trust": ["trust"]})
    assert snapshot.store(TOMCAT) == ["trust"]
    assert snapshot.store(CALLMANAGER) is None
