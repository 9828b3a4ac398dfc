"""Put CA certificates into the trust stores of a Cisco Unified CM node, and restart what loads them.

What the vendor documents, what was only seen and what nobody knows: docs/reference/cucm.md.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from engine.contracts import Access, TrustDriver, TrustStore
from engine.hookspecs import hookimpl
from engine.model import Value

Seconds = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one node, ``[nodes.NAME.options]``: each answers what the vendor leaves open.

    `replication`: seconds that an upload to the publisher may take to arrive at this node, 2100 by default: the
    vendor's sync runs every 1800 seconds. It means nothing for the publisher itself, nor for IM and Presence, each node
    of which is fed directly.

    `poll_interval`: seconds between two looks at a restarting service, 10 by default: a node answers about 15 requests
    of the Control Center a minute.

    `certificates`: how trust stores are read and fed, ``rest`` (default): by the certificate management API, from
    release 14 on; or ``ssh``: at the OS command line, on any release.

    `callmanager_service`: what an upload calls the store CallManager-trust, ``CallManager``, ``CallManager-trust`` or
    ``auto`` (default): ``CallManager``, unless the node's own snapshot names that store in another way than tomcat's.

    `write_probe`: how to tell, before anything is changed, that the account may only read. ``empty-upload`` (default)
    sends an upload of no certificate to no store, which only a reader is refused with 403; ``none`` sends nothing, and
    a reader is found out at the first upload.

    `restarts`: who restarts services. ``soap`` (default): the node's Control Center; Tomcat and HAProxy, which it keeps
    to the platform, are restarted at the command line where `ssh_host_key` is set, else by a person. ``ssh``: all at
    the command line, where is also read how they stand. ``people``: a person restarts every service; how it stands is
    read by SOAP.

    `xmpp_service`: on an IM and Presence node, the service that loads cup-xmpp-trust when it starts, ``Cisco XCP
    Router`` by default; empty for none, and then none is restarted for that store.

    `soap_address`: HOST:PORT of the Control Center; by default the node's own host and `soap_port`.

    `soap_port`: the port of the Control Center on the node's own host, 8443 by default.

    `soap_username`: the application user for the Control Center; by default the node's `username`. The vendor keeps
    those apart: an application user is no OS administrator.

    `soap_password`: where that user's password is, as a reference like the node's `password`; by default it is the same
    as the node's.

    `ssh_host_key`: the node's SSH host key as a person confirmed it, ``SHA256:...`` as ``ssh-keygen -l`` shows it or
    the key itself, ``ssh-ed25519 AAAA...``; it opens the OS command line to certrenew, with the node's `username` and
    `password`.

    `ssh_address`: HOST or HOST:PORT of the command line; by default the node's own host, and port 22.

    `ssh_start`: seconds that the command line may take to show its first prompt, 120 by default.

    `cert_delete`: how the command line is told from which store to delete, when an evicted certificate is put back:
    ``store`` (default), ``tomcat-trust``, or ``unit``, ``tomcat``.

    `axl_username`: an application user that may read by AXL; it opens the cluster's configuration to certrenew, which
    takes from it the names that an Expressway-C's certificate must carry, and which nodes there are. Set it on the
    publisher alone.

    `axl_password`: where that user's password is, as a reference; by default it is the same as the node's.

    `axl_address`: HOST:PORT of AXL; by default the node's own host, and port 8443.

    `axl_version`: the version of the schema to speak, ``12.5`` by default, which 14 and 15 understand as well.

    `axl_left_out`: names of secure phone security profiles that no device outside uses, and which the certificate need
    not carry.

    `node_name`: what the node calls itself in the Control Center, as under System > Server; by default its `hostname`.
    """

    replication: Seconds = 2100
    poll_interval: Annotated[int, msgspec.Meta(ge=1)] = 10
    certificates: Literal["rest", "ssh"] = "rest"
    callmanager_service: Literal["auto", "CallManager", "CallManager-trust"] = "auto"
    write_probe: Literal["empty-upload", "none"] = "empty-upload"
    restarts: Literal["soap", "ssh", "people"] = "soap"
    xmpp_service: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,60}$")] = "Cisco XCP Router"
    soap_address: str = ""
    soap_port: Port = 8443
    soap_username: str = ""
    soap_password: str | list[str] = ""
    ssh_host_key: str = ""
    ssh_address: str = ""
    ssh_start: Annotated[int, msgspec.Meta(ge=1)] = 120
    cert_delete: Literal["store", "unit"] = "store"
    axl_username: str = ""
    axl_password: str | list[str] = ""
    axl_address: str = ""
    axl_version: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,2}\.[0-9]{1,2}$")] = "12.5"
    axl_left_out: list[str] = []
    node_name: str = ""


def connect(access: Access, options: Options) -> TrustStore:
    """Make the driver object for one node; nothing is sent yet."""
    from plugins.cucm.store import Cucm

    return Cucm(access, options)


@hookimpl
def register_trust_stores() -> Sequence[TrustDriver]:
    """Offer the driver as ``driver = "cucm"``."""
    return [TrustDriver("cucm", Options, connect)]
