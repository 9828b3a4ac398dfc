"""Save what a renewal is about to change: what a slot holds before an upload, what a store trusts before an addition.

Each is a PEM file beside the renewal, and a copy of it under a name for people. It is saved once, before the first
change: what is there later has changes of ours in it. Of a box itself no backup is made, because no API for one is
known (docs/reference/expressway.md).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.model import Item
from engine.text import counted
from engine.workflow import Work
from workflows.trust import Target

if TYPE_CHECKING:
    from cryptography import x509

NOTES = [
    "Before it, what the slot holds and what the box trusts are saved as files",
    "certrenew makes no backup of a box: no API for one is known. A person makes it, before the upload, on the page "
    "Maintenance > Backup and restore; it alone brings the old key back",
]
"""What the plan of an upload says of what is saved."""


def slot_place(node: str, slot: str) -> str:
    """Return under what name it is known what a slot held before the upload."""
    return f"{node}:slot:{slot}"


def store_place(target: Target) -> str:
    """Return under what name it is known what a store trusted before the first change."""
    return f"{target.node}:store:{target.store}"


def save_box(work: Work, item: Item) -> None:
    """Save what an item's slots hold, and what its box trusts. Idempotent; sends nothing to the box."""
    from engine.certificates import fingerprint

    for slot in item.slots:
        held = work.device(item.node).certificate(slot)
        if fingerprint(held) != item.leaf:
            name = f"saved-{item.node}-{slot}-{fingerprint(held)[:8]}.pem"
            _save(work, slot_place(item.node, slot), [held], f"the {slot} certificate of {item.node}", name)
    for store in work.peer(item.node).stores:
        save_store(work, Target(item.node, store))


def save_store(work: Work, target: Target) -> None:
    """Save what a store trusts, unless this renewal did so before. Idempotent; sends nothing to the box.

    What an `external` node trusts is not known as a whole, so nothing of it is saved.
    """
    whole = work.estate.nodes[target.node].kind != "external"
    if whole and store_place(target) not in work.renewal.saved:
        held = work.peer(target.node).trusted(target.store)
        name = f"saved-{target.node}-{target.store or 'trusted'}.pem"
        _save(work, store_place(target), held, f"{target} ({counted(len(held), 'certificate')})", name)


def saved(work: Work, place: str) -> "list[x509.Certificate]":
    """Return what was saved of a slot or a store; nothing where nothing was. Raises when the file was altered."""
    return read(work, work.renewal.saved.get(place, ""))


def read(work: Work, file: str) -> "list[x509.Certificate]":
    """Return the certificates in a saved file, by its SHA-256, "" for none. Raises when it was altered."""
    from cryptography import x509

    pem = work.kept(file) if file else b""
    return x509.load_pem_x509_certificates(pem) if pem else []


def _save(work: Work, place: str, held: "Sequence[x509.Certificate]", what: str, name: str) -> None:
    from engine.certificates import fingerprint, to_pem

    pem = "".join(to_pem(one) for one in held).encode()
    file = work.keep(pem, "pem")
    if work.renewal.saved.get(place) == file:
        return
    work.paper(name, pem)
    told = f"saved {what}, as {name}"
    data = {"file": file, "place": place, "certificates": [fingerprint(one) for one in held]}
    work.record("saved", told, data=data, values={"saved": {**work.renewal.saved, place: file}})
