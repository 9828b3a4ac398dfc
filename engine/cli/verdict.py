"""Show a verdict to people: what was decided, old and new side by side, the chain with its files, every finding."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.certificates import compare
from engine.certificates.facts import fingerprint, label
from engine.certificates.leaf import leaves
from engine.certificates.matching import held_names
from engine.cli.columns import beside, cells, width, word, wrap
from engine.model import Finding, Outcome
from engine.text import escape, stamp

if TYPE_CHECKING:
    from cryptography import x509

    from engine.certificates.evidence import Evidence, Verdict
    from engine.cli.check import Places

LABEL = 13
"""Columns of the labels on the left."""
_WORDS = {Outcome.FAIL: "FAIL", Outcome.WARN: "warn", Outcome.PASS: "pass"}


def show(verdict: "Verdict", evidence: "Evidence", places: "Places") -> None:
    """Print a verdict: the answer first, then what it rests on."""
    columns = width()
    parts = [_answer(verdict, evidence, columns)]
    if verdict.leaf is not None:
        parts.append(_side_by_side(verdict.leaf, evidence, columns))
        parts.append(_names(verdict.leaf, evidence, columns))
        parts.append(_chain(verdict, verdict.leaf, places, columns))
        parts.append(_authority(verdict, columns))
    else:
        parts.append(_candidates(evidence, places, columns))
    parts.append(_rest(verdict, evidence, places, columns))
    parts.append(_findings(verdict.findings, columns))
    parts.append(_advice(evidence, columns))
    print("\n\n".join("\n".join(part) for part in parts if part))


def _answer(verdict: "Verdict", evidence: "Evidence", columns: int) -> list[str]:
    failed, warned = len(verdict.failed), sum(one.outcome is Outcome.WARN for one in verdict.findings)
    doubts = f", {warned} warning{'s' if warned != 1 else ''}" if warned else ""
    listed, count = ", ".join(one.check for one in verdict.failed), len(verdict.findings)
    checks = f"{failed} of {count} checks failed ({listed})" if failed else f"{count} checks, none failed"
    who = f'"{label(verdict.leaf)}", ' if verdict.leaf is not None else ""
    lines = _labelled("OK" if verdict.ok else "NOT OK", f"{who}{checks}{doubts}.", columns)
    where = [evidence.role, f"slot {evidence.slot}" if evidence.slot else "", str(evidence.release or "")]
    place = ", ".join(one for one in where if one) or "any Expressway (say more with --role, --slot, --release)"
    return [*lines, *_labelled("judged for", f"{place}, at {stamp(evidence.at)}", columns)]


def _labelled(name: str, text: str, columns: int, indent: int = 0) -> list[str]:
    """Set a text beside its label, which may be a word of judgement."""
    first, *more = wrap(text, columns - LABEL - indent)
    lead = " " * indent
    return [f"{lead}{word(name)}{' ' * (LABEL - cells(name))}{first}", *(f"{lead}{' ' * LABEL}{line}" for line in more)]


# ---- old and new ---------------------------------------------------------------------------------------------------


def _side_by_side(leaf: "x509.Certificate", evidence: "Evidence", columns: int) -> list[str]:
    old = evidence.current or evidence.decoded
    half = (columns - LABEL - 2) // 2
    rows = compare.rows(old, leaf)
    if old is None:
        told = "The new certificate (give the one in use with --current to compare):"
        return [*wrap(told, columns), *_single(rows, columns)]
    lines = beside(["", "old", "new"], [LABEL - 2, half, half])
    for row in rows:
        new = "same" if row.same else escape(row.new)
        lines += beside([row.label, escape(row.old), new], [LABEL - 2, half, half])
    return lines


def _single(rows: Iterable[compare.Row], columns: int) -> list[str]:
    return [line for row in rows for line in _labelled(row.label, escape(row.new), columns)]


def _names(leaf: "x509.Certificate", evidence: "Evidence", columns: int) -> list[str]:
    before = evidence.current or evidence.decoded or evidence.csr
    new = held_names(leaf)[0]
    found = compare.names(held_names(before)[0] if before is not None else new, new)
    counts = {mark: sum(one.mark == mark for one in found) for mark in (compare.KEPT, compare.LOST, compare.ADDED)}
    told = ", ".join(f"{count} {mark}" for mark, count in counts.items() if count) or "none"
    source = "" if evidence.current or evidence.decoded else ", compared with the CSR" if evidence.csr else ""
    lines = wrap(f"Names: {told if before is not None else len(new)}{source}", columns)
    for one in found:
        mark = one.mark if before is not None else ""
        lines += _labelled(mark, f"{one.kind}:{escape(one.value)}", columns, indent=2)
    return lines


# ---- chain and files -----------------------------------------------------------------------------------------------


def _chain(verdict: "Verdict", leaf: "x509.Certificate", places: "Places", columns: int) -> list[str]:
    rows = [("leaf", leaf), *((f"CA {number}", one) for number, one in enumerate(verdict.chain, 1))]
    lines = ["Chain, and where it was found"]
    for name, one in rows:
        lines += _labelled(name, f'"{label(one)}", {places.of(one)}', columns, indent=2)
    missing = set(verdict.missing_trust)
    if missing:
        lines += ["", *wrap("Not among the trusted (--trust) yet; peers need them before the install:", columns)]
    for name, one in rows[1:]:
        if fingerprint(one) in missing:
            lines += _labelled(name, f'"{label(one)}", SHA-256 {fingerprint(one)}', columns, indent=2)
    return lines


def _authority(verdict: "Verdict", columns: int) -> list[str]:
    if verdict.continuity is None:
        return []
    answer = {True: "yes", False: "NO", None: "unknown"}[verdict.same_ca]
    return _labelled("same CA?", f"{answer}; grade: {verdict.continuity.grade}", columns)


def _candidates(evidence: "Evidence", places: "Places", columns: int) -> list[str]:
    """List the certificates that could be the leaf, when none could be chosen."""
    found = leaves(evidence.given) if evidence.given and not evidence.unread else []
    lines = ["These could be the leaf:"] if found else []
    for number, one in enumerate(found, 1):
        told = f'"{label(one)}", until {stamp(one.not_valid_after_utc)}, SHA-256 {fingerprint(one)[:16]}'
        lines += _labelled(str(number), f"{told}, {places.of(one)}", columns, indent=2)
    return lines


def _rest(verdict: "Verdict", evidence: "Evidence", places: "Places", columns: int) -> list[str]:
    """List what was given and not used."""
    if verdict.leaf is None:
        return []
    used = {verdict.leaf, *verdict.chain, evidence.current}
    rest = [one for one in dict.fromkeys(evidence.given) if one not in used]
    lines = ["Given and not used:"] if rest else []
    for one in rest:
        lines += _labelled("", f'"{label(one)}", {places.of(one)}', columns, indent=2)
    return lines


def _advice(evidence: "Evidence", columns: int) -> list[str]:
    """Say what to do about files that could not be read."""
    told = [f"{escape(one.name, 200)}: {one.todo}" for one in evidence.unread]
    return [line for text in told for line in _labelled("next", text, columns)]


# ---- findings ------------------------------------------------------------------------------------------------------


def _findings(findings: Iterable[Finding], columns: int) -> list[str]:
    """List what failed, then what warns, then what passed; with its source unless it passed."""
    order = list(_WORDS)
    lines: list[str] = []
    for one in sorted(findings, key=lambda one: order.index(one.outcome)):
        lines.append(f"{word(_WORDS[one.outcome])} {one.check}")
        source = "" if one.outcome is Outcome.PASS else f" [{one.source}]"
        lines += [f"     {line}" for line in wrap(escape(one.message) + source, columns - 5)]
    return lines
