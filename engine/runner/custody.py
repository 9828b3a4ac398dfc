"""Fetch what a private key that peers share is encrypted under, while it is here."""

from typing import TYPE_CHECKING

from engine.errors import UsageError
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner.site import Site

SHORTEST_SECRET = 16
"""Shortest secret that a private key is encrypted under, in characters; scrypt makes guessing slow, not impossible."""


def key_secret(site: "Site") -> str:
    """Fetch what a private key that peers share is encrypted under. Raises UsageError."""
    where, reference = f"{escape(site.estate.file)}: [shared_keys]", site.estate.shared_keys.secret
    if not reference:
        raise UsageError(
            f"{where}: `secret` is missing, and a private key that peers share is never kept without.",
            untouched="No key was fetched.",
            todo="Make one, for example with `openssl rand -hex 32`, and name there where it is: "
            'secret = "file:..." or "env:...".',
        )
    secret = site.secret(reference, f"{where}: `secret`")
    if len(secret) < SHORTEST_SECRET:
        raise UsageError(
            f"{where}: the secret has fewer than {SHORTEST_SECRET} characters.",
            untouched="No key was fetched.",
            todo="Make a longer one, for example with: openssl rand -hex 32",
        )
    return secret
