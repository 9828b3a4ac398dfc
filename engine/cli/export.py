"""Write a plan as a file with all that is needed to judge it elsewhere, and read one back."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.cli import views
from engine.errors import Refused, UsageError
from engine.model import Json, Plan, Renewal
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner import Runner
    from engine.store import Document

KIND = "certrenew plan"


def write(runner: "Runner", document: "Document", plan: Plan, file: Path) -> None:
    """Write a plan with old and new certificates, findings, requester and how its approvals stand."""
    import json

    from engine.store import files

    renewal = document.renewal
    whole: dict[str, Json] = {
        "kind": KIND,
        "digest": plan.digest,
        "plan": plan.plain(),
        "requester": renewal.requester.plain(),
        "state": renewal.state,
        "items": [_item(runner, renewal, number) for number in range(len(renewal.items))],
        "overrides": [one.plain() for one in renewal.overrides],
        "findings": next((e.data["findings"] for e in reversed(document.journal) if "findings" in e.data), []),
        "approvals": views.standing_view(runner.case(document, plan)),
        "decisions": [decision.plain() for decision in runner.store.decisions(renewal.id)],
    }
    files.replace(file.absolute(), json.dumps(whole, indent=2).encode() + b"\n")


def _item(runner: "Runner", renewal: Renewal, number: int) -> dict[str, Json]:
    item = renewal.items[number]
    named = {"old": item.found.certificate if item.found else "", "new": item.leaf}
    pems: dict[str, Json] = {name: _pem(runner, renewal.id, sha256) for name, sha256 in named.items() if sha256}
    chain = [_pem(runner, renewal.id, sha256) for sha256 in item.chain]
    return {"certificate": item.certificate, "node": item.node, "slots": list(item.slots), **pems, "chain": chain}


def _pem(runner: "Runner", renewal: str, sha256: str) -> str:
    from cryptography import x509

    from engine.certificates import to_pem

    return to_pem(x509.load_der_x509_certificate(runner.store.artefact(renewal, sha256)))


def read(file: Path) -> Plan:
    """Return the plan in an exported file, with its digest computed anew. Raises UsageError, Refused when altered."""
    from engine.runner.live import read_file

    try:
        whole = msgspec.json.decode(read_file(file))
        plan = msgspec.convert(whole["plan"], Plan)
        said = str(whole["digest"])
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f"{escape(file)} is no exported plan.",
            untouched="Nothing was decided.",
            todo="It is what `certrenew plan ID --export FILE` writes; or name a renewal.",
        ) from None
    if plan.digest != said:
        raise Refused(
            f"{escape(file)} was altered: its plan has the digest {plan.digest[:12]}…, not {escape(said, 12)}….",
            untouched="Nothing was decided.",
            todo="Have it exported and sent again.",
        )
    return plan
