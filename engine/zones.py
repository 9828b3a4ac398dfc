"""Look into the DNS for solvers: follow aliases, find the zone of a name, ask every authoritative server for a value.

Nothing here changes anything. What each rule rests on: docs/reference/dns.md.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.query
import dns.rcode
import dns.resolver
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, NS, TXT, A, RdataType

from engine.errors import Failed, NotSent, UsageError
from engine.net import split_address
from engine.text import escape

PORT = 53
TIMEOUT = 5.0
"""How long the resolvers together, and each authoritative server, may take for one answer, in seconds."""

ALIASES = 8
"""How many aliases in a row are followed."""

NO_ROUTE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What sending fails with at once where this machine has no way to such an address, as one without IPv6."""

UNROUTED = "no route to it"

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Place:
    """Be where a challenge's value stands: the name at the end of all aliases, and the zone that holds it."""

    name: Name
    zone: Name


@dataclass(frozen=True)
class _Server:
    name: str
    address: str
    port: int

    def __str__(self) -> str:
        address = self.address if self.port == PORT else f"{self.address}:{self.port}"
        where = f" at {address}" if self.address else ""
        return escape(address if self.name == self.address else f"{self.name}{where}", 300)


@dataclass(frozen=True)
class Zones:
    """Look names up. Keeps nothing between calls, so that each call sees the DNS as it is then.

    `resolvers` (``IP`` or ``IP:PORT``) are asked instead of this machine's own. `nameservers` (``HOST`` or
    ``HOST:PORT``) are asked for values instead of the zone's name servers. Raises UsageError for one that can't be.
    """

    resolvers: Sequence[str] = ()
    nameservers: Sequence[str] = ()

    def __post_init__(self) -> None:
        for one in self.nameservers:
            endpoint(one, "nameservers")
        for one in self.resolvers:
            if not _is_ip(endpoint(one, "resolver")[0]):
                raise UsageError(
                    f"The resolver {escape(one, 300)} is no IP address.",
                    todo="Give `resolver` as IP or IP:PORT: a name could not be looked up without one.",
                )

    def place(self, name: str, zone: str = "") -> Place:
        """Follow the aliases of a name and find the zone at their end, unless it is given. Read-only.

        Raises NotSent when no resolver tells, Failed for aliases that go round or don't end, UsageError for what is no
        name, is in no zone, or lies outside the `zone` that was given.
        """
        target = self._target(parsed(name))
        found = parsed(zone) if zone else self._zone_of(target)
        if not target.is_subdomain(found):
            raise UsageError(
                f"{shown(target)} is not in the zone {shown(found)}.",
                untouched="Nothing was sent.",
                todo="Correct `zone`, or leave it out to have it looked up.",
            )
        return Place(target, found)

    def missing(self, name: str, value: str, zone: str = "") -> list[str]:
        """Name each authoritative server that doesn't show the value, and say why. Read-only.

        Every address of every name server is asked without recursion, by UDP and, for a long answer, TCP. An address
        that this machine has no route to is left out where another of the same server could be asked. Raises like
        `place`, and Failed where no server is known.
        """
        place = self.place(name, zone)
        servers = groupby(self._servers(place.zone), key=lambda one: one.name)
        return [lack for _, same in servers for lack in _lacking(list(same), place.name, value)]

    def resolver(self) -> dns.resolver.Resolver:
        """Make a resolver that asks whom the settings say. Raises UsageError where this machine has none."""
        try:
            made = dns.resolver.Resolver(configure=not self.resolvers)
        except dns.resolver.NoResolverConfiguration:
            raise UsageError(
                "This machine has no resolver: /etc/resolv.conf names none.",
                untouched="Nothing was sent.",
                todo="Set `resolver` in the solver's options.",
            ) from None
        if self.resolvers:
            given = [endpoint(one, "resolver") for one in self.resolvers]
            made.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in given]
        return made

    def _servers(self, zone: Name) -> list[_Server]:
        found = [server for name, port in self._named(zone) for server in self._at(name, port)]
        if not found:
            raise Failed(
                f"No name server of the zone {shown(zone)} is known.",
                untouched="Nothing was changed.",
                todo="Check the zone's NS records, or name its servers with `nameservers`.",
            )
        return found

    def _named(self, zone: Name) -> list[tuple[str | Name, int]]:
        if self.nameservers:
            return [endpoint(one, "nameservers") for one in self.nameservers]
        answer = self._ask(zone, NS)
        return [(one, PORT) for one in sorted(record.target for record in (answer and answer.rrset) or ())]

    def _at(self, host: str | Name, port: int) -> Iterator[_Server]:
        """Yield a server for each address of a host; one without address when it has none."""
        if isinstance(host, str) and _is_ip(host):
            yield _Server(host, host, port)
            return
        name = parsed(host) if isinstance(host, str) else host
        answers = [self._ask(name, kind) for kind in (A, AAAA)]
        addresses = [record.address for answer in answers if answer for record in answer.rrset or ()]
        yield from (_Server(name.to_text(omit_final_dot=True), address, port) for address in addresses or [""])

    def _target(self, name: Name) -> Name:
        """Follow aliases to their end: an UPDATE would silently add nothing beside one (RFC 2136 section 3.4.2.2)."""
        seen = [name]
        while (answer := self._ask(seen[-1], CNAME)) and answer.rrset:
            seen.append(answer.rrset[0].target)
            loops = seen[-1] in seen[:-1]
            if loops or len(seen) > ALIASES + 1:
                raise Failed(
                    f"The aliases of {shown(name)} {'go round' if loops else 'do not end'}: "
                    f"{', '.join(map(shown, seen))}.",
                    untouched="Nothing was changed.",
                    todo="Correct the CNAME records.",
                )
        return seen[-1]

    def _zone_of(self, name: Name) -> Name:
        """Find the zone by its SOA record. Raises UsageError where there is none but the root."""
        try:
            found = dns.resolver.zone_for_name(name, resolver=self.resolver(), lifetime=TIMEOUT)
        except dns.resolver.NoRootSOA:
            found = dns.name.root
        except (dns.exception.DNSException, OSError) as error:
            raise self._unanswered(name, error) from None
        if found == dns.name.root:
            raise UsageError(
                f"No zone holds {shown(name)}, as far as {self._who()} tells.",
                untouched="Nothing was sent.",
                todo="Check the name; where only some resolver knows its zone, set `resolver`, or set `zone`.",
            )
        return found

    def _ask(self, name: Name, kind: RdataType) -> dns.resolver.Answer | None:
        """Ask the resolvers; None for a name that doesn't exist."""
        try:
            return self.resolver().resolve(name, kind, raise_on_no_answer=False, search=False, lifetime=TIMEOUT)
        except dns.resolver.NXDOMAIN:
            return None
        except (dns.exception.DNSException, OSError) as error:
            raise self._unanswered(name, error) from None

    def _who(self) -> str:
        return ", ".join(escape(one, 300) for one in self.resolvers) or "this machine's resolver"

    def _unanswered(self, name: Name, error: Exception) -> NotSent:
        return NotSent(
            f"{self._who()} tells nothing of {shown(name)}: {why(error)}.",
            untouched="Nothing was sent to any name server.",
            todo="Check `resolver` and the network, then run the same command again.",
        )


def endpoint(address: str, setting: str) -> tuple[str, int]:
    """Split ``HOST`` or ``HOST:PORT``, also with an IPv6 address, bare or in brackets. The port is 53 when absent.

    Raises UsageError that names the setting.
    """
    try:
        host, port = (address, PORT) if _is_ip(address) else split_address(address, PORT)
        if not 0 < port < 65536 or not (_is_ip(host) or _is_name(host)):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"`{setting}` can't be `{escape(address, 300)}`.",
            todo="Write HOST or HOST:PORT, and an IPv6 address with a port as [ADDRESS]:PORT.",
        ) from None
    return host, port


def parsed(text: str) -> Name:
    """Read a full name of letters, digits, hyphens and underscores, with or without its last dot.

    So nothing in it is an escape, or is taken for one. Raises UsageError for any other text.
    """
    if not _is_name(text):
        raise UsageError(
            f"`{escape(text, 300)}` is no name that can hold a TXT record.",
            untouched="Nothing was sent.",
            todo="Use a full name of letters, digits and hyphens; an international one in its xn-- form.",
        )
    return dns.name.from_text(text)


def shown(name: Name) -> str:
    """Write a name for people, without its last dot; whatever octets it has are harmless."""
    return escape(name.to_text(omit_final_dot=True), 300)


def why(error: Exception) -> str:
    """Say in a few words why nobody answered."""
    if isinstance(error, dns.exception.Timeout | TimeoutError):
        return "no answer in time"
    if isinstance(error, dns.resolver.NoNameservers):
        return "it answers with an error"
    if isinstance(error, EOFError):
        return "it hung up"
    return escape(getattr(error, "strerror", None) or type(error).__name__, 100)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    plain = text.removesuffix(".")
    return len(plain) < 254 and all(_LABEL.fullmatch(label) for label in plain.split("."))


def _lacking(servers: list[_Server], name: Name, value: str) -> list[str]:
    """Ask all addresses of one name server; say of each that lacks the value why."""
    found = [(server, _lack(server, name, value)) for server in servers]
    routed = [(server, lack) for server, lack in found if lack != UNROUTED]
    return [f"{server} ({lack})" for server, lack in routed or found if lack]


def _lack(server: _Server, name: Name, value: str) -> str:
    """Say why a server doesn't show the value; empty when it does."""
    if not server.address:
        return "it has no address"
    query = dns.message.make_query(name, TXT, flags=0, use_edns=0, payload=1232)
    try:
        answer, _ = dns.query.udp_with_fallback(
            query, server.address, TIMEOUT, server.port, ignore_unexpected=True, ignore_errors=True
        )
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return UNROUTED if getattr(error, "errno", 0) in NO_ROUTE else why(error)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return f"it answers {dns.rcode.to_text(answer.rcode())}"
    if not answer.flags & dns.flags.AA:
        return "it is not authoritative"
    return "" if value.encode() in _values(answer, name) else "not there yet"


def _values(answer: dns.message.Message, name: Name) -> list[bytes]:
    """Return the values of a TXT answer, each put together from its strings (RFC 8555 section 8.4)."""
    found = [rrset for rrset in answer.answer if rrset.rdtype == TXT and rrset.name == name]
    return [b"".join(record.strings) for rrset in found for record in rrset]
