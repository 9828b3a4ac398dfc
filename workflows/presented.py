"""Say what the systems of the site present now, to whom, and whether a CA certificate is needed for it.

Read from ports and slots, nothing remembered: a port shows what is in use, a slot what will be after a restart. Who
must trust whom is the table of `engine.relations`; what else is connected with a box, such as a CUCM, must be trusted,
too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.contracts import Device
from engine.errors import UsageError
from engine.estate import WITH_SLOTS
from engine.relations import cluster, slots_of, trusting
from engine.text import escape
from engine.workflow import Work
from workflows.common import title
from workflows.trust import Target

if TYPE_CHECKING:
    from cryptography import x509


class Shown(NamedTuple):
    """Be one certificate that a node presents, or None where what it presents can't be read, and who must trust it."""

    node: str
    where: str
    certificate: "x509.Certificate | None"
    by: tuple[str, ...]

    def __str__(self) -> str:
        """Name it for a person."""
        return f"what {self.node} presents ({self.where})"


def presented(work: Work) -> list[Shown]:
    """Return what every node of the site presents now, or will after a restart. Read-only.

    Raises what a look raises: what can't be seen may need anything.
    """
    return [one for node in work.estate.nodes for one in _of_node(work, node)]


def _of_node(work: Work, node: str) -> Iterator[Shown]:
    entry = work.estate.nodes[node]
    expressway = entry.kind in WITH_SLOTS
    release = _release(work, node) if expressway else ""
    by = tuple(trusting(work.estate, node, ["server"], release) if expressway else _connected(work, node))
    for name, address in (entry.tls or {"https": entry.address}).items():
        yield Shown(node, f"port {name}", work.served(address), by)
    if expressway:
        yield from _slots(work, work.device(node), node, release)


def _slots(work: Work, device: Device, node: str, release: str) -> Iterator[Shown]:
    """Yield what is in the slots; of a box that people work, or a slot that its driver can't read, None."""
    readable = () if device.by_hand else device.slots()
    for slot in slots_of(release):
        by = tuple(trusting(work.estate, node, [slot], release))
        if slot in readable:
            yield Shown(node, f"slot {slot}", device.certificate(slot), by)
        elif slot != "server":  # its ports show the server slot
            yield Shown(node, f"slot {slot}", None, by)


def _release(work: Work, node: str) -> str:
    """Return a box's release; where nobody says, one of before the slots were parted, when each trusted as much."""
    try:
        return work.device(node).status().release
    except UsageError:
        return "X14"


def _connected(work: Work, node: str) -> list[str]:
    """Return the nodes of its cluster, and those connected with any of them, for a node without slots here."""
    mates = cluster(work.estate, work.estate.nodes[node].publisher or node)
    ends = [(one.client, one.server) for one in work.estate.connections]
    others = [end for link in ends if set(link) & set(mates) for end in link]
    return list(dict.fromkeys([*mates, *others]))


# ---- what is needed ------------------------------------------------------------------------------------------------


class Needs:
    """Know what needs CA certificates, as it was seen at one moment; `wanted` are needed whatever is seen, and why."""

    def __init__(self, work: Work, pool: "Sequence[x509.Certificate]", wanted: Mapping[str, str]) -> None:
        self._work, self._pool, self._shown, self._wanted = work, pool, presented(work), wanted
        self._open = {
            sha256: other.id
            for other in work.others()
            if not other.ended
            for item in other.items
            for sha256 in item.chain
        }

    def why(self, sha256: str, target: Target, held: "Sequence[x509.Certificate]") -> str:
        """Say why a store that holds these needs a CA certificate, by its SHA-256; empty where nothing known does."""
        if sha256 in self._wanted:
            return f"the site says that it is needed ({escape(self._wanted[sha256], 80)})"
        if sha256 in self._open:
            return f"renewal {self._open[sha256]}, which is open, chains to it"
        return next((f"{one} {why}" for one in self._for(target) if (why := self._needs(one, sha256, held))), "")

    def unproven(self, target: Target, held: "Sequence[x509.Certificate]") -> list[str]:
        """Name what is presented to a store's box and has no whole chain among what the store holds."""
        return [f"{one}" for one in self._for(target) if one.certificate and not self._proven(one.certificate, held)]

    def _for(self, target: Target) -> list[Shown]:
        return [one for one in self._shown if target.node in one.by]

    def _needs(self, one: Shown, sha256: str, held: "Sequence[x509.Certificate]") -> str:
        from engine.certificates import build_chain, fingerprint

        if one.certificate is None:
            return "can't be read, so nobody knows what it chains to"
        chain = build_chain(one.certificate, self._pool, held, self._work.now())
        needed = sha256 in {fingerprint(ca) for ca in chain.certificates}
        return f"chains to it: {title(one.certificate)}" if needed else ""

    def _proven(self, leaf: "x509.Certificate", held: "Sequence[x509.Certificate]") -> bool:
        from engine.certificates import build_chain

        return build_chain(leaf, (), held, self._work.now()).complete
