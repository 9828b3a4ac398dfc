"""Propagate (procedure D.1 to D.4): have everything trust the new chain, before anything presents it.

Two plans in turn: trust (nobody notices), then the restarts without which it does not count (somebody may). It runs,
and proves, even when the CA is the same. Compared by SHA-256 of the DER, roots first, nothing is ever removed.

Where a peer gets its trust from another node by replication, its certificate is awaited first, which holds no lock, and
only fed directly when it does not come in time.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from engine.errors import Waiting
from engine.model import Change, Effect, Item, Json
from engine.relations import cluster
from engine.text import moment, spell, stamp
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows.common import keep_certificate, kept_certificate, numbered, refuse, title
from workflows.evicted import place
from workflows.peers import CLUSTER, require_whole_clusters
from workflows.saving import save_store
from workflows.services import EXPECTED
from workflows.services import PHASE as SERVICES
from workflows.trust import Target, missing, nodes, require_trusted, targets

if TYPE_CHECKING:
    from cryptography import x509

POLL = 60
"""How long to wait before looking again for a certificate that is being replicated, in seconds."""

NAMESAKE = "same-name-ca"
"""The check that a store does not already hold another CA certificate of the same name."""


def _place(target: Target, sha256: str) -> str:
    return f"{target.node}:{target.store}:{sha256}"


class Trust(Action):
    """Put one CA certificate into one store."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look for the certificate in the store, by fingerprint. Raises Waiting while it may still be replicated."""
        from engine.certificates import fingerprint

        target, sha256 = Target(change.target, str(change.after["store"])), str(change.after["trusted"])
        held = {fingerprint(certificate) for certificate in work.peer(target.node).trusted(target.store)}
        if sha256 in held:
            certificate = kept_certificate(work, sha256)
            origin = work.peer(target.node).origin(certificate)
            told = f"{target} holds {title(certificate)} {sha256[:12]}…{f', {origin}' if origin else ''}"
            return Proof(told, _arrived(work, target, sha256))
        since = work.renewal.spread.get(_place(target, sha256), "")
        patience = timedelta(seconds=work.peer(target.node).replication)
        # A store refuses an intermediate before its root, whose own time may have been up only after it was looked at.
        if since and (work.now() - moment(since) < patience or not _issuers(work, sha256) <= held):
            raise Waiting(
                f"{target.node} is to get {title(kept_certificate(work, sha256))} by replication into {target.store}.",
                on="box",
                poll_after=POLL,
                todo=f"certrenew run {work.renewal.id} looks again, and feeds {target.node} directly after "
                f"{spell(int(patience.total_seconds()))}",
            )
        return None

    def act(self, work: Work, change: Change) -> None:
        """Save the store, record what waits for this and what it would evict; then add it, or have it added."""
        target, sha256 = Target(change.target, str(change.after["store"])), str(change.after["trusted"])
        certificate = kept_certificate(work, sha256)
        if not work.asked(change):
            save_store(work, target)
            self._record(work, target, sha256, certificate)
        work.peer(target.node).add_trusted(certificate, target.store)

    def _record(self, work: Work, target: Target, sha256: str, certificate: "x509.Certificate") -> None:
        values: dict[str, Json] = {f"due/{target.node}:{target.store}": stamp(work.now())}
        own = {node for item in work.items for node in item.nodes}
        if work.peer(target.node).trust_needs_restart and target.node not in own:
            values[f"restarts/{target.node}"] = "due"
        for node in cluster(work.estate, target.node)[1:] if not work.estate.nodes[target.node].publisher else ():
            if work.peer(node).replication:
                values[f"spread/{_place(Target(node, target.store), sha256)}"] = stamp(work.now())
        evicted = [keep_certificate(work, held) for held in _namesakes(work, target, certificate)]
        if evicted and work.peer(target.node).namesakes == "newer-replaces":
            values[f"evicted/{place(target, sha256)}"] = evicted
        work.record("adding", f"{title(certificate)} into {target}", data={"evicts": evicted}, values=values)


def _issuers(work: Work, sha256: str) -> set[str]:
    """Return the certificates above this one in the chains that it belongs to, by fingerprint."""
    chains = [item.chain for item in work.items if sha256 in item.chain]
    return {above for chain in chains for above in chain[chain.index(sha256) + 1 :]}


def _arrived(work: Work, target: Target, sha256: str) -> dict[str, str]:
    """Note that an awaited certificate came: from now on services that load it must be newer."""
    if not work.renewal.spread.get(_place(target, sha256)):
        return {}
    return {f"spread/{_place(target, sha256)}": "", f"due/{target.node}:{target.store}": stamp(work.now())}


# ---- the plan ------------------------------------------------------------------------------------------------------


def plan_trust(work: Work) -> list[Change]:
    """Add, per store, what it does not hold, and see what was awaited there; looks at every target."""
    from engine.certificates import fingerprint

    require_whole_clusters(work)
    changes: dict[tuple[Target, str], Change] = {}
    for number, item in numbered(work):
        for target, lacking in missing(work, item).items():
            if lacking:
                work.peer(target.node).check_writable()
            for certificate in lacking:
                _no_namesake(work, target, certificate)
            awaited = [sha256 for sha256 in reversed(item.chain) if work.renewal.spread.get(_place(target, sha256))]
            for sha256 in dict.fromkeys([*(fingerprint(certificate) for certificate in lacking), *awaited]):
                changes[target, sha256] = _change(work, number, target, sha256)
    return list(changes.values())


def _change(work: Work, number: int, target: Target, sha256: str) -> Change:
    certificate = kept_certificate(work, sha256)
    kind = "root" if certificate.subject == certificate.issuer else "intermediate"
    return Change(
        action="trust",
        target=target.node,
        item=number,
        effect=Effect.STAGE,
        before={"missing": sha256, "store": target.store},
        after={"trusted": sha256, "store": target.store},
        what=f"add {kind} CA {title(certificate)} ({sha256[:12]}…) to {target}",
        impact="none: nothing that was trusted is removed",
        proof="the list is read back by fingerprint",
        way_back="`certrenew rollback` takes it out again; what the store trusted before is saved as a file",
        notes=list(work.peer(target.node).cautions(certificate)),
        duration=10,
    )


def _namesakes(work: Work, target: Target, certificate: "x509.Certificate") -> "list[x509.Certificate]":
    held = work.peer(target.node).trusted(target.store)
    return [other for other in held if other.subject == certificate.subject and other != certificate]


def _no_namesake(work: Work, target: Target, certificate: "x509.Certificate") -> None:
    """Raise Refused when a store holds another CA of the same subject.

    An Expressway uses the first of them and ignores the other (docs/reference/expressway.md); a CUCM keeps the one
    whose validity begins later and drops the other without a word (docs/reference/cucm.md). `--override same-name-ca`
    goes on, but not with a certificate that CUCM would drop.
    """
    rule = work.peer(target.node).namesakes
    for other in _namesakes(work, target, certificate):
        older = certificate.not_valid_before_utc <= other.not_valid_before_utc
        if rule == "newer-replaces" and older:
            raise refuse(
                f"{NAMESAKE}: {target} holds a newer CA certificate named {title(other)} and would silently drop this.",
                "Ask the CA which of the two is right, and for a chain with that one: certrenew resubmit "
                f"{work.renewal.id}. No override can make {target.node} keep it.",
            )
        if NAMESAKE not in work.overridden:
            then = (
                "of several with one name a box uses the first and ignores the others"
                if rule == "first-wins"
                else "adding it evicts the other, and whoever still needs that one breaks"
            )
            raise refuse(
                f"{NAMESAKE}: {target} already holds another CA certificate named {title(certificate)}: {then}.",
                "Ask the CA for a chain whose name tells it from the old one, or settle by hand which one is needed "
                f"and go on with: certrenew advance {work.renewal.id} --override {NAMESAKE} --reason TEXT",
            )


def prove(work: Work) -> Proof:
    """Read every target back once more; raises Refused when one lacks a certificate."""
    require_trusted(work)
    told = [
        f"{node} trusts the chain of {item.certificate}{_by(work, node, item)}"
        for item in work.items
        for node in dict.fromkeys(target.node for target in targets(work, item))
    ]
    return Proof("; ".join(told))


def _by(work: Work, node: str, item: Item) -> str:
    """Say how it is known, where the node itself could not be asked."""
    origins = [work.peer(node).origin(kept_certificate(work, sha256)) for sha256 in item.chain]
    told = dict.fromkeys(origin for origin in origins if origin)
    return f" ({'; '.join(told)})" if told else ""


def expected(work: Work) -> list[tuple[str, int]]:
    """Return the peers with services that may have to load the chain; whether they hold it is not known yet."""
    peers = dict.fromkeys(node for item in work.items for node in nodes(work, item) if item.found)
    return [(node, EXPECTED) for node in peers if work.estate.nodes[node].kind in ("cucm", "imp")]


STEP = Step(
    name="propagate",
    purpose="have every box trust the new chain, before it is presented",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(Phase("trust", plan_trust, {"trust": Trust()}, foresee=plan_trust), SERVICES),
    prove=prove,
    checks=(NAMESAKE, CLUSTER),
    serves=expected,
)
