"""Run a real MIT KDC on loopback for a test: a realm, an account, a web server with a keytab."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

from tests.ports import free_port
from tests.programs import needs

REALM, USER, SERVICE = "CORP.EXAMPLE", "svc-expressway", "HTTP/localhost"

TRIES = 5
"""How many ports are tried: between finding a free one and listening there somebody else may take it."""

KRB5_CONF = """[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
[logging]
  kdc = STDERR
"""

KDC_CONF = """[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
  }}
"""


@dataclass(frozen=True)
class Kdc:
    """Be a running KDC; `environment` points Kerberos of a process at it, `keytab` holds the account's key."""

    environment: dict[str, str]
    password: str
    keytab: Path


def needs_kerberos() -> None:
    """Skip where a program of MIT Kerberos or the extra is not there."""
    for program in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"):
        needs(program)
    pytest.importorskip("gssapi", reason="the extra `kerberos` is not installed (requirements/kerberos.txt)")
    pytest.importorskip("krb5", reason="the extra `kerberos` is not installed (requirements/kerberos.txt)")


@contextmanager
def running(folder: Path) -> Iterator[Kdc]:
    """Start a KDC in a folder of its own, and end it by its process at the end."""
    environment = {
        "KRB5_CONFIG": str(folder / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        "KRB5_KTNAME": f"FILE:{folder / 'server.keytab'}",
        "KRB5_CLIENT_KTNAME": f"FILE:{folder / 'none.keytab'}",
        "KRB5RCACHENAME": "none:",
    }
    env, password = {**os.environ, **environment, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}, "correct-horse-9"
    _configure(folder)
    _run(env, "kdb5_util", "create", "-s", "-r", REALM, "-P", "master-of-the-test")
    _run(env, "kadmin.local", "-q", f"addprinc -pw {password} {USER}")
    _run(env, "kadmin.local", "-q", f"addprinc -randkey {SERVICE}")
    _run(env, "kadmin.local", "-q", f"ktadd -k {folder / 'server.keytab'} {SERVICE}")
    _run(env, "kadmin.local", "-q", f"ktadd -norandkey -k {folder / 'client.keytab'} {USER}")
    with _listening(folder, env):
        yield Kdc(environment, password, folder / "client.keytab")


def _configure(folder: Path) -> None:
    """Write the settings, with a port that is free now."""
    port = free_port()
    (folder / "krb5.conf").write_text(KRB5_CONF.format(realm=REALM, port=port))
    (folder / "kdc.conf").write_text(KDC_CONF.format(realm=REALM, port=port, folder=folder))
    (folder / "acl").write_text("")


@contextmanager
def _listening(folder: Path, env: dict[str, str]) -> Iterator[None]:
    """Run the KDC; on another port where somebody else was quicker to take the one that was free."""
    told: list[str] = []
    for _ in range(TRIES):
        with subprocess.Popen(["krb5kdc", "-n"], env=env, stdout=DEVNULL, stderr=PIPE, text=True) as kdc:
            assert kdc.stderr is not None
            try:
                told = []
                for line in kdc.stderr:
                    told.append(line)
                    if "commencing operation" in line:
                        yield
                        return
            finally:
                kdc.terminate()
        _configure(folder)
    raise AssertionError("".join(told))


def _run(env: dict[str, str], *command: str) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
