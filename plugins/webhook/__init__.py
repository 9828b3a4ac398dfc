"""Tell other systems of events by one signed HTTPS request each. For users: docs/reference/observers.md."""

from collections.abc import Sequence
from pathlib import Path

from engine.contracts import Observer, ObserverAccess, ObserverPlugin
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one such observer, ``[observers.NAME.options]``.

    `url`: where to POST to, beginning with ``https://``; or, because such an address may be a secret itself, a
    reference to it (``env:``, ``file:``, ``keyring:`` or a list of arguments).

    `secret`: where the key of the signature is, as a reference; the receiver has the same.

    `ca`: a PEM file with the CA certificates that verify the receiver; by default the system's store.

    `template`: a JSON file to send instead of the usual body, with placeholders such as ``${state}`` in its texts.
    """

    url: str | list[str]
    secret: str | list[str]
    ca: Path | None = None
    template: Path | None = None


def connect(access: ObserverAccess, options: Options) -> Observer:
    """Make the observer; nothing is sent."""
    from plugins.webhook.client import Webhook

    return Webhook(access, options)


@hookimpl
def register_observers() -> Sequence[ObserverPlugin]:
    """Offer it as ``plugin = "webhook"``."""
    return [ObserverPlugin("webhook", Options, connect)]
