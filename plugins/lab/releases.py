"""Say which release of a box does what: one table, each row with its source and how certain it is.

Certainty: ``confirmed`` by a vendor document, ``seen`` in third-party client code only, ``inferred`` from either.
Numbers are Cisco document numbers; docs/reference/lab.md lists titles and addresses.
"""

from dataclasses import dataclass

RELEASES = ("X12.5", "X14.3", "X15.2", "X15.4", "X15.5")
"""Releases that the lab is tested with; any other ``X<major>.<minor>`` follows from the table."""

KINDS = ("expressway-c", "expressway-e")

ORIGIN = "X8.10"
"""First release that the facts speak of; a row without `since` is true from here on."""


@dataclass(frozen=True)
class Behaviour:
    """Be one difference between releases: true from `since` on, and no longer from `until` on."""

    what: str
    source: str
    certainty: str
    since: str = ORIGIN
    until: str = ""
    kinds: tuple[str, ...] = KINDS


BEHAVIOURS = {
    "names-must-be-fqdn": Behaviour(
        "a name in a CSR must be shaped like a host name, or making the CSR fails",
        "Certificate Creation and Use Deployment Guide X15.4, server certificate requirements",
        "confirmed for phone security profile names, inferred for every other name",
        since="X12.6",
    ),
    "csrf-header": Behaviour(
        "POST restart needs the header X-CSRF-Header, with any value",
        "Administrator Guide X15.0, Expressway Interfaces",
        "confirmed; the answer without it is inferred",
        since="X14.2",
    ),
    "ecdsa-csr": Behaviour(
        "the web page can make CSRs with ECDSA keys of 256, 384 and 521 bits",
        "Certificate Creation and Use Deployment Guide X15.4, generating a CSR",
        "confirmed; the API field for it is unknown",
        since="X14.3",
    ),
    "api-off-by-default": Behaviour(
        "the admin account may not use the API until somebody allows it",
        "Administrator Guide X15.5, change history of X15.2",
        "confirmed wording; the exact effect is inferred",
        since="X15.2",
    ),
    "server-slot-needs-client-eku-c": Behaviour(
        "an upload to the server slot of an Expressway-C without client authentication is refused",
        "225482, 225693",
        "confirmed",
        until="X15.5",
        kinds=("expressway-c",),
    ),
    "server-slot-needs-client-eku-e": Behaviour(
        "an upload to the server slot of an Expressway-E without client authentication is refused",
        "225482",
        "confirmed",
        until="X15.4",
        kinds=("expressway-e",),
    ),
    "server-eku-switch": Behaviour(
        "the same, unless xConfiguration XCP TLS Certificate CVS EnableServerEkuUpload is On",
        "225482, 225693",
        "confirmed",
        since="X15.4",
        until="X15.5",
        kinds=("expressway-e",),
    ),
    "cluster-link-needs-client-eku": Behaviour(
        "between peers of a cluster with enforced TLS verification client authentication is asked for",
        "225482",
        "confirmed",
        until="X15.4",
    ),
    "client-slot": Behaviour(
        "a second certificate, with a key of its own, is shown when the box is the TLS client; it begins as a copy",
        "225693",
        "confirmed; no API for it is known; that one pending CSR serves both slots is inferred",
        since="X15.5",
    ),
    "eku-checking-mode": Behaviour(
        "xConfiguration SIP TLS Certificate ExtendedKeyUsage Checking Mode can be switched off",
        "225693",
        "confirmed",
        since="X15.5",
    ),
}


def version(release: str) -> tuple[int, ...]:
    """Read ``X14.3`` or ``X14.0.1`` as numbers to compare. Raises ValueError."""
    if not release.startswith("X"):
        raise ValueError(f"{release!r} is no release such as X14.3")
    return tuple(int(part) for part in release[1:].split("."))


def does(behaviour: str, release: str, kind: str) -> bool:
    """Tell whether a box of this release and kind behaves so. Raises KeyError for a behaviour that is not listed."""
    row, now = BEHAVIOURS[behaviour], version(release)
    return kind in row.kinds and version(row.since) <= now and (not row.until or now < version(row.until))
