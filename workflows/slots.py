"""Tell what a person should know of a box's slots: whose turn comes later, which are left out, who may sign for it."""

from collections.abc import Iterator

from engine.advice import client_auth
from engine.model import Found, Item
from engine.relations import slots_of
from engine.text import stamp
from engine.workflow import Work
from workflows.common import kept_certificate


def advice(work: Work, item: Item) -> list[str]:
    """Say who may sign for an item's slots, and what would break without client authentication."""
    return client_auth(work.estate, item.node, item.slots, item.found.release) if item.found else []


def choices(work: Work) -> list[str]:
    """Say who may sign for each item's slots where a box has two, and so there is a choice."""
    items = [item for item in work.renewal.items if item.found and len(slots_of(item.found.release)) > 1]
    return [f"{item.certificate}: {' '.join(advice(work, item))}" for item in items]


def later(work: Work, item: Item) -> list[str]:
    """Name what is renewed on an item's box after it: a box holds one pending CSR."""
    waiting = [one.certificate for one in work.renewal.items if one.node == item.node and one.turn > item.turn]
    return (
        [f"{item.node} holds one CSR at a time: once this certificate is installed, {waiting[0]} follows."]
        if waiting
        else []
    )


def left_out(work: Work) -> list[str]:
    """Say, a sentence each, which slots of the boxes this renewal does not renew, and when what they hold ends."""
    return [
        told
        for item in work.renewal.items
        for one in item.places
        if one.turn == 0 and one.found
        for told in _of(work, one, one.found)
    ]


def _of(work: Work, item: Item, found: Found) -> Iterator[str]:
    renewed = {slot for one in work.renewal.items if item.node in one.nodes for slot in one.slots}
    for slot in slots_of(found.release):
        if slot in renewed:
            continue
        told = f"This renewal leaves the {slot} slot of {item.node} as it is: "
        if slot in found.others:
            end = stamp(kept_certificate(work, found.others[slot]).not_valid_after_utc)
            yield f"{told}what it holds ends at {end}.{_how(work, item.node, slot)}"
        else:
            yield (
                f"{told}its driver can't read it. At the upgrade to X15.5 it became a copy of the server certificate, "
                f"so unless somebody renewed it since, it ends at {found.not_after}. Look at it on the box's web page."
            )


def _how(work: Work, node: str, slot: str) -> str:
    names = [name for name, entry in work.estate.certificates.items() if (entry.node, entry.slot) == (node, slot)]
    return f" To renew it: certrenew start {names[0]}" if names else ""
