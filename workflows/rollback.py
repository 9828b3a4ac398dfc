"""Come back from a renewal: a workflow of its own, with a table of its own, which does what can be done.

The old key left the box with the upload, so the old certificate comes back with a device backup alone, which people
restore and the ports prove. Then what was evicted is put back, and what the renewal added is taken out of each store
where nothing that is presented needs it.
"""

from collections.abc import Sequence
from datetime import datetime

from engine.errors import Waiting
from engine.hookspecs import hookimpl
from engine.model import Change, Effect, Item, Json, Renewal, places
from engine.text import counted, moment
from engine.workflow import Action, Arrow, Phase, Proof, Step, Work, Workflow
from workflows import by_hand
from workflows.common import refuse, served_at
from workflows.links import await_active
from workflows.loaded import by_node, on_the_wire
from workflows.renewal import CANCELLED, RENEWAL
from workflows.restart import activity, remember
from workflows.saving import save_box, slot_place
from workflows.untrust import STEP as UNTRUST

NEW, SURVEYED, RETURNED, ROLLED_BACK = "New", "Surveyed", "Returned", "RolledBack"

ARROWS = (
    Arrow("survey", (NEW,), SURVEYED),
    Arrow("return", (SURVEYED,), RETURNED),
    Arrow("untrust", (RETURNED,), ROLLED_BACK),
    Arrow("cancel", (NEW, SURVEYED, RETURNED), CANCELLED, aside=True, then=lambda work: _only_what_is_shown(work)),
)

PAGE = "Maintenance > Backup and restore"


def follows(renewal: Renewal, now: datetime) -> None:
    """Raise Refused where there is nothing to come back from, another way, or no old certificate to come back to."""
    if renewal.workflow != RENEWAL.name:
        raise refuse(
            f"{renewal.id} is a {renewal.workflow}; only a renewal can be rolled back.",
            f"What it took out is saved in its folder: certrenew show {renewal.id}",
        )
    if not renewal.ended:
        raise refuse(
            f"Renewal {renewal.id} is not over: it is {renewal.state}.",
            f"Stop it first: certrenew cancel {renewal.id}. If anything is left on the boxes then: "
            f"certrenew rollback {renewal.id}",
        )
    if not renewal.saved and not renewal.evicted:
        raise refuse(
            f"Renewal {renewal.id} changed no trust store and no slot, as far as is known, so there is no way back.",
            f"certrenew journal {renewal.id} shows what it did.",
        )
    for item in places(renewal.items):
        if _uploaded(renewal, item) and item.found and moment(item.found.not_after) <= now:
            raise refuse(
                f"The old certificate of {item.certificate} ended at {item.found.not_after}: nothing would take it.",
                f"Renew it again: certrenew start {item.certificate}",
            )


def _uploaded(before: Renewal, item: Item) -> bool:
    """Tell whether a renewal may have uploaded an item's new certificate: then it saved the old one first."""
    return any(slot_place(item.node, slot) in before.saved for slot in item.slots)


def _replaced(work: Work) -> dict[str, list[Item]]:
    """Return the boxes whose certificate the renewal may have replaced, each with its items as they were."""
    before = work.followed
    return by_node(item for item in places(before.items) if _uploaded(before, item))


# ---- survey --------------------------------------------------------------------------------------------------------


def _survey(work: Work) -> Proof:
    """Note what the renewal put where, and which certificates the boxes may show from now on. Contacts no box."""
    before, boxes = work.followed, _replaced(work)
    values: dict[str, Json] = {"evicted": dict(before.evicted)}
    values["removes"] = list(dict.fromkeys(sha256 for item in before.items for sha256 in item.chain))
    for node, items in boxes.items():
        if shown := {sha256 for one in items if one.found for sha256 in (*one.found.wire.values(), one.leaf)}:
            values[f"pins/{node}"] = sorted(shown)
    names = ", ".join(boxes)
    told = [
        f"the old certificates of {names} come back with a device backup alone" if boxes else "no slot was changed",
        f"{counted(sum(map(len, before.evicted.values())), 'CA certificate')} had to go for others",
    ]
    return Proof("; ".join(told), values)


# ---- the old certificates ------------------------------------------------------------------------------------------


class RestoreBackup(Action):
    """Have people restore a box's backup, so that it holds and presents its old certificates again."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look at ports and slots; wait for the zones that were active before.

        Raises Waiting while the box is away, as a restored one is for some minutes.
        """
        items = _replaced(work)[change.target]
        if work.begun(change) and "" in on_the_wire(work, items).values():
            raise by_hand.away(work, change.target)
        if not _is_back(work, items):
            return None
        zones = await_active(work, change.target) if change.target in work.renewal.before else []
        old = ", ".join(f"{item.found.certificate[:12]}…" for item in items if item.found)
        active = f"; active again: {', '.join(zones)}" if zones else ""
        return Proof(f"{change.target} holds and presents its old certificate {old} again{active}")

    def act(self, work: Work, change: Change) -> None:
        """Save what is there now, record what is up, and ask people. Raises Waiting."""
        node = change.target
        if not work.asked(change):
            for item in _replaced(work)[node]:
                save_box(work, item)
            remember(work, node)
        made = work.followed.created
        raise Waiting(
            f"A person has to restore the backup of {node} that was made before renewal {work.followed.id}.",
            on="person",
            poll_after=work.device(node).poll_interval,
            todo=f"When the box is back: certrenew run {work.renewal.id}. Where there is no such backup this can't be "
            f"done: certrenew cancel {work.renewal.id}",
        ).asking(
            steps=[
                f"{node} (https://{work.estate.nodes[node].address}), {PAGE}: make a backup of what is there now.",
                f"There, under Restore, choose the backup of {node} that was made before its certificate was replaced "
                f"(renewal begun {made}), restore it, and wait until the box is back. All of its configuration becomes "
                "as it was then.",
            ]
        )


def _is_back(work: Work, items: Sequence[Item]) -> bool:
    """Tell whether a box presents, on every port, and holds what it did before the renewal. Read-only."""
    from engine.certificates import fingerprint

    device = work.device(items[0].node)
    for item in items:
        old = item.found.certificate if item.found else ""
        if served_at(work, item) and set(on_the_wire(work, [item]).values()) != {old}:
            return False
        if {fingerprint(device.certificate(slot)) for slot in item.slots} != {old}:
            return False
    return True


def _plan_return(work: Work) -> list[Change]:
    """Have each box restored that does not hold its old certificates."""
    boxes = _replaced(work)
    return [_change(work, node, items) for node, items in boxes.items() if not _is_back(work, items)]


def _change(work: Work, node: str, items: Sequence[Item]) -> Change:
    old: dict[str, Json] = {slot: item.found.certificate for item in items if item.found for slot in item.slots}
    new: dict[str, Json] = {slot: item.leaf for item in items for slot in item.slots}
    named = ", ".join(f"{item.found.certificate[:12]}…, until {item.found.not_after}" for item in items if item.found)
    return Change(
        action="restore-backup",
        target=node,
        effect=Effect.SERVE,
        before={"slots": new},
        after={"presented": old},
        what=f"have a person restore the backup of {node} from before renewal {work.followed.id}, with its old "
        f"certificate {named}",
        impact="the whole configuration of this node becomes as it was when the backup was made; calls and "
        "registrations end, its zones are down until it is back",
        severity="outage",
        activity=activity(work, node),
        duration=work.device(node).restart_timeout,
        reversible=False,
        by_hand=True,
        proof="the old certificate in every slot and on every port, every zone active again that was",
        way_back="restore the backup that is made first; certrenew has none",
        notes=["Without a backup from before the renewal nothing brings the old key back; then renew again"],
    )


def _returned(work: Work) -> Proof:
    """See the old certificates once more; from then on only they are accepted on our own connections."""
    values: dict[str, Json] = {}
    for node, items in _replaced(work).items():
        if not _is_back(work, items):
            raise refuse(f"{node} does not hold its old certificate.", f"certrenew run {work.renewal.id}")
        if shown := {sha256 for item in items if item.found for sha256 in item.found.wire.values()}:
            values[f"pins/{node}"] = sorted(shown)
    boxes = ", ".join(_replaced(work))
    return Proof(f"{boxes}: the old certificates are back" if boxes else "no certificate had to come back", values)


def _only_what_is_shown(work: Work) -> None:
    """Accept, once a rollback was cancelled, only what each box presents now, of what it might have."""
    for node, items in _replaced(work).items():
        shown = sorted(set(on_the_wire(work, items).values()))
        if node in work.renewal.pins and shown and set(shown) <= set(work.renewal.pins[node]):
            work.record("pinned", f"from now on {node} may show what it does, no other", values={f"pins/{node}": shown})


# ---- the workflow --------------------------------------------------------------------------------------------------

SURVEY = Step(
    name="survey",
    purpose="see what the renewal changed, and what can come back",
    rests_on=(),
    phases=(),
    prove=_survey,
)

RETURN = Step(
    name="return",
    purpose="have the old certificates back, from a backup of the box",
    rests_on=(),
    phases=(Phase("return", _plan_return, {"restore-backup": RestoreBackup()}, in_order=True),),
    prove=_returned,
)

ROLLBACK = Workflow(
    name="rollback",
    initial=NEW,
    final=(ROLLED_BACK, CANCELLED),
    arrows=ARROWS,
    steps={step.name: step for step in (SURVEY, RETURN, UNTRUST)},
    follows=follows,
)


@hookimpl
def register_workflows() -> Sequence[Workflow]:
    """Register the workflow."""
    return (ROLLBACK,)
