"""Propagate (procedure D.1 to D.3): put missing CA certificates on every box that must trust the new chain.

Two plans in turn: trust (nobody notices), then the restarts of peers that need one for it to count (somebody may). It
runs, and proves, even when the CA is the same. Compared by SHA-256 of the DER, added roots first, never removed.
"""

from typing import TYPE_CHECKING

from engine.model import Change, Effect
from engine.workflow import Action, Phase, Proof, Step, Work
from workflows.common import item_of, kept_certificate, numbered, refuse, title
from workflows.restart import RestartPeer
from workflows.trust import missing, require_trusted, targets

if TYPE_CHECKING:
    from cryptography import x509


class Trust(Action):
    """Put one CA certificate into one trust store."""

    def holds(self, work: Work, change: Change) -> Proof | None:
        """Look for the certificate in the store, by fingerprint."""
        from engine.certificates import fingerprint

        wanted = str(change.after["trusted"])
        held = {fingerprint(certificate) for certificate in work.device(change.target).trusted()}
        if wanted not in held:
            return None
        return Proof(f"{change.target} trusts {title(kept_certificate(work, wanted))} {wanted[:12]}…")

    def act(self, work: Work, change: Change) -> None:
        """Add it; a box whose store counts only after a restart is noted before."""
        device = work.device(change.target)
        _, item = item_of(work, change)
        if device.trust_needs_restart and change.target != item.node:
            work.record("due", f"{change.target} needs a restart", values={f"restarts/{change.target}": "due"})
        device.add_trusted(kept_certificate(work, str(change.after["trusted"])))


def plan_trust(work: Work) -> list[Change]:
    """Add, per target, what it does not hold; looks at every target."""
    from engine.certificates import fingerprint

    changes: dict[tuple[str, str], Change] = {}
    for number, item in numbered(work):
        for target, lacking in missing(work, item).items():
            _no_namesake(work, target, lacking)
            for certificate in lacking:
                sha256 = fingerprint(certificate)
                changes[target, sha256] = _change(number, target, certificate, sha256)
    return list(changes.values())


def _change(number: int, target: str, certificate: "x509.Certificate", sha256: str) -> Change:
    kind = "root" if certificate.subject == certificate.issuer else "intermediate"
    return Change(
        action="trust",
        target=target,
        item=number,
        effect=Effect.STAGE,
        before={"missing": sha256},
        after={"trusted": sha256},
        what=f"add {kind} CA {title(certificate)} ({sha256[:12]}…) to the trusted CA list of {target}",
        impact="none: nothing that was trusted is removed",
        way_back="remove it on the box's page Maintenance > Security > Trusted CA certificate",
        duration=10,
    )


NAMESAKE = "same-name-ca"
"""The check that a box does not already trust another CA certificate of the same name."""


def _no_namesake(work: Work, target: str, lacking: "list[x509.Certificate]") -> None:
    """Raise Refused when a box trusts another CA of the same subject: it uses the first and ignores the other.

    Source: docs/reference/expressway.md, trusted CA list (213872, confirmed). `--override same-name-ca` goes on.
    """
    if not lacking or NAMESAKE in {one.check for one in work.renewal.overrides}:
        return
    held = {certificate.subject for certificate in work.device(target).trusted()}
    for certificate in lacking:
        if certificate.subject in held:
            raise refuse(
                f"{NAMESAKE}: {target} already trusts another CA certificate named {title(certificate)}. "
                "Of several with one name a box uses the first and ignores the others.",
                "Ask the CA for a chain whose name tells it from the old one, or settle by hand which one the box "
                f"keeps and go on with: certrenew advance {work.renewal.id} --override {NAMESAKE} --reason TEXT",
            )


def plan_services(work: Work) -> list[Change]:
    """Restart peers on which a certificate we added counts only after a restart."""
    return [
        Change(
            action="restart-peer",
            target=target,
            effect=Effect.SERVE,
            before={"trust": "added"},
            after={"trust": "in effect"},
            what=f"restart {target}, so that its new trusted CAs count",
            impact=f"calls and registrations on {target} end; about 3 minutes",
            duration=work.device(target).restart_timeout,
            reversible=False,
            way_back="none needed",
        )
        for target, due in sorted(work.renewal.restarts.items())
        if due == "due"
    ]


def prove(work: Work) -> Proof:
    """Read every target back once more; raises Refused when one lacks a certificate."""
    require_trusted(work)
    told = [f"{target} trusts the chain of {item.certificate}" for item in work.items for target in targets(work, item)]
    return Proof("; ".join(told))


STEP = Step(
    name="propagate",
    purpose="have every box trust the new chain, before it is presented",
    rests_on=("found", "csr", "leaf", "chain"),
    phases=(
        Phase("trust", plan_trust, {"trust": Trust()}),
        Phase("services", plan_services, {"restart-peer": RestartPeer()}, in_order=True),
    ),
    prove=prove,
)
