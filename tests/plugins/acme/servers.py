"""Run other people's ACME servers on loopback: Debian's Pebble with its DNS, and PyPI's acme2certifier.

Each is a process of its own that is ended by its own id; every port is a free one.
"""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509

from engine.model import Json
from tests.pki import CA, Knobs, pem
from tests.ports import free_port
from tests.programs import needs

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
ROOT = Path(__file__).parents[3]
A2C = Path(__file__).parent / "a2c"


class Output:
    """Hold what a program printed, and let others wait for more of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False
        self._more = threading.Condition()

    def read(self, stream: Iterable[str]) -> None:
        """Take everything in until the stream ends."""
        for line in stream:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()
        with self._more:
            self.ended = True
            self._more.notify_all()

    def saw(self, text: str, seconds: float) -> bool:
        """Wait until a line has this text, the program ended or the time is over."""
        with self._more:
            self._more.wait_for(lambda: self.ended or any(text in line for line in self.lines), seconds)
            return any(text in line for line in self.lines)

    def more(self, seconds: float) -> None:
        """Wait for the next line, at most this long."""
        with self._more:
            self._more.wait(seconds)


def listening(output: Output, *ports: int) -> None:
    """Wait until a program accepts connections on all of its ports: Pebble says so a little too early."""
    for port in ports:
        for _ in range(400):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=10):
                break
            output.more(0.05)
        else:
            raise AssertionError("".join(output.lines))


@contextmanager
def process(command: Sequence[str], told: str, environment: dict[str, str]) -> Iterator[Output]:
    """Run a program from when it printed `told` until the block ends."""
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        output = Output()
        reader = threading.Thread(target=output.read, args=(running.stdout,))
        reader.start()
        try:
            assert output.saw(told, 60), "".join(output.lines)
            yield output
        finally:
            running.terminate()
            running.wait(20)
            reader.join(10)


@dataclass(frozen=True)
class Web:
    """Be the TLS side of a server: a CA of its own, and a certificate for the loopback address."""

    folder: Path
    ca: CA = field(default_factory=lambda: CA.root("ACME server TLS root"))

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        leaf = self.ca.issue(
            "localhost",
            sans=["DNS:localhost", "IP:127.0.0.1"],
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=30),
        )
        (self.folder / "tls.pem").write_text(pem(leaf.certificate))
        (self.folder / "tls-key.pem").write_text(leaf.key_pem)
        (self.folder / "tls-both.pem").write_text(leaf.key_pem + pem(leaf.certificate))
        self.trust.write_text(pem(self.ca.certificate))

    @property
    def trust(self) -> Path:
        """Return the file by which a client verifies the server."""
        return self.folder / "tls-root.pem"


# ---- Pebble ----------------------------------------------------------------------------------------------------------


@dataclass
class Pebble:
    """Be a running Pebble: `directory`, the CA file for it, the ports of its validation and of its DNS's management."""

    directory: str
    trust: Path
    management: str
    dns: str
    dns_port: int
    http_port: int
    output: Output

    def root(self, number: int = 0) -> x509.Certificate:
        """Return one of its root certificates; they are new at each start."""
        return x509.load_pem_x509_certificate(self._get(f"{self.management}/roots/{number}"))

    def intermediate(self, number: int = 0) -> x509.Certificate:
        """Return one of its intermediates."""
        return x509.load_pem_x509_certificate(self._get(f"{self.management}/intermediates/{number}"))

    def _get(self, url: str) -> bytes:
        with urllib3.PoolManager(ca_certs=str(self.trust)) as pool:
            return pool.request("GET", url).data

    def tell_dns(self, what: str, **body: Json) -> None:
        """Have the DNS (or the web server) of the test do something."""
        with urllib3.PoolManager() as pool:
            assert pool.request("POST", f"{self.dns}/{what}", json=body).status == 200


@contextmanager
def pebble(
    folder: Path,
    *,
    eab: bool = False,
    nonces: int = 0,
    blocked: Sequence[str] = (),
    name_server: str = "",
    **switches: str,
) -> Iterator[Pebble]:
    """Run Pebble; `nonces` is how many percent of them it refuses, `blocked` are domains for which it issues nothing.

    It asks `name_server` (HOST:PORT), or a DNS for tests. Nobody listens on its HTTP port yet.
    """
    folder.mkdir(exist_ok=True)
    web = Web(folder)
    listen, management, dns, dns_management, http = (free_port() for _ in range(5))
    settings = {
        "listenAddress": f"127.0.0.1:{listen}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "tls.pem"),
        "privateKey": str(folder / "tls-key.pem"),
        "httpPort": http,
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": eab,
        "externalAccountMACKeys": {"kid-1": EAB_KEY},
        "domainBlocklist": list(blocked),
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    challenges = [needs("pebble-challtestsrv"), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]
    challenges += ["-dns01", f"127.0.0.1:{dns}", "-http01", "", "-https01", ""]
    challenges += ["-tlsalpn01", "", "-management", f"127.0.0.1:{dns_management}"]
    server = [needs("pebble"), "-config", str(folder / "pebble.json"), "-strict"]
    server += ["-dnsserver", name_server or f"127.0.0.1:{dns}"]
    environment = {
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_WFE_NONCEREJECT": str(nonces),
        "PEBBLE_AUTHZREUSE": "0",
        **switches,
    }
    with (
        process(challenges, "Starting management server", {}) as helper,
        process(server, "ACME directory available", environment | switches) as output,
    ):
        listening(output, listen, management)
        listening(helper, dns, dns_management)
        directory = f"https://localhost:{listen}/dir"
        yield Pebble(
            directory=directory,
            trust=web.trust,
            management=f"https://127.0.0.1:{management}",
            dns=f"http://127.0.0.1:{dns_management}",
            dns_port=dns,
            http_port=http,
            output=output,
        )


# ---- acme2certifier --------------------------------------------------------------------------------------------------


@cache
def a2c_python() -> str:
    """Return the Python that has acme2certifier, or skip the test; CI installs it."""
    found = ROOT / ".venv-acme2certifier" / "bin" / "python"
    if found.exists():
        return str(found)
    pytest.skip("acme2certifier is not installed (requirements/acme2certifier.txt into .venv-acme2certifier)")


@dataclass
class A2c:
    """Be a running acme2certifier."""

    directory: str
    trust: Path
    folder: Path
    ca: CA
    environment: dict[str, str]

    def approve(self) -> None:
        """Have the officer approve, and the server fetch what was issued."""
        (self.folder / "approved").touch()
        command = [a2c_python(), "-m", "acme2certifier.tools.a2c_cert_poll"]
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def a2c(folder: Path, *, waits: bool = False, ca: CA | None = None, **sections: dict[str, Any]) -> Iterator[A2c]:
    """Run acme2certifier over a CA of its own; where it `waits`, orders stay `processing` until `approve`."""
    python = a2c_python()
    folder.mkdir(exist_ok=True)
    web, port, now = Web(folder), free_port(), datetime.now(UTC)
    span = Knobs(not_before=now - timedelta(days=30), not_after=now + timedelta(days=900))
    root = ca or CA.root("a2c Root", **span)
    issuing = root.intermediate("a2c Issuing", **span)
    (folder / "issuing.pem").write_text(pem(issuing.certificate))
    (folder / "issuing-key.pem").write_text(_key(issuing))
    (folder / "root.pem").write_text(pem(root.certificate))
    (folder / "extensions.cnf").write_text(EXTENSIONS)
    (folder / "a2c.cfg").write_text(_settings(folder, waits, sections))
    environment = {
        "ACME_SRV_CONFIGFILE": str(folder / "a2c.cfg"),
        "ACME2CERTIFIER_BASE_DIR": str(folder),
        "ACME2CERTIFIER_I_KNOW_THE_RISK": "1",
        "PYTHONPATH": str(A2C),
    }
    with process([python, str(A2C / "serve.py"), str(port), str(folder / "tls-both.pem")], "serving", environment):
        yield A2c(f"https://localhost:{port}/directory", web.trust, folder, root, environment)


EXTENSIONS = """[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
"""


def _settings(folder: Path, waits: bool, more: dict[str, dict[str, Any]]) -> str:
    sections: dict[str, dict[str, Any]] = {
        "DEFAULT": {"debug": "False"},
        "CAhandler": {
            "handler_module": "waiting" if waits else "acme2certifier.cahandlers.openssl_ca_handler",
            "issuing_ca_key": folder / "issuing-key.pem",
            "issuing_ca_cert": folder / "issuing.pem",
            "issuing_ca_crl": folder / "crl.pem",  # wanted, and never made here
            "ca_cert_chain_list": json.dumps([str(folder / "root.pem")]),
            "cert_save_path": folder,
            "openssl_conf": folder / "extensions.cnf",
            "cert_validity_days": 60,
        },
        "DBhandler": {"handler": "wsgi", "dbfile": folder / "acme.db"},
        "Challenge": {"challenge_validation_disable": "True"},
        **more,
    }
    written = [
        f"[{name}]\n" + "".join(f"{key}: {value}\n" for key, value in one.items()) for name, one in sections.items()
    ]
    return "\n".join(written)


def _key(ca: CA) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
