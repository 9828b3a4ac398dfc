"""Show old and new certificates side by side, their names, the chain and the checks. Pure."""

from collections.abc import Iterator

from cryptography import x509

from engine.certificates import compare, fingerprint, names
from engine.certificates.facts import dn_text
from engine.model import Item, Outcome
from engine.report.gather import Evidence, findings_in
from engine.report.markup import Html, code, el, join, section, table, when, word
from engine.text import stamp


def items(found: Evidence) -> Iterator[Html]:
    """Show each certificate of the renewal: before, after, and what differs; nothing of what follows a renewal."""
    for item in found.renewal.items if not found.renewal.follows else ():
        old = found.certificates.get(item.found.certificate) if item.found else None
        new = found.certificates.get(item.leaf)
        yield section(
            f"{item.certificate} on {', '.join(item.nodes)}, before and after",
            *_both(old, new),
            *_chain(found, item),
            *_checks(found, item),
        )


def _both(old: x509.Certificate | None, new: x509.Certificate | None) -> Iterator[Html]:
    if new is None:
        yield el("p", word("NO NEW CERTIFICATE"), " came in this renewal.")
        if old is not None:
            yield table(["", "In use"], [(row.label, row.new) for row in compare.rows(None, old)])
        return
    rows = [(row.label, row.old, row.new, _compared(row)) for row in compare.rows(old, new)]
    prints = ("SHA-256", code(fingerprint(old) if old else ""), code(fingerprint(new)), "")
    yield table(["", "Old", "New", "Compared"], [*rows, prints])
    told = [
        (word(one.mark) if one.mark != compare.KEPT else one.mark, one.kind, one.value)
        for one in compare.names(names(old) if old else names(new), names(new))
    ]
    yield el("h3", "Names")
    yield table(["", "Kind", "Name"], told)


def _compared(row: compare.Row) -> object:
    expected = row.label in ("serial", "key", "authority key", "valid from", "valid until")
    return "same" if row.same else "changed" if expected else word("CHANGED")


def _chain(found: Evidence, item: Item) -> Iterator[Html]:
    if not item.chain:
        return
    same = {True: "the same CA as before", False: "another CA than before", None: "not known whether it is the same CA"}
    yield el("h3", f"Chain of the new certificate: {same[item.same_ca]}")
    rows = [
        (dn_text(one.subject), join(["until ", when(stamp(one.not_valid_after_utc))]), code(sha256))
        for sha256 in item.chain
        if (one := found.certificates.get(sha256)) is not None
    ]
    yield table(["CA", "Valid", "SHA-256"], rows)


def _checks(found: Evidence, item: Item) -> Iterator[Html]:
    """Show how the certificate was judged last; events of one renewal name the certificate first."""
    judged = [event for event in found.journal if findings_in(event) and item.certificate in event.text]
    if not judged:
        return
    yield el("h3", "Checks")
    yield el("p", "As judged ", when(judged[-1].at), f" (event {judged[-1].seq}).")
    order = (Outcome.FAIL, Outcome.WARN, Outcome.PASS)
    findings = sorted(findings_in(judged[-1]), key=lambda one: order.index(one.outcome))
    rows = [(_outcome(one.outcome), one.check, one.message, one.source) for one in findings]
    yield table(["Outcome", "Check", "What", "By"], rows)


def _outcome(outcome: Outcome) -> Html:
    return Html("pass") if outcome is Outcome.PASS else word(outcome.value.upper())
