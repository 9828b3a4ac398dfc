"""Hold what is planned, and what people decide of it."""

from typing import Literal

from engine.canonical import Json, digest, sha256
from engine.model.values import SCHEMA, Actor, Effect, Value

Severity = Literal["none", "brief", "outage"]
"""How much people notice: nothing, an interruption of a minute or two, or that something is away for longer."""


class Change(Value, frozen=True, kw_only=True):
    """Be one line of a plan.

    Digested: `action`, `target`, `item`, `effect`, `before` (preconditions) and `after` (desired end state).
    For people and rules, never digested: `what`, `impact` (on whom, in prose), `severity`, `way_back`, `proof` (how it
    will be shown), `activity`, `notes`, `duration` (seconds), `reversible`, `by_hand` (people make it, because the
    box's driver knows no way).
    """

    action: str
    target: str
    effect: Effect
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    item: int | None = None
    what: str = ""
    impact: str = "none"
    way_back: str = ""
    proof: str = ""
    activity: str = ""
    notes: list[str] = []
    duration: int = 0
    reversible: bool = True
    by_hand: bool = False
    severity: Severity = "none"

    def digested(self) -> dict[str, Json]:
        """Return the members that an approval binds."""
        return {
            "action": self.action,
            "target": self.target,
            "effect": self.effect.value,
            "item": self.item,
            "before": self.before,
            "after": self.after,
        }

    @property
    def key(self) -> str:
        """Name this change: the SHA-256 of its digested members."""
        return digest(self.digested())


class Plan(Value, frozen=True, kw_only=True):
    """Be the changes of one phase of one step, as a value with a digest (DESIGN: approve what you saw).

    `basis` is what the plan rests on: fingerprints of slot certificate, CSR, leaf and CA certificates per item,
    releases, overrides and the approval policy's digest. `round` counts how often the renewal began again or
    came to another turn, so that an old approval never fits a new attempt. `made_at` is not digested.
    """

    renewal: str
    step: str
    phase: str
    round: int
    basis: dict[str, Json]
    changes: list[Change]
    change: str = ""
    after: str = ""
    expects: str = ""
    schema: int = SCHEMA
    made_at: str = ""

    def digested(self) -> dict[str, Json]:
        """Return the members that an approval binds; their canonical JSON is what is hashed."""
        return {
            "schema": self.schema,
            "renewal": self.renewal,
            "step": self.step,
            "phase": self.phase,
            "round": self.round,
            "change": self.change,
            "after": self.after,
            "expects": self.expects,
            "basis": self.basis,
            "changes": [change.digested() for change in self.changes],
        }

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, 64 hex digits."""
        return digest(self.digested())

    @property
    def effect(self) -> Effect:
        """Return the heaviest effect of all changes."""
        return max((change.effect for change in self.changes), key=lambda effect: effect.weight, default=Effect.READ)


class Decision(Value, frozen=True, kw_only=True):
    """Be what one person says of one plan's digest; kept in an immutable file of its own.

    `verb` is ``approve``, ``emergency``, ``reject`` or ``withdraw`` (which names the decision it `withdraws`). `by` is
    who typed it in, and not signed. It counts from `not_before` to `not_after` (RFC 3339, UTC; empty: without such an
    end). `change` is the plan's. `signature` is the person's SSH signature of `claim`, "" where it rests on a local
    account alone.
    """

    id: str
    verb: str
    renewal: str
    step: str
    phase: str
    plan: str
    person: str
    at: str
    by: Actor
    not_before: str = ""
    not_after: str = ""
    change: str = ""
    reason: str = ""
    withdraws: str = ""
    signature: str = ""
    schema: int = SCHEMA

    @property
    def signed(self) -> bool:
        """Tell whether there is a signature; whether it is a good one is judged when it counts."""
        return bool(self.signature)

    def claim(self) -> dict[str, Json]:
        """Return the members that the person signs, as canonical JSON (RFC 8785)."""
        return {key: value for key, value in self.plain().items() if key not in ("by", "signature")}

    def noted(self) -> dict[str, Json]:
        """Return what the journal notes of a decision that carried a change: SHA-256 of claim and signature, or ""."""
        signature = sha256(self.signature.encode()) if self.signed else ""
        return {"id": self.id, "claim": digest(self.claim()), "signature": signature}
