"""What is saved before it is changed: the certificate in the slot, and what each store trusted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from engine.certificates import fingerprint
from engine.errors import Waiting
from engine.model import Plan
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.hands import ByHand
from tests.e2e.story import Story


def papers(story: Story) -> dict[str, list[str]]:
    """Return the files for people that hold what was saved, each with the fingerprints in it."""
    found = (story.lab.home / "renewals" / story.id / "papers").glob("saved-*.pem")
    return {path.name: [fingerprint(one) for one in _certificates(path)] for path in found}


def _certificates(path: Path) -> list[x509.Certificate]:
    assert path.stat().st_mode & 0o777 == 0o600
    return x509.load_pem_x509_certificates(path.read_bytes())


def install_plan(story: Story) -> Plan:
    """Go on to before the upload, and return its plan."""
    story.until("TrustPropagated")
    plan = story.runner.plan(story.id)
    assert plan
    assert plan.step == "install"
    return plan


def test_certificate_and_trust_lists_are_saved_before_they_change(story: Story) -> None:
    """Each file holds what was there before the first change, is private, and stands in the journal before it."""
    old = story.lab.boxes["expc"].slots["server"].fingerprint
    trusted = {name: [fingerprint(one) for one in box.trusted] for name, box in story.lab.boxes.items()}
    story.begin()
    story.until("Restarted")
    assert papers(story) == {
        "saved-expc-trusted.pem": trusted["expc"],
        "saved-expe-trusted.pem": trusted["expe"],
        f"saved-expc-server-{old[:8]}.pem": [old],
    }
    kinds = [(event.kind, event.data.get("place", event.data.get("action"))) for event in story.document.journal]
    assert kinds.index(("saved", "expc:store:")) < kinds.index(("done", "trust"))
    began, ended = kinds.index(("intent", "upload")), kinds.index(("done", "upload"))
    assert began < kinds.index(("saved", "expc:slot:server")) < ended
    assert [event.data["certificates"] for event in story.document.journal if event.kind == "saved"][-1] == [old]
    story.once()


def test_the_plan_says_what_cannot_be_undone(story: Story) -> None:
    """The upload is for good; only a backup that a person made brings the old key back, and its page is named."""
    story.begin()
    [upload] = install_plan(story).changes
    assert not upload.reversible
    assert upload.way_back.startswith("none by certrenew")
    assert "device backup" in upload.way_back
    saves, backup = upload.notes
    assert saves == "Before it, what the slot holds and what the box trusts are saved as files"
    assert "Maintenance > Backup and restore" in backup


def test_show_and_report_tell_where_it_is(story: Story, desk: Desk) -> None:
    """`show` names what was saved, and the report has each file, which an altered one can't pass for."""
    story.begin()
    assert "saved-" not in desk.type("show", story.id).out
    story.until("Restarted")
    told = " ".join(desk.type("show", story.id).out.split())
    assert "trusted CAs of expc, trusted CAs of expe, server of expc; as files saved-…" in told
    place = story.lab.home / "pack"
    assert desk.type("report", story.id, "--out", str(place), "--json").code == 0
    assert {path.stem for path in (place / "saved").iterdir()} == set(story.renewal.saved.values())
    kept = story.lab.home / "renewals" / story.id / "artefacts" / f"{story.renewal.saved['expc:slot:server']}.pem"
    kept.write_bytes(kept.read_bytes() + b"\n")
    assert desk.type("report", story.id, "--out", str(place), "--json").code == 4
    assert "what was saved" in (place / "PROBLEMS.txt").read_text()


def test_every_store_of_cucm_is_saved_once(labs: Callable[..., Lab]) -> None:
    """Each store that is written to has its file; one that gets the CA by replication is not written to."""
    story = Story(labs(cucm=True, switches={"*": {"soap_rate": "0", "replication": "0"}}))
    story.begin()
    story.until("Validated")
    with pytest.raises(Waiting):
        story.run_past_boxes("TrustPropagated")
    stores = ("tomcat-trust", "CallManager-trust")
    saved = {place for place in story.renewal.saved if place.startswith("cucm")}
    assert saved == {f"cucm-pub:store:{store}" for store in stores}
    assert len(story.events("saved")) == len(story.renewal.saved)


def test_by_hand_what_people_brought_is_saved(labs: Callable[..., Lab]) -> None:
    """On a box without an API the list that people brought is saved, before they are asked to change it."""
    story = ByHand(labs(), "expc")
    before = [fingerprint(one) for one in story.lab.boxes["expc"].trusted]
    story.begin()
    story.until_asked("press Append CA certificate")
    assert papers(story)["saved-expc-trusted.pem"] == before
    story.until("Restarted")
    assert papers(story)["saved-expc-trusted.pem"] == before
    assert len(story.events("saved")) == 3
