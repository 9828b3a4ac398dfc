"""Fetch a private key over SFTP: from OpenSSH's own server, found by its public key, with nothing else read or kept."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from engine.certificates import key_digest
from engine.contracts import Access
from engine.errors import Failed, LoginRefused, NotSent, Refused, Untrusted, UsageError
from engine.https import Exchange
from engine.net import TlsTrust
from plugins.expressway import Sftp
from plugins.expressway.sftp import wire
from plugins.expressway.sftp.client import Folder
from plugins.lab.folder import KeyFolder
from plugins.lab.lab import Lab
from tests.plugins.expressway.conftest import MakeLab
from tests.sshd import Sshd, sshd

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

OURS, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Private, form: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> bytes:
    """Return a private key as a file has it."""
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def digest(key: Private) -> str:
    """Return the SHA-256 by which a key is looked for."""
    return key_digest(key.public_key())


# ---- which file it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [OURS, RSA], ids=["EC", "RSA"])
@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_a_key_is_found_in_whatever_is_around_it(key: Private, form: PrivateFormat) -> None:
    """In PEM of either form, behind another key, with text and line ends of any kind, and as one file of DER."""
    alone = pem(key, form)
    for content in (alone, pem(OTHER) + alone, b"Bag Attributes\n" + alone.replace(b"\n", b"\r\n"), alone.rstrip()):
        found = wire.private_key(content, digest(key))
        assert found is not None
        assert found.endswith(b"-----\n")
        assert digest(load_pem_private_key(found, None)) == digest(key)  # type: ignore[arg-type]
        assert wire.private_key(content, "0" * 64) is None
    der = wire.private_key(key.private_bytes(Encoding.DER, form, NoEncryption()), digest(key))
    assert der is not None
    assert digest(load_pem_private_key(der, None)) == digest(key)  # type: ignore[arg-type]


def test_what_is_no_such_key_is_none() -> None:
    """A key with a password, a cut one, a certificate's text: none of it, and no error."""
    locked = OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for content in (locked, pem(OURS)[:-40], b"", b"\x30\x03\x02\x01\x00", b"-----BEGIN CERTIFICATE-----\nAA==\n"):
        assert wire.private_key(content, digest(OURS)) is None


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_file_can_be_looked_into(before: bytes, after: bytes) -> None:
    """Whatever surrounds it, the key is found; and whatever there is alone, nothing breaks."""
    assert wire.private_key(before + b"\n" + pem(OURS) + after, digest(OURS)) is not None
    assert wire.private_key(before + after, digest(OURS)) is None
    assert wire.private_key(b"\x30" + before, digest(OURS)) is None


# ---- OpenSSH's server ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run OpenSSH's own server."""
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """Return a folder of certificates with what a box has there, the key that is looked for left out."""
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "privkey.pem").write_bytes(pem(OTHER))
    (folder / "server.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (folder / "empty").touch()
    return folder


def folder_of(address: str, notes: list[Exchange] | None = None, **options: Any) -> Folder:
    """Return the folder as the driver sees it."""
    access = Access(
        node="expc",
        kind="expressway-c",
        address="expc.corp.example",
        hostname="expc.corp.example",
        username="admin",
        password=lambda: "unused",
        trust=TlsTrust("expc.corp.example"),
        now=lambda: datetime.now(UTC),
        secret=str,
        record=(notes if notes is not None else []).append,
    )
    return Folder(access, Sftp(address=address, **options))


def on(server: Sshd, certs: Path, notes: list[Exchange] | None = None, **more: Any) -> Folder:
    """Return the folder on OpenSSH's server, logged in to by its key."""
    known = {"host_key": server.host_key, "username": server.user, "private_key": server.private_key.read_text()}
    return folder_of(server.address, notes, **{**known, "folder": str(certs), **more})


@pytest.mark.parametrize("name", ["privkey.pem.csr", "a key, of äny name", "\udcff.key"])
def test_openssh_gives_the_key_whatever_its_file_is_called(server: Sshd, certs: Path, name: str) -> None:
    """By its public key it is found, its file is named, and the transcript gets no word of it."""
    (certs / name).write_bytes(pem(OURS))
    notes: list[Exchange] = []
    found = on(server, certs, notes).find(digest(OURS))
    assert found.pem == pem(OURS)
    assert found.file == f"{certs}/{name}"
    assert "PRIVATE" not in repr(found)
    assert not any(line in repr(notes).encode() for line in pem(OURS).splitlines())
    assert notes[0].answer is not None
    assert b"PRIVATE" not in notes[0].answer.body


def test_only_regular_files_of_a_keys_size_are_opened(server: Sshd, certs: Path, tmp_path: Path) -> None:
    """A link, a pipe, a folder, and a file that is too large are passed over, though they lead to the key."""
    (tmp_path / "elsewhere").write_bytes(pem(OURS))
    (certs / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(certs / "pipe")  # whoever opened it would hang
    (certs / "folder").mkdir()
    (certs / "folder" / "privkey.pem").write_bytes(pem(OURS))
    (certs / "large").write_bytes(pem(OURS) + b"#" * wire.CAP)
    with pytest.raises(Refused, match=r"None of 2 regular files .* holds the private key") as refused:
        on(server, certs).find(digest(OURS))
    assert "Nothing was kept" in refused.value.untouched
    (certs / "large").write_bytes(pem(OURS) + b"#" * 100)
    assert on(server, certs).find(digest(OURS)).file == f"{certs}/large", "control"


def test_a_look_reads_no_file(server: Sshd, certs: Path) -> None:
    """The check logs in and lists; what it would find it does not read."""
    (certs / "privkey.pem.csr").write_bytes(pem(OURS))
    before = {path: path.stat().st_atime_ns for path in certs.iterdir()}
    notes: list[Exchange] = []
    on(server, certs, notes).check()
    assert notes[0].answer is not None
    assert notes[0].answer.body == b"3 regular files listed, none read"
    assert {path: path.stat().st_atime_ns for path in certs.iterdir()} == before


@pytest.mark.parametrize("key", ["SHA256:" + "A" * 43, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA", ""])
def test_another_host_key_is_not_logged_in_to(server: Sshd, certs: Path, key: str) -> None:
    """A host whose key is not the confirmed one gets no credential, and its fingerprint is told."""
    with pytest.raises(Untrusted, match="shows the SSH host key SHA256:") as refused:
        on(server, certs, host_key=key).find(digest(OURS))
    assert "was sent" in refused.value.untouched


def test_a_refused_login_is_not_repeated(server: Sshd, certs: Path) -> None:
    """A key that the host does not know is refused, and the same object sends nothing more."""
    wrong = pem(OTHER, PrivateFormat.OpenSSH).decode()
    folder = on(server, certs, private_key=wrong)
    with pytest.raises(LoginRefused):
        folder.find(digest(OURS))
    with pytest.raises(LoginRefused, match="refused the SFTP login") as again:
        folder.find(digest(OURS))
    assert "nothing more was sent" in again.value.untouched


def test_what_can_not_be_read_is_told(server: Sshd, certs: Path) -> None:
    """A folder that is not there, settings without credentials, or with what is none, are told in a sentence."""
    with pytest.raises(Failed, match="can't be read by SFTP"):
        on(server, certs / "absent").find(digest(OURS))
    with pytest.raises(UsageError, match="no `password` and no `private_key`"):
        on(server, certs, private_key="").check()
    with pytest.raises(UsageError, match="leads to no private key"):
        on(server, certs, private_key="no key").check()


def test_a_host_without_sftp_or_without_anybody_is_told(tmp_path: Path, certs: Path) -> None:
    """An SSH server that offers no SFTP, and a port where nothing is."""
    with sshd(tmp_path, subsystem=False) as server, pytest.raises(Failed, match="can't be read by SFTP"):
        on(server, certs).find(digest(OURS))
    with pytest.raises(NotSent, match="gives no SFTP session"):
        on(server, certs).find(digest(OURS))


# ---- the lab's server ----------------------------------------------------------------------------------------------


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Return a lab whose peers can share a certificate."""
    return make_lab(shared=True, cucm=False)


def on_lab(lab: Lab, **more: Any) -> tuple[KeyFolder, Folder]:
    """Return a folder of the lab, and what the driver makes of it."""
    folder = lab.folders["expc"]
    known = {"host_key": folder.host_key, "password": folder.account.password}
    return folder, folder_of(lab.machines["expc"].ports["ssh"].address, **{**known, **more})


def test_the_lab_shows_root_its_folder(lab: Lab) -> None:
    """By the documented folder and root's password; the pending key is there from CSR to upload or discarding."""
    folder, seen = on_lab(lab)
    box = lab.boxes["expc"]
    live = digest(box.serves.key)
    assert seen.find(live).file == "/tandberg/persistent/certs/privkey.pem"
    pending = digest(box.generate_csr({}, key="ec-256").key)
    assert seen.find(pending).file == "/tandberg/persistent/certs/privkey.pem.csr"
    box.discard_csr()
    with pytest.raises(Refused):
        seen.find(pending)
    assert folder.path.is_relative_to(lab.home / "boxes/expc")


def test_a_wrong_password_goes_out_once(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    """It is refused, and the box counts one login however often it is asked."""
    _, seen = on_lab(lab, password="wrong")
    for _ in range(3):
        with pytest.raises(LoginRefused):
            seen.check()
    assert len(lab.effects.of("login-refused")) == 1
