"""Bring values that an older certrenew stored to the schema of this one. Pure.

What was written stays as it is: a journal is chained by hashes, a plan named by its digest, a decision may be signed.
So only a renewal's values are migrated, whenever they are read. The next writer journals them as they are now
(`migrated`), and then they follow from the journal again; so are the values of a version of this schema that had not
all members yet. Plan, decision and event only ever gain members that have a default.

A release that raises `engine.model.SCHEMA` adds what brings the values of the one before to its own, and keeps a golden
home of its own (`tests/engine/store/golden`), which every later release must load.
"""

from collections.abc import Callable

import msgspec

from engine.model import SCHEMA, Json, Renewal

MIGRATIONS: dict[int, Callable[[dict[str, Json]], dict[str, Json]]] = {}
"""By an older schema, what makes its values those of the next one. There is none yet: schema 1 was the first."""


def migrate(values: dict[str, Json]) -> dict[str, Json]:
    """Return the values in this schema. Raises KeyError for a schema that nothing leads on from."""
    while (schema := values["schema"]) < SCHEMA:
        values = {**MIGRATIONS[schema](values), "schema": schema + 1}
    return values


def renewal(values: dict[str, Json]) -> Renewal:
    """Return the renewal that stored or folded values make. Raises KeyError, ValueError or TypeError for others."""
    return msgspec.convert(migrate(values), Renewal)
