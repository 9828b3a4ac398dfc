"""Say in the site file how peers share one certificate: root's SFTP, the web page's form, the certificate, a secret."""

import secrets
from collections.abc import Mapping

from engine.model import Json
from plugins.lab.estate import Place

SFTP = """
[nodes.{0}.options.sftp]        # root's access to where the box keeps its keys; only for a certificate that is shared
address = "{1.address}"     # port 22 in life
host_key = "{1.host_key}"
username = "{1.username}"
password = "file:secrets/{0}-root"

[nodes.{0}.options.web_form]    # certificate and key are uploaded on the web page; without this table people do it
"""

SHARED = """[certificates.{0}-shared]
node = "{0}"                    # it makes key and CSR
cluster_name = "{1}"    # all peers share certificate and key; the vendor advises against it
authority = "{2}"
names = []                      # names of the features in use: registration domains, CMS join address

[shared_keys]
secret = "file:secrets/shared-keys"   # what a shared private key is encrypted under while it is here
"""

CUSTODY = "secrets/shared-keys"


def options(name: str, place: Place) -> str:
    """Return the tables of settings of a peer that can share a certificate; nothing for any other box."""
    return SFTP.format(name, place.sftp) if place.sftp else ""


def certificate(places: Mapping[str, Place], authority: str) -> str:
    """Return the certificate that the peers can share, made on the first; nothing where they can't."""
    first = next(((name, place) for name, place in places.items() if place.sftp), None)
    return f"\n{SHARED.format(first[0], first[1].cluster, authority)}" if first else ""


def members(place: Place) -> dict[str, Json]:
    """Return what lab.json tells of a peer besides what it tells of every box."""
    at = place.sftp
    if at is None:
        return {}
    return {"sftp": {"address": at.address, "host_key": at.host_key, "username": at.username, "password": at.password}}


def secrets_of(places: Mapping[str, Place]) -> dict[str, bytes]:
    """Return the secrets that the site names for it: root's password of each peer, and what keys are kept under."""
    found = {f"secrets/{name}-root": place.sftp.password.encode() for name, place in places.items() if place.sftp}
    return {**found, CUSTODY: secrets.token_hex(32).encode()} if found else {}
