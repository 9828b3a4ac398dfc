"""Clean the old CA out of trust stores, some time after a renewal: a workflow of its own, with a table of its own.

It takes only what the certificates before the renewal chained to, and their successors don't; and that only where
nothing that is presented chains to it any more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.errors import Refused, Waiting
from engine.hookspecs import hookimpl
from engine.model import Change, Item, Renewal
from engine.text import moment, stamp
from engine.workflow import Arrow, Phase, Proof, Step, Work, Workflow
from workflows import removing
from workflows.common import keep_certificate, kept_certificate, title
from workflows.renewal import RENEWAL, RESTARTED

if TYPE_CHECKING:
    from cryptography import x509

NEW, SOAKED, CLEANED, CANCELLED = "New", "Soaked", "CleanedUp", "Cancelled"

ARROWS = (
    Arrow("soak", (NEW,), SOAKED),
    Arrow("remove", (SOAKED,), CLEANED),
    Arrow("cancel", (NEW, SOAKED), CANCELLED, aside=True),
)


def follows(renewal: Renewal, _now: datetime) -> None:
    """Raise Refused unless a renewal is finished, with certificates of another CA than before."""
    if renewal.workflow != RENEWAL.name or renewal.state != RESTARTED:
        raise Refused(
            f"{renewal.id} is a {renewal.workflow} in {renewal.state}; old CAs are cleaned up after a renewal that is "
            f"{RESTARTED}.",
            untouched="Nothing was begun.",
            todo=f"See where it is: certrenew show {renewal.id}",
        )
    if all(item.same_ca for item in renewal.items):
        raise Refused(
            f"The certificates of renewal {renewal.id} come from the same CA as before, so there is none to clean up.",
            untouched="Nothing was begun.",
            todo="certrenew inventory shows every CA certificate, and whether anything known uses it.",
        )


def _soak(work: Work) -> list[Change]:
    """Raise Waiting until the renewal has been over for long enough."""
    end = moment(work.followed.since) + timedelta(days=work.estate.clean_up.after_days)
    left = (end - work.now()).total_seconds()
    if left > 0:
        raise Waiting(
            f"The old CA stays in trust stores until {stamp(end)}: {work.estate.clean_up.after_days} days after the "
            f"end of renewal {work.followed.id}, as the site says.",
            on="window",
            poll_after=int(left) + 1,
            todo=f"Then: certrenew run {work.renewal.id}. The setting is [clean_up] after_days.",
        )
    return []


def _soaked(work: Work) -> Proof:
    """Note which CA certificates the old certificates chained to and the new ones don't."""
    from engine.certificates import fingerprint

    old = [ca for item in work.followed.items for ca in _old_chain(work, item)]
    new = {sha256 for item in work.followed.items for sha256 in item.chain}
    gone = {fingerprint(ca): ca for ca in old if fingerprint(ca) not in new}
    for ca in gone.values():
        keep_certificate(work, ca)
    told = ", ".join(f"{title(ca)} {sha256[:12]}…" for sha256, ca in gone.items()) or "none: the chain is the same"
    return Proof(f"the old CA certificates are {told}", values={"removes": list(gone)})


def _old_chain(work: Work, item: Item) -> "Sequence[x509.Certificate]":
    """Return what an item's old certificate chained to among what its box trusted then, issuer first."""
    from engine.certificates import build_chain

    if item.found is None:
        return ()
    trusted = [kept_certificate(work, sha256) for sha256 in item.found.trusted]
    old = kept_certificate(work, item.found.certificate)
    return build_chain(old, (), trusted, old.not_valid_after_utc).certificates


def _wanted(work: Work) -> dict[str, str]:
    """Return what the site names: the roots of its authorities, and what it keeps."""
    from engine.certificates import fingerprint

    roots = {fingerprint(one): f"roots of {name}" for name in work.estate.authorities for one in work.roots(name)}
    return roots | {fingerprint(one): "clean_up.keep" for one in work.kept_cas()}


WHICH = removing.Which(lambda work, _target: work.renewal.removes, _wanted)

SOAK = Step(
    name="soak",
    purpose="let time pass in which what still needs the old CA shows itself",
    rests_on=(),
    phases=(Phase("soak", _soak, {}),),
    prove=_soaked,
)

REMOVE = Step(
    name="remove",
    purpose="take the old CA out of the stores where nothing that is presented chains to it",
    rests_on=(),
    phases=(removing.phase("remove", WHICH),),
    prove=lambda work: removing.prove(work, WHICH),
)

CLEAN_UP = Workflow(
    name="clean-up",
    initial=NEW,
    final=(CLEANED, CANCELLED),
    arrows=ARROWS,
    steps={step.name: step for step in (SOAK, REMOVE)},
    follows=follows,
)


@hookimpl
def register_workflows() -> Sequence[Workflow]:
    """Register the workflow."""
    return (CLEAN_UP,)
