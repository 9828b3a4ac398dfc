"""Put back, when a renewal is cancelled, the CA certificates that it evicted from stores of one certificate a name.

An eviction needed an override, and what went was kept. It is put back only where it is not there any more, the box can
do it, and nothing needs what took its place; else it is told, and its file is named. Nothing here stops a cancellation.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import CertrenewError, Failed
from engine.model import places
from engine.text import escape
from engine.workflow import Work
from workflows.common import kept_certificate, title
from workflows.trust import Target

if TYPE_CHECKING:
    pass


class Evicted(NamedTuple):
    """Be one certificate, by SHA-256, that had to go from a store for another."""

    target: Target
    gone: str
    newer: str


def place(target: Target, newer: str) -> str:
    """Return the key under which a renewal keeps what a certificate evicted."""
    return f"{target.node}:{target.store}:{newer}"


def restore(work: Work) -> None:
    """Look, put back what is not there, and look again, store by store in the order of the evictions."""
    for one in evicted(work):
        try:
            _restore(work, one)
        except CertrenewError as error:
            _tell(work, one, " ".join(part for part in (error.what, error.untouched) if part))


def evicted(work: Work) -> Iterator[Evicted]:
    """Yield what had to go, store by store in the order of the evictions."""
    for key, all_gone in work.renewal.evicted.items():
        node, store, newer = key.split(":")
        yield from (Evicted(Target(node, store), gone, newer) for gone in all_gone)


def _restore(work: Work, one: Evicted) -> None:
    target, gone = one.target, kept_certificate(work, one.gone)
    if target.node not in work.estate.nodes:
        return _tell(work, one, f"the site has no node {escape(target.node, 80)} any more.")
    if is_back(work, one):
        return None
    if why := needed(work, one):
        return _tell(work, one, why)
    newer = kept_certificate(work, one.newer)
    with work.alone_with(target.node):
        work.record("restoring", f"{title(gone)} into {target}, in place of {title(newer)}")
        work.peer(target.node).restore_trusted(gone, newer, target.store)
        if not is_back(work, one):
            raise Failed(
                f"{target} does not show it afterwards.", untouched="Look at that store.", todo="Put it back by hand."
            )
    undone = f"{target} holds {title(newer)} {one.newer[:12]}…"
    work.note(f"{target} holds {title(gone)} again; what loads it when it starts has to be restarted by hand")
    return work.record("restored", f"{target} holds {title(gone)} {one.gone[:12]}… again", data={"undoes": undone})


def is_back(work: Work, one: Evicted) -> bool:
    """Tell whether a store holds what had to go. Read-only."""
    from engine.certificates import fingerprint

    return one.gone in {fingerprint(held) for held in work.peer(one.target.node).trusted(one.target.store)}


def needed(work: Work, one: Evicted) -> str:
    """Say what needs the newer certificate; empty when nothing known here does. Looks at the boxes of the renewal.

    A renewal that is come back from needs it no more, once its boxes hold other certificates.
    """
    from engine.certificates import fingerprint

    before = work.renewal.follows
    whole = work.followed.items if before else work.items
    for item in places(whole):
        if item.node not in work.estate.nodes:
            return f"the site has no node {escape(item.node, 80)} any more, so what that holds can't be seen."
        if item.leaf and any(fingerprint(work.device(item.node).certificate(slot)) == item.leaf for slot in item.slots):
            return f"{item.node} holds the new certificate, which needs what took its place."
    for other in work.others():
        needing = other.state != "Cancelled" and other.id != before
        if needing and any(one.newer in item.chain for item in other.items):
            return f"renewal {other.id} needs what took its place."
    return ""


def _tell(work: Work, one: Evicted, why: str) -> None:
    gone, path = kept_certificate(work, one.gone), as_paper(work, one)
    text = f"{title(gone)} was not put back into {one.target}: {why} It is kept in {path}, to be put back by hand."
    work.record("not-restored", text)
    work.note(text)


def as_paper(work: Work, one: Evicted) -> str:
    """Write what had to go as a file for people, and return its path. Idempotent."""
    from engine.certificates import to_pem

    gone = kept_certificate(work, one.gone)
    return work.paper(f"evicted-{one.gone[:12]}.pem", to_pem(gone).encode())
