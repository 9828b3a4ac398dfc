"""Judge a signed certificate against the old one, the CSR, and what the place it goes to needs: the one rule book.

Each check is a small function below or in `strength`; the table `_RULES` names them all. A check collects everything
it objects to and becomes one finding; `Verdict.require` raises once. Rules and their sources are on the page
``docs/reference/certificates.md``.
"""

from collections.abc import Callable, Iterable

from engine.certificates import ekus, strength
from engine.certificates.chain import twins
from engine.certificates.continuity import Grade
from engine.certificates.evidence import CHECKS, Case, Evidence, Verdict, case_of, missing_trust
from engine.certificates.extensions import Item, unreadable
from engine.certificates.facts import (
    ATTRIBUTES,
    Decoded,
    common_name,
    csr_fingerprint,
    eku,
    fingerprint,
    key_text,
    label,
    public_key,
    subject_fields,
)
from engine.certificates.leaf import is_ca, leaves, same_key
from engine.certificates.matching import lost_names, missing_for_role, new_names, unfit_for_role
from engine.certificates.naming import names, normal_fields
from engine.certificates.phones import judge_phones
from engine.certificates.public import lifetime_note
from engine.model import Finding, Outcome
from engine.text import escape, stamp

__all__ = ["CHECKS", "Evidence", "Verdict", "judge"]

PAGE = "docs/reference/certificates.md"

_OLD_ONE = ("It is the certificate that is in use now, not a new one.",)


def judge(evidence: Evidence) -> Verdict:
    """Return a verdict on the evidence. Same evidence in any order, same verdict. Read-only."""
    if evidence.unread or not evidence.given:
        return Verdict((_format_failed(evidence),))
    case = case_of(evidence)
    if case is None:
        return Verdict(tuple(_without_leaf(evidence)))
    found = (_RULES[check](case) for check in CHECKS)
    return Verdict(
        tuple(one for one in found if one), case.leaf, case.chain.certificates, case.continuity, missing_trust(case)
    )


def finding(check: str, source: str, passed: str, fails: list[str], warns: list[str], note: str = "") -> Finding:
    """Make one finding of everything a check objects to; `passed` is said when there is nothing, `note` always."""
    outcome = Outcome.FAIL if fails else Outcome.WARN if warns else Outcome.PASS
    return Finding(
        check=check,
        outcome=outcome,
        message=(" ".join([*fails, *warns]) or passed) + note,
        source=f"{source}; {PAGE}#{check}",
    )


def _format_failed(evidence: Evidence) -> Finding:
    fails = [one.what for one in evidence.unread] or ["No certificate was given."]
    return finding("format", "RFC 5280 section 4.1", "", sorted(fails), [])


def _without_leaf(evidence: Evidence) -> list[Finding]:
    """Say why there is no leaf, and whether that is because none has the CSR's key."""
    found = leaves(evidence.given)
    several = f"{len(found)} certificates could be the leaf: {', '.join(label(one) for one in found)}."
    none = "There are only CA certificates; the one for the box is missing."
    advice = "None of them has the CSR's key." if evidence.csr else "Give the CSR to choose by, or one certificate."
    fails = [several, advice] if found else [none]
    results = [
        finding("format", "RFC 5280 section 4.1", "Every file could be read.", [], []),
        finding("single-leaf", "Cisco 218034, section E", "", fails, []),
    ]
    if evidence.csr:
        results.append(_key_finding(["No certificate has the CSR's public key."]))
    return results


def _format(case: Case) -> Finding:
    strange = unreadable(case.leaf)
    warns = [f"Extensions of the certificate can't be read: {', '.join(strange)}."] if strange else []
    return finding("format", "RFC 5280 section 4.1", "Every file could be read.", [], warns)


def _single_leaf(case: Case) -> Finding:
    given = set(case.evidence.given)
    twins = [one for one in leaves(given - {case.evidence.current}) if one != case.leaf]
    fitting = [one for one in twins if case.evidence.csr and same_key(one, case.evidence.csr)]
    warns = [f"{len(fitting) + 1} certificates have the CSR's key; the newest is judged."] if fitting else []
    warns += (
        [f"{len(twins) - len(fitting)} further certificates are for other keys."] if len(twins) > len(fitting) else []
    )
    rest = len(given) - 1
    note = f" {rest} other certificates came with it; only the leaf is installed." if rest else ""
    passed = f'The leaf is "{label(case.leaf)}", SHA-256 {fingerprint(case.leaf)[:16]}.{note}'
    return finding("single-leaf", "Cisco 218034, section E", passed, [], warns)


def _key_matches(case: Case) -> Finding | None:
    csr = case.evidence.csr
    if csr is None:
        return None
    if same_key(case.leaf, csr):
        return _key_finding([])
    shown = csr_fingerprint(csr)[:16]
    return _key_finding([f"Its public key is not that of the CSR {shown}: the box holds no key for it and refuses it."])


def _key_finding(fails: list[str]) -> Finding:
    return finding("key-matches-csr", "RFC 2986 section 4.1", "Its public key is that of the CSR.", fails, [])


def _san_match(case: Case) -> Finding | None:
    evidence = case.evidence
    old = case.before
    if old is None and evidence.csr is None:
        return None
    fails = lost_names("old certificate", old, case.leaf) + lost_names("CSR", evidence.csr, case.leaf)
    warns = new_names(case.leaf, [one for one in (old, evidence.csr) if one])
    passed = f"All names are there: {escape(', '.join(names(case.leaf)), 400) or 'none'}."
    return finding("san-match", "RFC 5280 section 4.2.1.6; Cisco 218034, section C.1", passed, fails, warns)


def _eku(case: Case) -> Finding:
    refusals, questions = ekus.narrowed(case.chain.certificates, case.place)
    fails = ekus.lacking(case.leaf, case.place) + refusals
    warns = ekus.doubts(case.leaf, case.place) + questions
    passed = f"Its usages are {', '.join(eku(case.leaf))}."
    return finding(
        "eku-client-and-server",
        "RFC 5280 section 4.2.1.12; Cisco 218034, 225482, 225693, FN74362",
        passed,
        fails,
        warns,
    )


def _same_ca(case: Case) -> Finding:
    source = "RFC 5280 sections 4.2.1.1 and 6.1.3; Cisco 218034, section D"
    answer = case.continuity
    if answer is None:
        return finding("same-ca", source, "", [], ["There is no old certificate to compare with: treat the CA as new."])
    alike = answer.grade in (Grade.SAME, Grade.RENEWED)
    text = f"{answer.text} (grade: {answer.grade})"
    return finding("same-ca", source, text, [], [] if alike else [text])


def _chain_complete(case: Case) -> Finding:
    chain = case.chain
    fails = [*chain.problems]
    if not chain.complete:
        fails.insert(0, chain.missing)
    root = f'"{label(chain.root)}"' if chain.root else ""
    known = "which is trusted" if chain.anchored else "which is not among the trusted ones yet"
    passed = f"{len(chain.certificates)} CA certificates lead to the root {root}, {known}; every signature verifies."
    warns = twins(chain.certificates, case.evidence.trusted)
    return finding("chain-complete", "RFC 5280 section 6.1; Cisco 218034 and 221624", passed, fails, warns)


def _validity(case: Case) -> Finding:
    leaf, at, old_end = case.leaf, case.evidence.at, case.old_end
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    fails = [f"It is not valid before {stamp(start)}."] * (at < start) + [f"It expired on {stamp(end)}."] * (at > end)
    warns = [*_OLD_ONE] if case.is_the_old_one else []
    if old_end and not case.is_the_old_one and end < old_end:
        warns.append(f"It expires on {stamp(end)}, earlier than the old one ({stamp(old_end)}).")
    if end.year >= 2050:
        warns.append(f"It expires in {end.year}: dates from 2050 can cause problems on the box.")
    short = [one for one in case.chain.certificates if one.not_valid_after_utc < end]
    warns += [f'It outlives its CA "{label(one)}", which expires on {stamp(one.not_valid_after_utc)}.' for one in short]
    passed = f"It is valid from {stamp(start)} to {stamp(end)}."
    return finding("validity", "RFC 5280 section 4.1.2.5", passed, fails, warns, lifetime_note(leaf))


def _signature(case: Case) -> Finding:
    signed = [case.leaf, *(one for one in case.chain.certificates if one != case.chain.root)]
    fails, warns = strength.signatures(signed)
    return finding("signature-strength", "RFC 9155 section 2; RFC 6151", "No weak hash is used.", fails, warns)


def _key_strength(case: Case) -> Finding:
    release = case.evidence.release
    fails = strength.leaf_key(case.leaf, release) + strength.authority_keys(case.chain.certificates)
    text = key_text(public_key(case.leaf))
    note = f", which needs {strength.CURVES_SINCE} or later" if text.startswith("EC") and release is None else ""
    return finding(
        "key-strength", "NIST SP 800-57 part 1; Cisco certificate guide", f"The key is {text}{note}.", fails, []
    )


def _no_wildcard(case: Case) -> Finding:
    held = [name for name in names(case.leaf) if name.startswith("DNS:")] + [common_name(case.leaf.subject)]
    wild = sorted({escape(name.removeprefix("DNS:"), 120) for name in held if "*" in name})
    fails = [f"The box does not support wildcard names, and it holds {', '.join(wild)}."] if wild else []
    return finding("no-wildcard", "Cisco certificate guide", "It has no wildcard name.", fails, [])


def _not_a_ca(case: Case) -> Finding:
    answer = is_ca(case.leaf)
    fails = ["It is a CA certificate (basicConstraints CA:TRUE), not one for a box."] if answer else []
    if answer is None:
        fails = ["Its basic constraints can't be read, so it may be a CA certificate."]
    return finding("not-a-ca", "RFC 5280 section 4.2.1.9", "It is not a CA certificate.", fails, [])


def _subject(case: Case) -> Finding:
    """Compare with the old subject, or with the CSR's when there is no old certificate; a change only warns."""
    before = case.before or case.evidence.csr
    warns = [] if common_name(case.leaf.subject) else ["It has no common name; MRA and CMS web proxy need one."]
    if before and normal_fields(_fields(before)) != normal_fields(_fields(case.leaf)):
        shown = [escape(", ".join(f"{a}={b}" for a, b in _fields(one)) or "(none)", 200) for one in (before, case.leaf)]
        warns.append(f'The subject changed from "{shown[0]}" to "{shown[1]}".')
    strange = [one.oid.dotted_string for one in [*case.leaf.subject, *case.leaf.issuer] if one.oid not in ATTRIBUTES]
    if strange:
        warns.append(
            f"Subject or issuer has attributes that can break MRA's tunnels: {', '.join(dict.fromkeys(strange))}."
        )
    passed = f'The subject is "{escape(case.leaf.subject.rfc4514_string(), 200)}".'
    return finding("subject", "RFC 5280 section 4.1.2.6; Cisco certificate guide", passed, [], warns)


def _fields(one: Item | Decoded) -> Iterable[tuple[str, str]]:
    return one.subject if isinstance(one, Decoded) else subject_fields(one)


def _names_for_role(case: Case) -> Finding | None:
    if not case.evidence.names:
        return None
    fails = missing_for_role(case.evidence.names, case.leaf)
    warns = unfit_for_role(case.evidence.names, case.evidence.release)
    return finding(
        "names-for-role", "Cisco certificate guide", "Every name that its role needs is there.", fails, warns
    )


def _phone_trust(case: Case) -> Finding | None:
    if case.evidence.phones is None:
        return None
    same = case.continuity.verdict if case.continuity else None
    passed, warns = judge_phones(case.chain, case.evidence.phones, same)
    return finding("phone-trust", "Cisco 213872", passed, [], warns)


_RULES: dict[str, Callable[[Case], Finding | None]] = {
    "format": _format,
    "single-leaf": _single_leaf,
    "key-matches-csr": _key_matches,
    "san-match": _san_match,
    "eku-client-and-server": _eku,
    "same-ca": _same_ca,
    "chain-complete": _chain_complete,
    "validity": _validity,
    "signature-strength": _signature,
    "key-strength": _key_strength,
    "no-wildcard": _no_wildcard,
    "not-a-ca": _not_a_ca,
    "subject": _subject,
    "names-for-role": _names_for_role,
    "phone-trust": _phone_trust,
}
