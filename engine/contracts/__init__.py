"""Say what a plugin must do: boxes with slots and a trust store, peers that only trust, authorities, observers.

A plugin implements one of these classes and registers it by name (engine/hookspecs.py). The conformance classes in
`engine.testing` hold an implementation to what the docstrings say. No private key passes through any of them but
those of `KeyHolder`, where a site shares one certificate among the peers of a cluster.
"""

from engine.contracts.authorities import (
    Answer,
    Authority,
    AuthorityPlugin,
    Issued,
    Office,
    Pending,
    Rejected,
    SigningRequest,
    Solver,
    SolverPlugin,
    Suggestion,
)
from engine.contracts.boxes import (
    Access,
    BoxStatus,
    CsrSpec,
    Device,
    DeviceDriver,
    Namesakes,
    Service,
    ServiceState,
    TrustDriver,
    TrustStore,
)
from engine.contracts.desks import PENDING_CSR, Brought, Desk, in_slot
from engine.contracts.keys import KeyHolder, PrivateKey
from engine.contracts.observers import Observer, ObserverAccess, ObserverPlugin
from engine.contracts.surveys import Domain, Publisher, Survey, Surveyor, Zone

__all__ = [
    "PENDING_CSR",
    "Access",
    "Answer",
    "Authority",
    "AuthorityPlugin",
    "BoxStatus",
    "Brought",
    "CsrSpec",
    "Desk",
    "Device",
    "DeviceDriver",
    "Domain",
    "Issued",
    "KeyHolder",
    "Namesakes",
    "Observer",
    "ObserverAccess",
    "ObserverPlugin",
    "Office",
    "Pending",
    "PrivateKey",
    "Publisher",
    "Rejected",
    "Service",
    "ServiceState",
    "SigningRequest",
    "Solver",
    "SolverPlugin",
    "Suggestion",
    "Survey",
    "Surveyor",
    "TrustDriver",
    "TrustStore",
    "Zone",
    "in_slot",
]
