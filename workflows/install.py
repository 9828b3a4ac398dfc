"""Install (procedure E): upload the leaf alone, after judging it again and seeing that every peer trusts its chain."""

from typing import TYPE_CHECKING

from engine.errors import Failed
from engine.model import Change, Effect, Item
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows.clocks import CLOCK, require_clocks
from workflows.common import item_of, kept_certificate, numbered, refuse, title
from workflows.trust import require_trusted
from workflows.validate import require

if TYPE_CHECKING:
    from cryptography import x509

UPLOAD = 30
"""How long an upload takes at most, in seconds."""


class Upload(Action):
    """Upload one leaf into one slot; what the box serves changes only with its restart."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Read the slot back."""
        from engine.certificates import fingerprint

        _, item = item_of(work, change)
        held = fingerprint(work.device(item.node).certificate(item.slots[0]))
        if held != item.leaf:
            return None
        origin = work.device(item.node).origin(kept_certificate(work, item.leaf))
        by = f" ({origin})" if origin else ""
        return Proof(f"the {item.slots[0]} certificate of {item.node} is {held[:12]}…{by}, served after a restart")

    def act(self, work: Work, change: Change) -> None:
        """Check the key that the box holds, note which certificates it may show from now on, upload."""
        _, item = item_of(work, change)
        require_key(work, item)
        shown = sorted({*(item.found.wire.values() if item.found else ()), item.leaf})
        if work.renewal.pins.get(item.node) != shown:
            told = f"from now on {item.node} may show the old or the new certificate, and no other"
            work.record("pinned", told, values={f"pins/{item.node}": shown})
        work.device(item.node).install(item.slots[0], kept_certificate(work, item.leaf))


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
    return foresee(work)


def foresee(work: Work) -> list[Change]:
    """Say what `plan` will, once every target trusts the chain."""
    from engine.certificates import fingerprint

    return [
        _change(work, number, item, held)
        for number, item in numbered(work)
        if fingerprint(held := work.device(item.node).certificate(item.slots[0])) != item.leaf
    ]


def _change(work: Work, number: int, item: Item, held: "x509.Certificate") -> Change:
    from engine.certificates import fingerprint

    require_key(work, item)
    new, old = kept_certificate(work, item.leaf), fingerprint(held)
    return Change(
        action="upload",
        target=item.node,
        item=number,
        effect=Effect.SERVE,
        before={"slot": item.slots[0], "certificate": old, "pending_key": item.key},
        after={"slot": item.slots[0], "certificate": item.leaf},
        what=f"upload {title(new)} ({item.leaf[:12]}…) as the {item.slots[0]} certificate of {item.node}, "
        f"in place of {title(held)} ({old[:12]}…)",
        impact="none until the restart",
        duration=UPLOAD,
        reversible=False,
        proof="the slot is read back by fingerprint",
        way_back="none: the old key can't be read from the box; a new renewal is the way on",
    )


def prove(work: Work) -> Proof:
    """Read every slot back once more."""
    from engine.certificates import fingerprint

    for item in work.items:
        if fingerprint(work.device(item.node).certificate(item.slots[0])) != item.leaf:
            raise Failed(
                f"{item.node} holds another certificate than was uploaded.",
                untouched="It was not restarted, so it serves what it served before.",
                todo=f"Find out who else works on the box. Then: certrenew run {work.renewal.id}",
            )
    return Proof("; ".join(f"{item.node} holds {item.leaf[:12]}…, to be served after a restart" for item in work.items))


STEP = Step(
    name="install",
    purpose="upload the new certificate, alone",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(Phase("install", plan, {"upload": Upload()}, in_order=True, foresee=foresee),),
    prove=prove,
    checks=(CLOCK,),
    serves=lambda work: [(item.node, UPLOAD) for item in work.items],
)
