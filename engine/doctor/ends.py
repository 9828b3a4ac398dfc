"""Check when certificates end: those that boxes present or hold, and the CA certificates above them.

From 2026-03-15 on public CAs issue for 200 days at most, from 2027-03-15 for 100 and from 2029-03-15 for 47
(docs/reference/certificates.md): a fixed number of days is too early for the short ones.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.doctor.findings import Diagnosis, failed, passed, warned
from engine.doctor.patient import Patient
from engine.doctor.trust import chain_of
from engine.doctor.visit import SUGGESTED, Seen
from engine.relations import certificates_of
from engine.text import escape, moment

if TYPE_CHECKING:
    from cryptography import x509

SOON = timedelta(days=30)
"""A certificate that ends within this time should be under renewal."""
SHARE = 3
"""One that lives shorter should be when a third of its life is left: at 15 days of 47."""

SOURCE = "docs/reference/certificates.md"


def ends(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a certificate has ended or is not valid yet; warn when it ends soon or its CA wants it renewed."""
    for seen in patient.boxes:
        found = [one for certificate in _of(seen) for one in _judged(patient, seen, certificate)]
        found += _above(patient, seen)
        found += _suggested(patient, seen)
        yield from found
        last = min((one.not_valid_after_utc for one in _of(seen)), default=None)
        if last and not found:
            yield passed("ends", f"Its certificate ends in {(last - patient.now).days} days.", node=seen.node)


def soon(certificate: "x509.Certificate") -> timedelta:
    """Return how long before its end a certificate should be under renewal."""
    return min(SOON, (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / SHARE)


def _of(seen: Seen) -> "list[x509.Certificate]":
    from engine.certificates import fingerprint

    return list({**seen.presented, **{fingerprint(one): one for one in seen.held.values()}}.values())


def _judged(patient: Patient, seen: Seen, certificate: "x509.Certificate") -> Iterator[Diagnosis]:
    from engine.certificates.facts import label

    name, end = label(certificate), certificate.not_valid_after_utc
    if certificate.not_valid_before_utc > patient.now:
        what = f'"{name}" is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on.'
        yield failed("ends", what, "Check the clocks, of this machine and of the box.", node=seen.node, source=SOURCE)
    elif end <= patient.now:
        what = f'"{name}" ended {_ago(patient.now - end)}.'
        yield failed("ends", what, _renew(patient, seen.node), node=seen.node, source=SOURCE)
    elif end - patient.now < soon(certificate):
        what = f'"{name}" ends in {(end - patient.now).days} days, on {end:%Y-%m-%d}.'
        yield warned("ends", what, _renew(patient, seen.node), node=seen.node, source=SOURCE)


def _ago(past: timedelta) -> str:
    return f"{past.days} days ago" if past.days else "today"


def _renew(patient: Patient, node: str) -> str:
    """Say how a node's certificate is renewed: by the renewal that is open, by a new one, or elsewhere."""
    under_way = [one.id for one in patient.open_renewals if any(node in item.nodes for item in one.items)]
    if under_way:
        return f"It is under renewal: certrenew why {escape(under_way[0])}"
    ours = [entry.name for entry in certificates_of(patient.estate, node)]
    if ours:
        return f"Renew it: certrenew start {escape(ours[0])}"
    return "Have it renewed; certrenew does not renew this one."


def _above(patient: Patient, seen: Seen) -> Iterator[Diagnosis]:
    """Judge the CA certificates above what the box presents."""
    from engine.certificates.facts import label

    above = {one for leaf in seen.presented.values() for one in chain_of(patient, leaf).certificates}
    for one in sorted(above, key=lambda one: one.not_valid_after_utc):
        left, end = one.not_valid_after_utc - patient.now, f"{one.not_valid_after_utc:%Y-%m-%d}"
        todo = "Ask its CA for the next one; renew the certificates below it before that day."
        if left <= timedelta():
            what = f'The CA certificate "{label(one)}" above it ended on {end}.'
            yield failed("ends", what, todo, node=seen.node, source=SOURCE)
        elif left < SOON:
            what = f'The CA certificate "{label(one)}" above it ends in {left.days} days, on {end}.'
            yield warned("ends", what, todo, node=seen.node, source=SOURCE)


def _suggested(patient: Patient, seen: Seen) -> Iterator[Diagnosis]:
    for name, when in seen.suggested.items():
        if _begun(when.start, patient.now):
            why = f" ({escape(when.url, 200)})" if when.url else ""
            what = f"Its CA asks that `{escape(name)}` be renewed between {when.start} and {when.end}{why}."
            yield warned("ends", what, _renew(patient, seen.node), node=seen.node, source="RFC 9773")
    error = seen.faults.get(SUGGESTED)
    if error:
        what = f"Its CA could not be asked when it wants it renewed: {error.what}"
        yield warned("ends", what, error.todo or "Ask again later.", node=seen.node, source="RFC 9773")


def _begun(start: str, now: datetime) -> bool:
    try:
        return moment(start) <= now
    except (ValueError, TypeError):
        return False
