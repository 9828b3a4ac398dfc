"""Write the body of the request and sign it. Pure; every text that comes from elsewhere is escaped."""

import hashlib
import hmac
import json
from string import Template

from engine.errors import UsageError
from engine.model import Json
from engine.settings import unknown
from engine.text import escape

NAMES = (
    *("event", "kind", "text", "at", "by", "renewal", "certificates", "nodes", "state"),
    *("waits_for", "since", "todo", "who", "old_ends"),
)
"""The placeholders of a template, and the members of the usual body."""


def fields(renewal: dict[str, Json], event: dict[str, Json]) -> dict[str, str]:
    """Return what a receiver may want to know, all as texts; empty where there is nothing to say."""
    wait = renewal["wait"] or {}
    plain = {
        "event": event["hash"],
        "kind": event["kind"],
        "text": event["text"],
        "at": event["at"],
        "by": event["by"]["person"] or event["by"]["account"],
        "renewal": renewal["id"],
        "certificates": ", ".join(item["certificate"] for item in renewal["items"]),
        "nodes": ", ".join(item["node"] for item in renewal["items"]),
        "state": renewal["state"],
        "waits_for": wait.get("on", ""),
        "since": wait.get("since", renewal["since"]),
        "todo": "" if renewal["ended"] else wait.get("todo") or f"certrenew run {renewal['id']}",
        "who": ", ".join(renewal["who"]),
        "old_ends": min((item["found"]["not_after"] for item in renewal["items"] if item["found"]), default=""),
    }
    return {name: escape(text, 2000) for name, text in plain.items()}


def body(values: dict[str, str], template: bytes | None = None) -> bytes:
    """Return the JSON to send: the values as they are, or in the places that a template has for them.

    Raises UsageError for a template that is no JSON, or names what there is not.
    """
    return json.dumps(values if template is None else _filled(_parsed(template), values)).encode()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the HMAC-SHA256 over the timestamp, a dot and the body, as ``v1=`` and hex digits."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _parsed(template: bytes) -> Json:
    try:
        return json.loads(template)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"The template is no JSON: {escape(error, 200)}.", untouched="Nothing was sent.", todo="Correct the file."
        ) from None


def _filled(place: Json, values: dict[str, str]) -> Json:
    """Fill the texts of a JSON value; because it is written anew afterwards, no value can leave its text."""
    if isinstance(place, dict):
        return {name: _filled(inner, values) for name, inner in place.items()}
    if isinstance(place, list):
        return [_filled(inner, values) for inner in place]
    if not isinstance(place, str):
        return place
    try:
        return Template(place).substitute(values)
    except KeyError as error:
        name = str(error.args[0])
        wrong = unknown(f"The template has `${{{escape(name, 80)}}}`", name, NAMES)
        raise UsageError(wrong.what, untouched="Nothing was sent.", todo=wrong.todo) from None
    except ValueError:
        raise UsageError(
            f"The template has a `$` that begins no placeholder: {escape(place, 80)}.",
            untouched="Nothing was sent.",
            todo="Write $$ for a dollar sign.",
        ) from None
