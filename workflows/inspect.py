"""Inspect (procedure A): read the slot by API and on the wire, the trust store, a pending CSR, zones and alarms.

API and wire differ while a restart is outstanding: that is how "uploaded but not restarted" is seen.
"""

from collections.abc import Callable
from functools import partial

from engine.contracts import Suggestion
from engine.errors import Failed, Refused, Waiting, together
from engine.model import Change, Effect, Found, Item, Json, places
from engine.relations import slots_of
from engine.text import moment, stamp
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import sharing, slots
from workflows.clocks import ahead, told
from workflows.common import keep_certificate, kept_certificate, place_of, served_at


class Read(Action):
    """Read one slot and what surrounds it; no effect on the box."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Tell what was found, once it is recorded in this round."""
        _, item = place_of(work, change)
        return Proof(_told(item)) if item.found else None

    def act(self, work: Work, change: Change) -> None:
        """Look at the box and record what is there."""
        number, item = place_of(work, change)
        found = look(work, item)
        if item.node in work.renewal.items[number].copies:
            values: dict[str, Json] = {f"items/{number}/copies/{item.node}": found.plain()}
        else:
            suggested = _suggested(work, item, found)
            values = {f"items/{number}/found": found.plain(), f"items/{number}/suggested": suggested}
        work.record("found", f"{item.node}: {found.subject}", values=values)


def look(work: Work, item: Item) -> Found:
    """Read everything about an item's slot. Read-only on the box; keeps the certificates that it saw."""
    from engine.certificates import csr_fingerprint, describe, fingerprint

    device = work.device(item.node)
    status = device.status()
    if device.by_hand:
        slots_of_item = [partial(device.certificate, slot) for slot in item.slots]
        ask_at_once(*slots_of_item, device.trusted, device.pending_csr)
    held = device.certificate(item.slots[0])
    others = {slot: device.certificate(slot) for slot in device.slots() if slot != item.slots[0]}
    pending = device.pending_csr()
    wire = {name: work.served(address) for name, address in served_at(work, item).items()}
    for certificate in (held, *wire.values(), *others.values()):
        keep_certificate(work, certificate)
    trusted = device.trusted()
    for certificate in trusted:
        keep_certificate(work, certificate)
    facts = describe(held)
    return Found(
        certificate=fingerprint(held),
        wire={name: fingerprint(certificate) for name, certificate in wire.items()},
        subject=facts.subject,
        issuer=facts.issuer,
        sans=facts.sans,
        eku=facts.eku,
        key=facts.key,
        not_before=facts.not_before,
        not_after=facts.not_after,
        release=status.release,
        trusted=[fingerprint(certificate) for certificate in trusted],
        aki=facts.aki,
        pending=csr_fingerprint(pending) if pending else "",
        zones=status.zones,
        alarms=status.alarms,
        ahead=ahead(work, status),
        others={slot: fingerprint(certificate) for slot, certificate in others.items()},
    )


def ask_at_once(*reads: Callable[[], object]) -> None:
    """Raise one Waiting for all that people have to bring before these reads can be made; none when they can."""
    waits = []
    for read in reads:
        try:
            read()
        except Waiting as waiting:
            waits.append(waiting)
    if waits:
        raise together(waits)


def _suggested(work: Work, item: Item, found: Found) -> str:
    """Ask the authority when it would like this renewed, and choose a moment; "" where it does not say."""
    try:
        wish = work.authority(item.authority).suggested(kept_certificate(work, found.certificate))
    except (Failed, Refused) as error:
        work.note(f"{item.authority} did not say when it would like this certificate to be renewed: {error.what}")
        return ""
    return choose(wish, found.certificate) if wish else ""


def choose(wish: Suggestion, fingerprint: str) -> str:
    """Choose a moment in a window, evenly over all certificates (RFC 9773 section 4.2), and always the same for one."""
    begin, end = moment(wish.start), moment(wish.end)
    part = int(fingerprint[:8], 16) / 0x100000000
    return stamp(begin + (max(end, begin) - begin) * part)


def _told(item: Item) -> str:
    found = item.found
    if found is None:
        return f"{item.node} was not read"
    where = f" in its {item.slots[0]} slot" if len(slots_of(found.release)) > 1 else ""
    parts = [f"{item.node} ({found.release}) holds{where} {found.subject}, until {found.not_after}"]
    parts[0] += f", {len(found.sans)} names"
    if set(found.wire.values()) - {found.certificate}:
        parts.append("the wire shows another certificate: a restart is outstanding")
    if found.pending:
        parts.append("a CSR is already pending")
    if found.ahead:
        parts.append(f"{told(item.node, found.ahead)}: one of them is wrong")
    return "; ".join(parts)


def plan(work: Work) -> list[Change]:
    """Read every item's boxes that were not read in this round."""
    sharing.require_secret(work)
    return [
        Change(
            action="read",
            target=item.node,
            item=number,
            effect=Effect.READ,
            what=f"read the {' and '.join(item.slots)} certificate, trusted CA list, pending CSR, zones and alarms "
            f"of {item.node}",
        )
        for number, whole in enumerate(work.renewal.items)  # all, so that one which can't be renewed is known at once
        for item in whole.places
        if item.found is None
    ]


def prove(work: Work) -> Proof:
    """Sum up what was found, and tell which slots of the boxes are not renewed."""
    left = slots.left_out(work)
    for one in (*left, *slots.choices(work)):
        work.note(one)
    return Proof("; ".join([*map(_told, places(work.renewal.items)), *left]))


STEP = Step(
    name="inspect",
    purpose="read what is there now",
    rests_on=(),
    phases=(Phase("inspect", plan, {"read": Read()}),),
    prove=prove,
)
