"""Say what client authentication means for a slot: who may sign for it, what breaks without it, what switches do. Pure.

Sources: Cisco field notice FN74362, 225482 and 225693; which sentence rests on which, and how certain each is, stands
on the page ``docs/reference/certificates.md``, under `eku-client-and-server`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.relations import opens, slots_of
from engine.text import escape

if TYPE_CHECKING:
    from engine.estate import Estate

SWITCH = (
    "On an Expressway-E of X15.4 `xConfiguration XCP TLS Certificate CVS EnableServerEkuUpload: On` has the box take a "
    "certificate without client authentication, and MRA goes on, for a C of X15.4 no longer asks the E for that usage; "
    "it does nothing for a C, and from X15.5 on the two slots take its place (FN74362, 225482)."
)
SHARED_KEY = (
    "The vendor does not recommend one certificate for all peers: who has the key of one has that of every peer, and "
    "each change of one is work on all (Cisco 213872)."
)
PRIVATE = "a private CA, or one of the few public ones that still issue it (docs/reference/certificates.md)"

ZONES = {
    "traversal": "the traversal zone to {}, with MRA and its SSH tunnels",
    "neighbor": "the neighbour zone to {}",
    "mra": "MRA towards {}",
    "secure-zone": "the secure zone to {}",
    "cluster": "the cluster link to {}, where TLS verification is enforced",
}
"""What a box opens as TLS client, by the kind of connection."""

CLUSTERS_DO_WITHOUT = "X15.4"
"""From this release on the link between cluster peers no longer asks for client authentication (225482)."""


def client_auth(estate: "Estate", node: str, slots: Sequence[str], release: str) -> list[str]:
    """Return what a person should know before a CA is asked for a certificate that goes into these slots of a node.

    Raises UsageError for what is no release.
    """
    if slots_of(release) == ("server",):
        return _one_slot(estate, node, release)
    if tuple(slots) == ("server",):
        return ["The server slot may come from a public CA that leaves client authentication out (225693)."]
    broken = breaks(estate, node, release)
    if not broken:
        return [
            f"Nothing in this site is opened by {escape(node)} as TLS client, so a copy of the server certificate does "
            "in its client slot (`also_client`), also without client authentication. What the site does not name, such "
            "as mutual TLS towards Webex, would break (225693)."
        ]
    return [
        f"The client slot must not come from a CA that leaves client authentication out. {broken}",
        *_check(estate, node),
    ]


def breaks(estate: "Estate", node: str, release: str) -> str:
    """Say what of a node breaks without client authentication, and who still issues it; empty where nothing does."""
    from engine.certificates import Release

    without = Release.parse(release) >= Release.parse(CLUSTERS_DO_WITHOUT)
    zones = [
        ZONES[kind].format(escape(other)) for kind, other in opens(estate, node) if not (kind == "cluster" and without)
    ]
    return f"Without it would break: {'; '.join(zones)}. Have it signed by {PRIVATE}." if zones else ""


def _one_slot(estate: "Estate", node: str, release: str) -> list[str]:
    from engine.certificates import Release

    role, x15_4 = estate.nodes[node].kind, Release.parse(release) >= Release.parse(CLUSTERS_DO_WITHOUT)
    if role == "expressway-e" and x15_4:
        set_ = "is set" if estate.nodes[node].server_eku_upload else "is not set"
        return [f"{SWITCH} In the site `server_eku_upload` of {escape(node)} {set_}."]
    told = f"{escape(release, 20)} has one slot, which must not come from a CA that leaves client authentication out: "
    told += "the box refuses the upload."
    return [
        " ".join(filter(None, [told, breaks(estate, node, release)])),
        *([SWITCH] if role == "expressway-e" else []),
    ]


def _check(estate: "Estate", node: str) -> list[str]:
    """Say what the switch of X15.5 does, where it makes a difference."""
    if not any(kind == "traversal" for kind, _ in opens(estate, node)):
        return []
    return [
        "With `xConfiguration SIP TLS Certificate ExtendedKeyUsage Checking Mode: Off` on the E such a traversal zone "
        "comes up all the same, but not its SSH tunnels, so there is no MRA (225693)."
    ]
