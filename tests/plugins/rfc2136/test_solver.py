"""Hold the solver to its contract with BIND 9 and Knot, and each refusal to plain words."""

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.tsig
import pytest
from dns.update import UpdateMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import zones
from engine.contracts import Solver
from engine.errors import CertrenewError, Failed, LoginRefused, NotSent, Refused, Unreachable, UsageError
from engine.testing import SolverConformance
from engine.testing.expect import texts
from plugins.rfc2136.client import _believed, record
from plugins.rfc2136.wire import MEANINGS, Asked, refusal
from tests.nameservers import SECRET, Server, bind, made_up, zone_file
from tests.plugins.rfc2136 import NAME
from tests.ports import free_port

Make = Callable[..., Solver]


class _Conformance(SolverConformance):
    name = NAME

    @pytest.fixture(autouse=True)
    def _where(self, make: Make, bind_server: Server, knot_server: Server) -> None:
        self._make, self._servers = make, {"bind": bind_server, "knot": knot_server}


class TestBind(_Conformance):
    """With BIND 9 the solver keeps the contract."""

    def make(self) -> Solver:
        return self._make(self._servers["bind"].address)


class TestKnot(_Conformance):
    """With Knot the solver keeps the contract."""

    def make(self) -> Solver:
        return self._make(self._servers["knot"].address)


class TestBindDelegated(_Conformance):
    """A name that is an alias into a zone for validation alone keeps the contract there."""

    name = "_acme-challenge.twice.corp.example"

    def make(self) -> Solver:
        return self._make(self._servers["bind"].address)


def _error(act: Callable[[], object], kind: type[CertrenewError]) -> str:
    """Return the words of the error that comes; whatever they are, the secret is not among them."""
    with pytest.raises(kind) as caught:
        act()
    said = f"{caught.value.what} {caught.value.untouched} {caught.value.todo}"
    assert type(caught.value) is kind
    assert SECRET not in said + repr(caught.value) + repr(vars(caught.value))
    return said


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told(make: Make, server: Server) -> None:
    """BADSIG: the key is known but not with this secret; it is not shown, and nothing was changed."""
    said = _error(lambda: make(server.address, secret="d3Jvbmc=").present(NAME, "v"), LoginRefused)
    assert "knows the key certrenew, but not with this secret" in said
    assert "d3Jvbmc=" not in said
    assert make(server.address).missing_on(NAME, "v")


def test_an_unknown_key_is_told(make: Make, server: Server) -> None:
    """BADKEY: the message names the key, the algorithm and where to look."""
    said = _error(lambda: make(server.address, key_name="nobody").present(NAME, "v"), LoginRefused)
    assert "does not take the key nobody with hmac-sha256" in said
    assert "`key_name`" in said


def test_a_wrong_algorithm_is_told(make: Make, server: Server) -> None:
    """A key belongs to one algorithm; another one is refused."""
    said = _error(lambda: make(server.address, key_algorithm="hmac-sha512").present(NAME, "v"), LoginRefused)
    assert "hmac-sha512" in said


def test_a_wrong_clock_is_told(make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """BADTIME: dnspython signs by `time.time` and takes no other clock, so its module is given one an hour ahead."""
    monkeypatch.setattr(dns.message, "time", SimpleNamespace(time=lambda: time.time() + 3600))
    said = _error(lambda: make(server.address).present(NAME, "v"), LoginRefused)
    assert "the clocks differ by more than five minutes" in said


def test_a_name_that_the_key_may_not_change_is_told(make: Make, bind_server: Server, knot_server: Server) -> None:
    """BIND answers REFUSED, Knot BADKEY: both messages say what to allow."""
    other = "_acme-challenge.other.corp.example"
    said = _error(lambda: make(bind_server.address).present(other, "v"), Refused)
    assert f"does not let the key certrenew change TXT records of {other}" in said
    assert f"grant certrenew name {other}. TXT;" in said
    said = _error(lambda: make(knot_server.address).present(other, "v"), LoginRefused)
    assert "Knot answers this also when its ACL does not let the key update this name" in said


def test_a_server_that_is_not_the_primary_is_told(make: Make, server: Server, bind_server: Server) -> None:
    """NOTAUTH: the zone is not there, though the resolver knows it."""
    said = _error(
        lambda: make(server.address, resolver=[bind_server.address], zone="example").present(NAME, "v"), Refused
    )
    assert "is not the primary of the zone example" in said


def test_an_alias_that_only_the_primary_has_is_told(make: Make, server: Server, tmp_path: Path) -> None:
    """Beside an alias a server would silently add nothing; the precondition makes it say so."""
    zone_file(tmp_path, "validation.example")
    with bind(tmp_path, 'zone "validation.example" { type primary; file "validation.example.zone"; };') as outdated:
        solver = make(server.address, resolver=[outdated.address])
        said = _error(lambda: solver.present("alias.validation.example", "v"), Refused)
    assert "has an alias (CNAME) at alias.validation.example" in said


def test_a_zone_without_updates_is_told(make: Make, bind_server: Server) -> None:
    """A zone that takes no updates from anybody refuses them."""
    assert "change TXT records" in _error(lambda: make(bind_server.address).present("a.plain.example", "v"), Refused)


@pytest.mark.parametrize("code", [*MEANINGS, "NXRRSET", "NXDOMAIN", "YXDOMAIN", "\x1b[2J"])
def test_every_code_has_plain_words(code: str) -> None:
    """Whatever a server answers, the words are complete, escaped, and say that nothing was changed."""
    error = refusal(code, Asked("ns\x1b:53", "corp.example", "a.corp.example", "k", "hmac-sha256"))
    assert error.untouched == "Nothing in the DNS was changed."
    assert error.what.endswith(".")
    for text in (error.what, error.todo):
        assert text.isprintable()
        assert "{k" not in text and "{n" not in text  # noqa: PT018
    assert error.exit_code in (4, 5)


# ---- connections ---------------------------------------------------------------------------------------------------


def test_no_connection_means_nothing_was_sent(make: Make, bind_server: Server) -> None:
    """Where nobody listens, it is certain that nothing was sent."""
    closed = f"127.0.0.1:{free_port()}"
    said = _error(lambda: make(closed, resolver=[bind_server.address]).present(NAME, "v"), NotSent)
    assert f"The name server {closed} takes no connection: Connection refused." in said


def test_a_broken_connection_leaves_it_open(make: Make, bind_server: Server) -> None:
    """A server that hangs up after the update may have carried it out."""
    with made_up(lambda _: None) as address:
        said = _error(lambda: make(address, resolver=[bind_server.address]).present(NAME, "v"), Unreachable)
    assert "gave no answer" in said
    assert "Whether the record was changed is not known" in said


def _signed(update: dns.message.Message, secret: str, code: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    answer = dns.message.make_response(update)
    answer.set_rcode(code)
    answer.use_tsig(dns.tsig.Key("certrenew", secret))
    return answer.to_wire()


def _unsigned(update: dns.message.Message) -> bytes:
    answer = dns.message.make_response(update)
    answer.tsig = None
    return answer.to_wire()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (_unsigned, "is not signed with the key certrenew"),
        (lambda update: _signed(update, "Zm9yZ2VkIQ=="), "gave a bad answer: BadSignature"),
        (lambda update: b"\0" * 20, "gave a bad answer"),
    ],
    ids=["unsigned", "forged", "garbage"],
)
def test_an_answer_must_be_signed(
    reply: Callable[[dns.message.Message], bytes], words: str, make: Make, bind_server: Server
) -> None:
    """Whoever lacks the key can't make us believe that the value stands."""
    with made_up(reply, {"certrenew": SECRET}) as address:
        solver = make(address, resolver=[bind_server.address])
        assert words in _error(lambda: solver.present(NAME, "v"), Failed)


def test_a_signed_answer_is_believed(make: Make, bind_server: Server) -> None:
    """Control: the same server with the right key is taken at its word, good or bad."""
    with made_up(lambda update: _signed(update, SECRET), {"certrenew": SECRET}) as address:
        make(address, resolver=[bind_server.address]).present(NAME, "v")
    with made_up(lambda update: _signed(update, SECRET, dns.rcode.SERVFAIL), {"certrenew": SECRET}) as address:
        solver = make(address, resolver=[bind_server.address])
        assert "failed to carry out the update" in _error(lambda: solver.remove(NAME, "v"), Failed)


# ---- aliases and zones ---------------------------------------------------------------------------------------------


def test_an_alias_is_followed_into_its_zone(make: Make, server: Server) -> None:
    """The value stands at the end of the aliases, in a zone of its own; the name itself stays an alias."""
    solver = make(server.address)
    solver.present("_acme-challenge.away.corp.example", "v")
    assert solver.missing_on("away.validation.example", "v") == []
    assert solver.missing_on("_acme-challenge.twice.corp.example", "v") == []
    solver.remove("_acme-challenge.twice.corp.example", "v")
    assert solver.missing_on("away.validation.example", "v")


ROUND = ", ".join(f"{name}.corp.example" for name in ("_acme-challenge.round", "round2", "_acme-challenge.round"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("_acme-challenge.round", f"go round: {ROUND}."),
        ("long3", "do not end: long3.corp.example, long4.corp.example,"),
    ],
    ids=["loop", "chain"],
)
def test_aliases_without_end_are_refused(name: str, words: str, make: Make, server: Server) -> None:
    """A loop, and a chain of nine aliases, end in an error that shows them."""
    assert words in _error(lambda: make(server.address).present(f"{name}.corp.example", "v"), Failed)


def test_a_short_chain_is_followed(make: Make, bind_server: Server) -> None:
    """Control: eight aliases in a row are followed, to a name that may not be changed."""
    assert "of long12.corp.example" in _error(
        lambda: make(bind_server.address).present("long4.corp.example", "v"), Refused
    )


def test_a_name_outside_the_given_zone_is_refused(make: Make, bind_server: Server) -> None:
    """A `zone` that doesn't hold the name is a mistake in the settings."""
    said = _error(lambda: make(bind_server.address, zone="validation.example").present(NAME, "v"), UsageError)
    assert f"{NAME} is not in the zone validation.example" in said


def test_a_name_without_zone_is_told(make: Make, tmp_path: Path) -> None:
    """A name that no zone but the root holds can't be updated."""
    zone_file(tmp_path, "corp.example")
    (tmp_path / "root.zone").write_text("$TTL 60\n. SOA . . 1 3600 600 86400 1\n. NS ns1.\nns1. A 127.0.0.1\n")
    with bind(tmp_path, 'zone "." { type primary; file "root.zone"; };') as root:
        said = _error(lambda: make(root.address).present("_acme-challenge.box.nowhere", "v"), UsageError)
    assert f"No zone holds _acme-challenge.box.nowhere, as far as {root.address} tells" in said


def test_a_resolver_that_knows_nothing_is_told(make: Make, bind_server: Server) -> None:
    """A resolver that refuses, or that isn't there, means that nothing was sent."""
    said = _error(lambda: make(bind_server.address).present("_acme-challenge.elsewhere.test", "v"), NotSent)
    assert "tells nothing of _acme-challenge.elsewhere.test: it answers with an error" in said


# ---- every server is asked -----------------------------------------------------------------------------------------


def _notify(secondary: Server, zone: str) -> None:
    """Tell a secondary that its zone has changed (RFC 1996)."""
    query = dns.message.make_query(zone, "SOA")
    query.set_opcode(dns.opcode.NOTIFY)
    query.flags = (query.flags & ~dns.flags.RD) | dns.flags.AA
    dns.query.udp(query, secondary.host, 5, secondary.port)


def test_a_server_that_lags_is_named(
    make: Make, bind_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the secondary has transferred the zone it is named, and nobody else; then nobody is."""
    primary = f"primaries {{ 127.0.0.1 port {bind_server.port}; }}; allow-notify {{ 127.0.0.1; }};"
    zone = f'zone "corp.example" {{ type secondary; file "copy"; masterfile-format text; {primary} }};'
    with bind(tmp_path, zone) as secondary:
        secondary.says("Transfer status: success")
        solver = make(bind_server.address, nameservers=[bind_server.address, secondary.address])
        solver.present(NAME, "lagging")
        assert solver.missing_on(NAME, "lagging") == [f"{secondary.address} (not there yet)"]
        before = secondary.said("Transfer status: success")
        _notify(secondary, "corp.example")
        secondary.says("Transfer status: success", before)
        assert solver.missing_on(NAME, "lagging") == []
        solver.remove(NAME, "lagging")
    monkeypatch.setattr(zones, "TIMEOUT", 0.5)
    assert "no answer in time" in str(solver.missing_on(NAME, "lagging"))


def test_many_long_values_are_read_by_tcp(make: Make, bind_server: Server) -> None:
    """An answer that a datagram can't hold is asked for again by TCP."""
    solver = make(bind_server.address)
    values = [f"{number:03}" + "x" * 300 for number in range(12)]
    for value in values:
        solver.present(NAME, value)
    assert [solver.missing_on(NAME, value) for value in values] == [[]] * 12
    for value in values:
        solver.remove(NAME, value)


def test_a_cache_does_not_count(make: Make, bind_server: Server) -> None:
    """A server that has the value but is not authoritative is named: it may be showing something old."""

    def reply(query: dns.message.Message) -> bytes:
        answer = dns.message.make_response(query)
        answer.answer = [dns.rrset.from_rdata(query.question[0].name, 60, record("v"))]
        answer.flags |= dns.flags.AA if authoritative else 0
        return answer.to_wire()

    with made_up(reply) as address:
        solver = make(address, resolver=[bind_server.address])
        authoritative = False
        assert solver.missing_on(NAME, "v") == [f"{address} (it is not authoritative)"]
        authoritative = True
        assert solver.missing_on(NAME, "v") == []


# ---- settings and secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["not base64!", "", "c2VjcmV0\nc2VjcmV0", "c2Vjc"])
def test_a_secret_that_is_none_is_told(secret: str, make: Make, bind_server: Server) -> None:
    """What isn't Base64 is refused before anything is sent, and isn't shown."""
    said = _error(lambda: make(bind_server.address, secret=secret).present(NAME, "v"), UsageError)
    assert "no Base64 text" in said
    assert not secret or secret not in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "ns1:port"},
        {"server": ""},
        {"server": "a b"},
        {"server": "ns1:70000"},
        {"resolver": ["ns1.corp.example"]},
        {"nameservers": ["\x1b[2J"]},
        {"key_name": "a\\.b"},
    ],
    ids=str,
)
def test_settings_that_can_not_be_are_told_at_once(wrong: dict[str, object], make: Make) -> None:
    """A wrong address or name is found when the solver is made, not weeks later."""
    assert _error(lambda: make(**{"address": "127.0.0.1", **wrong}), UsageError).isprintable()


def test_the_secret_stays_out_of_attributes(make: Make, bind_server: Server) -> None:
    """After a call nothing that can be reached from the solver holds the secret, nor does its repr."""
    solver = make(bind_server.address)
    solver.remove(NAME, "v")
    assert SECRET not in [*texts(solver), repr(solver)]


# ---- any text ------------------------------------------------------------------------------------------------------


@given(st.text(max_size=600))
def test_a_value_is_carried_as_it_is(value: str) -> None:
    """No character is an escape: the strings of the record put together are the value."""
    made = record(value)
    assert b"".join(made.strings) == value.encode()
    assert all(len(part) < 256 for part in made.strings)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_a_value_is_stored_as_it_is(make: Make, bind_server: Server, value: str) -> None:
    """Quotes, backslashes, semicolons and line breaks arrive at the server, and go away again."""
    solver = make(bind_server.address)
    solver.present(NAME, value)
    assert solver.missing_on(NAME, value) == []
    solver.remove(NAME, value)
    assert solver.missing_on(NAME, value)


@given(st.binary(max_size=200), st.booleans())
def test_any_answer_is_read_or_refused(octets: bytes, ours: bool) -> None:
    """Whatever comes as an answer, also with our message's number, raises nothing but what is caught and told."""
    update = UpdateMessage("corp.example", keyring=dns.tsig.Key("certrenew", SECRET))
    sent = update.to_wire()
    with contextlib.suppress(dns.exception.DNSException):
        assert not _believed(sent[:2] + b"\xa8\x00" + octets if ours else octets, update).had_tsig


def test_the_asked_are_only_texts() -> None:
    """What an error is made from has no room for a secret."""
    assert [field.name for field in dataclasses.fields(Asked)] == ["server", "zone", "name", "key", "algorithm"]
