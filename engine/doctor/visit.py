"""Look at a box: what its ports show, and with one login what it holds. Nothing is written, nothing is asked twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.contracts import Device
from engine.errors import ApiDisabled, CertrenewError, LoginRefused, Unreachable, Untrusted, UsageError

if TYPE_CHECKING:
    from cryptography import x509

    from engine.contracts import BoxStatus, Service, Suggestion, TrustStore
    from engine.estate import Node
    from engine.runner.connections import Connections

CONNECT, STATUS, TRUSTED, HELD, PENDING = "connect", "status", "trusted", "certificate", "pending-csr"
SERVICES, SUGGESTED = "services", "suggested"
"""What is read of a box, by the names under which `Seen.faults` keeps what went wrong."""

BY_HAND = "Worked by hand: what it holds is brought by people, within a renewal; only its ports are looked at."
"""What is said of a box of which nothing else is read."""

HOPELESS = (UsageError, Untrusted, LoginRefused, ApiDisabled, Unreachable)
"""After one of these nothing more is asked of a box: it would only be refused again, or time out again."""


@dataclass
class Seen:
    """Be what was seen of one box.

    `wire` maps an endpoint's address to the certificate that it presents, `silent` to why it shows none. `held` maps a
    slot, and `trusted` a store, to what the box's API says. `faults` maps what could not be read to the reason. Of a
    box that people work `by_hand` only the wire is seen. Where it makes a certificate that its cluster shares,
    `gives_keys` says that the private key is fetched from it, and `key_fault` why that would fail.
    """

    node: str
    wire: "dict[str, x509.Certificate]" = field(default_factory=dict)
    silent: dict[str, CertrenewError] = field(default_factory=dict)
    status: "BoxStatus | None" = None
    slots: tuple[str, ...] = ()
    held: "dict[str, x509.Certificate]" = field(default_factory=dict)
    trusted: "dict[str, list[x509.Certificate]]" = field(default_factory=dict)
    stores: tuple[str, ...] = ()
    pending: "x509.CertificateSigningRequest | None" = None
    services: "list[Service]" = field(default_factory=list)
    suggested: "dict[str, Suggestion]" = field(default_factory=dict)
    faults: dict[str, CertrenewError] = field(default_factory=dict)
    gives_keys: bool = False
    key_fault: CertrenewError | None = None
    logged_in: bool = False
    by_hand: bool = False

    @property
    def hopeless(self) -> bool:
        """Tell whether asking more is useless."""
        return any(isinstance(error, HOPELESS) for error in self.faults.values())

    @property
    def presented(self) -> "dict[str, x509.Certificate]":
        """Return the different certificates that were seen on the wire, by fingerprint."""
        from engine.certificates import fingerprint

        return {fingerprint(certificate): certificate for certificate in self.wire.values()}


def endpoints(node: "Node") -> dict[str, str]:
    """Return where a box presents a certificate: address to the name of the endpoint, each address once."""
    named = {address: name for name, address in node.tls.items()}
    return {node.address: "api", **named}


def visit(connections: "Connections", name: str) -> Seen:
    """Look at one node. Read-only; errors are kept in what is returned."""
    seen = Seen(name)
    node = connections.estate.nodes[name]
    for address in endpoints(node):
        try:
            seen.wire[address] = connections.served(address)
        except CertrenewError as error:
            seen.silent[address] = error
    if node.address in seen.wire:
        _log_in(connections, seen)
    return seen


def _log_in(connections: "Connections", seen: Seen) -> None:
    try:
        peer = connections.peer(seen.node)
    except CertrenewError as error:
        seen.faults[CONNECT] = error
        return
    seen.by_hand = peer.by_hand
    if peer.by_hand:
        _check_settings(peer, seen)
    elif isinstance(peer, Device):
        _read_box(peer, seen)
        _check_keys(connections, peer, seen)
        _ask_authorities(connections, seen)
    else:
        _read_trust(peer, seen)
        _read_services(peer, seen)


def _check_settings(peer: "TrustStore", seen: Seen) -> None:
    """Find out whether the driver of a box that people work by hand has what it needs; nothing is sent."""
    try:
        if isinstance(peer, Device):
            peer.status()
    except CertrenewError as error:
        seen.faults[STATUS] = error


def _read_box(device: Device, seen: Seen) -> None:
    def status() -> None:
        seen.status = device.status()

    def held() -> None:
        seen.slots = device.slots()
        for slot in seen.slots:
            seen.held[slot] = device.certificate(slot)

    def pending() -> None:
        seen.pending = device.pending_csr()

    _try(seen, STATUS, status)
    _read_trust(device, seen)
    _try(seen, HELD, held)
    _try(seen, PENDING, pending)


def _check_keys(connections: "Connections", device: Device, seen: Seen) -> None:
    """Log in where the private key of a shared certificate will be fetched; it has an account of its own."""
    shared = [one for one in connections.estate.certificates.values() if one.cluster_name and one.node == seen.node]
    seen.gives_keys = bool(shared) and device.gives_keys
    if seen.gives_keys:
        try:
            device.check_keys()
        except CertrenewError as error:
            seen.key_fault = error


def _read_trust(peer: "TrustStore", seen: Seen) -> None:
    def trusted() -> None:
        seen.stores = peer.stores
        for store in peer.stores:
            seen.trusted[store] = peer.trusted(store)

    _try(seen, TRUSTED, trusted)


def _read_services(peer: "TrustStore", seen: Seen) -> None:
    """Read what loads the stores; it may have an account of its own, which a refused login of the other leaves good."""

    def services() -> None:
        seen.services = list(peer.services())

    error = seen.faults.get(TRUSTED)
    _try(seen, SERVICES, services, even_so=isinstance(error, LoginRefused | ApiDisabled))


def _ask_authorities(connections: "Connections", seen: Seen) -> None:
    """Ask each authority of the node's certificates when it would like them to be renewed (RFC 9773)."""

    def suggestion(name: str, certificate: "x509.Certificate") -> None:
        found = connections.authority(connections.estate.certificates[name].authority).suggested(certificate)
        if found:
            seen.suggested[name] = found

    for entry in connections.estate.certificates.values():
        if entry.node == seen.node and entry.slot in seen.held:
            certificate, name = seen.held[entry.slot], entry.name
            try:
                suggestion(name, certificate)
            except CertrenewError as error:
                seen.faults.setdefault(SUGGESTED, error)


def _try(seen: Seen, what: str, read: Callable[[], None], *, even_so: bool = False) -> None:
    """Read something unless it is useless by now; keep what went wrong."""
    if seen.hopeless and not even_so:
        return
    try:
        read()
        seen.logged_in = True
    except CertrenewError as error:
        seen.faults[what] = error
