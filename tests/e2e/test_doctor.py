"""`doctor` in the lab: each check finds what is wrong, names what to do, logs in once, and changes nothing."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.context import Settings
from engine.cli.examining import patient
from engine.doctor.checks import CHECKS, examine
from engine.doctor.findings import Diagnosis, exit_code
from engine.errors import SiteError
from engine.model import Outcome
from plugins.lab.lab import Lab
from plugins.lab.releases import RELEASES
from tests.e2e.story import Story

Labs = Callable[..., Lab]
SEEN = ("reachable", "tls", "login")
"""The checks of a box that come before anything is read of it."""


def examined(lab: Lab, *nodes: str) -> list[Diagnosis]:
    """Return what `certrenew doctor` finds in a lab."""
    return examine(patient(Settings(site=lab.site_file, home=lab.home), nodes))


def of(found: list[Diagnosis], outcome: Outcome, check: str = "", node: str | None = None) -> list[Diagnosis]:
    """Return the findings of one outcome, and of a check and a node where these are named."""
    return [one for one in found if one.outcome is outcome and check in ("", one.check) and node in (None, one.node)]


def failures(found: list[Diagnosis]) -> set[tuple[str, str]]:
    """Return node and check of everything that failed."""
    return {(one.node, one.check) for one in of(found, Outcome.FAIL)}


def only(found: list[Diagnosis], outcome: Outcome, check: str, node: str) -> Diagnosis:
    """Return the one finding of this kind."""
    (one,) = of(found, outcome, check, node)
    return one


def edit(lab: Lab, old: str, new: str) -> None:
    """Change the lab's site file."""
    text = lab.site_file.read_text()
    assert old in text
    lab.site_file.write_text(text.replace(old, new, 1))


def contents(folder: Path) -> dict[str, str]:
    """Return every file of a folder with the hash of its content, but for the log of the lab itself."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "effects.jsonl"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ---- all is well ---------------------------------------------------------------------------------------------------


def test_a_good_site_passes_and_nothing_was_changed(labs: Labs) -> None:
    """In a healthy lab nothing fails, each check about boxes says so of each, and neither box nor home was changed."""
    lab = labs(cucm=True, days_left={"expc": 90})
    effects, files = lab.effects.all(), contents(lab.home)
    found = examined(lab)
    assert exit_code(found) == 0, [one.message for one in of(found, Outcome.FAIL)]
    for node in ("expc", "expe"):
        passed = {one.check for one in of(found, Outcome.PASS, node=node)}
        assert passed == {*SEEN, "api", "restart", "ends", "slots", "pending-csr", "trust", "zones"}
    for node in ("cucm-pub", "cucm-sub"):
        assert {one.check for one in of(found, Outcome.PASS, node=node)} == {
            *("reachable", "tls", "login", "api", "services", "ends")
        }
    assert {one.check for one in of(found, Outcome.WARN)} <= {"people", "policy", "names"}
    assert lab.effects.all() == effects
    assert contents(lab.home) == files


def test_what_is_found_names_what_to_do_and_stands_in_the_table(labs: Labs) -> None:
    """Each finding is of a check of the table, and all that is not well says what to do."""
    lab = labs()
    lab.order("expe", "forget-ca", ca="old")
    lab.order("expc", "generate-csr")
    found = examined(lab)
    assert {one.check for one in found} <= {check.name for check in CHECKS}
    assert all(one.todo for one in found if one.outcome is not Outcome.PASS)


def test_only_the_named_nodes_are_visited(labs: Labs) -> None:
    """With names only these boxes are asked; a name that the site lacks is refused with the nearest one."""
    lab = labs()
    lab.machines["expe"].stop()
    assert exit_code(examined(lab, "expc")) == 0
    assert exit_code(examined(lab)) == 5
    with pytest.raises(SiteError) as refused:
        examined(lab, "expcc")
    assert "`expc`" in refused.value.todo


@pytest.mark.parametrize("release", sorted(RELEASES))
def test_every_release_of_the_lab_can_be_examined(labs: Labs, release: str) -> None:
    """No release fails but by its API being off; X15.5's client slot, which can't be read, is told."""
    lab = labs(releases={"expc": release, "expe": release}, switches={"*": {"api_access": "on"}})
    found = examined(lab)
    assert failures(found) == set()
    slots = of(found, Outcome.WARN, "trust")
    assert bool(slots) == (release == "X15.5")
    assert all("client slot" in one.message for one in slots)


# ---- reaching a box ------------------------------------------------------------------------------------------------


def test_a_dead_box_is_told_and_the_others_are_visited(labs: Labs) -> None:
    """A box that does not answer fails with 5, is not logged in to, and keeps nobody from the other."""
    lab = labs()
    lab.machines["expe"].stop()
    found = examined(lab)
    assert {check for node, check in failures(found) if node == "expe"} == {"reachable"}
    assert of(found, Outcome.PASS, "api", "expc")
    assert not of(found, Outcome.PASS, "login", "expe")
    assert exit_code(of(found, Outcome.FAIL, "reachable")) == 5


@pytest.mark.parametrize("proof", ["ca", "pin"])
def test_an_unproven_box_gets_no_credentials(labs: Labs, proof: str) -> None:
    """With a wrong `ca` or `pin` the box is told as unproven, with 4, and not even a wrong login reaches it."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")  # it would be counted if it were sent
    given = 'ca = "ca/new-root.pem"' if proof == "ca" else f'pin = "sha256:{"0" * 64}"'
    edit(lab, 'ca = "trust/boxes.pem"', given)
    found = examined(lab)
    assert failures(found) == {("expc", "tls")}
    told = only(found, Outcome.FAIL, "tls", "expc")
    assert told.exit_code == 4
    assert "No user name or password was sent" in told.message
    assert lab.effects.of("login-refused") == []
    assert not of(found, Outcome.PASS, "login", "expc")


def test_the_right_pin_proves_a_box(labs: Labs) -> None:
    """Control: the fingerprint that the box shows is enough, without any CA certificate."""
    lab = labs()
    shown = lab.boxes["expc"].serves.certificate
    from engine.certificates import fingerprint

    edit(lab, 'ca = "trust/boxes.pem"', f'pin = "sha256:{fingerprint(shown)}"')
    assert exit_code(examined(lab)) == 0


# ---- logging in ----------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_tried_once(labs: Labs) -> None:
    """A refused login fails with 5 after one request; nothing more is sent to that box, and the other is examined."""
    lab = labs()
    (lab.home / "secrets" / "expc").write_text("wrong")
    found = examined(lab)
    assert failures(found) == {("expc", "login")}
    assert exit_code(found) == 5
    assert [entry["node"] for entry in lab.effects.of("login-refused")] == ["expc"]
    assert "not tried again" in only(found, Outcome.FAIL, "login", "expc").message
    assert of(found, Outcome.PASS, "login", "expe")
    assert of(found, Outcome.PASS, "tls", "expc"), "the box was proven before it was told a password"


def test_a_secret_that_is_not_there_is_a_matter_of_configuration(labs: Labs) -> None:
    """A password file that is missing, or open to others, ends with 2; nothing is sent, and nothing of it is shown."""
    lab = labs()
    secret = lab.home / "secrets" / "expc"
    password = secret.read_text()
    secret.chmod(0o644)
    found = examined(lab)
    assert (failures(found), exit_code(found)) == ({("expc", "login")}, 2)
    assert "chmod 600" in only(found, Outcome.FAIL, "login", "expc").todo
    assert all(password not in one.message + one.todo for one in found)
    secret.unlink()
    assert exit_code(examined(lab)) == 2
    assert lab.effects.of("login-refused") == []


def test_each_account_of_a_cucm_node_is_tried_once(labs: Labs) -> None:
    """A wrong password of one account does not keep the other from being tried, and each is sent once."""
    lab = labs(cucm=True, switches={"*": {"soap_account": "separate", "soap_rate": "0"}})
    text = lab.site_file.read_text()
    for node in ("cucm-pub", "cucm-sub"):
        head, table, rest = text.partition(f"[nodes.{node}.options]\n")
        text = f'{head}{table}soap_password = "file:secrets/{node}-soap"\n{rest}'
    lab.site_file.write_text(text)
    assert exit_code(examined(lab)) == 0
    (lab.home / "secrets" / "cucm-pub-soap").write_text("wrong")
    (lab.home / "secrets" / "cucm-sub").write_text("wrong")
    found = examined(lab)
    assert {one for one in failures(found) if one[1] == "login"} == {("cucm-pub", "login"), ("cucm-sub", "login")}
    assert sorted(str(entry["node"]) for entry in lab.effects.of("login-refused")) == ["cucm-pub", "cucm-sub"]
    assert of(found, Outcome.PASS, "api", "cucm-pub"), "its stores were read"
    assert of(found, Outcome.PASS, "services", "cucm-sub"), "its services were read"


def test_one_wrong_account_for_both_is_sent_once(labs: Labs) -> None:
    """Where both functions of a CUCM node share an account, its wrong password is sent once and told once."""
    lab = labs(cucm=True)
    (lab.home / "secrets" / "cucm-sub").write_text("wrong")
    found = examined(lab)
    only(found, Outcome.FAIL, "login", "cucm-sub")
    assert [entry["node"] for entry in lab.effects.of("login-refused")] == ["cucm-sub"]


def test_a_control_center_that_wants_a_pause_is_no_failure(labs: Labs) -> None:
    """Too many requests are a warning with how long to wait; nothing failed."""
    lab = labs(cucm=True)
    lab.order("cucm-sub", "rate-limited")
    found = examined(lab)
    assert exit_code(found) == 0
    assert "Wait 20 seconds" in only(found, Outcome.WARN, "services", "cucm-sub").todo
    assert of(found, Outcome.PASS, "services", "cucm-pub")


def test_an_api_that_is_off_is_told_with_the_way_to_it(labs: Labs) -> None:
    """A box that knows the account and denies the API fails with 5, and the page with the switch is named."""
    lab = labs()
    lab.order("expc", "disable-api")
    found = examined(lab)
    assert failures(found) == {("expc", "api")}
    told = only(found, Outcome.FAIL, "api", "expc")
    assert told.exit_code == 5
    assert "Administrator accounts" in told.todo
    lab.order("expc", "enable-api")
    assert exit_code(examined(lab)) == 0


def test_what_can_not_be_read_is_told_and_the_rest_is(labs: Labs) -> None:
    """An answer that fails is one finding; what else the box says is used."""
    lab = labs()
    lab.order("expc", "error-5xx", path="/api/provisioning/certs/generate_csr")
    found = examined(lab)
    assert failures(found) == {("expc", "api")}
    assert not of(found, Outcome.PASS, "pending-csr", "expc")
    assert of(found, Outcome.PASS, "trust", "expc")


def test_a_certificate_for_a_slot_that_can_not_be_reached_fails(labs: Labs) -> None:
    """A certificate of the site for the client slot, which no API reaches, is told before anybody begins with it."""
    lab = labs()
    edit(lab, 'slot = "server"', 'slot = "client"')
    assert failures(examined(lab)) == {("expc", "api")}


# ---- what is under way on a box ------------------------------------------------------------------------------------


def test_an_outstanding_restart_is_told(story: Story) -> None:
    """What is in the slot and not on the wire is told; where a renewal of ours put it there, how to go on."""
    assert of(examined(story.lab), Outcome.PASS, "restart", "expc")
    story.begin()
    story.until("Installed")
    told = only(examined(story.lab), Outcome.WARN, "restart", "expc")
    assert told.todo.endswith(f"certrenew run {story.id}")
    story.until("Restarted")
    found = examined(story.lab)
    assert of(found, Outcome.PASS, "restart", "expc")
    assert exit_code(found) == 0, "what the renewal taught is trusted, though the site's `ca` does not know it"
    assert "that a renewal of it taught" in only(found, Outcome.PASS, "tls", "expc").message
    assert "boxes.pem" in only(found, Outcome.PASS, "tls", "expe").message


def test_what_somebody_else_uploaded_is_told(labs: Labs) -> None:
    """A certificate in the slot that nobody here put there is told without naming a renewal."""
    lab = labs()
    lab.boxes["expc"].slots["server"] = lab.boxes["expe"].slots["server"]
    assert "Find out who uploaded it" in only(examined(lab), Outcome.WARN, "restart", "expc").todo


def test_a_pending_csr_is_told_with_whose_it_is(story: Story) -> None:
    """Ours passes; one that nobody here made is a warning; ours gone from the box fails with what to type."""
    story.begin()
    story.until("CSRPending")
    assert story.id in only(examined(story.lab), Outcome.PASS, "pending-csr", "expc").message
    story.lab.order("expc", "replace-csr")
    found = examined(story.lab)
    lost = only(found, Outcome.FAIL, "pending-csr", "expc")
    assert f"certrenew restage {story.id}" in lost.todo
    assert "--adopt-csr" in only(found, Outcome.WARN, "pending-csr", "expc").todo
    assert exit_code(found) == 4


def test_a_zone_that_is_down_is_told_with_its_cause(labs: Labs) -> None:
    """A zone that is not active is a warning with what the box says of it."""
    lab = labs()
    lab.order("expe", "forget-ca", ca="old")
    lab.await_zone("Failed")
    assert any("Traversal to expe" in one.message for one in of(examined(lab), Outcome.WARN, "zones"))


def test_an_ended_certificate_fails_whatever_the_api_says(labs: Labs) -> None:
    """A certificate that has ended is told from the wire alone, since the box can't be proven by it any more."""
    lab = labs(days_left={"expc": -2})
    found = examined(lab)
    assert "ended" in only(found, Outcome.FAIL, "ends", "expc").message
    assert "certrenew start expc-server" in only(found, Outcome.FAIL, "ends", "expc").todo
    assert ("expc", "tls") in failures(found)
    assert exit_code(found) == 4


# ---- trust ---------------------------------------------------------------------------------------------------------


def test_a_trust_gap_of_today_is_found(labs: Labs) -> None:
    """A peer that lacks the CA of what a box presents is named with what it lacks; nobody else is."""
    lab = labs()
    lab.order("expe", "forget-ca", ca="old")
    found = examined(lab)
    gap = only(found, Outcome.FAIL, "trust", "expc")
    assert "The trusted CA list of expe" in gap.message
    assert "Corp Root CA G1" in gap.message
    assert "Corp Issuing CA G1" in gap.message
    assert "expe" in gap.todo
    assert exit_code(found) == 4


def test_a_gap_in_one_store_of_a_cucm_node_is_found(labs: Labs) -> None:
    """Each store of each node is compared by itself."""
    lab = labs(cucm=True)
    lab.order("cucm-sub", "forget-ca", ca="old", store="CallManager-trust")
    gap = only(examined(lab), Outcome.FAIL, "trust", "expc")
    assert gap.message.startswith("CallManager-trust of cucm-sub")


def test_what_could_not_be_compared_is_said(labs: Labs) -> None:
    """A peer whose list was not read is a warning, neither a gap nor silence."""
    lab = labs()
    (lab.home / "secrets" / "expe").write_text("wrong")
    found = examined(lab)
    assert "could not be compared" in only(found, Outcome.WARN, "trust", "expc").message
    assert ("expc", "trust") not in failures(found)


def test_an_issuer_that_nothing_here_has_is_told(labs: Labs) -> None:
    """When neither a box nor the site has the issuer of what is presented, its name is told."""
    lab = labs()
    for node in ("expc", "expe"):
        lab.order(node, "forget-ca", ca="old")
    assert all(re.search("which nothing here has", one.message) for one in of(examined(lab), Outcome.FAIL, "trust"))


# ---- the site and the home -----------------------------------------------------------------------------------------


def test_a_misspelt_key_is_the_first_finding_and_the_rest_still_runs(labs: Labs) -> None:
    """A site file that can't be used is told first, with 2; plugins and home are checked, and no box is asked."""
    lab = labs()
    edit(lab, "hostname", "hostnam")
    found = examined(lab)
    assert (found[0].check, found[0].exit_code) == ("site", 2)
    assert "Did you mean `hostname`" in found[0].todo
    assert [one.check for one in found[1:]] == ["plugins", "home", "renewals"]
    assert exit_code(found) == 2


def test_a_damaged_renewal_is_found(story: Story) -> None:
    """A renewal whose journal was changed, and one that can't be read, fail with their file; a whole one passes."""
    story.begin()
    assert of(examined(story.lab), Outcome.PASS, "renewals")
    path = story.lab.home / "renewals" / story.id / "renewal.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"begun", b"began"))
    found = examined(story.lab)
    assert failures(found) == {("", "renewals")}
    assert exit_code(found) == 4
    path.write_bytes(b"{")
    assert story.id in only(examined(story.lab), Outcome.FAIL, "renewals", "").message


def test_a_home_that_others_can_write_is_refused(labs: Labs) -> None:
    """What a home that others can write says of boxes is not relied on: it fails with 2, and none is visited."""
    lab = labs()
    lab.home.chmod(0o777)
    found = examined(lab)
    assert failures(found) == {("", "home")}
    assert "No box was visited" in only(found, Outcome.WARN, "reachable", "").message
    assert "chmod go-w" in only(found, Outcome.FAIL, "home", "").todo
    assert exit_code(found) == 2
    lab.home.chmod(0o755)
    assert "chmod go-rwx" in only(examined(lab), Outcome.WARN, "home", "").todo
