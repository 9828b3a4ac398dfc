"""What the driver sends, when, and what it does when the other end misbehaves, over real TLS on loopback."""

from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from engine.certificates import fingerprint
from engine.contracts import TrustStore
from engine.errors import (
    CertrenewError,
    Failed,
    LoginRefused,
    Refused,
    Unreachable,
    Untrusted,
    UsageError,
    Waiting,
)
from engine.https import BODY_LIMIT
from engine.net import TlsTrust
from engine.testing.pki import new_issuer
from plugins.cucm import Options, connect, register_trust_stores, soap, wire
from tests.plugins.cucm.server import ALL, NAME, NOW, PASSWORD, ROOT, USER, Reply, Server, answer, snapshot, told

TOMCAT, CALLMANAGER = wire.STORES
TFTP = "Cisco Tftp"
WRITES: dict[str, Callable[[TrustStore], object]] = {
    wire.UPLOAD: lambda node: node.add_trusted(ROOT, TOMCAT),
    soap.PATH: lambda node: node.restart_service(TFTP),
}
each_write = pytest.mark.parametrize("path", WRITES)


def texts(error: CertrenewError) -> str:
    """Return all that an error says."""
    return "".join([error.what, error.untouched, error.todo, repr(error)])


@each_write
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, b"busy"), Failed),
        (Reply(302, b"", headers={"Location": "/login"}), Failed),
        (Reply(404, b"<html>"), Failed),
        (Reply(200, b"{}" + b" " * 50, cut=3), Unreachable),
        (Reply(dropped=True), Unreachable),
        (Reply(200, b" " * (BODY_LIMIT + 1)), Failed),
    ],
    ids=["5xx", "redirect", "gone", "truncated", "dropped", "endless"],
)
def test_a_write_that_goes_wrong_raises_and_is_not_repeated(
    server: Server, path: str, reply: Reply, kind: type[CertrenewError]
) -> None:
    """Whatever is answered instead of success, the write raises and was sent once; the cases hold the control."""
    server.answers["POST", path] = reply
    with pytest.raises(kind) as caught:
        WRITES[path](server.node())
    assert type(caught.value) is kind
    assert server.seen("POST") == [path]
    assert PASSWORD not in texts(caught.value)


CALLS: dict[str, Callable[[TrustStore], object]] = {
    "trusted": lambda node: node.trusted(TOMCAT),
    "add": lambda node: node.add_trusted(ROOT, TOMCAT),
    "check": lambda node: node.check_writable(),
    "services": lambda node: node.services(),
    "service": lambda node: node.service(TFTP),
    "restart": lambda node: node.restart_service(TFTP),
}


@pytest.mark.parametrize("first", CALLS)
def test_after_a_refused_login_nothing_is_sent(server: Server, first: str) -> None:
    """One 401, to REST or SOAP, and the object sends that login to neither again."""
    node = server.node(password=lambda: "wrong")
    with pytest.raises(LoginRefused, match=r"cucm1 refused the login of 'admin'"):
        CALLS[first](node)
    assert len(server.asked) == 1
    for call in CALLS.values():
        with pytest.raises(LoginRefused) as caught:
            call(node)
        assert "refused the login before" in caught.value.untouched
    assert len(server.asked) == 1


def test_a_login_that_is_accepted_goes_on(server: Server) -> None:
    """The control: with the right password all calls go through."""
    node = server.node()
    for call in CALLS.values():
        call(node)
    assert len(server.asked) == len(CALLS)


def test_an_application_user_of_its_own_is_used_for_soap_only(server: Server) -> None:
    """The Control Center gets `soap_username`; its refusal says what account it wants, and leaves REST alone."""
    node = server.node(Options(soap_username="appuser"))
    with pytest.raises(LoginRefused, match="'appuser'") as caught:
        node.services()
    assert "application user" in caught.value.todo
    with pytest.raises(LoginRefused):
        node.restart_service(TFTP)
    assert node.trusted(TOMCAT) == []
    sent = [b64decode(one.headers["authorization"].removeprefix("Basic ")).decode() for one in server.asked]
    assert sent == [f"appuser:{PASSWORD}", f"{USER}:{PASSWORD}"]


def test_a_write_that_is_refused_as_a_login_names_the_privilege_too(server: Server) -> None:
    """Where a node answers a reader's upload with 401, the advice covers that; whether one does is unknown."""
    server.answers["POST", wire.UPLOAD] = answer({"message": "Unauthorized"}, 401)
    with pytest.raises(LoginRefused) as caught:
        server.node().add_trusted(ROOT, TOMCAT)
    assert "privilege 1" in caught.value.todo


def test_the_probe_can_be_left_out(server: Server) -> None:
    """With `write_probe` none nothing is sent, and a reader is found out at the upload."""
    server.answers["POST", wire.UPLOAD] = answer({}, 403)
    node = server.node(Options(write_probe="none"))
    node.check_writable()
    assert server.asked == []
    with pytest.raises(Refused, match="may only read"):
        node.add_trusted(ROOT, TOMCAT)
    with pytest.raises(Refused, match="may only read"):
        server.node().check_writable()


def test_one_snapshot_serves_one_look_at_each_store(server: Server) -> None:
    """Two stores are one request; a second look at a store, and a look after a write, are requests of their own."""
    node = server.node()
    node.trusted(TOMCAT), node.trusted(CALLMANAGER)
    assert server.seen("GET") == [wire.SNAPSHOT]
    server.answers["GET", wire.SNAPSHOT] = snapshot(tomcat_trust=[ROOT], CallManager_trust=[ROOT])
    assert [fingerprint(one) for one in node.trusted(TOMCAT)] == [fingerprint(ROOT)]
    assert node.trusted(CALLMANAGER)
    assert len(server.seen("GET")) == 2
    node.add_trusted(ROOT, TOMCAT)
    node.trusted(CALLMANAGER)
    assert len(server.seen("GET")) == 3


@pytest.mark.parametrize(("later", "requests"), [(9, 1), (10, 2), (-1, 2)])
def test_a_snapshot_grows_old(server: Server, later: int, requests: int) -> None:
    """After ten seconds, or when the clock went back, another store is not read from it."""
    times = [NOW, *[NOW + timedelta(seconds=later)] * 3]
    clock: Callable[[], datetime] = lambda: times.pop(0)  # noqa: E731
    node = server.node(now=clock)
    node.trusted(TOMCAT), node.trusted(CALLMANAGER)
    assert len(server.asked) == requests


def test_only_the_two_stores_are_reached(server: Server) -> None:
    """CAPF-trust, and a store without a name, are refused before anything is sent."""
    node = server.node()
    assert node.stores == ("tomcat-trust", "CallManager-trust")
    for store in ("CAPF-trust", "", "tomcat"):
        with pytest.raises(UsageError):
            node.trusted(store)
        with pytest.raises(UsageError):
            node.add_trusted(ROOT, store)
    assert server.asked == []


def test_settings_are_what_the_engine_reads(server: Server) -> None:
    """Replication is the setting on a subscriber and nothing on the publisher; namesakes are the vendor's rule."""
    assert [server.node(publisher=True).replication, server.node(publisher=False).replication] == [0, 2100]
    assert server.node(Options(replication=60), publisher=False).replication == 60
    assert server.node().namesakes == "newer-replaces"
    assert not server.node().trust_needs_restart


def _trust(server: Server, case: str) -> TlsTrust:
    return {
        "wrong pin": TlsTrust(NAME, pins=frozenset({"0" * 64}), pins_only=True),
        "unknown CA": TlsTrust(NAME),
        "other name": TlsTrust("other.example", ca=str(server.ca)),
        "right pin": TlsTrust(NAME, pins=frozenset({server.pin}), pins_only=True),
        "right CA": TlsTrust(NAME, ca=str(server.ca)),
    }[case]


@pytest.mark.parametrize("call", [CALLS["trusted"], CALLS["services"]], ids=["rest", "soap"])
@pytest.mark.parametrize("case", ["wrong pin", "unknown CA", "other name", "right pin", "right CA"])
def test_only_a_node_that_is_proven_is_talked_to(
    server: Server, case: str, call: Callable[[TrustStore], object]
) -> None:
    """Neither request nor password leaves before the certificate is verified or pinned, for REST and for SOAP."""
    node = server.node(trust=_trust(server, case))
    if case.startswith("right"):
        call(node)
        return
    with pytest.raises(Untrusted):
        call(node)
    assert server.asked == []


@pytest.mark.parametrize("call", [CALLS["trusted"], CALLS["services"]], ids=["rest", "soap"])
@pytest.mark.parametrize(("user", "password"), [("admin", "s3cret\u20ac"), ("ad:min", "s3cret"), ("admin", "s3cret\n")])
def test_a_password_that_cannot_be_sent_is_refused_without_showing_it(
    server: Server, user: str, password: str, call: Callable[[TrustStore], object]
) -> None:
    """What HTTP Basic can't carry is a configuration error; the message shows nothing of it."""
    with pytest.raises(UsageError) as caught:
        call(server.node(username=user, password=lambda: password))
    assert server.asked == []
    assert "s3cret" not in texts(caught.value)


def test_a_node_that_was_asked_too_often_is_waited_for(server: Server) -> None:
    """The rate limit is no failure: it says how long to leave the node alone, and the same call then works."""
    server.answers["POST", soap.PATH] = Reply(429, b"")
    node = server.node()
    with pytest.raises(Waiting) as caught:
        node.services()
    assert (caught.value.on, caught.value.poll_after) == ("box", 20)
    server.answers["POST", soap.PATH] = ALL
    assert node.services()


def test_a_restart_shows_in_the_start_time(server: Server) -> None:
    """The old process has an old `since`; the new one a later one, whatever the node's own clock says."""
    server.answers["POST", soap.PATH] = told(soap.STATUS, (TFTP, "Started", -1, 5000))
    before = server.node().service(TFTP)
    server.answers["POST", soap.PATH] = told(soap.STATUS, (TFTP, "Started", -1, 2))
    assert before.since < server.node().service(TFTP).since == "2026-11-23T16:00:28Z"


def test_services_tell_people_what_to_do_only_where_they_have_to(server: Server) -> None:
    """A guided service has instructions; one that the Control Center restarts has none, until people are to do it."""
    services = {one.name: one for one in server.node().services()}
    assert services["Cisco Tomcat"].todo.endswith("utils service restart Cisco Tomcat")
    assert "re-register" in services["Cisco CallManager"].impact
    assert not services["Cisco CallManager"].todo
    by_people = {one.name: one for one in server.node(Options(restarts="people")).services()}
    assert "Control Center" in by_people["Cisco CallManager"].todo


def test_cautions_name_mixed_mode_the_backup_and_large_keys(server: Server) -> None:
    """They are said without asking the node; a key of 4096 bits adds a sentence, a smaller one none."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from engine.testing.pki import new_request

    small = server.node().cautions(ROOT)
    request = new_request("big.example", [], rsa.generate_private_key(public_exponent=65537, key_size=4096))
    large = server.node().cautions(new_issuer("Any").sign(request))
    assert "CTL" in small[0]
    assert "Disaster Recovery" in small[1]
    assert [*large[:2]] == [*small]
    assert "4096 bits" in large[2]
    assert server.asked == []


def test_the_driver_is_registered_under_its_name(server: Server) -> None:
    """The hook offers `cucm`, and its maker sends nothing."""
    [driver] = register_trust_stores()
    assert (driver.name, driver.options, driver.connect) == ("cucm", Options, connect)
    assert server.asked == []
