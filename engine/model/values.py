"""Hold what the other values are made of."""

from enum import StrEnum

import msgspec

from engine.canonical import Json

SCHEMA = 1
"""Version of the stored document, the plan and the decision."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Be an immutable JSON object with named, typed members."""

    def plain(self) -> dict[str, Json]:
        """Return the value as plain dicts, lists, strings and whole numbers."""
        return dict(msgspec.to_builtins(self))


class Effect(StrEnum):
    """Tell what a change does to people who use the box."""

    READ = "read"
    STAGE = "stage"
    SERVE = "serve"

    @property
    def weight(self) -> int:
        """Order effects: nobody notices a read, somebody may notice a serve."""
        return list(Effect).index(self)


class Outcome(StrEnum):
    """Tell how a rule judged."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


class Finding(Value, frozen=True, kw_only=True):
    """Be one checked rule; `source` is the RFC section or the page in ``docs/reference`` that it rests on."""

    check: str
    outcome: Outcome
    message: str
    source: str = ""


class Actor(Value, frozen=True, kw_only=True):
    """Name who runs a command: the local account, and the person the site maps its uid to (or none)."""

    person: str | None
    uid: int
    account: str
    host: str
