"""Run a real MIT KDC on loopback for a test: a realm, an account, a web server with a keytab."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest

from tests.programs import needs

REALM, USER, SERVICE = "CORP.EXAMPLE", "svc-expressway", "HTTP/localhost"

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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "krb5.conf").write_text(KRB5_CONF.format(realm=REALM, port=port))
    (folder / "kdc.conf").write_text(KDC_CONF.format(realm=REALM, port=port, folder=folder))
    (folder / "acl").write_text("")
    environment = {
        "KRB5_CONFIG": str(folder / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        "KRB5_KTNAME": f"FILE:{folder / 'server.keytab'}",
        "KRB5_CLIENT_KTNAME": f"FILE:{folder / 'none.keytab'}",
        "KRB5RCACHENAME": "none:",
    }
    env, password = {**os.environ, **environment, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}, "correct-horse-9"
    _run(env, "kdb5_util", "create", "-s", "-r", REALM, "-P", "master-of-the-test")
    _run(env, "kadmin.local", "-q", f"addprinc -pw {password} {USER}")
    _run(env, "kadmin.local", "-q", f"addprinc -randkey {SERVICE}")
    _run(env, "kadmin.local", "-q", f"ktadd -k {folder / 'server.keytab'} {SERVICE}")
    _run(env, "kadmin.local", "-q", f"ktadd -norandkey -k {folder / 'client.keytab'} {USER}")
    kdc = subprocess.Popen(["krb5kdc", "-n"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert kdc.stderr is not None
    with kdc.stderr:
        try:
            told = list(takewhile(lambda line: "commencing operation" not in line, kdc.stderr))
            assert kdc.poll() is None, told
            yield Kdc(environment, password, folder / "client.keytab")
        finally:
            kdc.terminate()
            kdc.wait(10)


def _run(env: dict[str, str], *command: str) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
