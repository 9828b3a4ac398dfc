"""Say which programs of others a test needs; CI installs them all, and there a skip is a failure."""

import shutil

import pytest

PACKAGES = {
    "openssl": "openssl",
    "certtool": "gnutls-bin",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "sftp-server": "openssh-sftp-server",
    "easyrsa": "easy-rsa",
    "cfssl": "golang-cfssl",
    "named": "bind9",
    "tsig-keygen": "bind9",
    "knotd": "knot",
    "krb5kdc": "krb5-kdc",
    "kdb5_util": "krb5-kdc",
    "kadmin.local": "krb5-admin-server",
    "kinit": "krb5-user",
    "pebble": "pebble",
    "pebble-challtestsrv": "pebble",
}
"""Programs by the Debian package that has them."""
BESIDE_THE_PATH = {
    "sshd": "/usr/sbin",
    "sftp-server": "/usr/lib/openssh",
    "easyrsa": "/usr/share/easy-rsa",
    "named": "/usr/sbin",
    "tsig-keygen": "/usr/sbin",
    "knotd": "/usr/sbin",
    "krb5kdc": "/usr/sbin",
    "kdb5_util": "/usr/sbin",
    "kadmin.local": "/usr/sbin",
}
"""Where Debian puts programs that are not on the path."""


def needs(program: str) -> str:
    """Return the path of a program, or skip the test with the package that has it."""
    found = shutil.which(program) or shutil.which(program, path=BESIDE_THE_PATH.get(program))
    if found is None:
        pytest.skip(f"{program} is not installed (Debian package {PACKAGES[program]})")
    return found
