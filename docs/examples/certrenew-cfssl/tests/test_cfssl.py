"""Hold the plugin to the contract, against a real `cfssl serve` (Debian package golang-cfssl)."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certrenew_cfssl import Cfssl, Options
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.contracts import Authority, Office
from engine.errors import LoginRefused, UsageError
from engine.testing import AuthorityConformance, NotApplicable, Relay
from engine.testing.answers import signing_request
from engine.testing.pki import new_issuer, new_request

KEY = "7d3f0c9a5b1e4826"
SIGNING = {"auth_key": "test", "expiry": "2160h", "usages": ["digital signature", "server auth", "client auth"]}
CONFIG = {
    "signing": {"default": SIGNING, "profiles": {"nobody": {**SIGNING, "name_whitelist": "^nobody$"}}},
    "auth_keys": {"test": {"type": "standard", "key": KEY}},
}


@dataclass(frozen=True)
class Server:
    """Be a running CFSSL server: where it listens, and the PEM file that verifies it."""

    address: str
    ca: Path

    def backend(self, *, profile: str = "", key: str = KEY) -> Authority:
        """Return the backend that talks to it."""
        return backend(self.address, self.ca, profile, key)


def backend(address: str, ca: Path, profile: str = "", key: str = KEY) -> Authority:
    """Return the backend as the application would make it."""
    office = Office("cfssl", lambda: datetime.now(UTC), secret=lambda reference: key)
    return Cfssl(office, Options(address=address, ca=ca, key="env:CFSSL_KEY", profile=profile))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with a CA of its own, and end it."""
    program = shutil.which("cfssl")
    if program is None:
        pytest.skip("cfssl is not installed (Debian package golang-cfssl)")
    folder, port = tmp_path_factory.mktemp("cfssl"), _free_port()
    _write_pki(folder)
    files = ("-ca", "ca.pem", "-ca-key", "ca-key.pem", "-tls-cert", "tls.pem", "-tls-key", "tls-key.pem")
    command = [program, "serve", "-port", str(port), "-config", "config.json", *files]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any("Now listening" in line for line in running.stderr), "it says when it is ready"
        yield Server(f"127.0.0.1:{port}", folder / "ca.pem")
        running.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _write_pki(folder: Path) -> None:
    issuer, key = new_issuer("CFSSL for tests"), ec.generate_private_key(ec.SECP256R1())
    leaf = issuer.sign(new_request("127.0.0.1", ["127.0.0.1"], key))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for name, certificate, secret in (("ca", issuer.certificate, issuer.key), ("tls", leaf, key)):
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        pem = secret.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (folder / f"{name}-key.pem").write_bytes(pem)


class TestCfssl(AuthorityConformance):
    """The plugin passes every rule, in every situation that a CFSSL server knows."""

    server: Server

    @pytest.fixture(autouse=True)
    def _with(self, server: Server) -> None:
        self.server = server

    def make(self) -> Authority:
        return self.server.backend()

    def issuing(self) -> Authority:
        return self.make()

    def chainless(self) -> Authority:
        return self.make()  # `authsign` gives the certificate alone

    def rejecting(self) -> Authority:
        return self.server.backend(profile="nobody")

    def pending(self) -> Authority:
        raise NotApplicable("CFSSL signs at once or says no; it keeps no requests")

    def through(self, relay: Relay) -> Authority:
        relay.lead_to(self.server.address, self.server.ca)
        return backend(relay.address, relay.ca)


def test_a_wrong_key_is_told_as_such(server: Server) -> None:
    """A key that the server does not know is a refused login; one that is not hex is not sent. Neither is shown."""
    for key, kind in (("00" * 8, LoginRefused), ("not-hex", UsageError)):
        with pytest.raises(kind) as caught:
            server.backend(key=key).submit(signing_request())
        assert key not in f"{caught.value.what} {caught.value.todo}"
