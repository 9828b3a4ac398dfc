"""Renewals of the Expressway-C through a CUCM whose command line is open to certrenew."""

from collections.abc import Callable

import pytest

from engine.errors import Failed, Unreachable, Waiting
from engine.runner.confirming import confirm
from plugins.lab.lab import Lab
from tests.e2e.story import Hours, Story

SERVICES = ["Cisco CallManager", "Cisco Tftp", "Cisco Tomcat", "Cisco HAProxy"]
RESTART = "utils service restart"


def told(
    labs: Callable[..., Lab],
    how: str = "",
    releases: dict[str, str] | None = None,
    patience: int = 600,
    **switches: str,
) -> Story:
    """Return a story in a lab whose site opens the nodes' command lines, with restarts as `how` says."""
    every = {"*": {"soap_rate": "0", "replication": "0", **switches}}
    story = Story(labs(cucm=True, ssh=True, releases=releases or {}, switches=every))
    restarts = f'restarts = "{how}"\n' if how else ""
    story.edit_site("replication = 5 ", f"{restarts}replication = {patience} ")
    return story


def restarted(story: Story) -> list[tuple[str, str]]:
    """Return which services restarted, where, in order."""
    return [(str(entry["service"]), str(entry["node"])) for entry in story.entries("service-restarted")]


def in_order() -> list[tuple[str, str]]:
    """Return the vendor's order: one service on all nodes before the next, publisher first."""
    return [(service, node) for service in SERVICES for node in ("cucm-pub", "cucm-sub")]


@pytest.mark.parametrize("how", ["", "ssh"])
def test_nobody_has_to_restart_anything_by_hand(labs: Callable[..., Lab], how: str) -> None:
    """Every service restarts once, in the vendor's order, publisher first, and no person is asked for a restart."""
    story = told(labs, how)
    story.begin()
    assert story.until("Restarted", restart=False).state == "Restarted"
    assert restarted(story) == in_order()
    typed = [(entry["line"], entry["node"]) for entry in story.entries("command-typed") if RESTART in entry["line"]]
    wanted = SERVICES if how else SERVICES[2:]
    assert typed == [(f"{RESTART} {service}", node) for service in wanted for node in ("cucm-pub", "cucm-sub")]
    assert story.lab.await_mra("Active").status == "Active"
    assert story.effects("login-refused") == []
    assert story.whole()


def test_a_slow_node_with_pages_and_either_login(labs: Callable[..., Lab]) -> None:
    """A late prompt, pages that can't be turned off and a plain password change nothing of it."""
    story = told(labs, "ssh", cli_start="1", pagination="stays", ssh_login="password")
    story.begin()
    assert story.until("Restarted", restart=False).state == "Restarted"
    assert restarted(story) == in_order()


def test_only_what_runs_is_restarted(labs: Callable[..., Lab]) -> None:
    """A subscriber without TFTP, of a release without HAProxy, restarts the rest."""
    story = Story(
        labs(
            cucm=True,
            ssh=True,
            switches={"*": {"soap_rate": "0", "replication": "0"}, "cucm-sub": {"tftp": "off", "haproxy": "absent"}},
        )
    )
    story.begin()
    story.until("TrustPropagated", restart=False)
    assert [service for service, node in restarted(story) if node == "cucm-sub"] == [SERVICES[0], SERVICES[2]]


@pytest.mark.parametrize("how", ["", "ssh"])
def test_a_restart_that_broke_off_is_not_repeated(labs: Callable[..., Lab], how: str) -> None:
    """Where the session ends in a restart: by its up-time it is seen, and where nothing shows it a person is asked."""
    story = told(labs, how)
    story.lab.order("cucm-pub", "drop-after", path=f"{RESTART} Cisco Tomcat", method="SSH", count=1)
    story.begin()
    with pytest.raises(Unreachable) as broken:
        story.until("TrustPropagated", restart=False)
    assert "not known" in broken.value.untouched
    story.lab.effects.wait("service-restarted", "cucm-pub", count=3)  # meanwhile the REST API is away
    if how:
        with pytest.raises(Waiting, match="has to be looked at by a person"):
            story.run_past_boxes("TrustPropagated")
        confirm(story.runner, story.id)
    assert story.until("Restarted", restart=False).state == "Restarted"
    assert restarted(story) == in_order()


@pytest.mark.parametrize(("how", "service"), [("", "Cisco HAProxy"), ("ssh", "Cisco CallManager")])
def test_a_slow_restart_that_broke_off_is_waited_for(labs: Callable[..., Lab], how: str, service: str) -> None:
    """While the service is down nobody asks again, leaves it out or goes on to the next; then it is as above."""
    story = told(labs, how)
    story.clock = Hours(story.lab)
    story.edit_site("poll_interval = 1 ", "poll_interval = 10 ")
    story.begin()
    story.until("Validated")
    story.lab.order("cucm-pub", "drop-after", path=f"{RESTART} {service}", method="SSH", count=1)
    slow = [lambda: story.lab.order("cucm-pub", "restart-never-ends", count=1)]

    def tell(kind: str, text: str) -> None:
        if kind == "act" and text.startswith(f"restart {service} on cucm-pub") and slow:
            slow.pop()()

    story.runner.site.tell = tell
    with pytest.raises(Unreachable, match="went away"):
        story.until("TrustPropagated", restart=False)
    with pytest.raises(Waiting, match=f"{service} on cucm-pub has not started again yet"):
        story.runner.run(story.id)
    story.lab.clear("cucm-pub", "restart-never-ends")
    story.lab.effects.wait("service-restarted", "cucm-pub", count=4 if service == SERVICES[3] else 1)
    if how:
        with pytest.raises(Waiting, match="has to be looked at by a person"):
            story.run_past_boxes("TrustPropagated")
        confirm(story.runner, story.id)
    assert story.until("TrustPropagated", restart=False).state == "TrustPropagated"
    assert restarted(story) == in_order()


def test_a_session_that_did_not_come_about_is_tried_again(labs: Callable[..., Lab]) -> None:
    """With the command line away nothing was typed, so the next run types it, and asks nobody."""
    story = told(labs, "ssh")
    story.begin()
    story.until("Validated")
    assert story.lab.cucm
    port = story.lab.cucm.machines["cucm-pub"].ports["ssh"]
    story.when("service-restarted", port.close, node="cucm-sub")
    with pytest.raises(Failed, match="gives no SSH session") as away:
        story.until("TrustPropagated", restart=False)
    assert away.value.untouched == "Nothing was sent."
    port.open()
    assert story.until("Restarted", restart=False).state == "Restarted"
    assert restarted(story) == in_order()


BEFORE_14 = {"cucm-pub": "12.5", "cucm-sub": "11.5"}


@pytest.mark.parametrize("switches", [{}, {"cert_show": "decoded", "import_question": "asked", "file_names": "cn"}])
def test_releases_before_14_are_renewed_through(labs: Callable[..., Lab], switches: dict[str, str]) -> None:
    """Without certificate management API the stores are fed, and read back, at the command line, each CA once."""
    story = told(labs, "", BEFORE_14, 600, **switches)
    story.begin()
    assert story.until("Restarted", restart=False).state == "Restarted"
    imports = [entry["node"] for entry in story.entries("command-typed") if "set cert import" in entry["line"]]
    assert imports == ["cucm-pub"] * 4
    assert restarted(story) == in_order()
    assert story.lab.await_mra("Active").status == "Active"
    assert story.whole()


def test_an_old_laggard_is_fed_directly(labs: Callable[..., Lab]) -> None:
    """Where replication does not come in its time, the subscriber of 12.5 is fed at its own command line."""
    story = told(labs, releases=BEFORE_14, patience=1, replication="never")
    story.begin()
    assert story.until("TrustPropagated", restart=False).state == "TrustPropagated"
    imports = [entry["node"] for entry in story.entries("command-typed") if "set cert import" in entry["line"]]
    assert imports == ["cucm-pub"] * 4 + ["cucm-sub"] * 4
