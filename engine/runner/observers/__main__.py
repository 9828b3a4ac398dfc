"""Tell the observers of a site what is due, then end: ``python -m engine.runner.observers SITE HOME SINCE``.

What `deliver_due` starts; it may also be started by hand. Ends with 3 when its time was over before all was told.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.model import Actor
from engine.runner.observers.child import in_a_process
from engine.runner.observers.deliver import Delivery
from engine.runner.site import Clock


def main(arguments: Sequence[str]) -> None:
    """Deliver once and leave the process. Raises SiteError and UsageError as their makers do."""
    from engine.registry import Registry
    from engine.site import load
    from engine.store import Store

    site, home, since = arguments
    estate = load(Path(site))
    registry = Registry(tuple(estate.distributions))
    done = Delivery(
        store=Store(Path(home)),
        estate=estate,
        observers={**dict.fromkeys(registry.onlookers), **estate.observers},
        clock=Clock(),
        tell=in_a_process(estate.file),
        by=Actor(person=None, uid=os.getuid(), account=f"uid {os.getuid()}", host=os.uname().nodename),
    ).deliver(since)
    sys.exit(0 if done else 3)


if __name__ == "__main__":
    main(sys.argv[1:])
