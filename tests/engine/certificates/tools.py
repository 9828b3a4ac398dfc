"""Have other people's tools make a CA, a certificate for a CSR, and the shapes that they emit.

Each maker gets an empty folder and returns what a person would have afterwards. The CSR is always OpenSSL's.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.programs import needs

NAMES = ("exp-c.example.org", "b.example.org")
_SANS = ",".join(f"DNS:{name}" for name in NAMES)


class Made(NamedTuple):
    """Be what a tool left behind: the CSR, the issued certificate twice (old and new), its CA, and bundles of both."""

    csr: bytes
    old: bytes
    new: bytes
    authority: bytes
    bundles: dict[str, bytes]


def run(folder: Path, *words: str, stdin: str = "", **environment: str) -> bytes:
    """Run a program in the folder and return its output; a failure shows what it said."""
    around = {**os.environ, **environment}
    done = subprocess.run(words, cwd=folder, input=stdin.encode(), capture_output=True, env=around, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def request(folder: Path) -> bytes:
    """Make a key and a CSR with OpenSSL: `key.pem` and `csr.pem`."""
    openssl = needs("openssl")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem")
    names = ("-addext", f"subjectAltName={_SANS}", "-addext", "extendedKeyUsage=serverAuth,clientAuth")
    run(folder, openssl, "req", "-new", *key, "-subj", f"/C=DE/O=Example/CN={NAMES[0]}", *names, "-out", "csr.pem")
    return (folder / "csr.pem").read_bytes()


# ---- OpenSSL -------------------------------------------------------------------------------------------------------

_LEAF = f"""basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid,issuer:always
subjectAltName={_SANS}
"""


def openssl(folder: Path) -> Made:
    """Let `openssl req`, `x509`, `crl2pkcs7` and `pkcs12` do everything."""
    tool, csr = needs("openssl"), request(folder)
    own = ("-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-subj", "/O=Example/CN=OpenSSL CA", "-days", "900")
    run(folder, tool, "req", "-x509", *own, "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    (folder / "leaf.cnf").write_text(_LEAF)
    sign = (tool, "x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "leaf.cnf")
    old = run(folder, *sign, "-days", "300")
    new = run(folder, *sign, "-days", "300")
    (folder / "new.pem").write_bytes(new)
    (folder / "store.p12").write_bytes(
        run(folder, tool, "pkcs12", "-export", "-in", "new.pem", "-inkey", "key.pem", "-certfile", "ca.pem", *_PASS)
    )
    both = ("-certfile", "new.pem", "-certfile", "ca.pem")
    bundles = {
        "p7b": run(folder, tool, "crl2pkcs7", "-nocrl", *both),
        "p7b in DER": run(folder, tool, "crl2pkcs7", "-nocrl", *both, "-outform", "DER"),
        "bag attributes": run(folder, tool, "pkcs12", "-in", "store.p12", "-nokeys", "-passin", "pass:x"),
        "bag attributes and key": run(folder, tool, "pkcs12", "-in", "store.p12", "-nodes", "-passin", "pass:x"),
        "text before PEM": run(folder, tool, "x509", "-in", "new.pem", "-text") + (folder / "ca.pem").read_bytes(),
        "trusted": run(folder, tool, "x509", "-in", "new.pem", "-trustout", "-addtrust", "serverAuth")
        + run(folder, tool, "x509", "-in", "ca.pem", "-trustout", "-setalias", "x"),
    }
    return Made(csr, old, new, (folder / "ca.pem").read_bytes(), bundles)


_PASS = ("-passout", "pass:x")


# ---- GnuTLS --------------------------------------------------------------------------------------------------------

_GNUTLS_CA = """organization = "Example"
cn = "GnuTLS CA"
ca
cert_signing_key
crl_signing_key
expiration_days = 900
"""
_GNUTLS_LEAF = "honor_crq_extensions\nsigning_key\ntls_www_server\ntls_www_client\nexpiration_days = 300\n"


def certtool(folder: Path) -> Made:
    """Let `certtool` make the CA and sign; it prints a description of what it made before the PEM where asked."""
    tool, csr = needs("certtool"), request(folder)
    (folder / "ca.cfg").write_text(_GNUTLS_CA)
    (folder / "leaf.cfg").write_text(_GNUTLS_LEAF + "".join(f'dns_name = "{name}"\n' for name in NAMES))
    run(folder, tool, "--generate-privkey", "--key-type", "ecdsa", "--curve", "secp384r1", "--outfile", "ca.key")
    own = ("--load-privkey", "ca.key", "--template", "ca.cfg", "--outfile", "ca.pem")
    run(folder, tool, "--generate-self-signed", *own)
    sign = ("--load-request", "csr.pem", "--load-ca-certificate", "ca.pem", "--load-ca-privkey", "ca.key")
    for name in ("old.pem", "new.pem"):
        run(folder, tool, "--generate-certificate", *sign, "--template", "leaf.cfg", "--outfile", name)
    authority, new = (folder / "ca.pem").read_bytes(), (folder / "new.pem").read_bytes()
    (folder / "both.pem").write_bytes(authority + new)
    bundles = {
        "described": run(folder, tool, "--certificate-info", "--infile", "new.pem") + authority,
        "p7b": run(folder, tool, "--p7-generate", "--load-certificate", "both.pem"),
    }
    return Made(csr, (folder / "old.pem").read_bytes(), new, authority, bundles)


# ---- easy-rsa ------------------------------------------------------------------------------------------------------


def easyrsa(folder: Path) -> Made:
    """Let easy-rsa sign what it imports; issued files begin with a description, and AKIs hold all three members."""
    tool, csr = needs("easyrsa"), request(folder)
    needs("openssl")

    def do(*words: str) -> None:
        quiet = {"EASYRSA_BATCH": "1", "EASYRSA_ALGO": "ec", "EASYRSA_REQ_CN": "Easy CA", "EASYRSA_CERT_EXPIRE": "300"}
        run(folder, tool, f"--pki-dir={folder}/pki", *words, **quiet)

    do("init-pki")
    do("build-ca", "nopass")
    issued = []
    for name in ("old", "new"):
        do("import-req", str(folder / "csr.pem"), name)
        do(f"--subject-alt-name={_SANS}", "sign-req", "serverClient", name)
        issued.append((folder / "pki/issued" / f"{name}.crt").read_bytes())
    do("export-p7", "new")
    bundles = {"export-p7": (folder / "pki/issued/new.p7b").read_bytes()}
    return Made(csr, issued[0], issued[1], (folder / "pki/ca.crt").read_bytes(), bundles)


# ---- cfssl ---------------------------------------------------------------------------------------------------------

_SIGNING = {
    "signing": {"default": {"expiry": "7200h", "usages": ["signing", "key encipherment", "server auth", "client auth"]}}
}


def cfssl(folder: Path) -> Made:
    """Let cfssl make the CA and sign; its answers are JSON with PEM inside."""
    tool, csr = needs("cfssl"), request(folder)
    (folder / "ca.json").write_text(json.dumps({"CN": "cfssl CA", "key": {"algo": "ecdsa", "size": 256}}))
    (folder / "config.json").write_text(json.dumps(_SIGNING))
    own = json.loads(run(folder, tool, "gencert", "-loglevel=5", "-initca", "ca.json"))
    for name in ("cert", "key"):
        (folder / f"ca-{name}.pem").write_text(own[name])
    sign = (tool, "sign", "-loglevel=5", "-ca=ca-cert.pem", "-ca-key=ca-key.pem", "-config=config.json", "csr.pem")
    old, new = (json.loads(run(folder, *sign))["cert"].encode() for _ in range(2))
    authority = own["cert"].encode()
    return Made(csr, old, new, authority, {"PEM": new + b"\n" + authority})


TOOLS: dict[str, Callable[[Path], Made]] = {
    "openssl": openssl,
    "certtool": certtool,
    "easyrsa": easyrsa,
    "cfssl": cfssl,
}
