"""Renew certificates: the states, the table of arrows, and where each step is written.

The table decides. `transitions` builds its machine from it, and the diagram in the docs is drawn from it.
"""

from collections.abc import Sequence

from engine.hookspecs import hookimpl
from engine.workflow import Arrow, Work, Workflow
from workflows.evicted import restore
from workflows.inspect import STEP as INSPECT
from workflows.install import STEP as INSTALL
from workflows.propagate import STEP as PROPAGATE
from workflows.request import STEP as REQUEST
from workflows.restart import STEP as RESTART
from workflows.sharing import give_up
from workflows.sign import STEP as SIGN
from workflows.validate import STEP as VALIDATE

NEW, INSPECTED, CSR_PENDING, SIGNED = "New", "Inspected", "CSRPending", "Signed"
VALIDATED, TRUSTED, INSTALLED, RESTARTED = "Validated", "TrustPropagated", "Installed", "Restarted"
CANCELLED = "Cancelled"

_OPEN = (NEW, INSPECTED, CSR_PENDING, SIGNED, VALIDATED, TRUSTED, INSTALLED)
_SIGNING = ("ticket", "leaf", "supplied", "chain", "same_ca", "judged", "until")


def _leave(work: Work) -> None:
    """Leave nothing of a renewal that should not stay: a private key, evicted CA certificates."""
    give_up(work)
    restore(work)


ARROWS = (
    Arrow("inspect", (NEW,), INSPECTED),
    Arrow("request", (INSPECTED,), CSR_PENDING),
    Arrow("sign", (CSR_PENDING,), SIGNED),
    Arrow("validate", (SIGNED,), VALIDATED),
    Arrow("propagate", (VALIDATED,), TRUSTED),
    Arrow("install", (TRUSTED,), INSTALLED),
    Arrow("install", (TRUSTED,), INSPECTED, turns=True),  # the next item on the same box: it holds one pending CSR
    Arrow("restart", (INSTALLED,), RESTARTED),
    Arrow("resubmit", (CSR_PENDING, SIGNED, VALIDATED, TRUSTED), CSR_PENDING, aside=True, clears=_SIGNING),
    Arrow(
        "restage",
        (CSR_PENDING, SIGNED, VALIDATED, TRUSTED),
        INSPECTED,
        aside=True,
        clears=("csr", "key", *_SIGNING),
        then=give_up,
    ),
    Arrow("cancel", _OPEN, CANCELLED, aside=True, then=_leave),
)

RENEWAL = Workflow(
    name="renewal",
    initial=NEW,
    final=(RESTARTED, CANCELLED),
    arrows=ARROWS,
    steps={step.name: step for step in (INSPECT, REQUEST, SIGN, VALIDATE, PROPAGATE, INSTALL, RESTART)},
)


@hookimpl
def register_workflows() -> Sequence[Workflow]:
    """Register the renewal workflow."""
    return (RENEWAL,)
