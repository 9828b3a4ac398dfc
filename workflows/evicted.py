"""Put back, when a renewal is cancelled, the CA certificates that it evicted from stores of one certificate a name.

An eviction needed an override, and what went was kept. It is put back only where it is not there any more, the box can
do it, and nothing needs what took its place; else it is told, and its file is named. Nothing here stops a cancellation.
"""

from typing import TYPE_CHECKING, NamedTuple

from engine.errors import CertrenewError, Failed
from engine.text import escape
from engine.workflow import Work
from workflows.common import kept_certificate, title
from workflows.trust import Target

if TYPE_CHECKING:
    from cryptography import x509


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
    for key, all_gone in work.renewal.evicted.items():
        node, store, newer = key.split(":")
        for gone in all_gone:
            one = Evicted(Target(node, store), gone, newer)
            try:
                _restore(work, one)
            except CertrenewError as error:
                _tell(work, one, " ".join(part for part in (error.what, error.untouched) if part))


def _restore(work: Work, one: Evicted) -> None:
    target, gone = one.target, kept_certificate(work, one.gone)
    if target.node not in work.estate.nodes:
        return _tell(work, one, f"the site has no node {escape(target.node, 80)} any more.")
    if _holds(work, one):
        return None
    if why := _needed(work, one):
        return _tell(work, one, why)
    newer = kept_certificate(work, one.newer)
    with work.alone_with(target.node):
        work.record("restoring", f"{title(gone)} into {target}, in place of {title(newer)}")
        work.peer(target.node).restore_trusted(gone, newer, target.store)
        if not _holds(work, one):
            raise Failed(
                f"{target} does not show it afterwards.", untouched="Look at that store.", todo="Put it back by hand."
            )
    undone = f"{target} holds {title(newer)} {one.newer[:12]}…"
    work.note(f"{target} holds {title(gone)} again; what loads it when it starts has to be restarted by hand")
    return work.record("restored", f"{target} holds {title(gone)} {one.gone[:12]}… again", data={"undoes": undone})


def _holds(work: Work, one: Evicted) -> bool:
    from engine.certificates import fingerprint

    return one.gone in {fingerprint(held) for held in work.peer(one.target.node).trusted(one.target.store)}


def _needed(work: Work, one: Evicted) -> str:
    """Say what needs the newer certificate; empty when nothing known here does. Looks at the boxes of the renewal."""
    from engine.certificates import fingerprint

    for item in (place for one in work.items for place in one.places):
        if item.node not in work.estate.nodes:
            return f"the site has no node {escape(item.node, 80)} any more, so what that holds can't be seen."
        if item.leaf and any(fingerprint(work.device(item.node).certificate(slot)) == item.leaf for slot in item.slots):
            return f"{item.node} holds the new certificate, which needs what took its place."
    for other in work.others():
        if other.state != "Cancelled" and any(one.newer in item.chain for item in other.items):
            return f"renewal {other.id} needs what took its place."
    return ""


def _tell(work: Work, one: Evicted, why: str) -> None:
    gone = kept_certificate(work, one.gone)
    path = work.paper(f"evicted-{one.gone[:12]}.pem", _pem(gone))
    text = f"{title(gone)} was not put back into {one.target}: {why} It is kept in {path}, to be put back by hand."
    work.record("not-restored", text)
    work.note(text)


def _pem(certificate: "x509.Certificate") -> bytes:
    from engine.certificates import to_pem

    return to_pem(certificate).encode()
