"""Share one certificate among the peers of a cluster (the procedure's last section): its names, and its private key.

The key is fetched from the box that made the CSR only where another peer's driver will upload it: right before the box
is uploaded to, because it may replace its pending key then. It is kept encrypted, and discarded after the last one.
Where a peer is worked by people they take it from the box themselves, and no copy of it ever comes here.
"""

from collections.abc import Sequence

from engine.advice import SHARED_KEY
from engine.contracts import in_slot
from engine.errors import CertrenewError, Waiting
from engine.model import Ask, Change, Effect, Item
from engine.text import escape
from engine.workflow import Action, Proof, Work
from workflows.common import kept_certificate, place_of, refuse

PEOPLE, DRIVER = "people", "driver"
WAYS = {PEOPLE: "with its private key, by people", DRIVER: "with its private key"}
"""How a peer that did not make the CSR gets certificate and key."""

FETCH = 60
"""How long fetching a key takes at most, in seconds."""

PAGE = "Maintenance > Security > Server certificate"


# ---- what is in the certificate ------------------------------------------------------------------------------------


def names(work: Work, item: Item) -> list[str]:
    """Return the names that a shared certificate must carry besides its features': the cluster's and every peer's."""
    shared = work.estate.certificates[item.certificate].cluster_name
    return [shared, *(work.estate.nodes[node].hostname for node in item.nodes)] if shared else []


def subject(work: Work, item: Item, old: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the subject of the CSR: the old one, in a shared certificate with the cluster's name as common name."""
    shared = work.estate.certificates[item.certificate].cluster_name
    return [*(one for one in old if one[0] != "CN"), ("CN", shared)] if shared else list(old)


def advice(item: Item) -> list[str]:
    """Say what the vendor advises where peers share a key; nothing where they do not."""
    return [SHARED_KEY] if item.copies else []


def require_secret(work: Work) -> None:
    """Raise UsageError where a key will have to be kept and what it is encrypted under can't be had. Read-only."""
    if any(way(work, item, one) == DRIVER for item in work.renewal.items for one in item.places):
        work.keys.check()


# ---- who gets it, and how ------------------------------------------------------------------------------------------


def way(work: Work, item: Item, place: Item) -> str:
    """Say how a place of an item gets certificate and key: `PEOPLE`, `DRIVER`, "" for the box that has the key."""
    if place.node not in item.copies:
        return ""
    driven = work.device(item.node).gives_keys and work.device(place.node).takes_keys
    return DRIVER if driven else PEOPLE


def in_order(work: Work, item: Item, places: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Return the places of an item that come first, where people need the key from its box, and those that follow.

    A key is fetched between them, so that it is not kept here while people are waited for.
    """
    first = [one for one in places if way(work, item, one) == PEOPLE]
    return first, [one for one in places if one not in first]


def fetching(work: Work, number: int, item: Item, lacking: Sequence[Item]) -> list[Change]:
    """Return the change that fetches the private key, where a place that lacks the certificate needs it kept here."""
    driven = [place.node for place in lacking if way(work, item, place) == DRIVER]
    if not driven or work.keys.get(item.key) is not None:
        return []
    return [
        Change(
            action="fetch-key",
            target=item.node,
            item=number,
            effect=Effect.STAGE,
            before={"csr": item.csr},
            after={"key": item.key},
            what=f"fetch the private key of CSR {item.csr[:12]}… from {item.node} by SFTP, for {', '.join(driven)}",
            impact="the key leaves the box that made it",
            duration=FETCH,
            proof="it is kept here, encrypted, and its public key is that of the CSR",
            way_back="it is discarded after the last upload, and when the renewal is cancelled or begun again",
            notes=advice(item),
        )
    ]


class FetchKey(Action):
    """Fetch the private key of a CSR and keep it, encrypted."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Open what is kept, and compare its public key with the CSR's."""
        _, item = place_of(work, change)
        private = work.keys.get(item.key)
        if private is None:
            return None
        require_pair(work, item, private)
        return Proof(f"the private key of CSR {item.csr[:12]}… is kept, encrypted, until every peer has it")

    def act(self, work: Work, change: Change) -> None:
        """Find it on the box by its public key, journal where it was, keep it."""
        _, item = place_of(work, change)
        found = work.device(item.node).private_key(item.key)
        require_pair(work, item, found.pem)
        file = escape(found.file, 200)
        work.record("key-found", f"{item.node} has the private key of CSR {item.csr[:12]}… in {file}")
        work.keys.put(item.key, found.pem)


def require_pair(work: Work, item: Item, private: bytes) -> None:
    """Raise Refused unless CSR, certificate and private key have one public key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from engine.certificates import key_digest

    public = (load_pem_private_key(private, None).public_key(), kept_certificate(work, item.leaf).public_key())
    if {key_digest(one) for one in public} != {item.key}:
        raise refuse(
            f"The private key that was found is not that of {item.certificate}.",
            f"Begin again from the box with a new key: certrenew restage {work.renewal.id} --reason TEXT",
        )


def install(work: Work, item: Item, place: Item) -> None:
    """Have a peer take certificate and key: by its driver, or by people (Waiting)."""
    if way(work, item, place) == PEOPLE:
        raise _by_people(work, item, place)
    private = work.keys.get(item.key)
    if private is None:
        raise refuse(f"The private key for {place.node} is not kept here any more.", f"certrenew run {work.renewal.id}")
    require_pair(work, item, private)
    work.device(place.node).install_with_key(place.slots[0], kept_certificate(work, item.leaf), private)


def discard(work: Work) -> None:
    """Delete the private keys that are kept for this renewal, and journal each file that goes. Idempotent."""
    if not work.keys.held():
        return
    work.record("key-discarding", "the private key that the peers share is not needed here any more")
    for name in work.keys.drop():
        work.record("key-discarded", f"{escape(name)} was deleted")


def give_up(work: Work) -> None:
    """Discard where a person stops or begins again; what can't be deleted is told and journalled, and stops nothing."""
    try:
        discard(work)
    except CertrenewError as error:
        text = " ".join(part for part in ("A private key is still kept here:", error.what, error.todo) if part)
        work.record("not-discarded", text)
        work.note(text)


# ---- by hand -------------------------------------------------------------------------------------------------------


def _by_people(work: Work, item: Item, place: Item) -> Waiting:
    """Say in the vendor's words how a person takes the key from its box and uploads both files on a peer's page."""
    from engine.certificates import to_pem

    leaf = kept_certificate(work, item.leaf)
    file = work.paper(f"{item.certificate}.pem", to_pem(leaf).encode())
    maker, id = work.device(item.node), work.renewal.id
    known = escape(maker.private_key(item.key).file, 200) if maker.gives_keys else ""
    which = known or (
        "the private key of the pending CSR from /tandberg/persistent/certs. How the file is called is not documented; "
        "it is the one for which `openssl pkey -in FILE -pubout -outform DER | openssl dgst -sha256` shows "
        f"{item.key}"
    )
    address = work.estate.nodes[place.node].address
    steps = [
        f"Connect to {item.node} by SFTP as root, for example with WinSCP, and copy to a folder that only you can read "
        f"{which}",
        f"{place.node} (https://{address}), {PAGE}: at Select the server private key file choose that file, at Select "
        f"the server certificate file choose {file}. Press Upload server certificate data.",
        "Don't restart yet, whatever the page says: that comes next.",
        "Delete your copy of the private key once every peer has it, also where deleted files are kept.",
    ]
    waiting = Waiting(
        f"A person has to upload the new certificate, with its private key, on {place.node}.",
        on="person",
        todo=f"Do the steps in their order; then: certrenew run {id}.",
    )
    if not work.device(place.node).by_hand:
        return waiting.asking(steps=steps)
    show = (
        f"{place.node}, {PAGE}: press Show (decoded), copy the whole text, type certrenew supply {id} - --node "
        f"{place.node}, paste it, and press Enter and Ctrl-D."
    )
    text = f"the text of the server certificate of {place.node} after the upload, Show (decoded)"
    ask = Ask(node=place.node, what=in_slot(place.slots[0]), text=text, step=show)
    return waiting.asking(ask, steps=[*steps, show])
