"""Put challenges into the DNS through the API of a DNS provider, by the library dns-lexicon (the extra ``lexicon``).

For users: docs/how-to/prove-names-by-dns.md. What is known of the library: docs/reference/dns.md.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from engine.contracts import Office, Solver, SolverPlugin
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of the solver ``lexicon``.

    `provider`: the provider by the name that dns-lexicon gives it, such as ``route53`` or ``powerdns``.

    `credentials`: the provider's secret settings, such as ``auth_token``; each value is a reference such as
    ``file:PATH``, never the secret itself.

    `settings`: the provider's other settings, as text. Both are named as in ``lexicon PROVIDER --help``, without the
    leading hyphens and with underscores between words.

    `zone`: the zone at the provider; by default it is looked up by its SOA record, after aliases were followed.

    `ttl`: how long resolvers may keep a value, in seconds, 300 by default, because some
    providers take no less, and at most a day.

    `resolver`: who is asked for aliases, zones and name servers, each as IP or IP:PORT; by default this machine's own
    resolver.

    `nameservers`: who must show a value before the authority is told, each as HOST or HOST:PORT; by default every name
    server of the zone, at every address.
    """

    provider: str
    credentials: dict[str, str | list[str]] = {}
    settings: dict[str, str] = {}
    zone: str = ""
    ttl: Annotated[int, msgspec.Meta(ge=0, le=86400)] = 300
    resolver: list[str] = []
    nameservers: list[str] = []


def connect(office: Office, options: Options) -> Solver:
    """Make the solver; nothing is sent yet. Raises UsageError where dns-lexicon is not installed."""
    from plugins.lexicon.client import Lexicon

    return Lexicon(office, options)


@hookimpl
def register_solvers() -> Sequence[SolverPlugin]:
    """Offer it as the solver ``lexicon``."""
    return [SolverPlugin("lexicon", Options, connect)]
