"""Talk to a simulated box over verified TLS, with nothing of the project's own client in between."""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cryptography import x509

from plugins.lab.authority import fingerprint, pem
from plugins.lab.lab import Lab
from plugins.lab.ports import LOOPBACK, Port

CERTS = "/api/provisioning/certs"
CSR = {"Additional_FQDNS": ["a.corp.example"], "KeyLength": 2048, "DigestAlgorithm": "sha256", "Country": "GB"}


@dataclass
class Reply:
    """Be what a box answered."""

    status: int
    body: bytes
    type: str

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["Message"])

    @property
    def outcome(self) -> tuple[int, str]:
        return self.status, self.message


class Client:
    """Be somebody with the admin account of one box."""

    def __init__(self, lab: Lab, node: str, *, password: str = "", timeout: float = 10) -> None:
        self.lab, self.node, self.timeout = lab, node, timeout
        self.box = lab.boxes[node]
        self.password = password or self.box.account.password

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        login: bool = True,
    ) -> Reply:
        """Send one request on a connection of its own; a broken connection raises OSError or HTTPException."""
        sent = dict(headers or {})
        if login:
            sent["Authorization"] = "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()
        port = self.lab.machines[self.node].ports["https"].number
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=self.timeout)
        with connect(self.lab, self.node, self.timeout) as tls:
            connection.sock = tls
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            with answer:
                return Reply(answer.status, answer.read(), answer.headers.get("Content-Type", ""))

    def get(self, path: str) -> Reply:
        return self("GET", path)

    def post_json(self, path: str, value: Any) -> Reply:
        return self("POST", path, json.dumps(value), {"Content-Type": "application/json"})

    def post_file(
        self, path: str, content: bytes, *, encoding: str = "multipart", form: Mapping[str, str] = MappingProxyType({})
    ) -> Reply:
        if encoding == "raw":
            return self("POST", path, content, {"Content-Type": "application/x-pem-file"})
        fields = [f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{form[name]}\r\n' for name in form]
        body = (
            "".join(fields).encode()
            + b'--xx\r\nContent-Disposition: form-data; name="file"; filename="c.pem"\r\n\r\n'
            + content
            + b"\r\n--xx--\r\n"
        )
        return self("POST", path, body, {"Content-Type": "multipart/form-data; boundary=xx"})

    def request_csr(self, **fields: Any) -> bytes:
        """Have the box make a CSR and return it."""
        assert self.post_json(f"{CERTS}/generate_csr", {**CSR, **fields}).status == 200
        return self.get(f"{CERTS}/generate_csr").body

    def trust_new(self) -> None:
        """Append the new CA, root first."""
        for certificate in reversed(self.lab.authority.new.chain):
            assert self.post_file(f"{CERTS}/root", pem([certificate])).status == 200

    def restart(self) -> Reply:
        return self("POST", "/api/provisioning/restart", headers={"X-CSRF-Header": "any"})

    def served(self, port: str = "https") -> str:
        """Return the fingerprint of what a port serves."""
        return served(self.lab, self.node, port)


def leaf_of(chain: bytes) -> bytes:
    """Return the first certificate of a PEM file, as PEM."""
    return pem(x509.load_pem_x509_certificates(chain)[:1])


def connect(lab: Lab, node: str, timeout: float = 10, port: str = "https") -> ssl.SSLSocket:
    """Connect to a box and verify its certificate by both generations of the CA."""
    both = pem([*lab.authority.old.chain, *lab.authority.new.chain]).decode()
    context = ssl.create_default_context(cadata=both)
    held, hostname = _where(lab, node)
    connection = socket.create_connection((LOOPBACK, held[port].number), timeout)
    try:
        return context.wrap_socket(connection, server_hostname=hostname)
    except BaseException:
        connection.close()
        raise


def _where(lab: Lab, node: str) -> tuple[Mapping[str, Port], str]:
    if node in lab.machines:
        return lab.machines[node].ports, lab.boxes[node].hostname
    assert lab.cucm is not None
    return lab.cucm.machines[node].ports, lab.cucm.nodes[node].hostname


def served(lab: Lab, node: str, port: str = "https") -> str:
    """Return the fingerprint of the certificate that a port serves."""
    with connect(lab, node, port=port) as tls:
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return fingerprint(x509.load_der_x509_certificate(der))
