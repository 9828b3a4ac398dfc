"""Parsers take whatever a box sends: a value or an error of ours, never a traceback."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import CsrSpec
from engine.errors import Failed
from engine.text import escape
from plugins.expressway import wire
from plugins.expressway.limits import FIELDS, limits
from plugins.expressway.raml import read_raml
from plugins.expressway.status import read_status

words = st.sampled_from(
    [b"-----BEGIN ", b"CERTIFICATE", b"-----END ", b"-----", b"\n", b"\r\n", b"MIIB", b"=", b"\xff"]
)
pem_like = st.lists(words).map(b"".join)
tags = st.sampled_from(
    ["Status", "SystemUnit", "Uptime", "Software", "Version", "Zones", "Zone", "Name", "Calls", "\xe9"]
)
xml = st.recursive(
    st.text(max_size=8).map(lambda text: text.replace("&", "").replace("<", "")),
    lambda inner: st.tuples(tags, st.lists(inner, max_size=4)).map(lambda t: f"<{t[0]}>{''.join(t[1])}</{t[0]}>"),
    max_leaves=12,
)
yaml_words = ["/certs", "/provisioning", "post", "body", "multipart/form-data", "formParameters", "file", "type", "200"]
lines = st.tuples(st.integers(0, 6), st.sampled_from(yaml_words), st.sampled_from([":", ": |", ": {}", "", ": #"]))
raml = st.lists(lines.map(lambda part: " " * part[0] + part[1] + part[2])).map("\n".join)
replies = (
    st.binary()
    | pem_like
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["Message", "SystemHostName", "DomainName", "x"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)


def failed_or(call: Callable[..., object], *arguments: object) -> None:
    """Call; only Failed may come, and its texts can be shown."""
    said = ""
    try:
        call(*arguments)
    except Failed as error:
        said = error.what + error.untouched + error.todo
    assert said == escape(said)


@given(st.binary() | xml.map(lambda text: f"<Status>{text}</Status>".encode("utf-8", "replace")))
def test_any_status_is_read_or_refused(content: bytes) -> None:
    """A status is read, or it is said that it can't be used."""
    failed_or(read_status, content, "box")


@pytest.mark.parametrize(
    "content", [b"<a>" * 200_000, b'<?xml version="1.0" encoding="none"?><Status/>', b"\xff\xfe<", b""]
)
def test_a_status_made_to_hurt_is_refused(content: bytes) -> None:
    """Depth, unknown encodings and nothing at all are refused like any other text that is no status."""
    with pytest.raises(Failed, match="can't be used"):
        read_status(content, "box")


@given(replies)
def test_any_reply_is_understood_or_refused(content: bytes) -> None:
    """No body makes a parser stumble, whatever the status."""
    failed_or(wire.certificates, content, "box", "store")
    failed_or(wire.request, content, "box")
    assert wire.words(200, content) == escape(wire.words(200, content))
    assert wire.own_name(content) == wire.own_name(content).strip(".")
    for path in wire.SUCCESS:
        assert not wire.accepted(path, 500, content)
    assert not (wire.accepted(wire.CSR, 200, content) and wire.conflicts(200, content))


@given(st.binary() | raml.map(str.encode))
def test_any_description_is_read(content: bytes) -> None:
    """What is not understood is passed over; what is read are paths and methods."""
    api = read_raml(content)
    assert all(path.startswith("/api") for path in api.resources)
    assert not api.has("POST", "/api/none")


DESCRIPTION = b"""#%RAML 0.8
title: An API
documentation:
  - title: /not/a/resource
    content: |
      /not/one/either:
        post:
baseUri: https://box/api/v1
/provisioning:
  displayName: All
  "/certs":
    /root:   # the store
      get:
        responses:
          200:
            body:
              text/html:
      post?:
        body:
          multipart/form-data:
            formParameters:
              file:
                type: file
          application/x-pem-file:
            schema: |
              { "post": "/certs/hidden:" }
    /server: !include server.raml
  /typed:
    type: collection
/api/v1/provisioning/restart:
  post:
"""


def test_a_description_is_read_by_its_indentation() -> None:
    """Nested and flat paths, quotes, comments, blocks of text and the API's own prefix are told apart."""
    api = read_raml(DESCRIPTION)
    assert set(api.resources) == {
        "/api/provisioning", "/api/provisioning/certs", "/api/provisioning/certs/root",
        "/api/provisioning/certs/server", "/api/provisioning/typed", "/api/provisioning/restart",
    }  # fmt: skip
    assert api.has("POST", "/api/provisioning/restart")
    assert not api.has("GET", "/api/provisioning/restart")
    assert api.has("POST", "/api/provisioning/typed")
    assert api.bodies("POST", "/api/provisioning/certs/root") == {
        "multipart/form-data": ["file"],
        "application/x-pem-file": [],
    }
    assert api.bodies("GET", "/api/provisioning/certs/root") == {}


PLAIN = {"names": ["DNS:box.example"], "subject": [("CN", "Box.example"), ("C", "GB")], "key": "RSA 4096"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"names": ["DNS:a.example", "URI:sip:a", "IP:192.0.2.1", "email:a@b"]},
            "lack URI:sip:a, IP:192.0.2.1, email:a@b",
        ),
        ({"names": ["DNS:*.example"]}, "no wildcard names"),
        ({"key": "EC P-256"}, "field for EC P-256 is not known"),
        ({"key": "RSA 3072"}, "RSA 2048 and RSA 4096 only"),
        ({"digest": "sha1"}, "not with sha1"),
        ({"subject": [("DC", "example")]}, "no field for the subject attribute DC"),
        ({"subject": [("OU", "a"), ("OU", "b")]}, "one value of the subject attribute OU, not 2"),
        ({"subject": [("CN", "a"), ("CN", "b")]}, "one value of the subject attribute CN, not 2"),
        ({"subject": [("CN", "cluster.example")]}, "box.example, as common name, not cluster.example"),
    ],
)
def test_what_the_api_cannot_express_is_a_sentence(change: dict[str, object], said: str) -> None:
    """Each limit is named; the same CSR without it has none."""
    assert limits(CsrSpec(**PLAIN), "X14.3", "box.example") == []  # type: ignore[arg-type]
    found = limits(CsrSpec(**{**PLAIN, **change}), "X14.3", "box.example")  # type: ignore[arg-type]
    assert said in " ".join(found)


@pytest.mark.parametrize(("release", "limited"), [("X8.9.2", True), ("X8.10", False), ("X14.3", False), ("new", False)])
def test_long_lists_of_names_are_cut_only_before_x8_10(release: str, limited: bool) -> None:
    """The 999 characters were a limit of old releases; a release that can't be read has it not."""
    spec = CsrSpec(names=[f"DNS:host-{number}.example.org" for number in range(60)], subject=[], key="RSA 2048")
    assert any("999" in line for line in limits(spec, release, "")) is limited


specs = st.builds(
    CsrSpec,
    names=st.lists(st.tuples(st.sampled_from(["DNS:", "IP:", ""]), st.text(max_size=9)).map("".join), max_size=5),
    subject=st.lists(st.tuples(st.sampled_from([*FIELDS, "CN", "DC", "\x1b"]), st.text(max_size=9)), max_size=5),
    key=st.sampled_from(["RSA 2048", "RSA 4096", "EC P-256", "\u202e"]),
    digest=st.sampled_from(["sha256", "sha512", "md5"]),
)


@given(specs, st.text(max_size=9), st.text(max_size=9))
def test_limits_are_sentences_for_any_csr_and_the_rest_can_be_built(spec: CsrSpec, release: str, name: str) -> None:
    """Every limit can be shown; what has none makes a request with every field."""
    found = limits(spec, release, name)
    assert all(line == escape(line) and line.endswith(".") for line in found)
    if not found:
        body = json.loads(wire.csr_body(spec).content)
        assert set(body) == {*FIELDS.values(), "Additional_FQDNS", "KeyLength", "DigestAlgorithm"}
        assert {f"DNS:{host}".lower() for host in body["Additional_FQDNS"]} == {name.lower() for name in spec.names}


@pytest.mark.parametrize("entry", ["Peer", "Alternate"])
def test_peers_of_a_cluster_are_read_whatever_their_entries_are_called(entry: str) -> None:
    """An entry counts that has an address and a status; one without, and an empty list, tell of no peer."""
    head = (
        "<Status><SystemUnit><Uptime>1</Uptime><Software><Version>X14.3</Version></Software></SystemUnit><Alternates>"
    )
    tail = "</Alternates></Status>"
    up = f"<{entry}><Address>b.example</Address><Status>Active</Status></{entry}>"
    down = f"<{entry}><Address>c.example</Address><Status>Failed</Status><Cause>gone</Cause></{entry}>"
    bare = f"<{entry}><Address>d.example</Address></{entry}><{entry}><Status>Active</Status></{entry}>"
    told = read_status(f"{head}{up}{down}{bare}{tail}".encode(), "box").box.peers
    assert told == {"b.example": "Active", "c.example": "Failed: gone"}
    assert read_status(f"{head}{tail}".encode(), "box").box.peers == {}
