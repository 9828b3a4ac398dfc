"""Request (procedure B): have the box make key and CSR with every old name, the site's extra names and the old subject.

A box holds one pending CSR. One that is not ours is never overwritten and never discarded: that would destroy the key
that somebody's CA is signing.
"""

from itertools import chain
from typing import TYPE_CHECKING

from engine.contracts import PENDING_CSR, CsrSpec
from engine.errors import Failed, Refused
from engine.model import Ask, Change, Effect, Item, Json
from engine.text import escape
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import sharing, slots
from workflows.common import item_of, kept_certificate, kept_csr, numbered, refuse, require_as_found
from workflows.peers import require_names

if TYPE_CHECKING:
    from cryptography import x509


def spec(work: Work, item: Item) -> CsrSpec:
    """Say what the CSR must carry, from the certificate that `inspect` kept and the site's extra names."""
    from engine.certificates import key_text, names, same_name, subject_fields

    if item.found is None:
        raise refuse(f"{item.node} was not inspected.", f"certrenew restage {work.renewal.id} --reason TEXT")
    old = kept_certificate(work, item.found.certificate)
    wanted = names(old)
    also = [names(kept_certificate(work, item.found.others[slot])) for slot in item.slots[1:]]
    also += [names(kept_certificate(work, found.certificate)) for found in item.copies.values() if found]
    extras = [*sharing.names(work, item), *work.estate.certificates[item.certificate].names]
    for name in (*chain(*also), *(extra if ":" in extra else f"DNS:{extra}" for extra in extras)):
        if not any(same_name(name, known) for known in wanted):
            wanted.append(name)
    subject = sharing.subject(work, item, subject_fields(old))
    return CsrSpec(names=wanted, subject=subject, key=key_text(old.public_key()))


class GenerateCsr(Action):
    """Have the box make a key and a CSR, once."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look for a pending CSR: adopt ours, refuse somebody else's."""
        from engine.certificates import csr_fingerprint

        number, item = item_of(work, change)
        csr = work.device(item.node).pending_csr()
        if csr is None:
            if work.begun(change) and not work.asked(change):
                work.note(f"{item.node} has no pending CSR although one was asked for; asking again")
            return None
        ours = item.csr == csr_fingerprint(csr)
        if not ours and not work.begun(change) and not _adopts(work):
            raise _to_be_looked_at(work, item, _used_up(work, item, csr) or _somebody_elses(work, item, csr))
        lost = lacking(csr, spec(work, item), by_hand=_adopts(work))
        if lost:
            raise _to_be_looked_at(work, item, _unfit(work, item, csr, lost))
        return _taken(work, number, item, csr)

    def act(self, work: Work, change: Change) -> None:
        """Ask the box for the CSR."""
        _, item = item_of(work, change)
        work.device(item.node).generate_csr(spec(work, item))


def _adopts(work: Work) -> bool:
    """Tell whether a CSR that a person made may be used: for the first turn, which it was made for."""
    return work.renewal.adopt_csr and work.renewal.turn == 0


def lacking(csr: "x509.CertificateSigningRequest", wanted: CsrSpec, *, by_hand: bool = False) -> list[str]:
    """Say what a CSR does not carry of what was wanted; empty when it carries all. Pure.

    In one that a person made `by_hand`, subject and key are that person's choice.
    """
    from engine.certificates import eku, key_text, names, same_name, subject_fields

    carried = names(csr)
    lost = [f"the name {escape(name)}" for name in wanted.names if not any(same_name(name, one) for one in carried)]
    if not by_hand:
        had, key = subject_fields(csr), key_text(csr.public_key())
        lost += [f"{name}={escape(value)} in its subject" for name, value in wanted.subject if (name, value) not in had]
        lost += [f"a key of {wanted.key} (it has {key})"] if key != wanted.key else []
    asked = eku(csr)
    lost += [
        f"the extended key usage {usage}" for usage in ("serverAuth", "clientAuth") if asked and usage not in asked
    ]
    return lost


def _somebody_elses(work: Work, item: Item, csr: "x509.CertificateSigningRequest") -> Refused:
    from engine.certificates import csr_fingerprint

    return refuse(
        f"{item.node} already has a pending CSR that this renewal did not make "
        f"({escape(csr.subject.rfc4514_string(), 80)}, sha256 {csr_fingerprint(csr)[:12]}…).",
        f"Find out whose it is. To use it: {_adopting(work, item)}. To drop it, press Discard CSR on the box's page "
        f"Maintenance > Security > Server certificate; that destroys its key. Then: certrenew run {work.renewal.id}",
    )


def _used_up(work: Work, item: Item, csr: "x509.CertificateSigningRequest") -> Refused | None:
    """Say that a box still shows the CSR of an earlier turn, whose certificate is installed; None where it does not."""
    from engine.certificates import csr_fingerprint

    earlier = [one for one in work.items if one.turn < item.turn and one.csr == csr_fingerprint(csr)]
    if not earlier:
        return None
    return refuse(
        f"{item.node} still shows the CSR of {earlier[0].certificate}, although its certificate is installed.",
        "Its key is in the slot, so this one may be dropped: Discard CSR on the box's page Maintenance > Security "
        f"> Server certificate. Then: certrenew run {work.renewal.id}",
    )


def _unfit(work: Work, item: Item, csr: "x509.CertificateSigningRequest", lost: list[str]) -> Refused:
    bring = "bring that one" if work.device(item.node).by_hand else _adopting(work, item)
    return refuse(
        f"The CSR pending on {item.node} lacks {', '.join(lost)}.",
        "It was not sent to anybody. Discard it on the box's page Maintenance > Security > Server certificate, "
        f"make one there by hand that carries everything, and: {bring}",
    )


def _to_be_looked_at(work: Work, item: Item, error: Refused) -> Refused:
    """Have people look anew, once it is settled, where they work the box by hand: else nothing could show it."""
    id, node = work.renewal.id, item.node
    if not work.device(node).by_hand:
        return error
    step = (
        f"When that is settled, {node}, Maintenance > Security > Server certificate: where the page offers Discard "
        f"CSR, press Download, and: certrenew supply {id} FILE --node {node}. Where it offers Generate CSR in its "
        f"place: certrenew confirm {id} --node {node}. Then: certrenew run {id}"
    )
    none = f"no CSR is pending on {node} any more"
    file = Ask(node=node, what=PENDING_CSR, text=f"the CSR that is pending on {node} now", step=step)
    return error.asking(
        file, Ask(node=node, what=PENDING_CSR, text=none, step=step, word=none, shows={"csr": ""}), steps=[step]
    )


def _adopting(work: Work, item: Item) -> str:
    """Say how to begin again with the CSR that is pending on the box."""
    return f"certrenew cancel {work.renewal.id}, and certrenew start {item.certificate} --adopt-csr"


def _taken(work: Work, number: int, item: Item, csr: "x509.CertificateSigningRequest") -> Proof:
    from cryptography.hazmat.primitives.serialization import Encoding

    from engine.certificates import key_digest, names

    sha256 = work.keep(csr.public_bytes(Encoding.DER), "csr")
    values: dict[str, Json] = {f"items/{number}/csr": sha256, f"items/{number}/key": key_digest(csr.public_key())}
    return Proof(f"CSR {sha256[:12]}… is pending on {item.node} and carries all {len(names(csr))} names", values)


def plan(work: Work) -> list[Change]:
    """Ask for a CSR wherever this renewal has none; refuse first what the box's API can't express."""
    changes = []
    for number, item in numbered(work):
        if item.csr:
            continue
        wanted, device = spec(work, item), work.device(item.node)
        for place in item.places:
            # By hand people would have to look once more; what they brought is judged by `install`.
            if not work.device(place.node).by_hand:
                require_as_found(work, place)
        adopting = _adopts(work) and device.pending_csr() is not None
        require_names(work, item, wanted.names)
        limits = [] if adopting else list(device.csr_limits(wanted))
        if limits:
            raise refuse(
                f"The API of {item.node} can't make this CSR: {' '.join(limits)}",
                "Make it on the box's page Maintenance > Security > Server certificate > Generate CSR; then: "
                f"{_adopting(work, item)}",
            )
        changes.append(_change(work, number, item, wanted, adopting=adopting))
    return changes


def _change(work: Work, number: int, item: Item, wanted: CsrSpec, *, adopting: bool) -> Change:
    how = "use the CSR that is pending" if adopting else "make a key and a CSR"
    return Change(
        action="generate-csr",
        target=item.node,
        item=number,
        effect=Effect.STAGE,
        before={"pending_csr": "adopted" if adopting else ""},
        after={"csr": wanted.plain()},
        what=f"{how} on {item.node}: {wanted.key}, {len(wanted.names)} names",
        impact="none: the certificate in use stays valid",
        proof="the pending CSR is read back with every name",
        way_back="discard the CSR on the box (that destroys its key)",
        duration=30,
        notes=[*slots.later(work, item), *sharing.advice(item)],
    )


def prove(work: Work) -> Proof:
    """Check once more that each box still holds the CSR that will be signed, and give it to people as a file."""
    from engine.certificates import csr_fingerprint, to_pem

    told = []
    for _, item in work.renewal.in_turn:
        pending = work.device(item.node).pending_csr()
        if pending is None or csr_fingerprint(pending) != item.csr:
            raise Failed(
                f"{item.node} no longer holds the CSR {item.csr[:12]}… that was just made.",
                untouched="Nothing was sent to the CA.",
                todo="Find out who else works on the box. Then begin again from it: "
                f"certrenew restage {work.renewal.id} --reason TEXT",
            )
        path = work.paper(f"{item.certificate}.csr", to_pem(kept_csr(work, item.csr)).encode())
        told.append(f"{item.node} holds CSR {item.csr[:12]}…, written to {path}")
    return Proof("; ".join(told))


STEP = Step(
    name="request",
    purpose="have the box make key and CSR with every name of the old certificate",
    rests_on=("found",),
    phases=(Phase("request", plan, {"generate-csr": GenerateCsr()}),),
    prove=prove,
)
