"""Compare the boxes' clocks with ours: a box judges the new certificate by its own clock, in every handshake.

A certificate that was issued an hour ago is not valid yet for a box whose clock is two hours behind (RFC 5280 section
6.1.3); its zones would fail after the restart, with nothing wrong in any of them.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from engine.contracts import BoxStatus, Device
from engine.model import Finding, Item, Outcome
from engine.text import moment, stamp
from engine.workflow import Work
from workflows.common import kept_certificate, refuse, title
from workflows.trust import nodes

if TYPE_CHECKING:
    from cryptography import x509

CLOCK = "box-clock"
"""The check that a new chain is valid by the clock of every box that will judge it."""

CLOSE = 60
"""Up to how many seconds two clocks may differ without a word: the answer was under way, too."""

SOURCE = "RFC 5280 section 6.1.3; docs/reference/expressway.md"


def ahead(work: Work, status: BoxStatus) -> int:
    """Return how far a box's clock is ahead of ours, in seconds; 0 when it is close, or when the box does not say."""
    off = int((moment(status.clock) - work.now()).total_seconds()) if status.clock else 0
    return off if abs(off) > CLOSE else 0


def told(node: str, off: int) -> str:
    """Say how far a clock is off."""
    hours, minutes = round(abs(off) / 3600), round(abs(off) / 60)
    far = f"{hours} hours" if hours > 1 else f"{minutes} minutes"
    return f"the clock of {node} is {far} {'ahead of' if off > 0 else 'behind'} the one of this machine"


def finding(item: Item) -> list[Finding]:
    """Return a warning when a box's clock and ours differed at the inspection: then one of them is wrong."""
    off = [told(one.node, one.found.ahead) for one in item.places if one.found and one.found.ahead]
    text = "At the inspection {}: one of them is wrong, and dates are judged by this machine's."
    return [Finding(check=CLOCK, outcome=Outcome.WARN, message=text.format(one), source=SOURCE) for one in off]


def require_clocks(work: Work) -> None:
    """Raise Refused when a new chain is not valid by the clock of a box that will judge it. Looks at each.

    A system that does not tell its time is passed over. `--override box-clock` goes on.
    """
    if CLOCK in work.overridden:
        return
    clocks = {node: _clock(work, node) for item in work.items for node in nodes(work, item)}
    for item in work.items:
        chain = [kept_certificate(work, sha256) for sha256 in (item.leaf, *item.chain)]
        for node in nodes(work, item):
            for certificate in chain:
                _valid_at(work, node, clocks[node], certificate)


def _valid_at(work: Work, node: str, now: datetime | None, certificate: "x509.Certificate") -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now is None or start <= now <= end:
        return
    when = f"valid only from {stamp(start)}" if now < start else f"valid only until {stamp(end)}"
    raise refuse(
        f"{CLOCK}: by the clock of {node} it is {stamp(now)}, and {title(certificate)} is {when}. It would refuse it.",
        f"Set the clock of {node} right on its page System > Time (NTP servers); then: "
        f"certrenew run {work.renewal.id}. Where that is not what it judges by: certrenew advance {work.renewal.id} "
        f"--override {CLOCK} --reason TEXT",
    )


def _clock(work: Work, node: str) -> datetime | None:
    peer = work.peer(node)
    told = peer.status().clock if isinstance(peer, Device) else ""
    return moment(told) if told else None
