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
FormField = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_.-]+=[A-Za-z0-9_.-]*)?$")]


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


def connect(access: Access, options: Options) -> Device:
    """Make the driver object for one box; nothing is sent yet."""
    from plugins.expressway.device import Expressway

    return Expressway(access, options)


@hookimpl
def register_devices() -> Sequence[DeviceDriver]:
    """Offer the driver as ``driver = "expressway"``."""
    return [DeviceDriver("expressway", Options, connect)]
