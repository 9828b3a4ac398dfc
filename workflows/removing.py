"""Take CA certificates out of trust stores where nothing that is presented needs them any more.

What a store trusted is saved before. Where a box has no other way people do it, and the same look proves it. What loads
a store only when it starts goes on trusting until then, which harms nothing: so nothing is restarted for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import Failed, Waiting, together
from engine.estate import WITH_SLOTS
from engine.model import Change, Effect, places
from engine.relations import trusting
from engine.text import stamp
from engine.workflow import Action, Phase, Proof, Work
from workflows.common import kept_certificate, title
from workflows.links import await_zones
from workflows.presented import Needs
from workflows.saving import save_store, saved, store_place
from workflows.trust import Target

if TYPE_CHECKING:
    from cryptography import x509

Lists = Mapping[Target, "list[x509.Certificate]"]
"""What each store trusts now."""


class Remove(Action):
    """Take one CA certificate out of one store."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look whether it is gone from the store, by fingerprint."""
        target, sha256 = Target(change.target, str(change.after["store"])), str(change.after["removed"])
        if sha256 in _prints(work.peer(target.node).trusted(target.store)):
            return None
        by = ", as people brought it" if work.peer(target.node).by_hand else ""
        return Proof(f"{target} does not hold {title(kept_certificate(work, sha256))} {sha256[:12]}… any more{by}")

    def act(self, work: Work, change: Change) -> None:
        """Note what is up, save the store, and take the certificate out; or have people do it (Waiting)."""
        target, sha256 = Target(change.target, str(change.after["store"])), str(change.after["removed"])
        if not work.asked(change):
            _remember(work)
            save_store(work, target)
        try:
            work.peer(target.node).remove_trusted(kept_certificate(work, sha256), target.store)
        except Waiting as waiting:
            waiting.todo = f"When it is done: certrenew run {work.renewal.id}."
            raise


def _prints(held: "Sequence[x509.Certificate]") -> set[str]:
    from engine.certificates import fingerprint

    return {fingerprint(one) for one in held}


def _remember(work: Work) -> None:
    """Record, once, which zones are active on the boxes that can be asked."""
    for node in _askable(work):
        if node not in work.renewal.before:
            zones = work.device(node).status().zones
            values = {f"before/{node}": {"at": stamp(work.now()), "zones": zones}}
            work.record("before", f"the zones of {node} are noted", values=values)


def _askable(work: Work) -> list[str]:
    """Return the Expressways whose zones can be read."""
    boxes = [name for name, entry in work.estate.nodes.items() if entry.kind in WITH_SLOTS]
    return [name for name in boxes if not work.device(name).by_hand]


# ---- the plan ------------------------------------------------------------------------------------------------------


class Judged(NamedTuple):
    """Be which CA certificates can go from which store, a sentence for each that stays, and who needs what."""

    go: list[tuple[Target, str]]
    stay: list[str]
    needs: Needs


class Which(NamedTuple):
    """Say for a workflow which CA certificates may go: `may` names those of a store, `wanted` those that stay, and why.

    Both are by SHA-256.
    """

    may: Callable[[Work, Target], Sequence[str]]
    wanted: Callable[[Work], Mapping[str, str]]


def targets(work: Work) -> list[Target]:
    """Return the stores that had to hold the chains of the renewal before; not those of what others look after."""
    before = work.followed
    nodes = [
        node
        for item in places(before.items)
        if item.node in work.estate.nodes
        for node in trusting(work.estate, item.node, item.slots, item.found.release if item.found else "X14")
    ]
    ours = [node for node in dict.fromkeys(nodes) if work.estate.nodes[node].kind != "external"]
    return [Target(node, store) for node in ours for store in work.peer(node).stores]


def look(work: Work) -> Lists:
    """Read each store. Raises Waiting for the boxes of which people have to bring what they trust."""
    lists, waits = dict[Target, "list[x509.Certificate]"](), list[Waiting]()
    for target in targets(work):
        try:
            lists[target] = work.peer(target.node).trusted(target.store)
        except Waiting as waiting:
            waits.append(waiting)
    if waits:
        raise together(waits)
    return lists


def judge(work: Work, lists: Lists, which: Which) -> Judged:
    """Judge, store by store, each certificate that may go and is there. Looks at everything that presents."""
    pool = list({one: None for held in lists.values() for one in held})
    found = Judged([], [], Needs(work, pool, which.wanted(work)))
    for target, held in lists.items():
        for sha256 in (one for one in which.may(work, target) if one in _prints(held)):
            if why := found.needs.why(sha256, target, held):
                found.stay.append(f"{title(kept_certificate(work, sha256))} stays in {target}: {why}")
            else:
                found.go.append((target, sha256))
    return found


def phase(name: str, which: Which) -> Phase:
    """Return the phase that takes each certificate that may go out of each store that holds and does not need it."""

    def plan(work: Work) -> list[Change]:
        found = judge(work, look(work), which)
        return [_change(work, target, sha256, found.stay) for target, sha256 in found.go]

    return Phase(name, plan, {"remove-trust": Remove()})


def _change(work: Work, target: Target, sha256: str, stay: list[str]) -> Change:
    certificate, peer = kept_certificate(work, sha256), work.peer(target.node)
    hands = "; a person does it" if peer.removal_by_hand else ""
    return Change(
        action="remove-trust",
        target=target.node,
        effect=Effect.SERVE,
        before={"trusted": sha256, "store": target.store},
        after={"removed": sha256, "store": target.store},
        what=f"take the CA {title(certificate)} ({sha256[:12]}…) out of {target}{hands}",
        impact="none of what the site names: nothing of it presents a certificate that chains to it; whatever else "
        "does is refused",
        by_hand=peer.removal_by_hand,
        duration=60,
        proof="the list is read back by fingerprint, what is presented is proven by it, every zone stays active",
        way_back="add it again: what the store trusted is saved as a file before",
        notes=stay,
    )


# ---- the proof -----------------------------------------------------------------------------------------------------


def prove(work: Work, which: Which) -> Proof:
    """Read every store back, prove by each what is presented to it, and see every zone active that was.

    Raises Failed where a store can't prove what it could before.
    """
    lists = look(work)
    found = judge(work, lists, which)
    if found.go:
        target, sha256 = found.go[0]
        raise Failed(
            f"{target} holds {title(kept_certificate(work, sha256))} again.",
            untouched="What was taken out elsewhere stays out.",
            todo=f"Find out who else works on it. Then: certrenew run {work.renewal.id}",
        )
    for target, held in lists.items():
        could_not = found.needs.unproven(target, saved(work, store_place(target)))
        if lost := [one for one in found.needs.unproven(target, held) if one not in could_not]:
            raise Failed(
                f"{target} can't prove {', '.join(lost)} any more.",
                untouched="Nothing else was done.",
                todo=f"What it trusted is saved in {work.folder}: add what is missing again.",
            )
    zones = [f"{node}: {', '.join(await_zones(work, node, _down)) or 'none was'}" for node in work.renewal.before]
    active = f"active as before: {'; '.join(zones)}" if zones else ""
    every = sum(len(which.may(work, target)) for target in lists)
    gone = "nothing was taken out" if len(found.stay) == every else "what nothing needs is out"
    return Proof("; ".join(filter(None, [gone, *found.stay, active])))


def _down(work: Work, node: str, states: str) -> Failed:
    return Failed(
        f"{node} shows zones that are not active as before: {states}.",
        untouched="Nothing else was done.",
        todo=f"What each store trusted is saved in {work.folder}; where a CA is missing, add it again. "
        f"Then: certrenew run {work.renewal.id}",
    )
