"""Put challenges into the DNS by dynamic updates (RFC 2136) that are signed with a shared key (TSIG, RFC 8945).

For users: docs/how-to/prove-names-by-dns.md. What is known of servers, with sources: docs/reference/dns.md.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from engine.contracts import Office, Solver, SolverPlugin
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of the solver ``rfc2136``.

    `server`: HOST or HOST:PORT of the zone's primary name server, which takes the updates.

    `key_name`: the name of the TSIG key, as the server has it.

    `key`: where the key's secret is, as a reference such as ``file:PATH``; the secret itself is Base64 text.

    `key_algorithm`: what the key is for: ``hmac-sha256`` (default), ``hmac-sha384`` or ``hmac-sha512``.

    `zone`: the zone that is updated; by default it is looked up by its SOA record, after aliases were followed.

    `ttl`: how long resolvers may keep a value, in seconds, 60 by default and at most a day.

    `resolver`: who is asked for aliases, zones and name servers, each as IP or IP:PORT; by default this machine's own
    resolver. For an estate whose inner view of the DNS is not what the authority sees.

    `nameservers`: who must show a value before the authority is told, each as HOST or HOST:PORT; by default every name
    server of the zone, at every address.
    """

    server: str
    key_name: str
    key: str | list[str]
    key_algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    zone: str = ""
    ttl: Annotated[int, msgspec.Meta(ge=0, le=86400)] = 60
    resolver: list[str] = []
    nameservers: list[str] = []


def connect(office: Office, options: Options) -> Solver:
    """Make the solver; nothing is sent yet."""
    from plugins.rfc2136.client import Rfc2136

    return Rfc2136(office, options)


@hookimpl
def register_solvers() -> Sequence[SolverPlugin]:
    """Offer it as the solver ``rfc2136``."""
    return [SolverPlugin("rfc2136", Options, connect)]
