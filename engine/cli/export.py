"""Write plans as a file with all that is needed to judge them elsewhere, and read them back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.cli import views
from engine.cli.plans import window_of
from engine.errors import Refused, UsageError
from engine.model import Json, Plan, Renewal
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner import Runner
    from engine.store import Document

KIND = "certrenew plan"


def write(runner: "Runner", document: "Document", plans: Sequence[Plan], file: Path) -> None:
    """Write plans with old and new certificates, findings, requester and how their approvals stand."""
    import json

    from engine.store import files

    renewal = document.renewal
    whole: dict[str, Json] = {
        "kind": KIND,
        "plans": [{"digest": plan.digest, **plan.plain()} for plan in plans],
        "requester": renewal.requester.plain(),
        "state": renewal.state,
        "items": [_item(runner, renewal, number) for number in range(len(renewal.items))],
        "windows": {plan.digest: window_of(runner, document, plan) for plan in plans},
        "calendar": renewal.terms.get("calendar"),
        "overrides": [one.plain() for one in renewal.overrides],
        "findings": next((e.data["findings"] for e in reversed(document.journal) if "findings" in e.data), []),
        "approvals": {plan.digest: views.standing_view(runner.case(document, plan)) for plan in plans},
        "decisions": [decision.plain() for decision in runner.store.decisions(renewal.id)],
    }
    files.replace(file.absolute(), json.dumps(whole, indent=2).encode() + b"\n")


def _item(runner: "Runner", renewal: Renewal, number: int) -> dict[str, Json]:
    item = renewal.items[number]
    named = {"old": item.found.certificate if item.found else "", "new": item.leaf}
    pems: dict[str, Json] = {name: _pem(runner, renewal.id, sha256) for name, sha256 in named.items() if sha256}
    chain = [_pem(runner, renewal.id, sha256) for sha256 in item.chain]
    about = {"certificate": item.certificate, "node": item.node, "slots": list(item.slots)}
    return {**about, **pems, "chain": chain, **({"copies": list(item.copies)} if item.copies else {})}


def _pem(runner: "Runner", renewal: str, sha256: str) -> str:
    from cryptography import x509

    from engine.certificates import to_pem

    return to_pem(x509.load_der_x509_certificate(runner.store.artefact(renewal, sha256)))


def read(file: Path) -> list[Plan]:
    """Return the plans in an exported file, their digests computed anew. Raises UsageError, Refused when altered."""
    from engine.runner.handed import read_file

    try:
        given = msgspec.json.decode(read_file(file))["plans"]
        said = [str(one.pop("digest")) for one in given]
        plans = msgspec.convert(given, list[Plan])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        plans = []
    if not plans:
        raise UsageError(
            f"{escape(file)} is no exported plan.",
            untouched="Nothing was decided.",
            todo="It is what `certrenew plan ID --export FILE` writes; or name a renewal.",
        )
    for plan, digest in zip(plans, said, strict=True):
        if plan.digest != digest:
            raise Refused(
                f"{escape(file)} was altered: a plan has the digest {plan.digest[:12]}…, not {escape(digest, 12)}….",
                untouched="Nothing was decided.",
                todo="Have it exported and sent again.",
            )
    return plans
