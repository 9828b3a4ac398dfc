"""Sign what a person decides with the person's SSH key, and find out whose signature one is: OpenSSH does both.

A signature is made and judged by ``ssh-keygen -Y`` (ssh-keygen(1), PROTOCOL.sshsig), so keys may live in an agent or on
a hardware token, and anybody can check one without certrenew.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.canonical import canonical
from engine.errors import Refused, UsageError
from engine.model import Decision
from engine.text import escape, moment

NAMESPACE = "certrenew"
"""What a signature is for; one that was made for mail or git is none here."""

TIMEOUT = 120
"""How long signing may take, in seconds: a person may have to touch a token or type a passphrase."""

PROGRAM = "ssh-keygen"


def sign(content: bytes, key: Path) -> str:
    """Return the SSH signature of `content` by a private key, or by the agent that holds a public key's other half.

    Raises UsageError when it can't be made; ssh-keygen may ask for a passphrase on the terminal.
    """
    done = _run(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)], content)
    text = done.stdout.decode("ascii", "replace")
    if done.returncode or "-----BEGIN SSH SIGNATURE-----" not in text:
        raise UsageError(
            f"The key {escape(key)} did not sign: {_said(done)}.",
            untouched="Nothing was decided.",
            todo="Name the private key, or the public key of one that ssh-agent holds.",
        )
    return text


def principal(content: bytes, signature: str, signers: str, *, at: str, revoked: Path | None = None) -> str:
    """Return whose signature this is, as `signers` (allowed_signers of ssh-keygen(1)) names the key's owner.

    `at` is the moment (RFC 3339) at which the key must be valid. Raises Refused for a signature that is not good: made
    for another text or purpose, by a key that is unknown, revoked, or not valid then. Read-only.
    """
    with tempfile.TemporaryDirectory(prefix="certrenew-") as name:
        folder = Path(name)
        (folder / "signers").write_text(signers)
        (folder / "signature").write_text(signature)
        when = ["-O", f"verify-time={moment(at):%Y%m%d%H%M%S}Z"]
        files = ["-f", str(folder / "signers"), "-s", str(folder / "signature"), *when]
        found = _run(["-Y", "find-principals", *files], b"")
        names = [line.strip() for line in found.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
        if found.returncode or not names:
            raise _no_good("its key is not among the allowed signers, or not valid now", found)
        verify = ["-Y", "verify", *files, "-I", names[0], "-n", NAMESPACE]
        checked = _run(verify, content)
        if checked.returncode:
            purpose = "namespace" in _said(checked).lower()
            why = "it was made for another purpose" if purpose else "it is not of this decision, or was changed"
            raise _no_good(why, checked)
        if revoked and (checked := _run([*verify, "-r", str(revoked)], content)).returncode:
            raise _no_good("its key is revoked", checked)
    return names[0]


def fault(decision: Decision, signers: Iterable[str], *, at: str, revoked: Path | None = None) -> str:
    """Say why a decision's signature does not count; empty when it is its person's by each of `signers`. Read-only."""
    for text in dict.fromkeys(signers):
        try:
            name = principal(canonical(decision.claim()), decision.signature, text, at=at, revoked=revoked)
        except Refused as error:
            return error.what.removesuffix(".")
        if name != decision.person:
            return f"it names {escape(decision.person)}, and the key is that of {escape(name)}"
    return ""


def _no_good(why: str, done: "subprocess.CompletedProcess[bytes]") -> Refused:
    said = _said(done)
    return Refused(
        f"The signature does not count: {why}{f' ({said})' if said else ''}.",
        untouched="It was not used.",
        todo="See whose key it is: the site's `allowed_signers` says which keys count.",
    )


def _run(arguments: Sequence[str], content: bytes) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run([PROGRAM, *arguments], input=content, capture_output=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        raise UsageError(
            f"There is no {PROGRAM} here, which makes and checks signatures.",
            untouched="Nothing was decided.",
            todo="Install OpenSSH's client (Debian: openssh-client).",
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"{PROGRAM} did not answer within {TIMEOUT} s.", untouched="Nothing was decided.", todo="Try again."
        ) from None


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    text = done.stderr.decode("utf-8", "replace").strip()
    return escape(re.sub(r"\s+", " ", re.sub(r"/\S*certrenew-\w+/", "", text)), 160).rstrip(".")
