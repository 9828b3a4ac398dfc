"""Renew the certificates of a Cisco Expressway (or VCS) over its REST API.

What the vendor documents, what was only seen and what nobody knows: docs/reference/expressway.md.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from engine.contracts import Access, Device, DeviceDriver
from engine.hookspecs import hookimpl
from engine.model import Value

Seconds = Annotated[int, msgspec.Meta(ge=1)]
ApiPath = Annotated[str, msgspec.Meta(pattern=r"^(/api/[A-Za-z0-9_./-]+)?$")]
PagePath = Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9_./-]+$")]
Folder = Annotated[str, msgspec.Meta(pattern=r"^/[^\x00]+$")]
FieldName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+$")]
ButtonField = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+=[A-Za-z0-9_.+-]*$")]
FormField = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_.-]+=[A-Za-z0-9_.-]*)?$")]


class Sftp(Value, frozen=True, kw_only=True):
    """Be how the private key of a CSR is fetched from a box, ``[nodes.NAME.options.sftp]``; off where it is absent.

    Only for a certificate that a cluster shares. It is root's access to the whole box, so switch it on for that alone.

    `host_key`: the box's SSH host key as a person confirmed it, ``SHA256:...`` as ``ssh-keygen -l`` shows it or the key
    itself, ``ssh-ed25519 AAAA...``.

    `password`: where root's password is, as a reference like the node's `password`.

    `private_key`: where a private key to log in with is, as a reference; in OpenSSH's or PEM form, without a password.
    One of the two must be given.

    `username`: who logs in, ``root`` by default: the only account that has SFTP (TAC 213872).

    `address`: HOST or HOST:PORT; by default the box's own host, and port 22.

    `folder`: where the box keeps its keys, ``/tandberg/persistent/certs`` by default (218034). The name of the file is
    not documented: the one whose public key is that of the CSR is taken.
    """

    host_key: str
    password: str | list[str] = ""
    private_key: str | list[str] = ""
    username: str = "root"
    address: str = ""
    folder: Folder = "/tandberg/persistent/certs"


class WebForm(Value, frozen=True, kw_only=True):
    """Be how a certificate and its private key are uploaded on a box's web page, ``[nodes.NAME.options.web_form]``.

    Off where the table is absent, and then people do it. No API for it is known, and of the page's form only the labels
    are documented: paths and names of fields are guesses, to be set as the page's source shows them.

    `page`: the path of Maintenance > Security > Server certificate, ``/servercertificate`` by default.

    `certificate_field`: the field under "Select the server certificate file", ``servercert`` by default.

    `key_field`: the field under "Select the server private key file", ``serverkey`` by default.

    `button`: the field of the button "Upload server certificate data" and its value, as ``FIELD=VALUE``,
    ``submitbutton=Upload+server+certificate+data`` by default, with ``+`` for a blank.
    """

    page: PagePath = "/servercertificate"
    certificate_field: FieldName = "servercert"
    key_field: FieldName = "serverkey"
    button: ButtonField = "submitbutton=Upload+server+certificate+data"


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one box, ``[nodes.NAME.options]``: each answers what the vendor leaves open.

    `upload`: how a certificate is put into a request, ``multipart`` (a form with one file), ``raw`` (the PEM text) or
    ``auto`` (default): what the box's own description declares, and ``multipart`` where it declares neither.
    No document says which one a box takes.

    `api_description`: whether a function must be listed in ``/api/raml``; ``required`` (default), so that nothing is
    sent to a release that lacks it, or ``advisory`` for a box whose description can't be read or is incomplete.

    `success_texts`: further answers of the box that mean success, none by default. Any text that is not known to
    mean success is taken as a refusal; not all of them are documented.

    `restart_timeout`: seconds until a restart counts as failed, 900 by default. The vendor speaks of about 180 for a
    restart and 300 for a reboot; the rest is for slow machines.

    `poll_interval`: seconds between two looks at a restarting box, 5 by default; each look is one login.

    `trust_needs_restart`: whether an added CA certificate counts only after a restart. The vendor's documents
    contradict each other; false by default, because the zones prove it in the end either way.

    `client_store`: from X15.5, which function of the API the client slot is read from and uploaded to, as the box's own
    description ``/api/raml`` lists it, such as ``/api/provisioning/certs/client``. No document names one; empty by
    default, and then the slot is out of reach.

    `copy_to_client`: from X15.5, the field of the upload's form and its value, as ``FIELD=VALUE``, by which an uploaded
    server certificate is used as client certificate, too. The web page offers that; no document names a field. Empty
    by default, and then it is not possible.

    `csr_common_name`: what the API puts as common name of a CSR, where it is not the box's own name: on a peer of a
    cluster it may be the cluster's. The web page offers either, no document says what the API does; empty by default,
    and then the box's own name. The CSR is read back, and one of another name is not sent to anybody.

    `sftp`: how the private key of a CSR is fetched for the other peers of a cluster that shares its certificate; a
    table of its own, see `Sftp`. None by default, and then no key ever leaves the box through certrenew.

    `web_form`: how such a certificate is uploaded here with its key; a table of its own, see `WebForm`. None by
    default, and then people do it.
    """

    upload: Literal["auto", "multipart", "raw"] = "auto"
    api_description: Literal["required", "advisory"] = "required"
    success_texts: list[str] = []
    restart_timeout: Seconds = 900
    poll_interval: Seconds = 5
    trust_needs_restart: bool = False
    client_store: ApiPath = ""
    copy_to_client: FormField = ""
    csr_common_name: str = ""
    sftp: Sftp | None = None
    web_form: WebForm | None = None


def connect(access: Access, options: Options) -> Device:
    """Make the driver object for one box; nothing is sent yet."""
    from plugins.expressway.device import Expressway

    return Expressway(access, options)


@hookimpl
def register_devices() -> Sequence[DeviceDriver]:
    """Offer the driver as ``driver = "expressway"``."""
    return [DeviceDriver("expressway", Options, connect)]
