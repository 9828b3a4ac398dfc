"""Hold what is looked up in the DNS: which names and addresses are taken, and that every name server is asked."""

import errno
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import zones
from engine.errors import Failed, NotSent, UsageError
from engine.text import escape
from engine.zones import Zones, endpoint, parsed
from tests.nameservers import Server, knot, made_up, standard_address, zone_file
from tests.ports import free_port

NAME = "_acme-challenge.box.corp.example"
LABEL = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?", fullmatch=True)


# ---- names and addresses -------------------------------------------------------------------------------------------


@given(st.lists(LABEL, min_size=1, max_size=10), st.sampled_from(["", "."]))
def test_a_name_is_read_as_it_is(labels: list[str], end: str) -> None:
    """A name of letters, digits, hyphens and underscores has exactly the labels that stand between its dots."""
    name = parsed(".".join(labels) + end)
    assert name.labels == (*(label.encode() for label in labels), b"")


@given(st.text(max_size=80))
def test_any_other_text_is_no_name(text: str) -> None:
    """Whatever else is given is either such a name or refused in words that are safe to show: nothing is unescaped."""
    try:
        name = parsed(text)
    except UsageError as error:
        said = error.what
        assert said == escape(said)
    else:
        assert name.to_text(omit_final_dot=True) == text.removesuffix(".")


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", ".a", "a\\.b", "a b", "*.a", "-a.b", "a-.b", "ä.b", "x" * 64, "a." * 127 + "b", "a\n"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    """Empty labels, escapes, blanks, wildcards and what is too long are no names for a challenge."""
    with pytest.raises(UsageError):
        parsed(text)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("ns1.corp.example", "ns1.corp.example", 53),
        ("ns1.corp.example:5353", "ns1.corp.example", 5353),
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:54", "192.0.2.1", 54),
        ("2001:db8::53", "2001:db8::53", 53),
        ("[2001:db8::53]", "2001:db8::53", 53),
        ("[2001:db8::53]:54", "2001:db8::53", 54),
    ],
)
def test_an_address_is_split(address: str, host: str, port: int) -> None:
    """A port may be given or left out, also with an IPv6 address."""
    assert endpoint(address, "server") == (host, port)


@pytest.mark.parametrize("address", ["", ":53", "a:b", "a:0", "a:65536", "a:-1", "a/b", "[::1", "a b", "https://a"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """The message names the setting."""
    with pytest.raises(UsageError, match="`server`"):
        endpoint(address, "server")


# ---- every name server is asked ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run Knot on port 53, where name servers are that are found by name; one address besides has nobody."""
    folder, host = tmp_path_factory.mktemp("knot"), standard_address()
    silent = standard_address()
    value = '_acme-challenge.box TXT "the" "re"'
    zone_file(folder, "corp.example", "@ NS ns2", f"ns2 A {silent}", "@ NS ns3", value, server=host)
    zone_file(folder, "six.example", "ns1 AAAA 2001:db8::1", value, server=host)
    zone_file(folder, "only-six.example", "@ NS ns6", "ns6 AAAA 2001:db8::1", value, server=host)
    (folder / "none.example.zone").write_text("$TTL 60\n@ SOA a b 1 2 3 4 5\n_acme-challenge TXT there\n")
    zones = "".join(f"  - domain: {zone}.example\n" for zone in ("corp", "six", "only-six", "none"))
    template = f'template:\n  - id: default\n    storage: {folder}\n    file: "%s.zone"\n    semantic-checks: soft\n'
    with knot(folder, f"{template}zone:\n{zones}", host, 53) as running:
        yield running


def test_every_address_of_every_server_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three name servers one shows the value, one is silent and one has no address: two are named, with the why."""
    monkeypatch.setattr(zones, "TIMEOUT", 1.0)
    missing = Zones([server.host]).missing(NAME, "there")
    assert [one.split(" at ")[0] for one in missing] == ["ns2.corp.example", "ns3.corp.example (it has no address)"]
    assert missing[0].endswith("(no answer in time)")
    assert f"ns1.corp.example at {server.host} (not there yet)" in Zones([server.host]).missing(NAME, "ther")


@pytest.fixture
def _without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send nothing by IPv6, as on a machine that has no route."""
    real = dns.query.udp_with_fallback

    def routed(query: Any, where: str, *rest: Any, **more: Any) -> Any:
        if ":" in where:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return real(query, where, *rest, **more)

    monkeypatch.setattr(dns.query, "udp_with_fallback", routed)


@pytest.mark.usefixtures("_without_ipv6")
def test_an_address_without_route_is_left_out(server: Server) -> None:
    """Where this machine has no IPv6, a server's IPv4 address does; one that has IPv6 alone is named."""
    assert Zones([server.host]).missing("_acme-challenge.box.six.example", "there") == []
    only = Zones([server.host]).missing("_acme-challenge.box.only-six.example", "there")
    assert only == ["ns6.only-six.example at 2001:db8::1 (no route to it)"]


def test_a_server_may_be_named_instead(server: Server) -> None:
    """`nameservers` replaces the zone's own, by address or by name."""
    for one in (server.host, "ns1.corp.example", "ns1.corp.example:53"):
        assert Zones([server.host], [one]).missing(NAME, "there") == []
    assert Zones([server.host], ["ns3.corp.example"]).missing(NAME, "there") == ["ns3.corp.example (it has no address)"]


def test_a_zone_without_name_server_is_told(server: Server) -> None:
    """Nobody to ask is an error, and never the answer that nothing is missing."""
    with pytest.raises(Failed, match=r"No name server of the zone none\.example is known"):
        Zones([server.host]).missing("_acme-challenge.none.example", "there")


def test_a_server_that_refuses_is_named(server: Server) -> None:
    """A server that is said to hold the zone and doesn't is named with what it answers."""

    def refuse(query: dns.message.Message) -> bytes:
        answer = dns.message.make_response(query)
        answer.set_rcode(dns.rcode.REFUSED)
        return answer.to_wire()

    with made_up(refuse) as address:
        assert Zones([server.host], [address]).missing(NAME, "there") == [f"{address} (it answers REFUSED)"]


def test_a_server_is_asked_for_what_it_has_itself(server: Server) -> None:
    """The question asks for no recursion: a name server that is also a resolver must not look elsewhere for us."""
    asked: list[dns.message.Message] = []

    def listen(query: dns.message.Message) -> bytes:
        asked.append(query)
        return dns.message.make_response(query).to_wire()

    with made_up(listen) as address:
        assert Zones([server.host], [address]).missing(NAME, "there") == [f"{address} (it is not authoritative)"]
    assert [query.flags & dns.flags.RD for query in asked] == [0]
    assert asked[0].payload == 1232


def test_a_resolver_that_is_away_is_told() -> None:
    """Where no resolver answers, nothing was sent to any name server."""
    away = f"127.0.0.1:{free_port()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "TIMEOUT", 0.5)
        with pytest.raises(NotSent, match=f"{away} tells nothing of {NAME}: no answer in time"):
            Zones([away]).place(NAME)
