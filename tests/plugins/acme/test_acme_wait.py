"""The authority acme against PyPI's acme2certifier: days of waiting, profiles, renewal information."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.certificates import build_chain, to_pem
from engine.contracts import Issued, Pending
from engine.errors import Refused
from plugins.acme.wire import certificate_id
from tests.pki import CA
from tests.plugins.acme.desk import Desk, request
from tests.plugins.acme.servers import A2c, a2c


def at(server: A2c, webroot: Path, **options: object) -> Desk:
    """Return a desk before an acme2certifier, which takes the proof for given."""
    webroot.mkdir(exist_ok=True)
    told = {"directory": server.directory, "ca": server.trust, "challenge": "http-01", "webroot": webroot}
    told["contact"] = ["pki@example.org"]
    return Desk({**told, **options})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[A2c]:
    """Run one that issues at once and knows two profiles."""
    profiles = '{"short": "https://ca.example/short", "server": "https://ca.example/server"}'
    with a2c(tmp_path_factory.mktemp("a2c"), Order={"profiles": profiles}) as running:
        yield running


@pytest.fixture
def desk(server: A2c, tmp_path: Path) -> Desk:
    """Return a desk before it."""
    return at(server, tmp_path / "webroot")


def test_it_issues(desk: Desk, server: A2c) -> None:
    """Another server than Pebble, another dialect: the same way leads to a certificate."""
    leaf, *chain = desk.issued(request())
    assert build_chain(leaf, chain, [server.ca.certificate], desk.now).anchored


def test_an_order_waits_for_thirty_days(tmp_path: Path) -> None:
    """While the CA's officer takes her time it stays pending, asked ever less often, and goes on when she approved."""
    with a2c(tmp_path / "a2c", waits=True) as server:
        desk = at(server, tmp_path / "webroot")
        answer = desk.authority().submit(request())
        start, polls = desk.now, 0
        while desk.now < start + timedelta(days=30):
            assert isinstance(answer, Pending), answer
            polls += 1
            desk.now += timedelta(seconds=answer.poll_after, days=1 if answer.ticket["finalized"] else 0)
            answer = desk.collect(answer)
        assert isinstance(answer, Pending)
        assert "has not issued yet" in answer.todo
        assert 0 < answer.poll_after <= 3600
        assert polls >= 29
        server.approve()
        desk.now = datetime.now(desk.now.tzinfo)  # its certificate begins today
        assert isinstance(desk.until_over(answer), Issued)


def test_a_profile_is_ordered(desk: Desk, server: A2c, tmp_path: Path) -> None:
    """A profile that the directory names is ordered; any other is refused with those that there are, unordered."""
    assert at(server, tmp_path, profile="short").issued(request())
    with pytest.raises(Refused, match="no profile long; it names: server, short") as caught:
        at(server, tmp_path, profile="long").authority().submit(request())
    assert caught.value.untouched == "Nothing was ordered."
    with pytest.raises(Refused, match="no profile long"):
        at(server, tmp_path, profile="long").authority().cautions(request())


def test_the_window_for_renewal_is_asked(desk: Desk) -> None:
    """The CA's window of RFC 9773 lies within the certificate's life; a certificate of others has none."""
    leaf = desk.issued(request())[0]
    found = desk.authority().suggested(leaf)
    assert found is not None
    assert leaf.not_valid_before_utc < datetime.fromisoformat(found.start)
    assert datetime.fromisoformat(found.start) < datetime.fromisoformat(found.end) <= leaf.not_valid_after_utc
    stranger = CA.root().issue("box.example.org", not_after=desk.now + timedelta(days=9)).certificate
    assert desk.authority().suggested(stranger) is None


def test_an_expired_certificate_is_not_asked_about(desk: Desk) -> None:
    """Once it has expired there is nothing to suggest (RFC 9773 section 4.3)."""
    leaf = desk.issued(request())[0]
    desk.now = leaf.not_valid_after_utc
    assert desk.authority().suggested(leaf) is None


def test_the_order_says_what_it_replaces(desk: Desk) -> None:
    """The certificate in use is named in the order, and the CA takes the order so."""
    first = desk.issued(request())[0]
    answer = desk.authority().submit(request(current=to_pem(first)))
    assert isinstance(answer, Pending)
    assert answer.ticket["replaces"] == certificate_id(first)
    assert desk.issued(request(current=to_pem(first)))
