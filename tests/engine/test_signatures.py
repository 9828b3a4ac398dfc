"""Hold whose signature counts: the person's own, of exactly this, for this purpose, by a key that is valid now."""

import shutil
import subprocess
from pathlib import Path

import pytest

from engine import signatures
from engine.errors import Refused, UsageError

NOW = "2026-11-24T02:00:00Z"
CLAIM = b'{"verb":"approve"}'

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def make_key(folder: Path, name: str, kind: str = "ed25519") -> Path:
    """Make a key without passphrase and return the private one's file."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path), "-C", name], check=True)
    return path


def line(principal: str, key: Path, options: str = 'namespaces="certrenew"') -> str:
    """Return the line of allowed signers for a key."""
    return f"{principal} {options} {key.with_suffix('.pub').read_text()}"


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    """Return Bob's key."""
    return make_key(tmp_path, "bob")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_person_is_found_from_the_key(tmp_path: Path, kind: str) -> None:
    """A good signature of any kind of key names the principal that the signers' file gives it."""
    key, other = make_key(tmp_path, "key", kind), make_key(tmp_path, "other")
    signers = line("eve", other) + line("bob", key)
    assert signatures.principal(CLAIM, signatures.sign(CLAIM, key), signers, at=NOW) == "bob"
    assert signatures.principal(CLAIM, signatures.sign(CLAIM, other), signers, at=NOW) == "eve"


def test_a_signature_is_of_one_text(bob: Path) -> None:
    """What was signed can't be changed by a byte."""
    signature = signatures.sign(CLAIM, bob)
    with pytest.raises(Refused, match="not of this decision, or was changed"):
        signatures.principal(CLAIM + b" ", signature, line("bob", bob), at=NOW)


def test_an_unknown_key_is_refused(bob: Path, tmp_path: Path) -> None:
    """A key that the signers' file does not have signs for nobody."""
    stranger = make_key(tmp_path, "stranger")
    with pytest.raises(Refused, match="not among the allowed signers"):
        signatures.principal(CLAIM, signatures.sign(CLAIM, stranger), line("bob", bob), at=NOW)
    with pytest.raises(Refused, match="not among the allowed signers"):
        signatures.principal(CLAIM, signatures.sign(CLAIM, bob), "", at=NOW)


def test_a_signature_for_another_purpose_is_refused(bob: Path, tmp_path: Path) -> None:
    """One that was made for mail or git (another namespace) approves nothing; nor does a key that is only for those."""
    claim = tmp_path / "claim"
    claim.write_bytes(CLAIM)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(bob), str(claim)], check=True)
    foreign = claim.with_name("claim.sig").read_text()
    with pytest.raises(Refused, match="namespace"):
        signatures.principal(CLAIM, foreign, line("bob", bob, ""), at=NOW)
    with pytest.raises(Refused):
        signatures.principal(CLAIM, signatures.sign(CLAIM, bob), line("bob", bob, 'namespaces="git"'), at=NOW)


@pytest.mark.parametrize(
    ("options", "good"),
    [
        ('valid-after="20261101",valid-before="20261201"', True),
        ('valid-before="20261101"', False),
        ('valid-after="20261201"', False),
    ],
)
def test_a_key_counts_while_it_is_valid(bob: Path, options: str, good: bool) -> None:
    """The validity in the signers' file is judged at the moment that is asked for."""
    signature, signers = signatures.sign(CLAIM, bob), line("bob", bob, options)
    if good:
        assert signatures.principal(CLAIM, signature, signers, at=NOW) == "bob"
    else:
        with pytest.raises(Refused, match="not valid now"):
            signatures.principal(CLAIM, signature, signers, at=NOW)


def test_a_revoked_key_no_longer_counts(bob: Path, tmp_path: Path) -> None:
    """A key on the list of revoked ones is refused; another key on that list changes nothing."""
    signature, signers, other = signatures.sign(CLAIM, bob), line("bob", bob), make_key(tmp_path, "other")
    assert signatures.principal(CLAIM, signature, signers, at=NOW, revoked=other.with_suffix(".pub")) == "bob"
    with pytest.raises(Refused, match="revoked"):
        signatures.principal(CLAIM, signature, signers, at=NOW, revoked=bob.with_suffix(".pub"))


@pytest.mark.parametrize(
    "text", ["", "no signature", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"]
)
def test_what_is_no_signature_is_refused(bob: Path, text: str) -> None:
    """Garbage in place of a signature is refused, not a crash."""
    with pytest.raises(Refused, match="does not count"):
        signatures.principal(CLAIM, text, line("bob", bob), at=NOW)


def test_a_key_that_can_not_sign_is_told(tmp_path: Path) -> None:
    """A key file that is absent or no key is an error that names it."""
    with pytest.raises(UsageError, match="did not sign"):
        signatures.sign(CLAIM, tmp_path / "absent")


def test_without_openssh_one_is_told_what_to_install(bob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ssh-keygen, the message names what to install."""
    monkeypatch.setattr(signatures, "PROGRAM", "ssh-keygen-is-not-here")
    with pytest.raises(UsageError) as caught:
        signatures.sign(CLAIM, bob)
    assert "openssh-client" in caught.value.todo
