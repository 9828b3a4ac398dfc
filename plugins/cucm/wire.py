"""Build what is sent to the certificate management API and judge what comes back. Pure: no connection is opened here.

Each fact, its source and how certain it is: docs/reference/cucm.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import Failed
from engine.model import Json
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

BASE = "/platformcom/api/v1/certmgr/config"
SNAPSHOT = f"{BASE}/snapshot/server"
TRUST = f"{BASE}/trust/certificate"
"""Reading one store; the singular is seen, as is the plural of `UPLOAD`."""
UPLOAD = f"{BASE}/trust/certificates"

TOMCAT, CALLMANAGER, XMPP = "tomcat-trust", "CallManager-trust", "cup-xmpp-trust"
STORES = (TOMCAT, CALLMANAGER)
"""The stores that must hold the CA of an Expressway-C (confirmed). Not CAPF-trust: an upload there restarts CAPF."""
IMP_STORES = (XMPP, TOMCAT)
"""The same of an IM and Presence node (confirmed)."""

SUFFIX = "-trust"
DESCRIPTION = "Added by certrenew"
SUCCESS = (200, 201)
"""The statuses of an upload that mean success (seen)."""

SHOWN = 200
"""How much of a node's own words is shown, in characters."""


@dataclass(frozen=True)
class Snapshot:
    """Be the trust stores of one node: names as the node spells them, each with its certificates as text."""

    trusts: Mapping[str, Sequence[str]] = field(repr=False)

    def store(self, store: str) -> Sequence[str] | None:
        """Return the certificates of a store, None when the node does not list it."""
        spelled = self.spelled(store)
        return None if spelled is None else self.trusts[spelled]

    def spelled(self, store: str) -> str | None:
        """Return the node's name for a store: with or without the ending, in whatever case; None when it has none."""
        names = {name.casefold(): name for name in self.trusts}
        full = store.casefold()
        return names.get(full, names.get(full.removesuffix(SUFFIX)))


def read_snapshot(content: bytes, node: str) -> Snapshot:
    """Read ``trusts[].service`` and ``certificate_data[].certificate`` (seen); what else there is, is passed over.

    Raises Failed when it is no such document.
    """
    found = _json(content)
    entries = found.get("trusts") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise _unreadable(node, "snapshot", "it lists no trust stores")
    trusts: dict[str, list[str]] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("service"), str):
            held = entry.get("certificate_data")
            if isinstance(held, list):
                trusts.setdefault(entry["service"], []).extend(_texts(held))
    return Snapshot(trusts)


def read_list(content: bytes, node: str, store: str) -> list[str]:
    """Read one store's own list: an array, or an object with ``certificates`` (both seen). Raises Failed."""
    found = _json(content)
    held = found.get("certificates") if isinstance(found, dict) else found
    if not isinstance(held, list):
        raise _unreadable(node, store, "it is no list of certificates")
    return list(_texts(held))


def _texts(held: list[Json]) -> Iterator[str]:
    """Yield what stands for a certificate: text, or the `certificate` of an object."""
    for one in held:
        text = one.get("certificate") if isinstance(one, dict) else one
        yield text if isinstance(text, str) else ""


def certificates(texts: Sequence[str], node: str, store: str) -> "list[x509.Certificate]":
    """Parse a store's certificates. Raises Failed when there are some and none can be read.

    One that can't be read is passed over where others can: a malformed certificate of years ago must not keep a
    renewal from happening, and one that is not seen is at worst added once more.
    """
    found = [certificate for text in texts for certificate in _parsed(text)]
    if texts and not found:
        raise _unreadable(node, store, "none of its certificates is one that can be parsed")
    return found


def _parsed(text: str) -> "list[x509.Certificate]":
    from engine.certificates import NotACertificate, read_certificates

    try:
        return read_certificates(text.encode("utf-8", "replace"), "")
    except NotACertificate:
        return []


def read_name(store: str) -> str:
    """Return what a store is called in a query for its list: without the ending (seen for tomcat)."""
    return store.removesuffix(SUFFIX)


def upload_name(store: str, setting: str, snapshot: Snapshot) -> str:
    """Return what an upload calls a store: ``tomcat`` (seen), and for the other what setting or snapshot say.

    By analogy it is ``CallManager`` (inferred), unless the snapshot leaves out the ending for tomcat only.
    """
    if store != CALLMANAGER:
        return read_name(store)
    if setting != "auto":
        return setting
    other, own = snapshot.spelled(TOMCAT), snapshot.spelled(CALLMANAGER)
    odd = other is not None and own is not None and not _ends(other) and _ends(own)
    return CALLMANAGER if odd else read_name(CALLMANAGER)


def _ends(name: str) -> bool:
    return name.casefold().endswith(SUFFIX)


def upload_body(names: Sequence[str], pems: Sequence[str]) -> bytes:
    """Build an upload: a list of stores and a list of certificates (seen)."""
    body = {"service": list(names), "certificates": list(pems), "description": DESCRIPTION}
    return json.dumps(body).encode()


def message(content: bytes) -> str | None:
    """Return the node's own words, `message` or the first of `messages` (seen); None without. Never raises."""
    found = _json(content)
    if not isinstance(found, dict):
        return None
    several = found.get("messages")
    said = found.get("message") or (several[0] if isinstance(several, list) and several else None)
    return None if said is None else said if isinstance(said, str) else json.dumps(said)


def words(status: int, content: bytes) -> str:
    """Return what a node answered, for people: status, and its own words, escaped and capped."""
    said = message(content)
    if said is None:
        said = content.decode("utf-8", "replace").strip()
    return f"HTTP {status}, '{escape(said, SHOWN)}'" if said else f"HTTP {status} and no text"


def refusal(node: str, store: str, status: int, content: bytes) -> Failed:
    """Make the error for an upload that was not taken; only the node's own refusal proves that nothing changed."""
    certain = 400 <= status < 500 and message(content) is not None
    unsure = "Whether it was added all the same is not known; it was not sent again."
    advice = " or lacks the store's name as `callmanager_service` has it" if store == CALLMANAGER else ""
    return Failed(
        f"{escape(node)} did not add the CA certificate to {escape(store)}: {words(status, content)}.",
        untouched="By its answer it changed nothing." if certain else unsure,
        todo=f"A node refuses an expired certificate, and an intermediate before its root{advice}. Look at Security > "
        "Certificate Management on its OS administration page, then run the same command again.",
    )


def _json(content: bytes) -> Json:
    """Read JSON; None for anything else."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _unreadable(node: str, what: str, why: str) -> Failed:
    return Failed(
        f"The {escape(what)} of {escape(node)} can't be read: {why}.",
        untouched="Nothing was changed.",
        todo=f"Open {SNAPSHOT} of the node in a browser, with the same account, and look what it says.",
    )
