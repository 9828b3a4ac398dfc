"""Install (procedure E): upload the leaf, alone or with the key that peers share.

It is judged again first, and every peer must trust its chain by then.
"""

from collections.abc import Sequence

from engine.errors import Refused
from engine.model import Change, Effect, Item, Json, places
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import sharing
from workflows.clocks import CLOCK, require_clocks
from workflows.common import kept_certificate, place_of, refuse, require_as_found, served_at, title
from workflows.saving import NOTES, save_box
from workflows.trust import require_trusted
from workflows.validate import require

UPLOAD = 30
"""How long an upload takes at most, in seconds."""


class Upload(Action):
    """Upload one leaf into its slots; what the box presents changes only with its restart."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Read the slots back."""
        _, item = place_of(work, change)
        if not is_held(work, item):
            return None
        origin = work.device(item.node).origin(kept_certificate(work, item.leaf))
        by = f" ({origin})" if origin else ""
        held = f"the {_places(item)} certificate of {item.node} is {item.leaf[:12]}…"
        return Proof(f"{held}{by}, presented after a restart")

    def act(self, work: Work, change: Change) -> None:
        """Check whose key it is, save what is there, note what the box may show from now on, upload."""
        number, item = place_of(work, change)
        shared = item.node in work.renewal.items[number].copies
        if not shared:
            require_key(work, item)
        save_box(work, item)
        shown = may_show(item)
        if served_at(work, item) and work.renewal.pins.get(item.node) != shown:
            told = f"from now on {item.node} may show the old or the new certificate, and no other"
            work.record("pinned", told, values={f"pins/{item.node}": shown})
        device, leaf = work.device(item.node), kept_certificate(work, item.leaf)
        if shared:
            sharing.install(work, work.renewal.items[number], item)
        elif len(item.slots) == 1:
            device.install(item.slots[0], leaf)
        else:
            device.install_in_both(leaf)


def is_held(work: Work, item: Item) -> bool:
    """Tell whether an item's new certificate is in each of its slots. Read-only."""
    from engine.certificates import fingerprint

    device = work.device(item.node)
    return {fingerprint(device.certificate(slot)) for slot in item.slots} == {item.leaf}


def _places(item: Item) -> str:
    return " and ".join(item.slots)


def may_show(item: Item) -> list[str]:
    """Return the certificates that a box may show between upload and proof: the old one and the new one."""
    return sorted({*(item.found.wire.values() if item.found else ()), item.leaf})


def require_key(work: Work, item: Item) -> None:
    """Raise Refused unless the box still holds the pending CSR, and so the key, of this renewal."""
    from engine.certificates import key_digest

    pending = work.device(item.node).pending_csr()
    if pending is None or key_digest(pending.public_key()) != item.key:
        what = "no pending CSR" if pending is None else "another pending CSR"
        raise refuse(
            f"{item.node} has {what}: the key of this certificate is gone, or was replaced.",
            f"Begin again from the box with a new key: certrenew restage {work.renewal.id} --reason TEXT",
        )


def plan(work: Work) -> list[Change]:
    """Judge again, also by every box's clock, see that all trust the chain, and upload where the slot lacks it."""
    for item in work.items:
        require(work, item)
    require_clocks(work)
    require_trusted(work)
    require_held(work, [item for item in work.items if item.turn < work.renewal.turn])
    return foresee(work)


def foresee(work: Work) -> list[Change]:
    """Say what `plan` will, once every target trusts the chain."""
    changes = []
    for number, item in work.renewal.in_turn:
        lacking = [one for one in item.places if not is_held(work, one)]
        first, then = sharing.in_order(work, item, lacking)
        changes += [_change(work, number, item, one) for one in first]
        changes += sharing.fetching(work, number, item, then)
        changes += [_change(work, number, item, one) for one in then]
    return changes


def _change(work: Work, number: int, whole: Item, item: Item) -> Change:
    from engine.certificates import fingerprint

    require_as_found(work, item)
    way = sharing.way(work, whole, item)
    if not way:
        require_key(work, item)
    held = work.device(item.node).certificate(item.slots[0])
    new, old = kept_certificate(work, item.leaf), fingerprint(held)
    where = f"the {_places(item)} certificate of {item.node}"
    also: dict[str, Json] = {"also": list(item.slots[1:])} if item.slots[1:] else {}
    key: dict[str, Json] = {"key": item.key, "way": way} if way else {"pending_key": item.key}
    shown = f", {sharing.WAYS[way]}" if way else ""
    return Change(
        action="upload",
        target=item.node,
        item=number,
        effect=Effect.SERVE,
        before={"slot": item.slots[0], "certificate": old, **key, **also},
        after={"slot": item.slots[0], "certificate": item.leaf, **also},
        what=f"upload {title(new)} ({item.leaf[:12]}…) as {where}, in place of {title(held)} ({old[:12]}…){shown}",
        impact="none until the restart",
        duration=UPLOAD,
        reversible=False,
        proof="the slot is read back by fingerprint",
        way_back="none by certrenew: the box drops the old key, which can't be read from it, so the old certificate "
        "comes back with a device backup alone that a person made before (`certrenew rollback` guides that); else a "
        "new renewal is the way on",
        notes=NOTES,
        by_hand=way == sharing.PEOPLE,
    )


def prove(work: Work) -> Proof:
    """Read every slot back once more, and note which certificates each box may show from now on.

    A private key that was kept for it is discarded then.
    """
    require_held(work, work.items)
    sharing.discard(work)
    every = places(work.items)
    told = "; ".join(f"{item.node} holds {item.leaf[:12]}…, to be presented after a restart" for item in every)
    # Where somebody else uploaded it, or the record of our upload was lost, nothing was noted then.
    shown = [item for item in every if served_at(work, item) and item.node not in work.renewal.pins]
    return Proof(told, values={f"pins/{item.node}": may_show(item) for item in shown})


def require_held(work: Work, items: Sequence[Item]) -> None:
    """Raise Refused unless the slots hold what was uploaded to them. Read-only."""
    for item in places(items):
        if not is_held(work, item):
            raise Refused(
                f"{item.node} holds another {_places(item)} certificate than was uploaded.",
                untouched="It was left as it is; what it presents changes only when it is restarted.",
                todo="Find out who replaced it. To renew what is there now: certrenew cancel "
                f"{work.renewal.id}, then certrenew start {item.certificate}. Once {item.leaf[:12]}… is in its slot "
                f"again: certrenew run {work.renewal.id}",
            )


STEP = Step(
    name="install",
    purpose="upload the new certificate, alone",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(
        Phase("install", plan, {"fetch-key": sharing.FetchKey(), "upload": Upload()}, in_order=True, foresee=foresee),
    ),
    prove=prove,
    checks=(CLOCK,),
    serves=lambda work: [(node, UPLOAD) for _, item in work.renewal.in_turn for node in item.nodes],
)
