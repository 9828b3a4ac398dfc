"""Say which usages a certificate needs: by role (C or E), slot and release, in one table.

Up to X15.3 every Expressway needs server and client authentication in its one certificate. X15.4 lets an Expressway-E
do without client authentication, after a switch on its command line. X15.5 has two slots, each with its own need.
Sources are on the page ``docs/reference/certificates.md``.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509

from engine.certificates.extensions import Unreadable, extension
from engine.certificates.facts import eku, label
from engine.certificates.public import NO_CLIENT_AUTH, is_public
from engine.certificates.release import Release

SERVER, CLIENT = "serverAuth", "clientAuth"
ANY = "anyExtendedKeyUsage"
BOTH = frozenset({SERVER, CLIENT})
E_WITHOUT_CLIENT, TWO_SLOTS = Release.parse("X15.4"), Release.parse("X15.5")

_NO_SERVER = "Whoever connects to the box refuses it. Ask the CA for a template with both usages."
_OTHER_CA = (
    "a CA that still issues both usages: a private one does, and of the public ones those below IdenTrust Public Sector"
    " Root CA 1 or DigiCert Assured ID Root G2"
)
_SWITCH = "the command `xConfiguration XCP TLS Certificate CVS EnableServerEkuUpload: On`"


class Place(NamedTuple):
    """Be where a certificate goes: `role` and `slot` are empty when not said, `release` None when not known."""

    role: str = ""
    slot: str = ""
    release: Release | None = None
    server_eku_upload: bool = False


def needed_usages(
    role: str = "", slot: str = "", release: Release | None = None, *, server_eku_upload: bool = False
) -> frozenset[str]:
    """Return the extended key usages without which the box or its peers refuse the certificate.

    `role` is ``expressway-c``, ``expressway-e`` or empty; `slot` ``server``, ``client`` or empty (which means every
    slot); `server_eku_upload` is the state of the X15.4 switch. What is not said is taken as the stricter case.
    """
    if slot == "client" and (release is None or release >= TWO_SLOTS):
        return frozenset({CLIENT})
    if slot == "server" and release is not None and release >= TWO_SLOTS:
        return frozenset({SERVER})
    alone = release is not None and E_WITHOUT_CLIENT <= release < TWO_SLOTS
    return frozenset({SERVER}) if alone and role == "expressway-e" and server_eku_upload else BOTH


def lacking(leaf: x509.Certificate, place: Place) -> list[str]:
    """Return a sentence for each usage that the leaf lacks and the place needs; empty when it has all."""
    needed = needed_usages(place.role, place.slot, place.release, server_eku_upload=place.server_eku_upload)
    held = eku(leaf)
    found = [f"It lacks {SERVER}. {_NO_SERVER}"] if SERVER in needed - set(held) else []
    if CLIENT in needed - set(held):
        found += [f"It lacks {CLIENT}.", *([NO_CLIENT_AUTH] if is_public(leaf) else []), *_without_client(place)]
    if found and ANY in held:
        found.append(f"It has {ANY}, which the box is not known to accept in place of the two.")
    return found + _digital_signature(leaf)


def _without_client(place: Place) -> list[str]:
    """Say what a certificate without clientAuth breaks on this release, and the ways out (225482, 225693, FN74362)."""
    release = place.release
    if release is not None and release >= TWO_SLOTS:
        return [_broken_slot(place), f"Ways out: {_OTHER_CA}; such a certificate in the client slot alone is enough."]
    if release is not None and release >= E_WITHOUT_CLIENT:
        if place.role == "expressway-e":
            return [
                f"An Expressway-E on {release} takes it after {_SWITCH}, which --server-eku-upload says; until then it"
                f" refuses the upload. Other ways out: {_OTHER_CA}; X15.5, where the server slot needs no clientAuth."
            ]
        return [
            f"An Expressway-C on {release} still refuses to upload it. Ways out: {_OTHER_CA}; X15.5 with a client"
            " certificate of its own."
        ]
    refusing = f"{release} refuses" if release is not None else "Every release before X15.4 refuses"
    return [
        f"{refusing} to upload it; where the box is the TLS client (traversal and secure zones, MRA, cluster peers with"
        f" TLS verification) the other end refuses it, too. Ways out: {_OTHER_CA}; X15.5 with a client certificate of"
        " its own; for an Expressway-E, X15.4 with its switch EnableServerEkuUpload."
    ]


def _broken_slot(place: Place) -> str:
    copied = (
        "Copied there with the server certificate it makes the Unified Communications zone fail; with the check of"
        " extended key usage off the zone comes up, but not the SSH tunnels, so there is no MRA."
    )
    if place.slot == "client":
        return f"The client slot refuses it. {copied}"
    return f"{place.release} has two slots (--slot); the server slot does not need it, the client slot does. {copied}"


def doubts(leaf: x509.Certificate, place: Place) -> list[str]:
    """Return a sentence for what is accepted on this place, but where the vendor's pages disagree or advise more."""
    if place.release is None or place.release < TWO_SLOTS or place.role == "expressway-e" or not place.slot:
        return []
    other = CLIENT if place.slot == "server" else SERVER
    if other in eku(leaf):
        return []
    return [
        f"It lacks {other}. The vendor's X15.5 page allows that in the {place.slot} slot, but another of its pages"
        " wants both usages on every Expressway-C."
    ]


def narrowed(chain: Sequence[x509.Certificate], place: Place) -> tuple[list[str], list[str]]:
    """Return (refusals, doubts) about CA certificates whose own extended key usage limits what they may issue for.

    RFC 5280 gives such a limit no meaning, but TLS libraries, OpenSSL among them, refuse the chain.
    """
    needed = needed_usages(place.role, place.slot, place.release, server_eku_upload=place.server_eku_upload)
    refusals: list[str] = []
    questions: list[str] = []
    for authority in chain:
        held = eku(authority)
        missing = sorted(needed - set(held)) if held else []
        if missing:
            text = f'The CA certificate "{label(authority)}" is limited to other usages than {", ".join(missing)}.'
            (questions if ANY in held else refusals).append(text)
    return refusals, questions


def _digital_signature(leaf: x509.Certificate) -> list[str]:
    """Want digitalSignature when there is a key usage: RFC 8446 section 4.4.2.2, RFC 5246 section 7.4.2."""
    try:
        found = extension(leaf, x509.KeyUsage)
    except Unreadable:
        return ["Its key usage can't be read."]
    if found is None or found.digital_signature:
        return []
    return ["Its key usage lacks digitalSignature, which TLS needs on both sides."]
