"""Put the files of an evidence pack together, by name. Pure."""

import hashlib
import json
from collections.abc import Iterator

from engine.canonical import canonical
from engine.certificates import to_pem
from engine.model import Decision, Json, Plan
from engine.report.gather import Evidence, pem_names
from engine.report.page import page
from engine.report.recipe import recipe

SUMS = "SHA256SUMS"


def files(found: Evidence) -> dict[str, bytes]:
    """Return every file of the pack: path inside it, and content. ``docs/reference/report.md`` says what each is."""
    whole = {
        "renewal.json": _json(found.renewal.plain()),
        "journal.json": _json([event.plain() for event in found.journal]),
        "plans.json": _json([{"digest": plan.digest, **plan.plain()} for plan in found.plans]),
        "head.txt": f"{found.head}\n".encode(),
        "signers": found.signers.encode(),
        **dict(_plans(found.plans)),
        **dict(_decisions(found.decisions)),
        **dict(_certificates(found)),
        **{f"brought/{sha256}.txt": content for sha256, content in found.brought.items()},
        **{f"saved/{sha256}.pem": content for sha256, content in found.saved.items()},
    }
    if found.transcript is not None:
        whole["transcript.jsonl"] = found.transcript
    if found.problems:
        whole["PROBLEMS.txt"] = "".join(f"{problem}\n" for problem in found.problems).encode()
    whole["report.html"] = page(found).encode()
    whole["VERIFY.md"] = recipe(found, whole).encode()
    return whole | {SUMS: sums(whole)}


def sums(whole: dict[str, bytes]) -> bytes:
    """Write what ``sha256sum -c`` reads; without `SUMS` itself."""
    return "".join(
        f"{hashlib.sha256(whole[name]).hexdigest()}  {name}\n" for name in sorted(whole) if name != SUMS
    ).encode()


def _plans(plans: list[Plan]) -> Iterator[tuple[str, bytes]]:
    for plan in plans:
        yield f"plans/{plan.digest}.json", canonical(plan.digested())


def _decisions(decisions: list[Decision]) -> Iterator[tuple[str, bytes]]:
    for one in decisions:
        yield f"decisions/{one.id}.json", _json(one.plain())
        yield f"decisions/{one.id}.claim", canonical(one.claim())
        if one.signed:
            yield f"decisions/{one.id}.sig", one.signature.encode()


def _certificates(found: Evidence) -> Iterator[tuple[str, bytes]]:
    for sha256, name in pem_names(found).items():
        yield f"certificates/{name}", to_pem(found.certificates[sha256]).encode()
    for number, item in enumerate(found.renewal.items):
        chain = [found.certificates[sha256] for sha256 in item.chain if sha256 in found.certificates]
        if chain:
            yield f"certificates/{found.name(number)}-chain.pem", "".join(map(to_pem, chain)).encode()
        if item.csr in found.requests:
            yield f"certificates/{found.name(number)}-csr.pem", to_pem(found.requests[item.csr]).encode()


def _json(value: Json) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
