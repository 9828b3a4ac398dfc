"""Boxes that people work by hand: each step told in the vendor's words, and verified by what can be seen."""

import hashlib
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.errors import Failed, Refused, Unreachable, UsageError, Waiting
from engine.report import files as files_of
from engine.report import gather
from engine.runner import people
from engine.runner.confirming import confirm
from engine.runner.site import Clock
from engine.store import Store
from plugins.lab.authority import pem
from plugins.lab.lab import Lab
from tests.e2e.desk import Desk
from tests.e2e.hands import RELEASE, ByHand

Labs = Callable[..., Lab]

KEY = "-----BEGIN PRIVATE KEY-----\nx"


class Later(Clock):
    """Be some hours ahead, for whoever asks."""

    def __init__(self, clock: Clock, hours: float) -> None:
        self._clock, self._ahead = clock, timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def wait(self, seconds: float) -> None:
        self._clock.wait(seconds)


def reached(story: ByHand, state: str) -> str:
    """Return what was proven when a state was reached."""
    return next(text for text in story.events("state") if text.startswith(state))


# ---- whole renewals ------------------------------------------------------------------------------------------------


def test_a_box_without_api_is_renewed_by_hand(labs: Labs) -> None:
    """From New to Restarted with the API off: the pages alone change the box, once each, and the wire proves it."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    story.once()
    assert story.effects("api-refused") == []
    [item] = story.renewal.items
    assert story.lab.boxes["expc"].serves.fingerprint == item.leaf
    assert story.renewal.pins["expc"] == [item.leaf]


def test_every_change_by_hand_is_proven_and_says_by_whom(labs: Labs) -> None:
    """Each intent has its proof, with who showed it; a word alone is marked as one."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.until("Restarted")
    journal = story.document.journal
    begun = [event.data["change"] for event in journal if event.kind == "intent"]
    done = [event.data["change"] for event in journal if event.kind == "done" and event.data["change"] in begun]
    assert len(begun) == len(set(begun))
    assert sorted(done) == sorted(set(begun) - {begun[1]}), "all but the submission, which the supplied file ends"
    proofs = [text for text in story.events("done") if "holds Corp" in text or "server certificate of" in text]
    assert len(proofs) == 5
    assert all("as engineer showed at" in text for text in proofs)
    assert [text.partition(": ")[2] for text in story.events("confirmed")] == [
        "no CSR is pending on expc: its page offers Generate CSR, and no Discard CSR",
        "every zone of expc that was Active before its restart is Active again",
    ]


def test_waiting_for_hands_writes_nothing_twice(labs: Labs) -> None:
    """Running again and again while nobody does anything adds no event, and presses nothing."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    for words in ("press Show (decoded)", "Fill in", "Append CA", "Upload server", "press Restart"):
        waiting = story.until_asked(words)
        before, pressed = len(story.document.journal), len(story.lab.effects.all())
        for _ in range(3):
            assert story.asked().steps == waiting.steps
        assert (len(story.document.journal), len(story.lab.effects.all())) == (before, pressed), words
        story.do(waiting)
    assert story.again().state == "Restarted"
    story.once()


def test_a_driven_peer_sees_the_zones_of_a_guided_box(labs: Labs) -> None:
    """With the E driven and the C by hand, the E is asked about the zone, and no person."""
    story = ByHand(labs(), "expc")
    story.begin()
    story.until("Restarted")
    story.once()
    assert not any("Status > Zones: when" in step for step in story.steps)
    assert "Traversal to expe (as expe sees it)" in story.events("state")[-1]
    assert story.effects("trust-appended").count("expe") == 2


def test_a_zone_that_a_driven_peer_sees_down_stops_the_renewal(labs: Labs) -> None:
    """Control: nobody's word is taken for a zone that the E shows as failed."""
    story = ByHand(labs(), "expc")
    story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    story.begin()
    waiting = story.until_asked("press Restart")
    story.lab.zone.verify_name = "somebody.else.example"
    story.do(waiting)
    with pytest.raises(Failed, match="zones, or its cluster, are not as before its restart"):
        story.until("Restarted")
    assert story.renewal.state == "Installed"


# ---- another driver midway -----------------------------------------------------------------------------------------


def test_the_api_may_go_away_and_come_back_in_the_middle(labs: Labs) -> None:
    """Driven to CSRPending, by hand until the upload, driven to the end: one CSR, one upload, one restart."""
    story = ByHand(labs())
    story.begin()
    story.until("CSRPending")
    story.guide("expc")
    waiting = story.until_asked("Upload server")
    assert story.effects("csr-generated") == ["expc"]
    story.do(waiting)
    story.drive("expc")
    assert story.until("Restarted").state == "Restarted"
    story.once()
    assert story.effects("restarted") == ["expc"]


def test_an_approval_outlives_a_change_of_driver(labs: Labs) -> None:
    """What was approved for the driver is the same change by hand, and the other way round; a fresh look decides."""
    story = ByHand(labs())
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.guide("expc")
    waiting = story.until_asked("Upload server")
    story.do(waiting)
    story.runner.run(story.id, until="Installed")
    story.approve_next()
    story.drive("expc")
    story.runner.run(story.id)
    assert story.renewal.state == "Restarted"
    assert len(story.runner.store.decisions(story.id)) == 2


def test_an_upload_that_was_left_open_is_looked_at_by_hand(labs: Labs) -> None:
    """An answer that never came, then no API: a person looks at the slot, and nothing is uploaded twice."""
    story = ByHand(labs())
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    story.lab.order("expc", "drop-after", path="/api/provisioning/certs/server", method="POST", count=1)
    with pytest.raises(Unreachable, match="did not answer"):
        story.runner.run(story.id)
    story.guide("expc")
    story.instead["Press Upload server certificate data"] = lambda _: None  # the first step says so
    assert story.until("Restarted").state == "Restarted"
    story.once()


def test_a_restart_by_hand_is_proven_by_an_api_that_came_back(labs: Labs) -> None:
    """The box's own API then shows its zones; nobody is asked for a word, and nothing restarts twice."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.do(story.until_asked("press Restart"))
    story.lab.effects.wait("restarted", "expc")
    story.drive("expc")
    assert story.until("Restarted").state == "Restarted"
    assert "active again: Traversal to expe" in reached(story, "Restarted")
    assert not [text for text in story.events("confirmed") if "zone" in text]
    story.once()


def test_a_driven_restart_whose_api_went_away_is_ended_by_hand(labs: Labs) -> None:
    """The port shows that the box restarted; only its zones are asked for."""
    story = ByHand(labs())
    story.edit_site("restart_timeout = 60", "restart_timeout = 1")
    story.begin()
    story.until("Installed")
    story.approve_next()
    story.lab.order("expc", "restart-never-ends")
    with pytest.raises(Failed, match="did not come back"):
        story.runner.run(story.id)
    story.guide("expc")
    with pytest.raises(Waiting, match="does not answer on every port"):
        story.runner.run(story.id)
    story.lab.clear("expc")
    story.lab.effects.wait("restarted", "expc")
    assert story.until("Restarted").state == "Restarted"
    assert [step for step in story.steps if "press Restart" in step] == []
    story.once()


# ---- those that only trust -----------------------------------------------------------------------------------------


def test_an_external_neighbour_trusts_by_a_word(labs: Labs) -> None:
    """It is asked for before the install, marked as a word, and true: the neighbour accepts the new certificate."""
    story = ByHand(labs(neighbour=True), certificate="expe-server")
    story.begin()
    waiting = story.until_asked("looks after partner")
    with pytest.raises(Waiting):
        story.runner.run(story.id, until="TrustPropagated")
    assert story.effects("certificate-installed") == []
    story.do(waiting)
    story.until("Restarted")
    assert "partner trusts the chain of expe-server (by the word of engineer" in reached(story, "TrustPropagated")
    assert story.lab.neighbour is not None
    story.lab.neighbour.wait("Active", 15)
    assert story.lab.neighbour.seen["partner"] == story.renewal.items[0].leaf


def test_a_list_from_an_external_neighbour_is_better_than_a_word(labs: Labs) -> None:
    """A list that lacks one of them leaves that one to be done, and no word is recorded."""
    story = ByHand(labs(neighbour=True), certificate="expe-server")
    story.begin()
    waiting = story.until_asked("looks after partner")
    story.instead["has them all: certrenew confirm"] = lambda _: story.hand_over(story.lab.page("partner", "show-all"))
    story.do(waiting)
    story.until("TrustPropagated")
    assert not [text for text in story.events("confirmed") if "partner trusts" in text]
    assert "partner trusts the chain of expe-server (as engineer showed" in reached(story, "TrustPropagated")


@pytest.mark.parametrize(("names", "asked"), [("distinct", False), ("same", True)])
def test_a_port_that_names_its_cas_is_believed_where_the_names_tell_them_apart(
    labs: Labs, names: str, asked: bool
) -> None:
    """What the port shows needs nobody's word; the name of an old CA of the same name shows nothing."""
    lab = labs(neighbour=True, ca_names=names, switches={"partner": {"names_its_cas": "on"}})
    story = ByHand(lab, certificate="expe-server")
    lab.boxes["partner"].append_trust(pem(lab.authority.new.chain))
    story.begin()
    story.until("Validated")
    people.override(story.runner, story.id, "same-name-ca", "the old one goes next week")
    story.until("TrustPropagated")
    assert any("looks after partner" in step for step in story.steps) is asked
    assert ("by the names that its port accepts" in reached(story, "TrustPropagated")) is not asked


# ---- what people do wrong ------------------------------------------------------------------------------------------


def test_the_text_of_another_certificate_is_told_precisely(labs: Labs) -> None:
    """The page of another box is refused with what it shows and what is expected; nothing is recorded."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.asked()
    before = len(story.document.journal)
    foreign = story.lab.page("expe", "show-decoded")
    with pytest.raises(Refused, match=r"is of CN=expe\.corp\.example.*expc should have one of: expc\.corp\.example"):
        story.hand_over(foreign, "expc")
    changed = story.lab.page("expc", "show-decoded").replace("DNS:secure-phones", "DNS:other-phones")
    with pytest.raises(Refused, match="expc should have"):
        story.hand_over(changed, "expc")
    assert len(story.document.journal) == before
    assert story.again().state == "Restarted"


def test_an_old_text_after_the_upload_leaves_the_step_open(labs: Labs) -> None:
    """Whoever uploads nothing and shows the old certificate is asked again; nothing is taken for done."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    waiting = story.until_asked("Upload server")
    story.node = "expc"
    story.bring("show-decoded")
    again = story.asked()
    assert again.steps == waiting.steps
    assert story.renewal.state == "TrustPropagated"
    assert story.until("Restarted").state == "Restarted"


def test_a_wrong_file_is_refused_by_the_box_and_the_right_one_is_still_taken(labs: Labs) -> None:
    """The chain file in place of the leaf: the box says no, the renewal waits as before, and goes on."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    waiting = story.until_asked("Upload server")
    with pytest.raises(UsageError, match="The page of expc says"):
        story.lab.page("expc", "upload", (story.lab.home / "answer.pem").read_text())
    assert story.effects("certificate-installed") == []
    assert story.asked().steps == waiting.steps
    assert story.again().state == "Restarted"
    assert (story.effects("upload-refused"), story.effects("certificate-installed")) == (["expc"], ["expc"])
    assert story.whole()


def test_a_discarded_csr_is_found_at_the_upload_and_the_renewal_begins_again(labs: Labs) -> None:
    """The box refuses the certificate; restage asks what is pending before a new CSR is asked for."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    waiting = story.until_asked("Upload server")
    story.lab.page("expc", "discard")
    with pytest.raises(UsageError, match="The page of expc says"):
        story.do(waiting)
    assert "certrenew restage" in waiting.steps[0]
    story.aside("restage", "the CSR was discarded")
    steps = story.asked().steps
    assert len(steps) == 1
    assert "Where it offers Generate CSR in its place" in steps[0]
    assert story.again().state == "Restarted"
    assert story.effects("csr-generated") == ["expc", "expc"]
    assert story.effects("certificate-installed") == ["expc"]


def test_a_csr_that_lacks_a_name_is_not_signed(labs: Labs) -> None:
    """It is told which name, nobody is asked to sign it, and another one is taken after it was discarded."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    waiting = story.until_asked("Fill in")

    def forget(step: str) -> None:
        story.press("generate-csr", story.file(step).replace("secure-phones.corp.example,", ""))

    story.instead["Fill in the fields"] = forget
    story.do(waiting)
    with pytest.raises(Refused, match=r"lacks the name DNS:secure-phones\.corp\.example") as refused:
        story.runner.run(story.id)
    assert story.events("submitted") == []
    story.lab.page("expc", "discard")
    story.do(refused.value)
    story.instead.clear()
    assert story.again().state == "Restarted"


def test_a_csr_of_somebody_else_is_left_alone(labs: Labs) -> None:
    """The pages show it before anybody is asked to make one; once it is gone, a person says so."""
    story = ByHand(labs(), "expc", "expe")
    story.lab.order("expc", "generate-csr")
    story.begin()
    with pytest.raises(Refused, match="pending CSR that this renewal did not make") as refused:
        story.until("CSRPending")
    assert story.effects("csr-discarded") == []
    story.lab.page("expc", "discard")  # whose it was did it
    story.do(refused.value)
    assert story.again().state == "Restarted"


def test_a_restart_that_brings_the_old_certificate_back_is_seen(labs: Labs) -> None:
    """The ports decide: no word ends the step while they present the old certificate."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    waiting = story.until_asked("press Restart")
    story.lab.order("expc", "restart-old-certificate", count=1)
    story.do(waiting)
    story.lab.await_zone("Active")
    again = story.until_asked("press Restart")
    assert again.steps == waiting.steps
    with pytest.raises(Refused, match="what was done can be seen"):
        confirm(story.runner, story.id)
    assert story.renewal.state == "Installed"
    story.do(again)
    assert story.again().state == "Restarted"


def test_a_list_grows_old(labs: Labs) -> None:
    """A list that was brought yesterday is asked for anew before the install rests on it."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.until("TrustPropagated")
    story.runner.site.clock = Later(story.runner.site.clock, 25)
    waiting = story.asked()
    assert [step.partition(" (")[0] for step in waiting.steps] == ["expc", "expe"]
    assert all("Show all (PEM file)" in step for step in waiting.steps)


def test_a_ca_that_was_lost_meanwhile_is_found_in_a_fresh_list(labs: Labs) -> None:
    """Trust first: a list without the new CA refuses the install, whatever an older one showed."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.until("TrustPropagated")
    story.lab.order("expe", "forget-ca", ca="new")
    story.node = "expe"
    story.bring("show-all")
    with pytest.raises(Refused, match="expe does not trust the new chain"):
        story.until("Installed")
    assert story.effects("certificate-installed") == []


# ---- clusters, slots and turns -------------------------------------------------------------------------------------


def cluster(labs: Labs, *nodes: str) -> ByHand:
    """Return a renewal of both peers of a cluster, of which people work these boxes."""
    return ByHand(labs(cluster=True), *nodes, certificate="expc-server", more=("expc2-server",))


def test_a_cluster_with_a_peer_worked_by_hand_restarts_one_after_the_other(labs: Labs) -> None:
    """The other peer and the E show that the first is back and the cluster whole; nobody's word is asked for that."""
    story = cluster(labs, "expc")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert story.effects("restarting") == ["expc", "expc2"]
    assert not any("when every zone that was Active" in step for step in story.steps)
    assert "Traversal to expe (as expe sees it)" in reached(story, "Restarted")
    for link in story.lab.links:
        link.wait("Active", 15)


def test_a_peer_that_does_not_take_the_hand_worked_one_back_stops_the_rest(labs: Labs) -> None:
    """Control: while the other peer shows the link as failed it is not restarted, whoever restarted the first."""
    story = cluster(labs, "expc")
    story.edit_site("restart_timeout = 60", "restart_timeout = 2")
    story.begin()
    waiting = story.until_asked("press Restart")
    story.lab.links[3].verify_name = "somebody.else.example"
    story.do(waiting)
    with pytest.raises(Failed, match=r"expc2 and its peer expc\.corp"):
        story.until("Restarted")
    assert story.effects("restarting") == ["expc"]


def test_a_cluster_worked_by_hand_alone_goes_on_by_words(labs: Labs) -> None:
    """Where no peer has an API a person says of each box that zones and cluster are back, before the next restarts."""
    story = cluster(labs, "expc", "expc2", "expe")
    story.begin()
    waiting = story.until_asked("System > Clustering: when every zone that was Active")
    assert story.effects("restarting") == ["expc"]
    story.do(waiting)
    assert story.again().state == "Restarted"
    assert story.effects("restarting") == ["expc", "expc2"]
    assert [text.partition(": ")[2] for text in story.events("confirmed")][-2:] == [
        f"every zone of {node} that was Active before its restart is Active again, and its cluster is whole"
        for node in ("expc", "expc2")
    ]


def test_nobody_is_asked_to_restart_while_a_peer_worked_by_hand_is_away(labs: Labs) -> None:
    """Its web page shows at least that it is there; `cluster-whole` holds by hand, too."""
    story = ByHand(labs(cluster=True), "expc", "expc2", certificate="expc2-server")
    story.begin()
    story.until("Installed")
    story.lab.order("expc", "restart-never-ends")
    story.lab.page("expc", "restart")
    story.lab.effects.wait("restarting", "expc")
    with pytest.raises(Refused, match="cluster is not whole: expc: it does not answer"):
        story.until("Restarted")
    assert story.effects("restarting") == ["expc"]


@pytest.mark.parametrize("also", [False, True])
def test_the_client_slot_is_refused_by_hand_before_anything_is_asked(labs: Labs, also: bool) -> None:
    """Alone or together with the server slot: the first look says so, and what to do in its place."""
    releases, switches = {"expc": "X15.5", "expe": "X15.5"}, {"*": {"client_store_api": "listed"}}
    lab = labs(releases=releases, switches=switches)
    story = ByHand(lab, "expc", certificate="expc-server" if also else "expc-client")
    if also:
        story.edit_site("[certificates.expc-server]\n", "[certificates.expc-server]\nalso_client = true\n")
    story.begin()
    with pytest.raises(Refused, match="the slot server of expc can be worked only, not client") as refused:
        story.until("Inspected")
    assert "certrenew cancel" in refused.value.todo
    assert story.steps == []


def test_what_people_showed_counts_in_the_next_turn(labs: Labs) -> None:
    """The second slot of another box comes in a turn of its own: nobody shows again what is in the first box."""
    switches = {"client_store_api": "listed", "api_access": "on"}
    lab = labs(releases={"expc": "X15.5"}, switches={"expc": switches})
    story = ByHand(lab, "expe", certificate="expe-server", more=("expc-server", "expc-client"))
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    assert story.renewal.turn == 1
    assert [step for step in story.steps if "press Show (decoded), copy" in step and "expe (" in step]
    assert len([text for text in story.events("brought") if "slot of expe" in text]) == 2, "before and after"
    assert story.effects("certificate-installed").count("expe") == 1


# ---- at the desk ---------------------------------------------------------------------------------------------------


def test_what_is_typed_at_two_in_the_morning(labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """`run` ends with 3 and numbered steps that fit the terminal; what is pasted is taken; `why` says it again."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    desk = Desk(story, capsys)
    told = desk.type("run", story.id)
    assert told.code == 3
    assert re.search(r"^  1\. +expc \(https://.+$", told.err, re.MULTILINE)
    assert "  3." in told.err
    assert desk.type("why", story.id).out.count("Maintenance > Security") == 3
    pasted = io.TextIOWrapper(io.BytesIO(story.lab.page("expc", "show-decoded").encode()))
    monkeypatch.setattr("sys.stdin", pasted)
    taken = desk.type("supply", story.id, "-", "--node", "expc")
    assert taken.code == 0
    assert "what was pasted: what the server slot of expc holds" in " ".join(taken.err.split())
    assert "Show (decoded)" not in taken.out, "what was brought is no longer asked for"
    assert desk.json("why", story.id)["wait"]["asks"][0]["node"] == "expc"
    assert desk.type("confirm", story.id).code == 0
    steps = story.lab.home / "renewals" / story.id / "papers" / "steps.txt"
    assert len(steps.read_text().split("\n\n")) == 4, "each step in one line, for a mail"


def test_a_file_needs_its_box_where_several_are_asked(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """A list says not of itself whose it is; a box that the site lacks, a key and an empty file are told."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.until("Validated")
    story.runner.site.clock = Later(story.runner.site.clock, 25)
    story.asked()
    desk = Desk(story, capsys)
    files = {"list.pem": story.lab.page("expc", "show-all"), "empty": "", "key.pem": KEY, "key16.pem": KEY}
    for name, text in files.items():
        (story.lab.home / name).write_text(text, encoding="utf-16" if "16" in name else "ascii")
    before = len(story.document.journal)
    at = {name: str(story.lab.home / name) for name in files}
    nothing = r"^Nothing (was recorded|of it was kept|was taken from the file)\.$"
    for words, what, todo in (
        ([at["list.pem"]], r"which box it is of: expc, expe", "--node"),
        ([at["list.pem"], "--node", "exp"], "no node `exp`", "expc"),
        ([at["key.pem"], "--node", "expc"], "holds a private key", "delete"),
        ([at["key16.pem"], "--node", "expc"], "holds a private key", "delete"),
        ([at["list.pem"], at["empty"], "--node", "expc"], "it is an empty file", ""),
    ):
        desk.fails("supply", story.id, *words, code=2, what=what, left=nothing, todo=todo)
    desk.fails("confirm", story.id, code=4, what="can be seen", left="Nothing was recorded", todo="certrenew run")
    assert len(story.document.journal) == before
    assert desk.type("supply", story.id, at["list.pem"], "--node", "expc").code == 0


def test_a_guided_box_is_examined_from_outside(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """`doctor` says that people work it and finds no fault in that; without a release it does."""
    story = ByHand(labs(), "expc")
    desk = Desk(story, capsys)
    found = {one["node"]: one for one in desk.json("doctor")["findings"] if one["check"] == "api"}
    assert "Worked by hand" in found["expc"]["message"]
    story.edit_site(f'release = "{RELEASE}"\n', "")
    told = desk.type("doctor", "expc")
    assert told.code == 2
    assert "release of expc is not known" in " ".join(told.out.split())


def test_the_estate_is_told_with_what_people_work(labs: Labs, capsys: pytest.CaptureFixture[str]) -> None:
    """`inventory` and `inspect` tell which nodes are worked by hand, and that only their ports were looked at."""
    story = ByHand(labs(neighbour=True), "expc")
    desk = Desk(story, capsys)
    found = desk.json("inventory")
    assert {one["name"] for one in found["nodes"] if one["by_hand"]} == {"expc", "partner"}
    assert [one["not_read"] for one in found["nodes"]] == [{}] * len(found["nodes"])
    trusted = {(one["from"], one["to"]): one["trusted"] for one in found["presented"]}
    assert trusted["expc", "expe"] is True
    assert trusted["expe", "expc"] is trusted["expe", "partner"] is None
    told = " ".join(desk.type("inventory").out.split())
    assert "only their ports were looked at: expc, partner" in told
    assert "what partner trusts is brought by people" in told
    assert "looked after by others" in desk.type("inspect", "partner").out
    shown = desk.json("inspect", "expc")
    assert (shown["by_hand"], shown["slots"], shown["not_read"]) == (True, {}, {})


def test_the_report_shows_what_people_brought_and_said(labs: Labs) -> None:
    """Each file is in the pack under its SHA-256, as it was brought; a word is told at the top as one."""
    story = ByHand(labs(), "expc", "expe")
    story.begin()
    story.until("Restarted")
    found = gather(Store(story.lab.home), story.id, datetime.now(UTC))
    assert found.problems == []
    pack = files_of(found)
    brought = {name.split("/")[1]: pack[name] for name in pack if name.startswith("brought/")}
    journal = {f"{event.data['file']}.txt" for event in story.document.journal if event.kind == "brought"}
    assert set(brought) == journal == {f"{hashlib.sha256(content).hexdigest()}.txt" for content in brought.values()}
    top = pack["report.html"].decode().partition("<h2")[0]
    assert top.count("A PERSON&#x27;S WORD") == 2
    assert top.count("SEEN BY A PERSON") == len(story.events("brought")) == 7
