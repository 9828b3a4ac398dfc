"""Run OpenSSH's own server on loopback, with its own SFTP server, for whoever runs the tests."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.programs import needs

SEPARATION = Path("/run/sshd")
"""The folder that sshd wants to be there when root runs it."""


@dataclass(frozen=True)
class Sshd:
    """Be a running server: where it is, its host key, who may log in there, and the private key that lets in."""

    address: str
    host_key: str
    user: str
    private_key: Path


def make_key(path: Path) -> str:
    """Make a key without a password and return its public half."""
    command = [needs("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def sshd(folder: Path, *, subsystem: bool = True) -> Iterator[Sshd]:
    """Start it on a free port, let one key in, and end it by its own process; without `subsystem` it has no SFTP."""
    program, sftp = needs("sshd"), needs("sftp-server")
    if os.getuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    host, login = make_key(folder / "host"), make_key(folder / "login")
    (folder / "authorized").write_text(f"{login}\n")
    port = free_port()
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'authorized'}",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PermitRootLogin yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        *([f"Subsystem sftp {sftp}"] if subsystem else []),
    ]
    (folder / "sshd_config").write_text("\n".join([*lines, ""]))
    with subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            told = []
            for line in server.stderr:
                told.append(line)
                if "Server listening on" in line:
                    break
            else:
                raise AssertionError("".join(told))
            yield Sshd(f"127.0.0.1:{port}", host, pwd.getpwuid(os.getuid()).pw_name, folder / "login")
        finally:
            server.terminate()
            server.communicate(timeout=20)
