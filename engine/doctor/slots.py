"""Check who may sign for each slot: public CAs leave client authentication out, and X15.5 has two slots to renew."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.advice import client_auth
from engine.doctor.findings import Diagnosis, passed, warned
from engine.doctor.patient import Patient
from engine.doctor.visit import Seen
from engine.errors import CertrenewError
from engine.relations import certificates_of
from engine.text import escape

if TYPE_CHECKING:
    from engine.estate import CertificateEntry

SOURCE = "docs/reference/certificates.md"


def slots(patient: Patient) -> Iterator[Diagnosis]:
    """Warn of a public CA where a slot needs client authentication, and of a slot with no certificate in the site."""
    for seen in patient.boxes:
        if seen.status is None or not seen.held:
            continue
        entries = certificates_of(patient.estate, seen.node)
        found = [one for entry in entries for one in _signed_by_public(patient, seen, entry)]
        found += _uncovered(seen, entries)
        yield from found
        if entries and not found:
            what = "Each slot has its certificate in the site; none depends on a public CA for client authentication."
            yield passed("slots", what, node=seen.node)


def _signed_by_public(patient: Patient, seen: Seen, entry: "CertificateEntry") -> Iterator[Diagnosis]:
    from engine.certificates import Release, is_public, needed_usages

    held, release = seen.held.get(entry.slot), seen.status.release if seen.status else ""
    if held is None or not is_public(held):
        return
    node = patient.estate.nodes[seen.node]
    try:
        advice = client_auth(patient.estate, seen.node, entry.slots, release)
        needed = needed_usages(
            node.kind, entry.judged_for, Release.parse(release), server_eku_upload=node.server_eku_upload
        )
    except CertrenewError:  # a release that can't be read is told by others
        return
    if "clientAuth" in needed:
        what = f"`{escape(entry.name)}` is from a public CA; these stop issuing client authentication."
        yield warned("slots", what, " ".join(advice), node=seen.node, source=SOURCE)


def _uncovered(seen: Seen, entries: "list[CertificateEntry]") -> Iterator[Diagnosis]:
    """Tell of slots that could be read and that no certificate of the site is for."""
    covered = {slot for entry in entries for slot in entry.slots}
    for slot, held in seen.held.items():
        if entries and slot not in covered:
            end = f"{held.not_valid_after_utc:%Y-%m-%d}"
            what = f"Its {slot} slot is renewed by no certificate of the site; what it holds ends {end}."
            todo = f'Add one with `slot = "{slot}"` to the site file, or renew that slot by hand.'
            yield warned("slots", what, todo, node=seen.node, source=SOURCE)
