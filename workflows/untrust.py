"""Undo what a renewal did to trust stores: put back what was evicted, take out what was added and nothing needs."""

from engine.errors import Waiting
from engine.model import Change, Effect
from engine.relations import cluster
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import evicted, removing
from workflows.common import kept_certificate, title
from workflows.evicted import Evicted
from workflows.saving import read, store_place
from workflows.trust import Target


class PutBack(Action):
    """Put a CA certificate back that had to go when another of its name was added."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look for it in the store."""
        one = _evicted(change)
        back = evicted.is_back(work, one)
        return Proof(f"{one.target} holds {title(kept_certificate(work, one.gone))} again") if back else None

    def act(self, work: Work, change: Change) -> None:
        """Have the box exchange the two, or people."""
        one = _evicted(change)
        gone, newer = kept_certificate(work, one.gone), kept_certificate(work, one.newer)
        if not change.by_hand:
            return work.peer(one.target.node).restore_trusted(gone, newer, one.target.store)
        raise Waiting(
            f"A person has to put {title(gone)} back into {one.target}.",
            on="person",
            todo=f"When it is done: certrenew run {work.renewal.id}.",
        ).asking(steps=[f"{one.target}: delete {title(newer)}, then upload {evicted.as_paper(work, one)}."])


def _evicted(change: Change) -> Evicted:
    before, after = change.before, change.after
    return Evicted(Target(change.target, str(after["store"])), str(after["trusted"]), str(before["trusted"]))


def _plan_put_back(work: Work) -> list[Change]:
    """Put back what had to go and is not there, where nothing needs what took its place."""
    ours = [one for one in evicted.evicted(work) if one.target.node in work.estate.nodes]
    return [_put_back(work, one) for one in ours if not evicted.is_back(work, one) and not evicted.needed(work, one)]


def _put_back(work: Work, one: Evicted) -> Change:
    gone, newer = kept_certificate(work, one.gone), kept_certificate(work, one.newer)
    return Change(
        action="put-back",
        target=one.target.node,
        effect=Effect.SERVE,
        before={"trusted": one.newer, "store": one.target.store},
        after={"trusted": one.gone, "store": one.target.store},
        what=f"put the CA {title(gone)} ({one.gone[:12]}…) back into {one.target}, in place of {title(newer)} "
        f"({one.newer[:12]}…)",
        impact="none until what loads the store starts anew, which a person does",
        by_hand=work.peer(one.target.node).removal_by_hand,
        duration=60,
        proof="the store is read back by fingerprint",
        way_back="add the newer one again, which evicts the older",
    )


def _added(work: Work, target: Target) -> list[str]:
    """Return the CA certificates that the renewal added to a store: those that were not there when it was saved.

    What a node got from its publisher by replication was added to the publisher.
    """
    from engine.certificates import fingerprint

    before = work.followed
    places = [store_place(Target(node, target.store)) for node in (target.node, cluster(work.estate, target.node)[0])]
    known = next((before.saved[place] for place in places if place in before.saved), "")
    there = {fingerprint(one) for one in read(work, known)}
    return [sha256 for sha256 in work.renewal.removes if sha256 not in there] if known else []


def _wanted(work: Work) -> dict[str, str]:
    from engine.certificates import fingerprint

    return {fingerprint(one): "clean_up.keep" for one in work.kept_cas()}


WHICH = removing.Which(_added, _wanted)

STEP = Step(
    name="untrust",
    purpose="put back what was evicted, and take out what the renewal added and nothing needs",
    rests_on=(),
    phases=(Phase("put-back", _plan_put_back, {"put-back": PutBack()}), removing.phase("remove", WHICH)),
    prove=lambda work: removing.prove(work, WHICH),
)
