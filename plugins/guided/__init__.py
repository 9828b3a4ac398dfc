"""Have people work a box by hand, each step with the vendor's own menu names, and verify what they did.

For boxes without an API that can be used (VCS, API off, unknown release, no account), and for `external` nodes that
only have to trust. What a step can prove, and what it can't: docs/reference/guided.md.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from engine.contracts import Access, Device, DeviceDriver, TrustDriver, TrustStore
from engine.errors import SiteError
from engine.hookspecs import hookimpl
from engine.model import Value

Seconds = Annotated[int, msgspec.Meta(ge=1)]
Hours = Annotated[int, msgspec.Meta(ge=1)]


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one box that people work by hand, ``[nodes.NAME.options]``.

    `release`: the box's release as its pages show it, such as ``X14.3.1``. Needed for the inspection; empty by default,
    which will do where another driver inspected the box earlier in the renewal.

    `list_hours`: how many hours a list of trusted CA certificates that somebody brought counts as what the box trusts,
    24 by default; an older one is asked for anew before anything rests on it.

    `restart_timeout`: how many seconds a restart is reckoned with in plans and windows, 900 by default.

    `poll_interval`: how many seconds pass between two looks at a box that restarts, 10 by default; only its ports are
    looked at.

    `trust_needs_restart`: whether an added CA certificate counts only after a restart. The vendor's documents
    contradict each other; false by default, because the zones prove it in the end either way.
    """

    release: str = ""
    list_hours: Hours = 24
    restart_timeout: Seconds = 900
    poll_interval: Seconds = 10
    trust_needs_restart: bool = False


class PeerOptions(Value, frozen=True, kw_only=True):
    """Be the settings of an `external` node, ``[nodes.NAME.options]``; there are none."""


def connect(access: Access, options: Options) -> Device:
    """Make the driver object for one box; nothing is contacted."""
    from plugins.guided.device import Guided

    return Guided(access, options)


def connect_peer(access: Access, options: PeerOptions) -> TrustStore:
    """Make the driver object for an `external` node; nothing is contacted. Raises SiteError for another kind."""
    from plugins.guided.peer import Peer

    if access.kind != "external":
        raise SiteError(
            f"[nodes.{access.node}]: the driver `guided` can't work a node of kind `{access.kind}`.",
            todo="It is for Expressways and `external` nodes; a CUCM has the driver `cucm`.",
        )
    return Peer(access)


@hookimpl
def register_devices() -> Sequence[DeviceDriver]:
    """Offer the driver as ``driver = "guided"``, for Expressways."""
    return [DeviceDriver("guided", Options, connect)]


@hookimpl
def register_trust_stores() -> Sequence[TrustDriver]:
    """Offer the driver as ``driver = "guided"``, for what only has to trust."""
    return [TrustDriver("guided", PeerOptions, connect_peer)]
