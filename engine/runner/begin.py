"""Begin renewals: one for each slot at a time, under a change record where the site wants it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import UsageError
from engine.model import Item, Renewal
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

    Raises UsageError for a certificate the site does not have or whose slot has an open renewal, for a change that
    can't be one, and for none where the site requires it.
    """
    _check_change(runner.estate, change)
    items = [_item(runner.estate, name) for name in dict.fromkeys(certificates)]
    at, actor = runner.site.at(), runner.site.actor
    with runner.store.node_lock("renewals", actor, at, "start"):
        _no_other(runner, items)
        renewal = Renewal(
            id=runner.new_id(),
            workflow=workflow,
            state=runner.workflow(workflow).initial,
            created=at,
            since=at,
            requester=actor,
            items=items,
            adopt_csr=adopt_csr,
            change=change,
            terms=runner.estate.terms(),
        )
        under = f", under change {change}" if change else ""
        return runner.store.create(renewal, actor, at, f"renewal of {', '.join(certificates)} begun{under}")


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
    return Item(certificate=name, node=entry.node, slots=[entry.slot], authority=entry.authority)


def _no_other(runner: Runner, items: Sequence[Item]) -> None:
    wanted = {(item.node, slot) for item in items for slot in item.slots}
    for other in runner.open():
        for node, slot in wanted & {(item.node, slot) for item in other.items for slot in item.slots}:
            raise UsageError(
                f"The {slot} slot of {node} has an open renewal: {other.id}, in {other.state}.",
                untouched="No second one was begun.",
                todo=f"Go on with it: certrenew show {other.id}. Or end it: certrenew cancel {other.id}",
            )
