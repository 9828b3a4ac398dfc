"""What a box tells of the estate: whatever it answers is taken or passed over, and only read."""

import json
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import Domain, Publisher, Surveyor
from engine.errors import ApiDisabled, LoginRefused
from plugins.expressway import Options, connect, wire
from plugins.expressway.survey import PARTS, survey
from plugins.lab.releases import RELEASES
from tests.plugins.expressway.conftest import MakeLab, access
from tests.plugins.expressway.server import Server, said

FIELDS = ["Name", "PeerAddress", "SIPPort", "Publisher", "EdgeSip", "Enabled", "TlsMode", "TlsPort"]
JSON = st.recursive(
    st.sampled_from(
        [None, True, False, 0, 5061, 70000, -1, 1.5, "", "On", "off", "5061", "٣", " a.example. ", "\x1b[2J"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10,
)
BODIES = st.sampled_from([b"", b"<html>", b"{", b"[" * 5000]) | JSON.map(lambda one: json.dumps(one).encode())
PATHS = st.sampled_from([part.path for part in PARTS])


@settings(deadline=None)
@given(
    st.dictionaries(
        PATHS,
        st.sampled_from([b"", b"<html>", b"{", b"[" * 5000]) | JSON.map(lambda one: json.dumps(one).encode()),
        max_size=6,
    )
)
def test_any_answer_is_taken_or_passed_over(answers: dict[str, bytes]) -> None:
    """Whatever comes back, a survey comes of it, and its own JSON can be written and read."""
    found = survey(answers, "X14.3", {})
    assert json.loads(json.dumps(found.plain())) == found.plain()
    assert all(zone.name and all(zone.peers) for zone in found.zones)
    assert {part.path for part in PARTS} >= set(answers)


def surveyor(lab_access: object) -> Surveyor:
    """Return a driver as what tells of the estate."""
    return cast(Surveyor, connect(lab_access, Options()))  # type: ignore[arg-type]


@pytest.mark.lab
@pytest.mark.parametrize("switches", [{}, {"raml_groups": "both"}, {"uc_zones": "both"}], ids=str)
@pytest.mark.parametrize("release", sorted(RELEASES))
def test_both_kinds_of_box_tell_their_side(make_lab: MakeLab, release: str, switches: dict[str, str]) -> None:
    """Kind, name, zone, publishers and domains come from each release and with each setting of each switch."""
    lab = make_lab(
        releases={"expc": release, "expe": release}, switches={"*": {"api_access": "on", **switches}}, cucm=True
    )
    c, e = (surveyor(access(lab, name)).survey() for name in ("expc", "expe"))
    assert (c.kind, c.hostname, c.mra) == ("expressway-c", "expc.corp.example", True)
    assert (e.kind, e.hostname) == ("expressway-e", "expe.corp.example")
    assert [(zone.kind, zone.peers) for zone in c.zones] == [("traversal-client", ["expe.corp.example"])]
    assert [(zone.kind, zone.verify) for zone in e.zones] == [("traversal-server", "expc.corp.example")]
    assert Publisher(kind="cucm", host="cucm-pub.corp.example") in c.publishers
    assert c.domains == [Domain(name="corp.example", uses=["sip", "mra"])]
    assert c.sip_tls == lab.machines["expc"].ports["sip"].number
    assert (c.unread, e.unread) == ({}, {})
    assert c.release == release


@pytest.mark.lab
def test_a_box_itself_is_none_of_its_peers(make_lab: MakeLab) -> None:
    """Whether the list of a cluster names the box that tells it is not known; it is left out."""
    from dataclasses import replace

    lab = make_lab()
    box = lab.boxes["expc"]
    box.setup = replace(box.setup, peers=("EXPC.corp.example", "expc2.corp.example"))
    assert surveyor(access(lab, "expc")).survey().peers == ["expc2.corp.example"]


def test_a_survey_only_reads(server: Server) -> None:
    """Every request is a GET, status and description first, and what is not listed is not asked for but told."""
    found = cast(Surveyor, server.device()).survey()
    assert {asked.method for asked in server.asked} == {"GET"}
    assert server.seen() == [wire.STATUS, wire.RAML, wire.DNS]
    assert found.hostname == "box.example"
    assert found.kind == ""
    assert "does not list" in found.unread["cluster peers"]
    server.asked.clear()
    cast(Surveyor, server.device(Options(api_description="advisory"))).survey()
    assert {part.path for part in PARTS} <= set(server.seen("GET"))


@pytest.mark.parametrize(("status", "error"), [(401, LoginRefused), (403, ApiDisabled)])
def test_a_box_that_lets_nobody_in_is_asked_once(server: Server, status: int, error: type[Exception]) -> None:
    """A refused login, or an API that is off, ends the survey at once."""
    server.answers["GET", wire.STATUS] = said("no", status)
    with pytest.raises(error):
        cast(Surveyor, server.device()).survey()
    assert server.seen() == [wire.STATUS]
