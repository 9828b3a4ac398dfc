"""Sign (procedure B.4): hand the CSR to the authority, keep its ticket, collect the certificate minutes or weeks later.

A person may hand in the certificate at any time (`certrenew supply`), whatever the authority.
"""

from typing import TYPE_CHECKING

from engine.contracts import Answer, Issued, Pending, Rejected, SigningRequest
from engine.errors import Denied, Refused, Waiting
from engine.model import Change, Effect, Item, Json
from engine.text import escape
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows.common import item_of, keep_certificate, kept_certificate, kept_csr, numbered, title

if TYPE_CHECKING:
    pass

USAGES = ("serverAuth", "clientAuth")
"""What a box needs where its CSR does not say; it is both ends of TLS (docs/reference/certificates.md)."""


class Submit(Action):
    """Have the authority sign one CSR."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """See whether the certificate is there; ask the authority when it has a ticket. Raises Waiting until then."""
        number, item = item_of(work, change)
        if item.leaf:
            return Proof(f"{item.authority} signed: {title(kept_certificate(work, item.leaf))}, {item.leaf[:12]}…")
        if item.ticket is None:
            _not_uncertain(work, item, begun=work.begun(change))
            return None
        return _outcome(work, number, item, work.authority(item.authority).collect(item.ticket))

    def act(self, work: Work, change: Change) -> None:
        """Submit the CSR. Raises Waiting when the authority takes longer."""
        number, item = item_of(work, change)
        answer = work.authority(item.authority).submit(_request(work, item))
        if isinstance(answer, Issued):
            proof = _outcome(work, number, item, answer)
            work.record("issued", proof.text, values=proof.values)
            return
        if isinstance(answer, Pending):
            for name, text in answer.papers.items():
                work.paper(name, text.encode())
            ticket = {f"items/{number}/ticket": answer.ticket}
            work.record("submitted", f"{item.authority} has the request", values=ticket)
        _outcome(work, number, item, answer)


def _not_uncertain(work: Work, item: Item, *, begun: bool) -> None:
    """Stop where an earlier submission may have arrived and a second one would make a second certificate."""
    if begun and not work.authority(item.authority).repeatable:
        raise Waiting(
            f"Whether {item.authority} got the request for {item.certificate} is uncertain: no answer came.",
            on="person",
            todo=f"Look at the CA for a request with the key of CSR {item.csr[:12]}…, and hand in what it issued: "
            f"certrenew supply {work.renewal.id} FILE...",
            untouched="It was not submitted again.",
        )


def _request(work: Work, item: Item) -> SigningRequest:
    from engine.certificates import eku, key_text, names, to_pem

    csr = kept_csr(work, item.csr)
    return SigningRequest(
        renewal=work.renewal.id,
        certificate=item.certificate,
        node=item.node,
        csr=to_pem(csr),
        subject=csr.subject.rfc4514_string(),
        names=names(csr),
        eku=eku(csr) or list(USAGES),
        key=key_text(csr.public_key()),
    )


def _outcome(work: Work, number: int, item: Item, answer: Answer) -> Proof:
    """Turn an answer into a proof. Raises Waiting while it is pending, Denied when the authority said no."""
    if isinstance(answer, Rejected):
        raise Denied(
            f"{item.authority} refused the request: {escape(answer.reason, 300)}.",
            untouched="The CSR is still pending on the box; nothing was installed.",
            todo=f"Settle it with the CA, then hand in what it gives: certrenew supply {work.renewal.id} FILE...",
        )
    if isinstance(answer, Pending):
        raise Waiting(
            f"{item.authority} has the request for {item.certificate}.",
            on="authority" if answer.poll_after else "person",
            todo=_what_to_do(work, answer),
            poll_after=answer.poll_after,
        )
    return _issued(work, number, item, answer)


def _what_to_do(work: Work, answer: Pending) -> str:
    if answer.poll_after:
        return escape(answer.todo) or f"certrenew run {work.renewal.id} asks again"
    return f"{escape(answer.todo)} The files are in {work.folder}".lstrip()


def _issued(work: Work, number: int, item: Item, answer: Issued) -> Proof:
    from engine.certificates import fingerprint, leaf_for, read_certificates

    given = read_certificates(answer.content, f"the answer of {item.authority}")
    leaf = leaf_for(kept_csr(work, item.csr), given)
    if leaf is None:
        raise Refused(
            f"{item.authority} gave {len(given)} certificate(s), none with the key of this CSR.",
            untouched="Nothing was kept.",
            todo="Settle it with the CA; the CSR is still pending on the box.",
        )
    for found in given:
        keep_certificate(work, found)
    values: dict[str, Json] = {
        f"items/{number}/leaf": fingerprint(leaf),
        f"items/{number}/supplied": [fingerprint(found) for found in given if found != leaf],
    }
    return Proof(f"{item.authority} signed: {title(leaf)}, {fingerprint(leaf)[:12]}…", values)


def plan(work: Work) -> list[Change]:
    """Submit every CSR that has no certificate yet."""
    return [
        Change(
            action="submit",
            target=item.authority,
            item=number,
            effect=Effect.STAGE,
            before={"csr": item.csr},
            after={"certificate": item.certificate, "key": item.key},
            what=f"have {item.authority} sign the CSR of {item.certificate} ({item.csr[:12]}…)",
            impact="none",
            way_back="revoke the certificate at the CA",
        )
        for number, item in numbered(work)
        if not item.leaf
    ]


def prove(work: Work) -> Proof:
    """Tell what was signed; `validate` judges it."""
    told = [f"{item.certificate}: {title(kept_certificate(work, item.leaf))} {item.leaf[:12]}…" for item in work.items]
    return Proof("; ".join(told))


STEP = Step(
    name="sign",
    purpose="have the certification authority sign the CSR",
    rests_on=("found", "csr"),
    phases=(Phase("sign", plan, {"submit": Submit()}),),
    prove=prove,
    takes_files=True,
)
