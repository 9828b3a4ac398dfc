"""Give the tests a BIND and a Knot with the same zones, and the solver that talks to them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.contracts import Office, Solver
from plugins.rfc2136 import Options, connect
from tests.nameservers import SECRET, Server, bind, key, knot, zone_file
from tests.plugins.rfc2136 import NAME, NOW

RECORDS = (
    "_acme-challenge.away CNAME away.validation.example.",
    "_acme-challenge.twice CNAME _acme-challenge.away",
    "_acme-challenge.round CNAME round2",
    "round2 CNAME _acme-challenge.round",
    *(f"long{number} CNAME long{number + 1}" for number in range(12)),
    "_acme-challenge.gone CNAME nowhere.elsewhere.example.",
)


@pytest.fixture(scope="package")
def bind_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run BIND with two zones: of corp.example one name may be updated, of validation.example every one."""
    folder = tmp_path_factory.mktemp("bind")
    zone_file(folder, "corp.example", *RECORDS)
    zone_file(folder, "validation.example", "alias CNAME away")
    zones = f"""
        zone "corp.example" {{ type primary; file "corp.example.zone";
            update-policy {{ grant certrenew name {NAME}. TXT; }}; }};
        zone "validation.example" {{ type primary; file "validation.example.zone";
            update-policy {{ grant certrenew zonesub TXT; }}; }};
        zone "plain.example" {{ type primary; file "plain.example.zone"; }};
    """
    zone_file(folder, "plain.example")
    with bind(folder, key("certrenew") + zones) as server:
        yield server


@pytest.fixture(scope="package")
def knot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run Knot with the same."""
    folder = tmp_path_factory.mktemp("knot")
    zone_file(folder, "corp.example", *RECORDS)
    zone_file(folder, "validation.example", "alias CNAME away")
    configuration = f"""
key:
  - id: certrenew
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: one-name
    key: certrenew
    action: update
    update-type: TXT
    update-owner: name
    update-owner-match: equal
    update-owner-name: {NAME}.
  - id: all-names
    key: certrenew
    action: update
    update-type: TXT
zone:
  - domain: corp.example
    storage: {folder}
    file: corp.example.zone
    acl: one-name
  - domain: validation.example
    storage: {folder}
    file: validation.example.zone
    acl: all-names
"""
    with knot(folder, configuration) as server:
        yield server


@pytest.fixture(params=["bind", "knot"])
def server(request: pytest.FixtureRequest) -> Server:
    """Give each of the two in turn."""
    given: Server = request.getfixturevalue(f"{request.param}_server")
    return given


Make = Callable[..., Solver]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make solvers for a server, with other settings where a test gives some."""

    def made(address: str, secret: str = SECRET, **settings: object) -> Solver:
        usual = {"key_name": "certrenew", "key": "file:key", "resolver": [address], "nameservers": [address]}
        options = Options(**{"server": address, **usual, **settings})  # type: ignore[arg-type]
        return connect(Office("acme", lambda: NOW, secret=lambda _: secret), options)

    return made
