"""Hold the way to a box over real TLS: verified or pinned, and no credential for anybody else."""

import gzip
import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from engine import https
from engine.errors import CertrenewError, Failed, Unreachable, Untrusted, UsageError
from engine.https import BODY_LIMIT, HttpsClient
from engine.net import TlsTrust, served, split_address, unresolved, unverified
from tests.engine.web import OK, Web, serving
from tests.pki import CA, DAY, NOW, Leaf, der, pem

NAME = "expc.example"
BASIC = "Basic YWRtaW46czNjcmV0"  # admin:s3cret
AGES = {"not_before": NOW - 3000 * DAY, "not_after": NOW + 3000 * DAY}


def _login() -> tuple[str, str]:
    return "admin", "s3cret"


def _pin(leaf: Leaf) -> str:
    return hashlib.sha256(der(leaf.certificate)).hexdigest()


def _ask(web: Web, trust: TlsTrust, path: str = "/api/x") -> CertrenewError | None:
    """Send one request with credentials; return the error, None when it was answered."""
    try:
        HttpsClient(web.address, trust, timeout=5).request("GET", path, basic=_login)
    except CertrenewError as error:
        return error
    return None


@pytest.fixture(scope="module")
def ca() -> CA:
    """Make the CA of the boxes, valid today whenever that is."""
    return CA.root("Box Root", not_before=NOW - 3000 * DAY, not_after=NOW + 3000 * DAY)


@pytest.fixture(scope="module")
def leaf(ca: CA) -> Leaf:
    """Make the certificate of one box."""
    return _issue(ca, NAME)


def _issue(ca: CA, name: str) -> Leaf:
    return ca.issue(name, not_before=NOW - 3000 * DAY, not_after=NOW + 3000 * DAY)


@pytest.fixture
def web(leaf: Leaf, tmp_path: Path) -> Iterator[Web]:
    """Run the box."""
    with serving(leaf, tmp_path) as running:
        yield running


@pytest.fixture
def file(ca: CA, tmp_path: Path) -> str:
    """Write the CA file that a site names."""
    (tmp_path / "ca.pem").write_text(pem(ca.certificate))
    return str(tmp_path / "ca.pem")


# ---- who is at the other end ---------------------------------------------------------------------------------------


def test_a_box_that_is_proven_gets_the_credentials(web: Web, file: str) -> None:
    """Chain and name verified, the request is sent as it was asked and the answer read."""
    client = HttpsClient(web.address, TlsTrust(NAME, ca=file))
    answer = client.request("POST", "/api/x?a=1", basic=_login, headers={"X-CSRF-Header": "1"}, body=b"q")
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b"{}")
    assert web.text.startswith("POST /api/x?a=1 HTTP/1.1\r\n")
    assert f"authorization: {BASIC}\r\n".lower() in web.text.lower()
    assert web.text.endswith("\r\n\r\nq")
    assert "X-CSRF-Header: 1\r\n" in web.text
    assert "s3cret" not in repr(answer)


def test_a_wrong_name_gets_nothing(web: Web, file: str) -> None:
    """A good certificate of another name is refused, and no byte of the request was sent."""
    error = _ask(web, TlsTrust("expe.example", ca=file))
    assert isinstance(error, Untrusted)
    assert "not proven to be expe.example" in error.what
    assert "No user name or password was sent." in error.untouched
    assert web.text == ""
    assert _ask(web, TlsTrust(NAME, ca=file)) is None


def test_a_wrong_ca_gets_nothing(web: Web, tmp_path: Path) -> None:
    """A certificate of a CA that the site does not name is refused, a look-alike of the right name too."""
    for other in (CA.root("Other Root", **AGES), CA.root("Box Root", **AGES)):  # type: ignore[arg-type]
        (tmp_path / "other.pem").write_text(pem(other.certificate))
        error = _ask(web, TlsTrust(NAME, ca=str(tmp_path / "other.pem")))
        assert isinstance(error, Untrusted)
        assert web.text == ""


def test_a_ca_file_that_is_written_anew_is_read_anew(web: Web, file: str, tmp_path: Path) -> None:
    """What a CA file said before is forgotten as soon as somebody changes it, whichever way the answer changes."""
    own, other = Path(file).read_text(), pem(CA.root("Other Root", **AGES).certificate)  # type: ignore[arg-type]
    changing = tmp_path / "changing.pem"
    for content, wanted in ((own, None), (other, Untrusted), (own + other, None)):
        changing.write_text(content)
        found = _ask(web, TlsTrust(NAME, ca=str(changing)))
        assert found is None if wanted is None else isinstance(found, wanted)


def test_a_ca_file_that_stays_the_same_is_read_once(
    web: Web, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many requests are sent, a file of CA certificates is read once for each time that it is written."""
    load, read = ssl.SSLContext.load_verify_locations, list[str]()

    def counted(context: ssl.SSLContext, ca: str) -> None:
        read.append(ca)
        load(context, ca)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    own = tmp_path / "own.pem"
    for _ in range(2):
        own.write_text(Path(file).read_text())
        for _ in range(3):
            assert _ask(web, TlsTrust(NAME, ca=str(own))) is None
    assert read == [str(own)] * 2


def test_without_a_ca_the_systems_store_decides(web: Web) -> None:
    """A private CA is not trusted just because the site names none."""
    error = _ask(web, TlsTrust(NAME))
    assert isinstance(error, Untrusted)
    assert web.text == ""


def test_an_expired_certificate_is_verified_no_more(ca: CA, file: str, tmp_path: Path) -> None:
    """An expired certificate is refused by verification, with the reason; a pin still accepts it: late is normal."""
    old = ca.issue(NAME, not_before=NOW - 2000 * DAY, not_after=NOW - 1000 * DAY)
    with serving(old, tmp_path) as web:
        error = _ask(web, TlsTrust(NAME, ca=file))
        assert isinstance(error, Untrusted)
        assert "expired" in error.what
        assert web.text == ""
        assert _ask(web, TlsTrust(NAME, pins=frozenset({_pin(old)}), pins_only=True)) is None


def test_the_right_pin_is_enough(web: Web, leaf: Leaf) -> None:
    """A pinned certificate is accepted whatever its name and CA; several pins are several chances."""
    for pins in ({_pin(leaf)}, {"0" * 64, _pin(leaf)}):
        assert _ask(web, TlsTrust("other.example", pins=frozenset(pins), pins_only=True)) is None
    assert web.text.count(BASIC) == 2


def test_a_wrong_pin_gets_nothing(web: Web) -> None:
    """A certificate that is none of the pinned is refused, told by its fingerprint, and nothing was sent."""
    error = _ask(web, TlsTrust(NAME, pins=frozenset({"0" * 64}), pins_only=True))
    assert isinstance(error, Untrusted)
    assert "sha256:" in error.what
    assert web.text == ""


def test_pins_beside_verification_only_add(web: Web, leaf: Leaf, file: str) -> None:
    """Where verification stays on, an unpinned certificate must be verified: wrong pins change nothing."""
    none = frozenset({"0" * 64})
    assert _ask(web, TlsTrust(NAME, pins=none, ca=file)) is None
    assert web.text.count(BASIC) == 1
    assert isinstance(_ask(web, TlsTrust("other.example", pins=none, ca=file)), Untrusted)
    assert _ask(web, TlsTrust("other.example", pins=frozenset({_pin(leaf)}), ca=file)) is None
    assert web.text.count(BASIC) == 2


def test_no_pin_and_no_verification_is_no_trust(web: Web) -> None:
    """There is no combination of settings that trusts everybody."""
    for pins_only in (False, True):
        assert isinstance(_ask(web, TlsTrust(NAME, pins=frozenset(), pins_only=pins_only)), Untrusted)
    assert web.text == ""


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_file_without_certificates_is_a_matter_of_configuration(content: str, web: Web, tmp_path: Path) -> None:
    """A CA file that can't be used is named, and nothing was sent."""
    (tmp_path / "bad.pem").write_text(content)
    error = _ask(web, TlsTrust(NAME, ca=str(tmp_path / "bad.pem")))
    assert isinstance(error, UsageError)
    assert "bad.pem" in error.what
    assert web.text == ""


# ---- what comes back -----------------------------------------------------------------------------------------------


def test_redirects_are_not_followed(ca: CA, leaf: Leaf, file: str, tmp_path: Path) -> None:
    """A redirect is an answer like any other; the host it points to is never contacted, with credentials or without."""
    with serving(_issue(ca, NAME), tmp_path) as other:
        place = f"Location: https://{other.address}/\r\nContent-Length: 0\r\n\r\n".encode()
        for status in (b"301 Moved", b"307 Temporary", b"308 Permanent"):
            with serving(leaf, tmp_path, b"HTTP/1.1 " + status + b"\r\n" + place) as web:
                answer = HttpsClient(web.address, TlsTrust(NAME, ca=file)).request("GET", "/", basic=_login)
                assert answer.status == int(status[:3])
                assert web.text.count("GET /") == 1
        assert other.received == []
        assert _ask(other, TlsTrust(NAME, ca=file)) is None


def _sized(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + b"x" * length


def test_an_answer_over_the_cap_is_not_taken(leaf: Leaf, file: str, tmp_path: Path) -> None:
    """An answer of more than the cap is refused as the other end's fault; one of just the cap is read."""
    with serving(leaf, tmp_path, _sized(BODY_LIMIT + 1)) as web:
        error = _ask(web, TlsTrust(NAME, ca=file))
    assert isinstance(error, Failed)
    assert str(BODY_LIMIT) in error.what
    with serving(leaf, tmp_path, _sized(BODY_LIMIT)) as web:
        assert _ask(web, TlsTrust(NAME, ca=file)) is None


def test_an_answer_that_comes_drop_by_drop_ends(
    leaf: Leaf, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short each wait is, the whole answer has its time; within it, drops make an answer."""
    with serving(leaf, tmp_path, _sized(2000), drops=2000) as web:
        monkeypatch.setattr(https, "TIMES", 0.1)
        error = _ask(web, TlsTrust(NAME, ca=file))
    assert isinstance(error, Unreachable)
    assert "no answer in time" in error.what
    monkeypatch.undo()
    with serving(leaf, tmp_path, _sized(5), drops=5) as web:
        assert _ask(web, TlsTrust(NAME, ca=file)) is None


def test_a_compressed_answer_is_not_unfolded(leaf: Leaf, file: str, tmp_path: Path) -> None:
    """None was asked for, and a small one may become any size: it is taken as it came."""
    packed = gzip.compress(bytes(100 * BODY_LIMIT))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with serving(leaf, tmp_path, head + packed) as web:
        answer = HttpsClient(web.address, TlsTrust(NAME, ca=file), timeout=5).request("GET", "/")
    assert answer.body == packed


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH\r\n", OK[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)
def test_a_broken_answer_is_no_answer(answer: bytes, leaf: Leaf, file: str, tmp_path: Path) -> None:
    """An answer that is none, or that breaks off, is Unreachable: it may or may not have been carried out."""
    with serving(leaf, tmp_path, answer) as web:
        error = _ask(web, TlsTrust(NAME, ca=file), "/api/\x1b[2J")
        assert isinstance(error, Unreachable)
        assert "did not answer GET" in error.what
        assert "\x1b" not in error.what
        assert len([one for one in web.received if one]) == 1, "it was sent again"


def test_a_port_without_tls_is_unreachable_and_learns_nothing(file: str) -> None:
    """What answers in plain text is no box, and gets no credential; that is a fault and no matter of trust."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        client = HttpsClient(address, TlsTrust(NAME, ca=file), timeout=0.3)
        with pytest.raises(Unreachable, match="no answer in time"):
            client.request("GET", "/", basic=_login)
        connection, _ = listener.accept()
        with connection:
            assert b"YWRt" not in connection.recv(65536)


def test_a_port_where_nobody_listens_is_unreachable(file: str) -> None:
    """A refused connection says so and what to do; the probe says the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable, match="refused") as caught:
        HttpsClient(address, TlsTrust(NAME, ca=file)).request("GET", "/")
    assert caught.value.todo
    with pytest.raises(Unreachable, match="shows no TLS certificate"):
        served(address, timeout=2)


# ---- the surroundings ----------------------------------------------------------------------------------------------


def test_the_environment_is_ignored(
    web: Web, leaf: Leaf, ca: CA, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable sends the request through a proxy or makes us write down the keys of a connection."""
    with serving(_issue(ca, NAME), tmp_path) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"https://{proxy.address}")
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
        assert _ask(web, TlsTrust(NAME, ca=file)) is None
        assert _ask(web, TlsTrust(NAME, pins=frozenset({_pin(leaf)}), pins_only=True)) is None
        assert proxy.received == []
    assert web.text.count(BASIC) == 2
    assert not (tmp_path / "keys").exists()
    ssl.create_default_context()
    assert (tmp_path / "keys").exists(), "control: the variable does work on a default context"


def test_the_probe_reads_what_it_does_not_trust(web: Web, leaf: Leaf) -> None:
    """The probe returns the certificate that a port presents, whoever issued it, and says nothing itself."""
    assert served(web.address) == leaf.certificate
    assert web.text == ""


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("h", ("h", 443)),
        ("h:8443", ("h", 8443)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[::1]:99", ("::1", 99)),
        ("[::1]", ("::1", 443)),
    ],
)
def test_addresses_are_split(address: str, parts: tuple[str, int]) -> None:
    """HOST, HOST:PORT and bracketed IPv6 addresses are understood; a port that is no number is an error."""
    assert split_address(address) == parts
    with pytest.raises(ValueError, match="invalid literal"):
        split_address("h:port")


def test_a_port_is_proven_by_the_systems_store_or_the_reason_is_said(
    web: Web, ca: CA, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign CA, a wrong name and a dead port are reasons; with its CA in the system's store a port is proven."""
    assert "self-signed" in unverified(web.address)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda self: self.load_verify_locations(file))
    assert "mismatch" in unverified(web.address)
    right = ca.issue("box", sans=["IP:127.0.0.1"], not_before=NOW - 3000 * DAY, not_after=NOW + 3000 * DAY)
    with serving(right, tmp_path) as other:
        assert unverified(other.address) == ""
        assert other.text == ""
    assert "refused" in unverified("127.0.0.1:1")


def test_a_name_has_an_address_or_the_reason_is_said() -> None:
    """The system's resolver decides; what can't be a name is a reason, too, and no error."""
    assert unresolved("localhost") == ""
    for name in ("nothing.invalid", "a" * 70 + ".example", "", "\udce4.example"):
        assert unresolved(name) != ""


# ---- what we show --------------------------------------------------------------------------------------------------


@contextmanager
def _asking_late(leaf: Leaf, ca: CA, folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one request, and ask for a client certificate only then (TLS 1.3); yield address and what was shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.post_handshake_auth = ssl.TLSVersion.TLSv1_3, True
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pem(ca.certificate))
    context.load_cert_chain(_file(folder / "server.pem", leaf))
    shown: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.verify_client_post_handshake()
            secured.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            secured.setblocking(False)
            while not secured.getpeercert(binary_form=True):
                assert select.select([secured], [], [], 5)[0]
                with suppress(ssl.SSLWantReadError):
                    secured.recv(1)
            secured.setblocking(True)
            shown.append(secured.getpeercert(binary_form=True) or b"")
            secured.sendall(OK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", shown
        finally:
            thread.join(10)


def _file(path: Path, leaf: Leaf) -> Path:
    path.write_text(leaf.key_pem + pem(leaf.certificate, *leaf.chain))
    return path


def test_our_certificate_is_shown_even_to_who_asks_late(ca: CA, leaf: Leaf, file: str, tmp_path: Path) -> None:
    """Some servers ask only once they know the path; a server that asks gets the certificate, and answers."""
    ours = _issue(ca, "operator.example")
    both = _file(tmp_path / "ours.pem", ours)
    with _asking_late(leaf, ca, tmp_path) as (address, shown):
        client = HttpsClient(address, TlsTrust(NAME, ca=file), timeout=5, identity=(both, both))
        assert client.request("GET", "/x").status == 200
    assert shown == [der(ours.certificate)]


def test_a_key_with_a_password_is_refused_without_asking(ca: CA, web: Web, file: str, tmp_path: Path) -> None:
    """Nobody is asked at the terminal, nothing is sent; the same for a certificate that does not fit its key."""
    ours = _issue(ca, "operator.example")
    locked = tmp_path / "locked.pem"
    sealed = ours.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    locked.write_bytes(sealed + pem(ours.certificate).encode())
    other = _file(tmp_path / "other.pem", _issue(ca, "other.example"))
    for identity in ((locked, locked), (_file(tmp_path / "ours.pem", ours), other), (tmp_path / "none", other)):
        client = HttpsClient(web.address, TlsTrust(NAME, ca=file), identity=identity)
        with pytest.raises(UsageError, match="client certificate"):
            client.request("GET", "/x")
    assert web.text == ""


def test_headers_come_in_lower_case_and_joined(leaf: Leaf, file: str, tmp_path: Path) -> None:
    """However the server writes them; several of one name are one list."""
    head = (
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: A\r\nwww-authenticate: B\r\nRETRY-AFTER: 5\r\nContent-Length: 0\r\n\r\n"
    )
    with serving(leaf, tmp_path, head) as web:
        answer = HttpsClient(web.address, TlsTrust(NAME, ca=file)).request("GET", "/x")
    assert answer.headers["www-authenticate"] == "A, B"
    assert answer.headers["retry-after"] == "5"
