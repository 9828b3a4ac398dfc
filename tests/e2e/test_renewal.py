"""One certificate renewed from end to end, and what must never happen on the way."""

from collections.abc import Callable

import pytest

from engine.errors import Failed, Refused
from engine.net import served
from engine.runner import begin
from plugins.lab.authority import fingerprint, pem
from plugins.lab.lab import Lab
from tests.e2e.story import Story


def test_a_renewal_goes_through_all_seven_states_and_is_served(story: Story) -> None:
    """A renewal ends with the new certificate on the wire, the new chain in every trust store and the zone up."""
    story.begin()
    assert story.renewal.state == "New"
    for state in ("Inspected", "CSRPending", "Signed", "Validated", "TrustPropagated", "Installed", "Restarted"):
        assert story.until(state).state == state
    leaf = story.renewal.items[0].leaf
    for name in ("https", "sip"):
        assert fingerprint(served(story.lab.machines["expc"].ports[name].address)) == leaf
    for box in story.lab.boxes.values():
        held = {fingerprint(certificate) for certificate in box.trusted}
        assert set(story.renewal.items[0].chain) <= held
    assert story.lab.await_zone("Active").cause == ""
    assert story.renewal.items[0].same_ca is False
    story.once()


def test_the_key_never_leaves_the_box(story: Story) -> None:
    """Nothing that is stored in the home holds a private key or a password."""
    story.begin()
    story.until("Restarted")
    password = story.lab.boxes["expc"].account.password.encode()
    stored = [path for path in story.lab.home.glob("renewals/**/*") if path.is_file()]
    assert len(stored) > 10
    for path in stored:
        content = path.read_bytes()
        assert b"PRIVATE KEY" not in content
        assert password not in content
        assert path.stat().st_mode & 0o077 == 0


def test_a_ca_lost_while_the_box_restarts_takes_the_zone_down(story: Story) -> None:
    """When the peer loses the new CA after the read-back, the handshake fails and its reason is told, with exit 5."""
    story.edit_site("restart_timeout = 60", "restart_timeout = 3")
    story.begin()
    story.until("Installed")
    story.approve_next()
    story.when("restarting", lambda: story.lab.order("expe", "forget-ca", ca="new"))
    with pytest.raises(Failed, match=r"local issuer|unknown ca|certificate verify failed") as failed:
        story.until("Restarted")
    assert failed.value.exit_code == 5
    assert "Traversal to expe" in failed.value.what
    assert story.renewal.state == "Installed"
    assert story.lab.zone.status("expc").status == "Failed"

    story.lab.boxes["expe"].append_trust(pem(story.lab.authority.generation("new").chain))
    assert story.again().state == "Restarted"
    assert story.effects("restarted") == ["expc"]


def test_a_ca_lost_before_the_restart_stops_it(story: Story) -> None:
    """Before the box is asked to restart, every peer is read once more; without its trust nothing is restarted."""
    story.begin()
    story.until("Installed")
    story.approve_next()
    story.lab.order("expe", "forget-ca", ca="new")
    with pytest.raises(Refused, match=r"expe does not trust the new chain.*Corp Root CA G2"):
        story.until("Restarted")
    assert story.effects("restarted") == []


def test_install_refuses_until_every_peer_trusts_the_chain(story: Story) -> None:
    """Trust comes first: a peer that lost the CA after TrustPropagated stops the upload, and no override helps."""
    story.begin()
    story.until("TrustPropagated")
    story.lab.order("expe", "forget-ca", ca="new")
    with pytest.raises(Refused, match="expe does not trust"):
        story.until("Installed")
    assert story.effects("certificate-installed") == []
    story.lab.boxes["expe"].append_trust(pem(story.lab.authority.generation("new").chain))
    assert story.until("Installed").state == "Installed"


def test_same_ca_still_proves_trust(labs: Callable[..., Lab]) -> None:
    """With the CA unchanged nothing is added, and the trust stores are read and proven all the same."""
    story = Story(labs())
    story.begin()
    story.until("CSRPending")
    csr = story.lab.home / "renewals" / story.id / "papers" / "expc-server.csr"
    answer = story.lab.home / "old.pem"
    answer.write_bytes(story.lab.sign(csr.read_bytes(), generation="old"))
    story.hand_in([answer])
    story.until("Restarted")
    assert story.renewal.items[0].same_ca is True
    assert story.effects("trust-appended") == []
    assert any("expe trusts the chain" in text for text in story.events("state"))


def test_one_renewal_of_two_certificates(story: Story) -> None:
    """Two items share one plan and one approval a step, and are restarted one after the other, zones back between."""
    story.certificate = "expc-server"
    document = begin.start(story.runner, ["expc-server", "expe-server"])
    story.id = document.renewal.id
    story.wait_for_person()
    papers = story.lab.home / "renewals" / story.id / "papers"
    assert sorted(path.name for path in papers.iterdir()) == [
        "expc-server-request.txt",
        "expc-server.csr",
        "expe-server-request.txt",
        "expe-server.csr",
    ]
    files = []
    for name in ("expc-server", "expe-server"):
        files.append(story.lab.home / f"{name}.pem")
        files[-1].write_bytes(story.lab.sign((papers / f"{name}.csr").read_bytes()))
    story.hand_in(files[:1])
    story.wait_for_person()
    story.hand_in(files[1:])
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("certificate-installed") == ["expc", "expe"]
    assert story.effects("restarted") == ["expc", "expe"]
    assert len(story.runner.store.decisions(story.id)) == 2
    served = [fingerprint(box.serves.certificate) for box in story.lab.boxes.values()]
    assert served == [item.leaf for item in story.renewal.items]
    story.lab.await_zone("Active")


@pytest.mark.parametrize("release", ["X12.5", "X14.3", "X15.4", "X15.5"])
def test_every_release_with_its_api_on(labs: Callable[..., Lab], release: str) -> None:
    """A renewal works on every release of the lab once the API may be used."""
    story = Story(labs(releases={"expc": release, "expe": release}, switches={"*": {"api_access": "on"}}))
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    story.lab.await_zone("Active")


@pytest.mark.parametrize(
    ("switch", "setting"),
    [
        ("upload_encoding", "multipart"),
        ("csr_conflict_status", "200"),
        ("refusal_status", "200"),
        ("send_chain", "intermediates"),
        ("uptime_on_restart", "continues"),
        ("same_subject", "all"),
        ("duplicate_ca", "dropped"),
    ],
)
def test_whatever_the_vendor_leaves_open(labs: Callable[..., Lab], switch: str, setting: str) -> None:
    """A renewal works with every setting of what the vendor does not document."""
    story = Story(labs(switches={"*": {switch: setting}}))
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    story.once()


def test_raw_uploads_need_their_setting(labs: Callable[..., Lab]) -> None:
    """A box that takes bare PEM is served once the driver is told so."""
    story = Story(labs(switches={"*": {"upload_encoding": "raw"}}))
    story.edit_site("poll_interval = 1 ", 'poll_interval = 1\nupload = "raw" ')
    story.begin()
    assert story.until("Restarted").state == "Restarted"


def test_trust_that_counts_only_after_a_restart(labs: Callable[..., Lab]) -> None:
    """Where a trust store counts only after a restart, the peer is restarted too, with an approval of its own."""
    story = Story(labs(switches={"*": {"trust_effective": "after-restart"}}))
    story.edit_site("poll_interval = 1 ", "poll_interval = 1\ntrust_needs_restart = true ")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("restarted") == ["expe", "expc"]
    approved = {(d.step, d.phase) for d in story.runner.store.decisions(story.id)}
    assert approved == {("propagate", "services"), ("install", "install"), ("restart", "restart")}
    assert story.lab.await_zone("Active").status == "Active"
