"""Hold the values that are stored, digested, signed and shown: all plain JSON, none of them does I/O.

A renewal's current values are the fold of its journal: each event names the values it sets, so one write is one
truth and a document can be rebuilt from its journal.
"""

from engine.canonical import Json
from engine.model.journal import Event, fold, set_path
from engine.model.plans import Change, Decision, Plan, Severity
from engine.model.renewals import Ask, Found, Item, Override, Renewal, Sighting, Wait, places
from engine.model.values import SCHEMA, Actor, Effect, Finding, Outcome, Value

__all__ = [
    "SCHEMA",
    "Actor",
    "Ask",
    "Change",
    "Decision",
    "Effect",
    "Event",
    "Finding",
    "Found",
    "Item",
    "Json",
    "Outcome",
    "Override",
    "Plan",
    "Renewal",
    "Severity",
    "Sighting",
    "Value",
    "Wait",
    "fold",
    "places",
    "set_path",
]
