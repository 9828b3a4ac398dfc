"""Somebody uploads another certificate by hand between our steps: it is seen, told, and nothing is built on it.

The other one comes as in life: at the box's pages, where the pending CSR has to go for it. Its box is never restarted
before the refusal: that would present it.
"""

from collections.abc import Callable

import pytest

from engine.errors import Refused
from plugins.lab.authority import fingerprint
from plugins.lab.lab import Lab
from tests.e2e.desk import NOTHING, Desk
from tests.e2e.story import CERTIFICATE, Story

AT_INSPECTION = r"expc holds another server certificate than when it was inspected: .*, in place of [0-9a-f]{12}…\."
UPLOADED = r"expc2? holds another server certificate than was uploaded"
ANEW = r"Find out who replaced it\. .*certrenew cancel \S+, then certrenew start expc2?-server"
KEPT = r"left as it is; what it presents changes only when it is restarted"


def somebody_else(story: Story, node: str = "expc") -> str:
    """Renew a box's certificate by hand at its pages, from the old CA; return the fingerprint."""
    lab, box = story.lab, story.lab.boxes[node]
    if box.pending:
        lab.page(node, "discard")
    lab.page(node, "generate-csr", "Key length (in bits)\n2048\n")
    csr = lab.page(node, "download").encode()
    signed = lab.sign(csr, generation="old").partition(b"-----END CERTIFICATE-----\n")
    lab.page(node, "upload", (signed[0] + signed[1]).decode())
    return box.slots["server"].fingerprint


def never_restarted(story: Story) -> None:
    """Assert that no box was restarted, and that the journal is whole."""
    assert story.effects("restarting") == []
    assert story.whole()


def from_the_start(desk: Desk) -> None:
    """Go the way that the refusal names: cancel, and renew what is there now."""
    assert desk.type("cancel", CERTIFICATE).code == 0
    anew = Story(desk.story.lab)
    anew.begin()
    assert anew.until("Restarted").state == "Restarted"
    assert anew.effects("restarted") == ["expc"]


@pytest.mark.parametrize("state", ["Inspected", "TrustPropagated"])
def test_replaced_after_the_inspection(desk: Desk, state: str) -> None:
    """Neither is a CSR made with the names of a certificate that is gone, nor is the other one's place taken."""
    desk.story.begin()
    desk.story.until(state)
    theirs = somebody_else(desk.story)
    told = desk.fails("run", CERTIFICATE, code=4, what=AT_INSPECTION, left=NOTHING, todo=ANEW)
    assert theirs[:12] in told.parts["Refused"]
    desk.fails("run", CERTIFICATE, code=4, what=AT_INSPECTION, left=NOTHING, todo=ANEW)
    never_restarted(desk.story)
    from_the_start(desk)


@pytest.mark.parametrize("pending", ["gone", "kept"])
def test_replaced_after_the_upload_was_approved(desk: Desk, pending: str) -> None:
    """An approval of the upload does not cover another certificate in the slot, with our CSR still pending or not."""
    story = desk.story
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()
    box = story.lab.boxes["expc"]
    before, ours = box.slots["server"], box.pending
    somebody_else(story)
    if pending == "kept":
        box.pending = ours
    count = len(story.effects("certificate-installed"))
    desk.fails("run", CERTIFICATE, code=4, what=AT_INSPECTION, left=NOTHING, todo=ANEW)
    assert len(story.effects("certificate-installed")) == count
    never_restarted(story)
    box.slots["server"], box.pending = before, ours  # the control: with the old one back the approval holds
    assert desk.type("advance", CERTIFICATE, "--until", "Installed").code == 0


@pytest.mark.parametrize("approved", [False, True])
def test_replaced_after_our_upload(desk: Desk, approved: bool) -> None:
    """The box is not restarted onto somebody else's certificate, approved or not; with ours back it is."""
    story = desk.story
    story.begin()
    story.until("Installed")
    if approved:
        story.approve_next()
    box = story.lab.boxes["expc"]
    ours = box.slots["server"]
    somebody_else(story)
    for _ in range(2):
        desk.fails("run", CERTIFICATE, code=4, what=UPLOADED, left=KEPT, todo=ANEW)
    never_restarted(story)
    box.slots["server"] = ours
    assert story.again().state == "Restarted"
    assert story.effects("restarting") == ["expc"]


def test_replaced_in_the_moment_before_the_restart(story: Story) -> None:
    """The slot is read right before the box is asked, not only when the plan was made."""
    story.begin()
    story.until("Installed")
    story.approve_next()
    theirs: list[str] = []

    def tell(kind: str, _text: str) -> None:
        if kind == "act" and not theirs:
            theirs.append(somebody_else(story))

    story.runner.site.tell = tell
    with pytest.raises(Refused, match=UPLOADED):
        story.runner.run(story.id)
    assert theirs == [story.lab.boxes["expc"].slots["server"].fingerprint]
    never_restarted(story)


def test_replaced_on_a_peer_while_another_restarts(labs: Callable[..., Lab]) -> None:
    """In a rolling restart the peer whose slot was changed meanwhile is not restarted; the first stays proven."""
    story = Story(labs(cluster=True), "expc-server", "expc2-server")
    story.begin()
    story.until("Installed")
    story.approve_next()
    story.when("restarted", lambda: somebody_else(story, "expc2"), node="expc")
    with pytest.raises(Refused, match=UPLOADED):
        story.runner.run(story.id)
    assert story.effects("restarting") == ["expc"]
    assert [text for text in story.events("done") if text.startswith("expc serves")]
    assert story.whole()


def test_replaced_while_the_zones_come_back(desk: Desk) -> None:
    """After the restart's proof the slot is read back once more; the box, which presents ours, is left alone."""
    story = desk.story
    story.begin()
    story.until("Installed")
    story.approve_next()
    box = story.lab.boxes["expc"]
    ours = box.slots["server"]
    story.when("restarted", lambda: somebody_else(story))
    desk.fails("run", CERTIFICATE, code=4, what=UPLOADED, left=KEPT, todo=ANEW, did=["restarting", *_THEIRS])
    desk.fails("run", CERTIFICATE, code=4, what=UPLOADED, left=KEPT, todo=ANEW)
    assert fingerprint(box.serves.certificate) == story.renewal.items[0].leaf
    box.slots["server"] = ours
    assert story.again().state == "Restarted"
    assert story.effects("restarting") == ["expc"]


_THEIRS = ("csr-generated", "certificate-installed")
"""What somebody's own renewal by hand changes."""


def test_replaced_once_the_renewal_is_over(desk: Desk) -> None:
    """What is over stays over; the next renewal tells that a restart is outstanding, and goes on from there."""
    story = desk.story
    story.begin()
    story.until("Restarted")
    theirs = somebody_else(story)
    told = desk.type("advance", story.id)
    assert (told.code, "nothing is left to do" in told.err + told.out) == (0, True)
    assert story.effects("restarting") == ["expc"]
    after = Story(story.lab)
    after.begin()
    after.until("Inspected")
    assert "a restart is outstanding" in after.events("state")[0]
    found = after.renewal.items[0].found
    assert found is not None
    assert found.certificate == theirs
    assert after.until("Restarted").state == "Restarted"
    assert story.effects("restarting") == ["expc", "expc"]


def test_a_renewal_by_hand_before_ours_is_what_is_renewed(desk: Desk) -> None:
    """The control: what was uploaded, and loaded, before the inspection is simply the old certificate."""
    story = desk.story
    theirs = somebody_else(story)
    story.lab.page("expc", "restart")
    story.lab.effects.wait("restarted", "expc")
    story.begin()
    assert story.until("Restarted").state == "Restarted"
    found = story.renewal.items[0].found
    assert found is not None
    assert found.certificate == theirs
