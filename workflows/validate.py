"""Validate (procedure C and D): judge the new certificate against the old one, the CSR and the release.

The rules are in `engine.certificates`; `install` judges by the same ones again.
"""

from typing import TYPE_CHECKING

from engine.errors import CheckFailed
from engine.model import Change, Effect, Item, Json, Outcome
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows import clocks, sharing, slots
from workflows.common import item_of, keep_certificate, kept_certificate, kept_csr, numbered, refuse, title
from workflows.peers import required_names

if TYPE_CHECKING:
    from engine.certificates import Verdict

USAGES = "eku-client-and-server"
"""The check whose failure is explained by what of the site would break."""


def verdict(work: Work, item: Item) -> "Verdict":
    """Judge an item's certificate as of now, with what kept files and its peers say. Read-only."""
    from engine.certificates import Evidence, Release, judge

    if item.found is None or not item.leaf:
        raise refuse(f"{item.certificate} has no certificate to judge.", f"certrenew show {work.renewal.id}")
    entry, node = work.estate.certificates[item.certificate], work.estate.nodes[item.node]
    given = [kept_certificate(work, sha256) for sha256 in (item.leaf, *item.supplied)]
    evidence = Evidence(
        given=given,
        known=work.roots(item.authority),
        csr=kept_csr(work, item.csr),
        current=kept_certificate(work, item.found.certificate),
        trusted=[kept_certificate(work, sha256) for sha256 in item.found.trusted],
        role=node.kind,
        slot=entry.judged_for,
        release=Release.parse(item.found.release),
        names=[*entry.names, *sharing.names(work, item), *required_names(work, item)],
        server_eku_upload=node.server_eku_upload,
        phones=work.phone_roots(item.node) if entry.slot == "server" else None,
        at=work.now(),
    )
    return judge(evidence)


def require(work: Work, item: Item) -> "Verdict":
    """Judge and raise CheckFailed unless every failed check was overridden with a reason."""
    from engine.certificates import CHECKS

    judged, *others = [verdict(work, one) for one in item.places]
    try:
        for one in (judged, *others):
            one.require(work.overridden & set(CHECKS))
    except CheckFailed as error:
        findings = [*error.findings, *clocks.finding(item)]  # a wrong clock may be why dates fail
        told = slots.advice(work, item) if USAGES in {one.check for one in judged.failed} else []
        raise CheckFailed(
            error.what, findings, untouched=error.untouched, todo=" ".join([*told, _todo(work)])
        ) from None
    return judged


def _todo(work: Work) -> str:
    id = work.renewal.id
    return (
        f"Have the CA make a certificate without these faults from the same CSR: certrenew resubmit {id}, then "
        f"certrenew supply {id} FILE... Or accept one check: certrenew advance {id} --override CHECK --reason TEXT"
    )


class Judge(Action):
    """Judge one new certificate; no effect on any box."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Tell the verdict, once this very certificate was judged and found good."""
        _, item = item_of(work, change)
        if not item.leaf or item.judged != item.leaf:
            return None
        grade = {
            True: "the CA is the same",
            False: "the CA is another one",
            None: "whether the CA is the same is unproven",
        }
        return Proof(f"{item.certificate}: every check passed or was overridden; {grade[item.same_ca]}")

    def act(self, work: Work, change: Change) -> None:
        """Judge, and record findings and chain. Raises CheckFailed; then the renewal stays in Signed."""
        from engine.certificates import describe

        number, item = item_of(work, change)
        judged = require(work, item)
        values: dict[str, Json] = {
            f"items/{number}/judged": item.leaf,
            f"items/{number}/until": describe(kept_certificate(work, item.leaf)).not_after,
            f"items/{number}/same_ca": judged.same_ca,
            f"items/{number}/chain": [keep_certificate(work, certificate) for certificate in judged.chain],
        }
        for finding in (*judged.findings, *clocks.finding(item)):
            if finding.outcome is not Outcome.PASS:
                work.note(f"{finding.check}: {finding.message}")
        data = {"findings": [finding.plain() for finding in judged.findings]}
        work.record("judged", f"{item.certificate}: {len(judged.findings)} checks", data=data, values=values)


def plan(work: Work) -> list[Change]:
    """Judge every certificate that was not judged yet."""
    return [
        Change(
            action="judge",
            target=item.node,
            item=number,
            effect=Effect.READ,
            before={"leaf": item.leaf},
            what=f"judge {title(kept_certificate(work, item.leaf))} for {item.node}",
        )
        for number, item in numbered(work)
        if item.judged != item.leaf
    ]


def prove(work: Work) -> Proof:
    """Sum up the verdicts."""
    chains = [f"{item.certificate}: chain of {len(item.chain)} CA certificates" for item in work.items]
    return Proof("; ".join(chains))


STEP = Step(
    name="validate",
    purpose="judge the new certificate against the old one, the CSR and the release",
    rests_on=("found", "csr", "leaf"),
    phases=(Phase("validate", plan, {"judge": Judge()}),),
    prove=prove,
)
