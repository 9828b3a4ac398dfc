"""Be something that others look after and that has to trust: shown by its port where it says so, else by a word."""

from typing import TYPE_CHECKING

from engine.contracts import Access, Brought, Desk, TrustStore
from engine.errors import Waiting
from engine.model import Ask, Sighting
from engine.text import escape
from plugins.guided import client, pages
from plugins.guided.device import desk_of, paper_of

if TYPE_CHECKING:
    from cryptography import x509


class Peer(TrustStore):
    """Count a CA certificate as trusted where the port names it, somebody brought a list with it, or vouches for it."""

    def __init__(self, access: Access) -> None:
        self._access, self._node = access, access.node

    @property
    def by_hand(self) -> bool:
        """Say that people look after it."""
        return True

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Return those of the renewal's CA certificates that it is known to trust; what else it trusts is not known.

        What the port names is looked at each time. It names CAs by their names alone: a name that another CA of the
        estate has, too, shows nothing.
        """
        desk = desk_of(self._access)
        chains = desk.chains()
        names = self._names(desk) if chains else set[bytes]()
        return [one for one in chains if one.subject.public_bytes() in names or self._brought(desk, one)]

    def origin(self, certificate: "x509.Certificate") -> str:
        """Say who brought a list with it, or vouches for it, else that the port names it."""
        seen = self._brought(desk_of(self._access), certificate)
        return seen.origin if seen else "by the names that its port accepts"

    def _names(self, desk: Desk) -> set[bytes]:
        others = {other.subject.public_bytes() for other in desk.trusted_before() if other not in desk.chains()}
        return client.accepted_names(self._access.address) - others

    def _brought(self, desk: Desk, certificate: "x509.Certificate") -> Sighting | None:
        from engine.certificates import fingerprint
        from plugins.guided.wire import TRUSTED

        listed = desk.seen(TRUSTED)
        if listed and fingerprint(certificate) in listed.shows["certificates"]:
            return listed
        return desk.seen(_vouched(certificate))

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Have whoever looks after it add a CA certificate, and say so. Raises Waiting."""
        from engine.certificates import fingerprint

        desk = desk_of(self._access)
        place, node = pages.Place(self._node, self._access.address, desk.renewal), escape(self._node)
        title, file = paper_of(desk, certificate)
        confirm = (
            f"When {node} has them all: {place.confirm}. Where its list can be had as a file, bring that instead, "
            f"which is better proof: {place.supply}"
        )
        send = f"Have whoever looks after {node} trust {title} for TLS, as both client and server: {escape(file)}"
        word = f"{node} trusts the CA certificate {fingerprint(certificate)[:12]}…, {title}"
        ask = Ask(node=self._node, what=_vouched(certificate), text=word, step=confirm, word=word)
        todo = f"Do the steps in their order; then: {place.run}."
        waiting = Waiting(f"People have to have {node} trust CA certificates.", on="person", todo=todo)
        raise waiting.asking(self._list(confirm), ask, steps=[send, confirm])

    def take(self, content: bytes, name: str) -> Brought:
        """Take a list of what it trusts. Raises UsageError for anything else."""
        from engine.certificates import read_certificates
        from plugins.guided.wire import trust_list

        return trust_list(read_certificates(content, name), self._node)

    def _list(self, step: str) -> Ask:
        from plugins.guided.wire import TRUSTED

        return Ask(node=self._node, what=TRUSTED, text=f"the list of what {self._node} trusts", step=step)


def _vouched(certificate: "x509.Certificate") -> str:
    """Return under what name the word for one CA certificate is kept."""
    from engine.certificates import fingerprint

    return f"trusted:{fingerprint(certificate)}"
