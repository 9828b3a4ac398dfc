"""Hold the solver to its contract with dns-lexicon's provider `ddns` and Knot, and its failures to plain words."""

import http.server
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dns.resolver
import pytest

from engine.contracts import Office, Solver
from engine.errors import CertrenewError, Failed, LoginRefused, Unreachable, UsageError
from engine.testing import SolverConformance
from engine.testing.expect import texts
from plugins.lexicon import Options, connect
from tests.nameservers import SECRET, Server, knot, standard_address, zone_file
from tests.ports import free_port

NAME = "_acme-challenge.box.corp.example"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run Knot on port 53, which the provider can't be told otherwise."""
    folder, host = tmp_path_factory.mktemp("knot"), standard_address()
    zone_file(folder, "corp.example", "_acme-challenge.away CNAME away.validation.example.", server=host)
    zone_file(folder, "validation.example", server=host)
    configuration = f"""
key:
  - id: certrenew
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: all-names
    key: certrenew
    action: update
    update-type: TXT
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    acl: all-names
zone:
  - domain: corp.example
  - domain: validation.example
"""
    with knot(folder, configuration, host, 53) as running:
        yield running


def _solver(resolver: str, secret: str, **settings: Any) -> Solver:
    usual = {"credentials": {"auth_token": "file:token"}, "resolver": [resolver]}
    options = Options(**{**usual, **settings})
    return connect(Office("acme", lambda: NOW, secret=lambda _: secret), options)


def _ddns(server: Server, secret: str = SECRET, **settings: Any) -> Solver:
    usual = {"provider": "ddns", "settings": {"ddns_server": server.host}}
    return _solver(server.host, f"hmac-sha256:certrenew:{secret}", **{**usual, **settings})


class _Conformance(SolverConformance):
    @pytest.fixture(autouse=True)
    def _where(self, server: Server) -> None:
        self._server = server

    def make(self) -> Solver:
        return _ddns(self._server)


class TestDdns(_Conformance):
    """With Knot behind dns-lexicon the solver keeps the contract; its name servers are found by the zone's NS."""

    name = NAME


class TestDelegated(_Conformance):
    """A name that is an alias into another zone keeps the contract there."""

    name = "_acme-challenge.away.corp.example"


def _error(act: Callable[[], object], kind: type[CertrenewError], secret: str = SECRET) -> str:
    """Return the words of the error that comes; whatever they are, the secret is not among them."""
    with pytest.raises(kind) as caught:
        act()
    said = f"{caught.value.what} {caught.value.untouched} {caught.value.todo}"
    assert type(caught.value) is kind
    assert secret not in said + repr(caught.value) + repr(vars(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return said


def test_all_values_of_a_name_are_never_deleted(server: Server) -> None:
    """A value that somebody else put there stays when ours is removed."""
    solver = _ddns(server)
    solver.present(NAME, "theirs")
    solver.remove(NAME, "ours")
    assert solver.missing_on(NAME, "theirs") == []
    solver.remove(NAME, "theirs")


def test_what_the_library_believes_is_not_enough(server: Server) -> None:
    """The provider `ddns` looks at no error code: that nothing was stored is seen by asking the name servers."""
    solver = _ddns(server, zone="corp.example", settings={"ddns_server": server.host, "domain": "validation.example"})
    solver.present(NAME, "v")
    assert solver.missing_on(NAME, "v") == [f"ns1.corp.example at {server.host} (not there yet)"]


def test_a_wrong_secret_is_told_by_its_kind(server: Server) -> None:
    """The library's own words are not shown; the kind of its error is, and what to check."""
    said = _error(lambda: _ddns(server, "d3Jvbmc=").present(NAME, "v"), Failed, "d3Jvbmc=")
    assert "The DNS provider ddns failed: PeerBadSignature." in said
    assert "lexicon ddns --help" in said


@contextmanager
def _api(status: int) -> Iterator[str]:
    """Answer every request as a provider's API with one status; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, LoginRefused, "refuses the credentials"),
        (403, LoginRefused, "refuses the credentials"),
        (500, Failed, "failed: HTTP status 500"),
        (200, Failed, "failed: KeyError"),
    ],
)
def test_a_providers_answer_is_told(status: int, kind: type[CertrenewError], words: str, server: Server) -> None:
    """A refused login, an error of the provider and an answer that makes no sense are told apart."""
    with _api(status) as url:
        solver = _solver(server.host, "tok&en", provider="powerdns", settings={"pdns_server": url})
        assert words in _error(lambda: solver.present(NAME, "v"), kind, "tok&en")


def test_a_provider_that_is_away_is_told(server: Server) -> None:
    """Where nobody answers, it is said that the outcome is not known."""
    url = f"http://127.0.0.1:{free_port()}"
    solver = _solver(server.host, "tok&en", provider="powerdns", settings={"pdns_server": url})
    assert "gave no answer (ConnectionError)" in _error(lambda: solver.remove(NAME, "v"), Unreachable, "tok&en")


def test_an_unknown_provider_is_told(server: Server) -> None:
    """A misspelt provider is a mistake in the settings; nothing was sent."""
    said = _error(lambda: _ddns(server, provider="rout53").present(NAME, "v"), UsageError)
    assert "This provider (rout53) is not supported" in said


def test_without_the_extra_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dns-lexicon is not installed, one error says so and how to install it; nothing else breaks."""
    monkeypatch.setattr(sys, "meta_path", [_Without("lexicon"), *sys.meta_path])
    for name in [one for one in sys.modules if one.partition(".")[0] == "lexicon"]:
        monkeypatch.delitem(sys.modules, name)
    said = _error(lambda: _solver("127.0.0.1", "x" * 40, provider="ddns"), UsageError)
    assert "python -m pip install 'certrenew[lexicon]'" in said


class _Without:
    """Find no module of one name, as where it isn't installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self._name:
            raise ModuleNotFoundError(name)


def test_nothing_is_left_behind(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """After a call the process has its own resolver and log again, the solver holds no secret, nothing was printed."""
    before, handlers = dns.resolver.default_resolver, list(logging.getLogger().handlers)
    solver = _ddns(server)
    solver.present(NAME, "v")
    solver.remove(NAME, "v")
    assert dns.resolver.default_resolver is before
    assert logging.getLogger().handlers == handlers
    assert not any(SECRET in text for text in texts(solver))
    assert capfd.readouterr() == ("", "")
