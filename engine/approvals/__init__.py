"""Judge whether a plan may be carried out: which rules apply, who has approved it, and whether it is still that plan.

Pure: plans, decisions, policy and people go in; the answer comes out, and `require` raises. The runner calls `require`
at the moment of execution, on every path; nothing else lets a plan through.
"""

from engine.approvals.case import APPROVE, EMERGENCY, REJECT, WITHDRAW, Case, Terms, objection, rules_for
from engine.approvals.counting import Standing, is_open, standings, why_void
from engine.approvals.coverage import differences
from engine.approvals.gate import Carried, describe, objected, require

__all__ = [
    "APPROVE",
    "EMERGENCY",
    "REJECT",
    "WITHDRAW",
    "Carried",
    "Case",
    "Standing",
    "Terms",
    "describe",
    "differences",
    "is_open",
    "objected",
    "objection",
    "require",
    "rules_for",
    "standings",
    "why_void",
]
