"""Sign (procedure B.4): hand the CSR to the authority, keep its ticket, collect the certificate minutes or weeks later.

A person may hand in the certificate at any time (`certrenew supply`), whatever the authority.
"""

from collections.abc import Collection

from engine.contracts import Answer, Issued, Pending, Rejected, SigningRequest
from engine.errors import Denied, NotSent, Refused, Unreachable, Waiting
from engine.model import Change, Effect, Item, Json
from engine.text import counted, escape
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import slots
from workflows.common import item_of, keep_certificate, kept_certificate, kept_csr, numbered, title
from workflows.trust import targets

USAGES = ("serverAuth", "clientAuth")
"""What a box needs where its CSR does not say; it is both ends of TLS (docs/reference/certificates.md)."""


class Submit(Action):
    """Have the authority sign one CSR."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """See whether the certificate is there; ask the authority when it has a ticket. Raises Waiting until then.

        Each look sees, too, whether the box still holds the key that is being signed.
        """
        number, item = item_of(work, change)
        if item.leaf:
            return Proof(f"{item.authority} signed: {title(kept_certificate(work, item.leaf))}, {item.leaf[:12]}…")
        if item.ticket is None:
            _not_uncertain(work, item, change)
            _still_pending(work, item)
            return None
        answer = work.authority(item.authority).collect(item.ticket)
        if isinstance(answer, Pending):
            _take_ticket(work, number, item, answer)
            _still_pending(work, item)
        return _outcome(work, number, item, answer)

    def act(self, work: Work, change: Change) -> None:
        """Submit the CSR. Raises Waiting when the authority takes longer."""
        number, item = item_of(work, change)
        try:
            answer = work.authority(item.authority).submit(request_of(work, item))
        except NotSent as error:  # so there is nothing uncertain about it
            work.record("not-sent", error.what, data={"change": change.key, "round": work.renewal.round})
            raise
        if isinstance(answer, Issued):
            proof = _outcome(work, number, item, answer)
            work.record("issued", proof.text, values=proof.values)
            return
        if isinstance(answer, Pending):
            _take_ticket(work, number, item, answer)
        _outcome(work, number, item, answer)


def _take_ticket(work: Work, number: int, item: Item, answer: Pending) -> None:
    """Write the papers for people, and store the ticket where it is new or has become another."""
    for name, text in answer.papers.items():
        work.paper(name, text.encode())
    if answer.ticket != item.ticket:
        kind, told = ("submitted", "has the request") if item.ticket is None else ("ticket", "went on with the request")
        work.record(kind, f"{item.authority} {told}", values={f"items/{number}/ticket": answer.ticket})


def _not_uncertain(work: Work, item: Item, change: Change) -> None:
    """Stop where an earlier submission may have arrived and a second one would make a second certificate."""
    authority = work.authority(item.authority)
    if not work.begun(change) or authority.repeatable:
        return
    id, trace = work.renewal.id, escape(authority.trace(request_of(work, item)), 400)
    pending = f"If it is pending there: certrenew confirm {id} --request NUMBER. " if authority.numbered else ""
    raise Waiting(
        f"Whether {item.authority} got the request for {item.certificate} is uncertain: no answer came.",
        on="person",
        todo=f"Look at the CA for {trace} (CSR {item.csr[:12]}…). If it issued one: certrenew supply {id} FILE... "
        f"{pending}If there is none, and it may be sent again: certrenew confirm {id} --not-there",
        untouched="It was not submitted again.",
    )


def _still_pending(work: Work, item: Item) -> None:
    """Raise Refused when the box no longer holds the CSR that is being signed; one that is away is asked next time."""
    from engine.certificates import csr_fingerprint

    try:
        csr = work.device(item.node).pending_csr()
    except Unreachable as error:
        work.note(f"{item.node} could not be asked whether it still holds the CSR: {error.what}")
        return
    if csr is not None and csr_fingerprint(csr) == item.csr:
        return
    now = "no CSR is pending there" if csr is None else f"another one took its place ({csr_fingerprint(csr)[:12]}…)"
    raise Refused(
        f"The CSR {item.csr[:12]}… is gone from {item.node}: {now}. What the CA signs for it can't be installed.",
        untouched="Nothing was changed on the box or at the CA.",
        todo="Ask who discarded it on the box's page Maintenance > Security > Server certificate; its key is lost. "
        f"Begin again from the box: certrenew restage {work.renewal.id} --reason WHY",
    )


def request_of(work: Work, item: Item) -> SigningRequest:
    """Return what the authority of an item is asked to sign.

    Looks at the boxes that will have to trust its chain where the authority can choose one.
    """
    from engine.certificates import eku, key_text, names, to_pem

    csr = kept_csr(work, item.csr)
    asked = eku(csr) or list(USAGES)
    return SigningRequest(
        renewal=work.renewal.id,
        certificate=item.certificate,
        node=item.node,
        csr=to_pem(csr),
        subject=csr.subject.rfc4514_string(),
        names=names(csr),
        eku=asked,
        needed=[usage for usage in asked if usage in needed(work, item)],
        key=key_text(csr.public_key()),
        current=to_pem(kept_certificate(work, item.found.certificate)) if item.found else "",
        trusted=_trusted_by_all(work, item) if work.authority(item.authority).chooses_chain else [],
    )


def needed(work: Work, item: Item) -> Collection[str]:
    """Return the usages without which an item's slots refuse a certificate."""
    from engine.certificates import Release, needed_usages

    entry, node = work.estate.certificates[item.certificate], work.estate.nodes[item.node]
    release = Release.parse(item.found.release) if item.found else None
    return needed_usages(node.kind, entry.judged_for, release, server_eku_upload=node.server_eku_upload)


def _trusted_by_all(work: Work, item: Item) -> list[str]:
    """Return the CA certificates that every box trusts which will have to; one that is away is left out."""
    from engine.certificates import fingerprint

    common: set[str] | None = None
    for node, store in targets(work, item):
        try:
            held = {fingerprint(certificate) for certificate in work.peer(node).trusted(store)}
        except (Unreachable, Waiting) as error:
            work.note(f"what {node} trusts is not known now: {error.what}")
            continue
        common = held if common is None else common & held
    return sorted(common or ())


def _outcome(work: Work, number: int, item: Item, answer: Answer) -> Proof:
    """Turn an answer into a proof. Raises Waiting while it is pending, Denied when the authority said no."""
    if isinstance(answer, Rejected):
        raise Denied(
            f"{item.authority} refused the request: {escape(answer.reason, 300)}.",
            untouched="The CSR is still pending on the box; nothing was installed.",
            todo=f"Settle it with the CA. Then submit the same CSR again: certrenew resubmit {work.renewal.id}. "
            f"Or hand in what it gives: certrenew supply {work.renewal.id} FILE...",
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
            f"{item.authority} gave {counted(len(given), 'certificate')}, none with the key of this CSR.",
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
            proof="the certificate that comes back has the CSR's key",
            way_back="revoke the certificate at the CA",
            notes=_cautions(work, item),
        )
        for number, item in numbered(work)
        if not item.leaf
    ]


def _cautions(work: Work, item: Item) -> list[str]:
    """Return what is to be known beforehand; once the authority has the request there is nothing to warn of."""
    if item.ticket is not None:
        return []
    theirs = [escape(text, 300) for text in work.authority(item.authority).cautions(request_of(work, item))]
    return [*theirs, *slots.advice(work, item)]


def prove(work: Work) -> Proof:
    """Tell what was signed; `validate` judges it."""
    signed = [item for _, item in work.renewal.in_turn]
    told = [f"{item.certificate}: {title(kept_certificate(work, item.leaf))} {item.leaf[:12]}…" for item in signed]
    return Proof("; ".join(told))


STEP = Step(
    name="sign",
    purpose="have the certification authority sign the CSR",
    rests_on=("found", "csr"),
    phases=(Phase("sign", plan, {"submit": Submit()}),),
    prove=prove,
    takes_files=True,
)
