"""Assert from the lab's own log that a renewal did everything once, however often it was interrupted."""

from collections import Counter
from collections.abc import Sequence

from plugins.lab.cucm.stores import REPLICATED
from plugins.lab.lab import Lab

NEVER = (
    *("csr-conflict", "csr-refused", "csr-discarded", "trust-removed", "trust-refused", "trust-replaced"),
    *("trust-ignored", "upload-refused", "service-refused", "login-refused", "write-refused", "csrf-refused"),
)
"""What no renewal brings about."""


def assert_once(lab: Lab, chain: Sequence[str], *, node: str = "expc") -> None:
    """Assert one CSR, one installation and one restart of `node`, and each certificate of `chain` once in each store.

    `chain` are the SHA-256 of the CA certificates that were new. The stores are those of both Expressways and, in a
    lab with CUCM, both of each node there; then each service of each node was restarted once.
    """
    for kind in ("csr-generated", "certificate-installed", "restarted"):
        assert_same(kind, [entry["node"] for entry in lab.effects.of(kind)], [node])
    assert_same("what never happens", [kind for kind in lab.effects.kinds() if kind in NEVER], [])
    stores = [*((name, "") for name in lab.boxes), *((name, store) for name in _cucm(lab) for store in REPLICATED)]
    wanted = dict.fromkeys(((*place, sha256) for place in stores for sha256 in chain), 1)
    assert_same("what came into trust stores", dict(_arrived(lab)), wanted)
    services = Counter((entry["node"], entry["service"]) for entry in lab.effects.of("service-restarted"))
    running = dict.fromkeys(((name, service) for name, named in _cucm(lab).items() for service in named), 1)
    assert_same("restarts of services", dict(services), running)


def assert_same(what: str, found: object, wanted: object) -> None:
    """Assert that two values are equal, and say which are not also where pytest does not explain it."""
    assert found == wanted, f"{what}: {found}, not {wanted}"


def _arrived(lab: Lab) -> Counter[tuple[str, str, str]]:
    """Count what came into each store: node, store of a CUCM node, certificate."""
    return Counter(
        (entry["node"], entry.get("store", ""), entry["fingerprint"])
        for kind in ("trust-appended", "trust-replicated")
        for entry in lab.effects.of(kind)
    )


def _cucm(lab: Lab) -> dict[str, list[str]]:
    """Return the names of the services of each CUCM node."""
    nodes = lab.cucm.nodes if lab.cucm else {}
    return {name: [service.name for service in node.services.all()] for name, node in nodes.items()}
