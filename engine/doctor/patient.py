"""Hold everything that the checks look at, and look at boxes and names in parallel."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.doctor.visit import Seen, visit
from engine.errors import CertrenewError
from engine.net import unresolved
from engine.runner.connections import Connections
from engine.settings import unknown
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.estate import Estate
    from engine.model import Renewal
    from engine.registry import Registry
    from engine.runner.site import Site, Tell
    from engine.store import Store

AT_ONCE = 8
"""How many boxes and names are looked at at the same time."""


@dataclass
class Patient:
    """Be what is examined; `site` is None, and `fault` says why, when the site file can't be used.

    `nodes` are the nodes to visit; `seen` what was seen of each, `unresolved` why a name has no address ("": it has).
    """

    file: Path
    store: "Store"
    registry: "Registry"
    now: datetime
    site: "Site | None" = None
    fault: CertrenewError | None = None
    nodes: tuple[str, ...] = ()
    seen: dict[str, Seen] = field(default_factory=dict)
    unresolved: dict[str, str] = field(default_factory=dict)

    @property
    def estate(self) -> "Estate":
        """Return the site; only for checks that run when there is one."""
        if self.site is None:
            raise CertrenewError("A check looked at a site that could not be read.")
        return self.site.estate

    @cached_property
    def connections(self) -> Connections:
        """Return what connects to boxes and authorities: one login each."""
        if self.site is None:
            raise CertrenewError("A check looked at a site that could not be read.")
        return Connections(self.site)

    @cached_property
    def plugin_faults(self) -> list[CertrenewError]:
        """Return what is wrong with the plugins; loading them also keeps threads from doing it at the same time."""
        registry = self.registry
        kinds: Sequence[Callable[[], object]] = (
            lambda: registry.peers,
            lambda: registry.authorities,
            lambda: registry.solvers,
            lambda: registry.workflows,
            registry.commands,
        )
        found = [error for kind in kinds if (error := _error_of(kind))]
        return list({error.what: error for error in found}.values())

    @cached_property
    def authority_faults(self) -> dict[str, CertrenewError]:
        """Return per authority why its backend can't be made. Contacts nobody."""
        made = {name: _error_of(partial(self.connections.authority, name)) for name in self.estate.authorities}
        return {name: error for name, error in made.items() if error}

    @cached_property
    def home_fault(self) -> CertrenewError | None:
        """Return why nothing in the home can be relied on, such as what renewals taught of boxes; None when all can."""
        return _error_of(self.store.summaries)

    @property
    def visits(self) -> bool:
        """Tell whether boxes are visited: with plugins and a home that can be relied on."""
        return not self.plugin_faults and self.home_fault is None

    @cached_property
    def open_renewals(self) -> "list[Renewal]":
        """Return the renewals that are not over; none where the home can't be used."""
        return [] if self.home_fault else [one.renewal for one in self.store.summaries()[0] if not one.renewal.ended]

    @cached_property
    def known(self) -> "list[x509.Certificate]":
        """Return every CA certificate that a box trusts or that the site has, each once; for after `look`."""
        seen = [one for box in self.seen.values() for held in box.trusted.values() for one in held]
        return list(dict.fromkeys([*seen, *(one for name in self.estate.authorities for one in self.roots(name))]))

    def roots(self, authority: str) -> "list[x509.Certificate]":
        """Return the CA certificates that the site has of an authority; none where their files can't be read."""
        try:
            return self.connections.roots(authority)
        except CertrenewError:  # told by the check `authorities`
            return []

    @property
    def boxes(self) -> list[Seen]:
        """Return what was seen, in the order of the site file."""
        return [self.seen[name] for name in self.nodes if name in self.seen]

    def look(self) -> None:
        """Visit every node and resolve every name, several at once, so that a dead one holds up nobody."""
        together(dict(self._jobs()), self.connections.progress)

    def _jobs(self) -> Iterator[tuple[str, Callable[[], None]]]:
        def visiting(name: str) -> Callable[[], None]:
            return lambda: self.seen.update({name: visit(self.connections, name)})

        def resolving(name: str) -> Callable[[], None]:
            return lambda: self.unresolved.update({name: unresolved(name)})

        if self.visits:
            yield from ((name, visiting(name)) for name in self.nodes)
        yield from ((f"name {name}", resolving(name)) for name in host_names(self.estate, self.nodes))


def together(jobs: Mapping[str, Callable[[], None]], tell: "Tell") -> None:
    """Do jobs, `AT_ONCE` at a time, and show the names of those that are not done; raises what one of them raises."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(job): name for name, job in jobs.items()}
        try:
            _await(waiting, tell)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _await(waiting: dict[Future[None], str], tell: "Tell") -> None:
    while waiting:
        tell("wait", f"looking at {', '.join(map(escape, waiting.values()))}")
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for one in done:
            del waiting[one]
            one.result()


def host_names(estate: "Estate", nodes: Sequence[str]) -> list[str]:
    """Return the host names that the nodes, and the extra names of their certificates, have; each once."""
    own = [estate.nodes[name].hostname for name in nodes]
    extra = [name for one in estate.certificates.values() if one.node in nodes for name in one.names]
    kinds = {"DNS", ""}
    found = [*own, *(value for kind, value in map(_split, extra) if kind in kinds and not value.startswith("*"))]
    return list(dict.fromkeys(found))


def _split(name: str) -> tuple[str, str]:
    kind, colon, value = name.partition(":")
    return (kind, value) if colon else ("", name)


def chosen(estate: "Estate", named: Sequence[str]) -> tuple[str, ...]:
    """Return the nodes that were named, all when none was. Raises SiteError, with the nearest name, for others."""
    for name in named:
        if name not in estate.nodes:
            raise unknown(f"The site has no node `{escape(name)}`", name, list(estate.nodes))
    return tuple(dict.fromkeys(named or estate.nodes))


def _error_of(make: Callable[[], object]) -> CertrenewError | None:
    try:
        make()
    except CertrenewError as error:
        return error
    return None
