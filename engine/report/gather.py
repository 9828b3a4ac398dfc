"""Collect what is stored of a renewal, and say what of it can't be relied on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import msgspec
from cryptography import x509

from engine import signatures
from engine.certificates import fingerprint
from engine.errors import CertrenewError
from engine.model import Decision, Event, Finding, Item, Json, Plan, Renewal, Value
from engine.text import escape

if TYPE_CHECKING:
    from engine.store import Document, Store

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass
class Evidence:
    """Be everything that is known of one renewal. Texts are as they were stored: escape them where they are shown.

    `problems` says what is wrong with the journal and with what lies beside it. `certificates` and `requests` (CSRs)
    are by the SHA-256 of their DER, `brought` (what people brought from boxes) and `saved` (what boxes held before they
    were changed) by that of the file, `judged` says per
    decision what its signature is worth, `transcript` is None when none was kept.
    """

    document: "Document"
    made_at: datetime
    problems: list[str]
    plans: list[Plan]
    decisions: list[Decision]
    transcript: bytes | None
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    requests: dict[str, x509.CertificateSigningRequest] = field(default_factory=dict)
    brought: dict[str, bytes] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)
    judged: dict[str, str] = field(default_factory=dict)

    @property
    def renewal(self) -> Renewal:
        """Return the renewal's values."""
        return self.document.renewal

    @property
    def journal(self) -> tuple[Event, ...]:
        """Return the renewal's journal."""
        return self.document.journal

    @property
    def head(self) -> str:
        """Return the hash of the last event."""
        return self.journal[-1].hash

    @property
    def signers(self) -> str:
        """Return the allowed signers as they were at the start, "" where the site had none."""
        return str(self.renewal.terms.get("signers", ""))

    @cached_property
    def entries(self) -> list[dict[str, Json]]:
        """Return the transcript's entries; what can't be read is left out, and said in `problems`."""
        return list(_entries(self.transcript or b""))

    @cached_property
    def names(self) -> dict[str, str]:
        """Return people's names as the site had them at the start, by person."""
        people = self.renewal.terms.get("people")
        known = people if isinstance(people, dict) else {}
        return {id: str(one.get("name", "")) for id, one in known.items() if isinstance(one, dict)}

    def name(self, number: int) -> str:
        """Return a name for an item that is fit for a file."""
        name = self.renewal.items[number].certificate
        return name if _NAME.fullmatch(name) else f"item-{number}"

    def role(self, sha256: str) -> str:
        """Say which of the renewal's certificates a fingerprint is."""
        for item in self.renewal.items:
            for told, known in _roles(item).items():
                if sha256 in known:
                    return f"{told} of {item.certificate}"
        return "another certificate"


def _roles(item: Item) -> dict[str, list[str]]:
    return {
        "the new certificate": [item.leaf],
        "the old certificate": [item.found.certificate] if item.found else [],
        "a CA certificate": [*item.chain, *item.supplied],
    }


class Noted(Value, frozen=True, kw_only=True):
    """Be what the journal notes of a decision that carried a change: SHA-256 of its claim and of its signature."""

    id: str
    claim: str
    signature: str


# What a changed journal holds may be of any shape; what doesn't fit is left out, for the chain of hashes tells of it.


def noted_in(event: Event) -> list[Noted]:
    """Return the decisions that an intent names."""
    return _fitting(event.data.get("decisions", []), list[Noted])


def carried_by(event: Event) -> list[str]:
    """Return the persons whose approvals an intent names."""
    return _fitting(event.data.get("approved_by", []), list[str])


def findings_in(event: Event) -> list[Finding]:
    """Return how an event says that a certificate was judged."""
    return _fitting(event.data.get("findings", []), list[Finding])


def _fitting(value: Json, kind: type[list[T]]) -> list[T]:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return []


def gather(store: "Store", renewal_id: str, at: datetime) -> Evidence:
    """Read all that is stored of a renewal. Read-only.

    What is damaged beside the journal is left out and named. Raises what `Store.load` raises: without its document
    nothing can be told.
    """
    document = store.load(renewal_id)
    problems = [f"the journal: {problem}" for problem in store.verify(renewal_id)]
    plans, decisions, damaged = store.beside(renewal_id)
    found = Evidence(document, at, [*problems, *damaged], plans, decisions, store.transcript(renewal_id) or None)
    _read_files(found, store)
    found.problems += _unfit(found)
    found.judged = {decision.id: _judged(found, decision) for decision in decisions}
    return found


def _read_files(found: Evidence, store: "Store") -> None:
    """Read the certificates and CSRs that the renewal's values, or what was seen on the wire, name."""
    items = found.renewal.items
    named = {sha256 for item in items for known in _roles(item).values() for sha256 in known}
    seen = {str(entry["sha256"]) for entry in found.entries if entry.get("kind") == "handshake" and "sha256" in entry}
    for sha256 in sorted(filter(None, named | seen)):
        try:
            found.certificates[sha256] = x509.load_der_x509_certificate(store.artefact(found.renewal.id, sha256))
        except (CertrenewError, ValueError) as error:
            if sha256 in named:  # what was only seen is kept where possible
                found.problems.append(f"certificate {escape(sha256, 12)} is not to be had: {escape(error, 200)}")
    for event in found.journal:
        if event.kind in ("brought", "saved"):
            kept = found.brought if event.kind == "brought" else found.saved
            _read_file(found, store, kept, str(event.data.get("file")), event.kind)
    for sha256 in filter(None, (item.csr for item in items)):
        try:
            found.requests[sha256] = x509.load_der_x509_csr(store.artefact(found.renewal.id, sha256))
        except (CertrenewError, ValueError) as error:
            found.problems.append(f"CSR {escape(sha256, 12)} is not to be had: {escape(error, 200)}")


def _read_file(found: Evidence, store: "Store", kept: dict[str, bytes], sha256: str, how: str) -> None:
    try:
        kept[sha256] = store.artefact(found.renewal.id, sha256)
    except CertrenewError as error:
        found.problems.append(f"what was {how}, {escape(sha256, 12)}, is not to be had: {escape(error, 200)}")


def _unfit(found: Evidence) -> Iterator[str]:
    """Tell of what the journal says carried a change, and which isn't there or is another one now."""
    plans, decisions = {plan.digest for plan in found.plans}, {one.id: one.noted() for one in found.decisions}
    for event in found.journal:
        if event.kind == "intent" and event.data.get("plan") not in plans:
            yield f"event {event.seq}: the plan {escape(event.data.get('plan'), 12)} that it was done under is missing"
        for noted in noted_in(event):
            if decisions.get(noted.id) != noted.plain():
                yield f"event {event.seq}: the decision {escape(noted.id, 40)} that carried it is missing or changed"


def _judged(found: Evidence, decision: Decision) -> str:
    """Say in a clause what a decision's signature is worth by the signers of the start, when it was made."""
    if not decision.signed:
        return "UNSIGNED: it rests on the local account alone"
    if not found.signers:
        return "signed, but the site had no allowed signers at the start: NOT JUDGED"
    try:
        why = signatures.fault(decision, [found.signers], at=decision.at)
    except (CertrenewError, ValueError) as error:
        return f"signed, NOT JUDGED here: {escape(error, 200)}"
    return f"SIGNATURE NOT GOOD: {why}" if why else "signed, good by the signers of the start"


def _entries(content: bytes) -> Iterator[dict[str, Json]]:
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # cut off by a crash: best effort
            continue
        if isinstance(entry, dict) and isinstance(entry.get("at", ""), str):
            yield entry


def pem_names(found: Evidence) -> dict[str, str]:
    """Return a file name for every certificate, by fingerprint: by its place in the renewal, else as seen."""
    named: dict[str, str] = {}
    for number, item in enumerate(found.renewal.items):
        for told, sha256 in (("new", item.leaf), ("old", item.found.certificate if item.found else "")):
            if sha256 in found.certificates:
                named.setdefault(sha256, f"{found.name(number)}-{told}.pem")
    for sha256, certificate in found.certificates.items():
        named.setdefault(sha256, f"other-{fingerprint(certificate)[:16]}.pem")
    return named
