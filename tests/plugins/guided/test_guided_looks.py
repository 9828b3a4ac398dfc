"""What is seen from outside: the port's certificate, the CAs that it names; and what people may not bring."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from engine.certificates import fingerprint
from engine.contracts import CsrSpec
from engine.errors import Refused, SiteError, UsageError, Waiting
from engine.testing.pki import new_issuer, new_request
from engine.text import moment, stamp
from plugins.guided import Options, PeerOptions, client, connect, connect_peer
from plugins.lab.authority import pem
from tests.plugins.guided.conftest import MakeLab
from tests.plugins.guided.desk import Vouched, Worked, access

pytestmark = pytest.mark.lab

RELEASE = Options(release="X14.3")


def test_a_port_that_asks_for_a_certificate_names_its_cas(make_lab: MakeLab) -> None:
    """Those that it trusts, by name; a port that names none, that does not ask, or that is shut shows nothing."""
    lab = make_lab(neighbour=True, switches={"partner": {"names_its_cas": "on"}})
    partner = lab.machines["partner"]
    names = {authority.subject.public_bytes() for authority in lab.boxes["partner"].trusted}
    assert client.accepted_names(partner.ports["neighbor"].address) == names
    assert client.accepted_names(partner.ports["https"].address) == set()
    assert client.accepted_names(lab.machines["expe"].ports["traversal"].address) == set()
    partner.ports["neighbor"].close()
    assert client.accepted_names(partner.ports["neighbor"].address) == set()


def test_a_name_that_another_ca_has_too_shows_nothing(make_lab: MakeLab) -> None:
    """The port names a CA by its name alone: an older CA of that name would be taken for it."""
    lab = make_lab(neighbour=True, ca_names="same", switches={"partner": {"names_its_cas": "on"}})
    peer, old, new = Vouched(lab, "partner"), lab.authority.old.chain[-1], lab.authority.new.chain[-1]
    peer.desk.new.append(new)
    assert peer.trusted() == [new], "control: with no other CA of the name known, the name counts"
    assert peer.peer.origin(new) == "by the names that its port accepts"
    peer.desk.before.append(old)
    assert peer.trusted() == []
    peer.desk.before[:] = [new]
    assert peer.trusted() == [new], "the same certificate is no other one"


def test_a_box_is_not_used_outside_a_renewal(make_lab: MakeLab) -> None:
    """Without a desk what it holds is not known, which is said; its release is."""
    device = connect(access(make_lab(), "expc", None), RELEASE)
    assert device.status().release == "X14.3"
    for read in (device.trusted, device.pending_csr, lambda: device.certificate("server")):
        with pytest.raises(UsageError, match="known only to people"):
            read()


def test_a_release_that_nobody_named_is_asked_for(make_lab: MakeLab) -> None:
    """The way on names the key of the site file."""
    device = connect(access(make_lab(), "expc", None), Options())
    with pytest.raises(UsageError, match="release of expc is not known") as error:
        device.status()
    assert "[nodes.expc.options]" in error.value.todo


def test_a_slot_is_looked_at_anew_when_its_port_changed(make_lab: MakeLab) -> None:
    """What was seen counts while the port presents what it presented then, or what was seen; then not any more."""
    lab = make_lab()
    device = Worked(lab, "expc", RELEASE)
    held = device.certificate("server")
    assert device.desk.sightings["certificate:server"].shows["certificate"] == fingerprint(held)
    steps = len(device.person.steps)
    assert device.certificate("server") == held
    assert len(device.person.steps) == steps, "nobody is asked twice"
    seen = device.desk.sightings["certificate:server"]
    other = {"certificate": seen.shows["certificate"], "presented": "0" * 64}
    device.desk.sightings["certificate:server"] = replace(seen, shows={**other, "certificate": "1" * 64})
    assert device.certificate("server") == held
    assert len(device.person.steps) == steps + 1


def test_a_list_counts_for_some_hours(make_lab: MakeLab) -> None:
    """Up to `list_hours`, and not a second longer."""
    device = Worked(make_lab(), "expc", RELEASE)
    device.trusted()
    steps, seen = len(device.person.steps), device.desk.sightings["trusted"]
    for hours, asked in ((23.9, 0), (24, 1)):
        old = replace(seen, at=stamp(moment(seen.at) - timedelta(hours=hours)))
        device.desk.sightings["trusted"] = old
        device.trusted()
        assert len(device.person.steps) - steps == asked


def test_a_certificate_of_another_host_is_not_taken_at_the_inspection(make_lab: MakeLab) -> None:
    """A PEM file that its port does not present must at least name the box, as after an upload without a restart."""
    lab = make_lab()
    device, issuer = Worked(lab, "expc", RELEASE), new_issuer("Some Root")
    uploaded = issuer.sign(new_request(lab.boxes["expc"].hostname, [lab.boxes["expc"].hostname]))
    foreign = issuer.sign(new_request("expe.corp.example", ["expe.corp.example"]))
    assert device.take(pem([uploaded]), "f").shows["certificate"] == fingerprint(uploaded)
    with pytest.raises(Refused, match="expc should have one of"):
        device.take(pem([foreign]), "f")
    device.desk.slot = "known"
    with pytest.raises(Refused, match="expc should have one of"):
        device.take(pem([uploaded]), "f")


def test_a_cucm_is_not_worked_by_hand(make_lab: MakeLab) -> None:
    """The name of the driver is not taken for one that restarts services; the right one is named."""
    lab = make_lab(neighbour=True)
    assert connect_peer(access(lab, "partner", None), PeerOptions()).by_hand
    with pytest.raises(SiteError, match="can't work a node of kind `cucm`") as error:
        connect_peer(dataclasses.replace(access(lab, "partner", None), kind="cucm"), PeerOptions())
    assert "`cucm`" in error.value.todo


def test_der_is_read_as_well(make_lab: MakeLab) -> None:
    """A list in another form than the page's is taken, too."""
    lab = make_lab()
    root = lab.authority.old.chain[-1]
    brought = Worked(lab, "expc", RELEASE).take(root.public_bytes(Encoding.DER), "f")
    assert (brought.what, brought.shows["certificates"]) == ("trusted", [fingerprint(root)])


def test_nothing_is_pressed_by_the_driver_itself(make_lab: MakeLab) -> None:
    """Each write raises Waiting with steps, and leaves the box as it was."""
    lab = make_lab()
    device = Worked(lab, "expc", RELEASE)
    spec = CsrSpec(names=["DNS:a.example"], subject=[], key="RSA 2048")
    device.pending_csr()
    before = len(lab.effects.all())
    plain = connect(access(lab, "expc", device.desk), RELEASE)
    writes: list[Callable[[], None]] = [
        lambda: plain.add_trusted(lab.authority.new.chain[-1]),
        lambda: plain.generate_csr(spec),
        plain.restart,
    ]
    for write in writes:
        with pytest.raises(Waiting) as waiting:
            write()
        assert waiting.value.steps
        assert waiting.value.on == "person"
    assert len(lab.effects.all()) == before
