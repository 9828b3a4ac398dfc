"""Begin renewals: one for each slot at a time, under a change record where the site wants it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.advice import SHARED_KEY
from engine.errors import Refused, UsageError
from engine.model import Item, Renewal
from engine.relations import goes_to, peers
from engine.runner.runner import Runner
from engine.settings import unknown
from engine.text import escape

if TYPE_CHECKING:
    from engine.estate import Estate
    from engine.store import Document

CHANGE = re.compile(r"[A-Za-z0-9#][A-Za-z0-9._/#-]{0,63}")
"""How a change record is written."""


def start(
    runner: Runner,
    certificates: Sequence[str],
    *,
    workflow: str = "renewal",
    adopt_csr: bool = False,
    change: str = "",
) -> "Document":
    """Begin a renewal of these certificates, under a change record; no box is contacted.

    Raises UsageError for a certificate the site does not have or whose slot has an open renewal, for two certificates
    of one slot, for a change that can't be one, and for none where the site requires it.
    """
    _check_change(runner.estate, change)
    items = _in_turn([_item(runner.estate, name) for name in dict.fromkeys(certificates)])
    at, actor = runner.site.at(), runner.site.actor
    with runner.store.node_lock("renewals", actor, at, "start"):
        _no_other(runner, items)
        renewal = replace(_new(runner, workflow, items, change, at), adopt_csr=adopt_csr)
        under = f", under change {change}" if change else ""
        document = runner.store.create(renewal, actor, at, f"renewal of {', '.join(certificates)} begun{under}")
    _offer_peers(runner, document.renewal)
    _advise_own_keys(runner, document.renewal)
    return document


def follow(runner: Runner, workflow: str, renewal: str, *, reason: str = "", change: str = "") -> "Document":
    """Begin a workflow that comes after a renewal, for the same certificates; no box is contacted.

    Raises Refused where it can't come after that one; UsageError where one of this workflow is open for it already, for
    a workflow that follows none, for a change that can't be one, and for none where the site requires it.
    """
    _check_change(runner.estate, change)
    before = runner.store.load_checked(renewal).renewal
    _judge(runner, workflow, before)
    at, actor = runner.site.at(), runner.site.actor
    with runner.store.node_lock("renewals", actor, at, workflow):
        for other in runner.open():
            if (other.workflow, other.follows) == (workflow, renewal):
                raise UsageError(
                    f"There is an open {workflow} of renewal {renewal}: {other.id}, in {other.state}.",
                    untouched="No second one was begun.",
                    todo=f"Go on with it: certrenew run {other.id}. Or end it: certrenew cancel {other.id}",
                )
        items = [
            Item(
                certificate=one.certificate,
                node=one.node,
                slots=one.slots,
                authority=one.authority,
                copies=dict.fromkeys(one.copies),
            )
            for one in before.items
        ]
        begun = replace(_new(runner, workflow, items, change, at), follows=renewal)
        told = f"{workflow} of renewal {renewal} begun{f' because {reason}' if reason else ''}"
        return runner.store.create(begun, actor, at, told + (f", under change {change}" if change else ""))


def follow_last(runner: Runner, workflow: str, certificates: Sequence[str], *, change: str = "") -> "Document":
    """Begin a workflow that comes after the last renewal of these certificates that it can come after; as `follow`.

    Raises UsageError where no renewal of them, together, is over; Refused, as for the last one, where it fits none.
    """
    wanted = {_item(runner.estate, name).certificate for name in certificates}
    renewals = [one.renewal for one in runner.store.summaries()[0] if one.renewal.ended and not one.renewal.follows]
    over = [one for one in renewals if wanted <= {item.certificate for item in one.items}]
    refused: list[Refused] = []
    for one in sorted(over, key=lambda renewal: (renewal.created, renewal.since), reverse=True):
        try:
            _judge(runner, workflow, one)
        except Refused as error:
            refused.append(error)
        else:
            return follow(runner, workflow, one.id, change=change)
    if refused:
        raise refused[0]
    raise UsageError(
        f"No renewal of {', '.join(certificates)} is over, so nothing can come after it.",
        untouched="Nothing was begun.",
        todo="See all: certrenew list --all. Certificates that were renewed apart are named one at a time.",
    )


def _judge(runner: Runner, workflow: str, before: Renewal) -> None:
    """Raise Refused where a workflow can't come after a renewal now, UsageError for one that comes after none."""
    judge = runner.workflow(workflow).follows
    if judge is None:
        raise UsageError(
            f"The workflow `{escape(workflow)}` follows no renewal; it begins with certificates.",
            untouched="Nothing was begun.",
            todo="Begin it: certrenew start CERTIFICATE...",
        )
    judge(before, runner.site.clock.now())


def _new(runner: Runner, workflow: str, items: list[Item], change: str, at: str) -> Renewal:
    return Renewal(
        id=runner.new_id(),
        workflow=workflow,
        state=runner.workflow(workflow).initial,
        created=at,
        since=at,
        requester=runner.site.actor,
        items=items,
        change=change,
        terms=runner.estate.terms(),
    )


def _check_change(estate: "Estate", change: str) -> None:
    if not change and estate.policy.change_required:
        raise UsageError(
            "This site wants every renewal to name its change record.",
            untouched="No renewal was begun.",
            todo="Name it: certrenew start CERTIFICATE... --change CHG0012345",
        )
    if change and not CHANGE.fullmatch(change):
        raise UsageError(
            f"`{escape(change, 80)}` can't be a change record: letters, digits and ._/#- are, up to 64.",
            untouched="No renewal was begun.",
            todo="Write it as your ticket system does, such as CHG0012345.",
        )


def _item(estate: "Estate", name: str) -> Item:
    entry = estate.certificates.get(name)
    if entry is None:
        error = unknown(
            f"{escape(estate.file)} has no certificate `{escape(name, 80)}`", name, list(estate.certificates)
        )
        raise UsageError(error.what, untouched="No renewal was begun.", todo=error.todo)
    copies = dict.fromkeys(goes_to(estate, entry)[1:])
    return Item(certificate=name, node=entry.node, slots=entry.slots, authority=entry.authority, copies=copies)


def _in_turn(items: Sequence[Item]) -> list[Item]:
    """Return the items in the order of their turns: a box holds one pending CSR, so those of a box go one by one.

    The server slot goes last: its certificate on the wire then proves that the box loaded what went before it, too.
    """
    taken: dict[str, int] = {}
    found = []
    for item in sorted(items, key=lambda item: "server" in item.slots):
        turn = max(taken.get(node, 0) for node in item.nodes)
        found.append(replace(item, turn=turn))
        taken |= dict.fromkeys(item.nodes, turn + 1)
    return sorted(found, key=lambda item: item.turn)


def _offer_peers(runner: Runner, renewal: Renewal) -> None:
    """Tell of the same slots on other peers of a cluster: one renewal for all is better than one after the other."""
    nodes = {node for item in renewal.items for node in item.nodes}
    slots = {slot for item in renewal.items for slot in item.slots}
    others = {peer for node in nodes for peer in peers(runner.estate, node)} - nodes
    entries = [one for one in runner.estate.certificates.values() if not one.cluster_name]
    names = [one.name for one in entries if one.node in others and one.slot in slots]
    if names:
        ours = " ".join(item.certificate for item in renewal.items)
        runner.site.tell(
            "note",
            "Other peers of this cluster are left as they are. One renewal for all has one trust plan, one approval a "
            f"step and a rolling restart: certrenew cancel {renewal.id}, then certrenew start {ours} {' '.join(names)}",
        )


def _advise_own_keys(runner: Runner, renewal: Renewal) -> None:
    """Tell that the vendor advises against a key that peers share, and what to begin in its place."""
    for item in renewal.items:
        if item.copies:
            entries = [one for one in runner.estate.certificates.values() if not one.cluster_name]
            own = [one.name for one in entries if one.node in item.nodes and one.slot == "server"]
            instead = f"certrenew start {' '.join(own)}" if own else "give each peer an entry of its own in the site"
            runner.site.tell(
                "note",
                f"{', '.join(item.nodes)} will share one private key, which leaves {item.node} for that. {SHARED_KEY} "
                f"Better: one certificate per peer, in one renewal: certrenew cancel {renewal.id}, then {instead}",
            )


def _no_other(runner: Runner, items: Sequence[Item]) -> None:
    places = [place for item in items for place in _places(item)]
    for node, slot in (place for place in places if places.count(place) > 1):
        raise UsageError(
            f"Two of these certificates are for the {slot} slot of {node}.",
            untouched="No renewal was begun.",
            todo="Name one of them.",
        )
    wanted = set(places)
    for other in [one for one in runner.open() if not one.follows]:
        for node, slot in sorted(wanted & {place for item in other.items for place in _places(item)}):
            raise UsageError(
                f"The {slot} slot of {node} has an open renewal: {other.id}, in {other.state}.",
                untouched="No second one was begun.",
                todo=f"Go on with it: certrenew show {other.id}. Or end it: certrenew cancel {other.id}",
            )


def _places(item: Item) -> list[tuple[str, str]]:
    """Return node and slot of every place that an item goes to."""
    return [(node, slot) for node in item.nodes for slot in item.slots]
