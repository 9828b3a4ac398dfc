"""Do what people do besides advancing: find a renewal, hand in a certificate, begin again, stop."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.errors import CertrenewError, Refused, UsageError
from engine.model import Item, Json, Renewal
from engine.runner.bringing import bring, wanted
from engine.runner.handed import read_file
from engine.runner.live import LiveWork
from engine.runner.runner import Runner
from engine.settings import unknown
from engine.text import counted, escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.store import Document, Store


class HasStore(Protocol):
    """Be anything with a store: a runner, or the settings of a command that needs no site."""

    @property
    def store(self) -> "Store":
        """Return the store."""


def find(runner: HasStore, text: str) -> str:
    """Return the renewal that `text` names: an ID, a certificate, or a unique beginning of an ID.

    A certificate stands for its open renewal, or for its last one when none is open, never for what follows one.
    Raises UsageError when nothing or several fit. Read-only.
    """
    ids = runner.store.ids()
    if text in ids:
        return text
    fitting = _of_certificate(runner, text) or [id for id in ids if text and id.startswith(text)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"`{escape(text, 80)}` fits {', '.join(sorted(fitting))}.", todo="Give more of the ID.")
    raise UsageError(
        f"No renewal is called `{escape(text, 80)}`.",
        todo="certrenew list shows all; certrenew start CERTIFICATE begins one.",
    )


def _of_certificate(runner: HasStore, name: str) -> list[str]:
    ours = [
        one.renewal
        for one in runner.store.summaries()[0]
        if not one.renewal.follows and name in (item.certificate for item in one.renewal.items)
    ]
    still_open = [renewal.id for renewal in ours if not renewal.ended]
    last = max(ours, key=lambda renewal: (renewal.created, renewal.since), default=None)
    return still_open or ([last.id] if last else [])


# ---- supplying -----------------------------------------------------------------------------------------------------


def supply(runner: Runner, renewal: str, files: Sequence[Path], node: str = "") -> "Document":
    """Take back what an authority gave: find each item's leaf by its CSR's key, keep the rest as its chain.

    Where people are asked for files from a box that they work by hand, or name one as `node`, take those in.

    Raises UsageError for a file that is no certificate, Refused when nothing belongs to this renewal; then nothing
    is kept. Handing in the same again changes nothing.
    """
    from cryptography import x509

    from engine.certificates import fingerprint, leaf_for, read_certificates

    if node or wanted(runner.store.load(renewal).renewal, word=False):
        return bring(runner, renewal, files, node)
    given = [found for path in files for found in read_certificates(read_file(path), str(path))]
    with runner.store.hold(renewal, runner.site.actor, runner.site.at(), "supply") as handle:
        document = handle.document
        _awaits_certificate(runner, document)
        values: dict[str, Json] = {}
        for number, item in document.renewal.in_turn:
            csr = x509.load_der_x509_csr(runner.store.artefact(renewal, item.csr))
            leaf = leaf_for(csr, given)
            if leaf is not None:
                values[f"items/{number}/leaf"] = fingerprint(leaf)
                values[f"items/{number}/supplied"] = [fingerprint(found) for found in given if found != leaf]
        if not values:
            raise _not_ours(document.renewal, given)
        for found in given:
            runner.store.put_artefact(renewal, _der(found), "cer")
        told = f"{counted(len(given), 'certificate')} handed in: {', '.join(path.name for path in files)}"
        if any(_value(document.renewal, path) != value for path, value in values.items()):
            values["wait"] = None
            handle.append("supplied", told, at=runner.site.at(), by=runner.site.actor, step="sign", values=values)
        return handle.document


def _awaits_certificate(runner: Runner, document: "Document") -> None:
    step, renewal = runner.next_step(document), document.renewal
    if step is None or not step.takes_files:
        raise Refused(
            f"Renewal {renewal.id} is {renewal.state} and takes no certificate there.",
            untouched="The files were not kept.",
            todo=f"Look: certrenew show {renewal.id}. "
            f"After a wrong certificate: certrenew resubmit {renewal.id}, then supply again.",
        )


def _not_ours(renewal: Renewal, given: "Sequence[x509.Certificate]") -> Refused:
    from engine.certificates import fingerprint

    shown = ", ".join(f"{escape(c.subject.rfc4514_string(), 60)} (sha256 {fingerprint(c)[:12]}…)" for c in given[:3])
    return Refused(
        f"None of the {len(given)} certificate(s) has the key of this renewal's CSR: {shown}.",
        untouched="Nothing was kept.",
        todo=f"Ask the CA to sign exactly the CSR of renewal {renewal.id}, or hand in the file that belongs to it.",
    )


def _value(renewal: Renewal, path: str) -> Json:
    _, number, name = path.split("/")
    return getattr(renewal.items[int(number)], name)


def _der(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


# ---- stepping aside ------------------------------------------------------------------------------------------------


def aside(runner: Runner, renewal: str, step: str, reason: str) -> "Document":
    """Take an arrow that a person chooses (resubmit, restage, cancel); no box is touched but by what the arrow adds.

    What earlier steps established and the arrow clears is emptied, for the items whose turn it is; a new round begins,
    so old approvals are void. A request that still waits is withdrawn at its authority afterwards; where that fails it
    is told, and stops nothing. Raises Refused when the table has no such arrow from here.
    """
    with runner.store.hold(renewal, runner.site.actor, runner.site.at(), step) as handle:
        now = handle.document.renewal
        arrow = runner.workflow(now.workflow).arrow(step, now.state)
        empty = Item(certificate="", node="", slots=[], authority="").plain()
        ended = arrow.to in runner.workflow(now.workflow).final
        values: dict[str, Json] = {"state": arrow.to, "since": runner.site.at(), "wait": None, "ended": ended}
        values["round"] = now.round + 1
        for number, _ in now.in_turn:
            values |= {f"items/{number}/{name}": empty[name] for name in arrow.clears}
        text = f"{arrow.to}: {step}{f' because {reason}' if reason else ''}"
        handle.append(step, text, at=runner.site.at(), by=runner.site.actor, step=step, values=values)
        work = LiveWork(runner.site, handle.document, handle, step)
        _withdraw(work, [item for _, item in now.in_turn])
        arrow.then(work)
        return handle.document


def _withdraw(work: LiveWork, items: Sequence[Item]) -> None:
    """Have the authorities withdraw what still waits there; what fails is told and journalled."""
    for item in items:
        if item.ticket is None or item.leaf:  # nothing waits there
            continue
        name = escape(item.authority, 80)
        try:
            if item.authority not in work.estate.authorities:
                raise UsageError(f"The site has no authority {name} any more.", todo="Tell the CA yourself.")
            work.authority(item.authority).cancel(item.ticket)
        except CertrenewError as error:
            what = f"{item.certificate}: the request was not withdrawn at {name}: {error.what}"
            text = " ".join(part for part in (what, error.untouched, error.todo) if part)
            work.record("not-withdrawn", text)
            work.note(text)


def override(runner: Runner, renewal: str, check: str, reason: str) -> None:
    """Journal that a person accepts a failed check, with the reason; every later plan's digest holds it. Idempotent.

    Raises UsageError for a check that does not exist: nobody could take such an override back.
    """
    from engine.certificates import CHECKS

    with runner.store.hold(renewal, runner.site.actor, runner.site.at(), "override") as handle:
        now = handle.document.renewal
        steps = runner.workflow(now.workflow).steps.values()
        known = [*CHECKS, *(name for step in steps for name in step.checks)]
        if check not in known:
            wrong = unknown(f"There is no check `{escape(check, 60)}`", check, known)
            raise UsageError(wrong.what, untouched="Nothing was overridden.", todo=wrong.todo)
        if any((one.check, one.reason) == (check, reason) for one in now.overrides):
            return
        one = {"check": check, "reason": reason, "by": runner.site.actor.plain()}
        values: dict[str, Json] = {"overrides": [*(old.plain() for old in now.overrides), one]}
        text = f"{check} overridden: {reason}"
        handle.append("override", text, at=runner.site.at(), by=runner.site.actor, values=values)
